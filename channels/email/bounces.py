"""Reads what comes back of an email: delivery reports (RFC 3464) and complaints (RFC 5965, ARF).

Pure: bytes and the reference that their envelope proved in, one receipt out. The report itself is written by strangers
and is believed only for what became of that one message.
"""

import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import Message as Mail

from channels.contract import ProviderReceipt

MOST_BYTES = 512 * 1024
MOST_PARTS = 50
MOST_WORDS = 200

# RFC 3463: codes that say the address itself is dead. Others of class 5 are about this message, its content or size
# (5.2.2 mailbox full, 5.3.4 too large, 5.7.x policy), and say nothing of the next one.
DEAD = frozenset({"5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"})
_STATUS = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
_WEIGHT = {"failed": 3, "delivered": 2, "relayed": 2, "expanded": 2, "delayed": 1}


def read_bounce(provider: str, reference: str, raw: bytes, at: int) -> ProviderReceipt:
    """What a report says of the message with this reference; `unknown` where it is none that can be read. Never raises
    for anything that a stranger may send."""
    parts = list(_parts(message_from_bytes(raw[:MOST_BYTES], policy=policy.compat32)))
    for part in parts:
        if part.get_content_type() == "message/delivery-status":
            return _delivery(provider, reference, part, at)
    for part in parts:
        if part.get_content_type() == "message/feedback-report":
            return _complaint(provider, reference, part, at)
    return ProviderReceipt(
        provider=provider, reference=reference, status="unknown", message="a mail that is no delivery report", at=at
    )


def _delivery(provider: str, reference: str, part: Mail, at: int) -> ProviderReceipt:
    """The fields of the recipient with the worst end: a message of ours has one recipient, and lists make more of it.

    An expired 4.x.x comes back as `failed` and is no dead address. `relayed` means handed to a system that reports no
    further: it is the last that will ever be heard, so it counts as delivered.
    """
    rows = [(str(block.get("Action", "")).strip().lower(), block) for block in _blocks(part)]
    known = [row for row in rows if row[0] in _WEIGHT]
    if not known:
        return ProviderReceipt(
            provider=provider, reference=reference, status="unknown", message="a report without an action", at=at
        )
    action, block = max(known, key=lambda row: _WEIGHT[row[0]])
    found = _STATUS.search(str(block.get("Status", "")))
    code = found[0] if found else None
    return ProviderReceipt(
        provider=provider,
        reference=reference,
        status="undelivered" if action == "failed" else "sent" if action == "delayed" else "delivered",
        code=code,
        message=_words(block) if action == "failed" else None,
        at=at,
        address=action == "failed" and code in DEAD,
    )


def _complaint(provider: str, reference: str, part: Mail, at: int) -> ProviderReceipt:
    """Whoever complains has it, and wants no more. `not-spam` takes a complaint back, and lifts nothing here."""
    kinds = [str(block.get("Feedback-Type", "")).strip().lower() for block in _blocks(part)]
    kind = next((kind for kind in kinds if kind), "")
    wanted = kind in ("abuse", "fraud", "opt-out", "opt-out-list", "other", "virus")
    return ProviderReceipt(
        provider=provider,
        reference=reference,
        status="delivered" if wanted else "unknown",
        code=kind[:64] or None,
        at=at,
        opted_out=wanted,
    )


def _parts(mail: Mail) -> Iterator[Mail]:
    """Every part, the first ones of a mail that has too many."""
    for index, part in enumerate(mail.walk()):
        if index >= MOST_PARTS:
            return
        yield part


def _blocks(part: Mail) -> list[Mail]:
    """The blocks of fields in a machine-readable part: of the message, then of each recipient."""
    payload = part.get_payload()
    if isinstance(payload, list):
        return [block for block in payload[:MOST_PARTS] if isinstance(block, Mail)]
    return [message_from_bytes(str(payload).encode("utf-8", "replace"))]


def _words(block: Mail) -> str | None:
    told = " ".join(str(block.get("Diagnostic-Code", "")).split())
    return "".join(character for character in told if character.isprintable())[:MOST_WORDS] or None
