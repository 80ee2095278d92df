"""Reads what comes back of an email: delivery reports (RFC 3464, RFC 6533) and complaints (RFC 5965, ARF).

Pure: bytes and the reference that their envelope proved in, one receipt out. The report itself is written by strangers
and is believed only for what became of that one message.
"""

import re
from collections.abc import Iterator
from email import policy
from email.message import Message as Mail
from email.parser import BytesHeaderParser
from itertools import islice

from channels.contract import ProviderReceipt

MOST_BYTES = 512 * 1024
MOST_PARTS = 50
MOST_DEPTH = 3
"""A report stands at the top (RFC 6522); what gateways wrap around it is one or two deep."""
MOST_WORDS = 200

# RFC 3463 (5.1.10: RFC 7505): codes that say the address itself is dead. Others of class 5 say nothing of the next
# message: they are about its content or size (5.2.2 mailbox full, 5.3.4 too large, 5.7.x policy), or about our side
# (5.1.7 and 5.1.8 the sender, 5.4.4 no route; many servers say 5.1.0 of a sender as well).
DEAD = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"})
_STATUS = re.compile(r"\b[245]\.[0-9]{1,3}\.[0-9]{1,3}\b")
_RANK = {"delivered": 3, "relayed": 3, "expanded": 3, "failed": 2, "delayed": 1}
_DELIVERY = ("message/delivery-status", "message/global-delivery-status")
_COMPLAINT = ("message/feedback-report",)
_ADDRESS = re.compile(rb"(?<![A-Za-z0-9._%+=-])[A-Za-z0-9._%+=-]{1,64}@[A-Za-z0-9.-]{1,255}")
MOST_ADDRESSES = 500
_BLANK = re.compile(rb"\n[ \t\r\n]*\n")
_FIELDS = BytesHeaderParser(policy=policy.compat32)


def read_bounce(provider: str, reference: str, raw: bytes, at: int) -> ProviderReceipt:
    """What a report says of the message with this reference; `unknown` where it is none that can be read. Never raises
    for anything that a stranger may send."""
    try:
        parts = list(islice(_parts(raw[:MOST_BYTES], MOST_DEPTH), MOST_PARTS))
        for part in parts:
            if part.get_content_type() in _DELIVERY:
                return _delivery(provider, reference, part, at)
        for part in parts:
            if part.get_content_type() in _COMPLAINT:
                return _complaint(provider, reference, part, at)
    except (ValueError, LookupError, TypeError, AttributeError):
        pass  # the library chokes on some parameters and encodings of a head, although it promises not to
    return ProviderReceipt(
        provider=provider, reference=reference, status="unknown", message="a mail that is no delivery report", at=at
    )


def addresses_in(raw: bytes) -> list[str]:
    """What looks like an address anywhere in a mail: of a complaint, ours stands in its fields or in the head of the
    message that it is about. An address of our own making proves itself wherever it stands."""
    found = islice(_ADDRESS.finditer(raw[:MOST_BYTES]), MOST_ADDRESSES)
    return list(dict.fromkeys(match[0].decode("ascii", "replace") for match in found if b"+" in match[0]))


def _delivery(provider: str, reference: str, part: Mail, at: int) -> ProviderReceipt:
    """The fields of the recipient with the best end: a message of ours has one recipient, forwarding makes more of it,
    and whom it reached once must not be written to again.

    An expired 4.x.x comes back as `failed` and is no dead address. `relayed` means handed to a system that reports no
    further: it is the last that will ever be heard, so it counts as delivered.
    """
    rows = [(str(block.get("Action", "")).strip().lower(), block) for block in _blocks(part)]
    known = [row for row in rows if row[0] in _RANK]
    if not known:
        return ProviderReceipt(
            provider=provider, reference=reference, status="unknown", message="a report without an action", at=at
        )
    action, block = max(known, key=lambda row: _RANK[row[0]])
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
    """Whoever complains has it, and wants no more. `not-spam` takes a complaint back, and lifts nothing here;
    `virus` and `auth-failure` are a machine's word."""
    kinds = [str(block.get("Feedback-Type", "")).strip().lower() for block in _blocks(part)]
    kind = next((kind for kind in kinds if kind), "")
    wanted = kind in ("abuse", "fraud", "opt-out", "opt-out-list", "other")
    return ProviderReceipt(
        provider=provider,
        reference=reference,
        status="delivered" if wanted else "unknown",
        code=kind[:64] or None,
        at=at,
        opted_out=wanted,
    )


def _parts(raw: bytes, depth: int) -> Iterator[Mail]:
    """The parts of a mail that hold no others, each with its head read and its body as it is. They are taken apart by
    hand, because the library's parser goes as deep as a stranger likes, in seconds, and looks for reports in the
    message that came back as well."""
    part = _FIELDS.parsebytes(raw)
    boundary = part.get_boundary() if depth and part.get_content_maintype() == "multipart" else None
    if not boundary:
        yield part
        return
    line = re.compile(rb"^--" + re.escape(boundary.encode("utf-8", "replace")) + rb"(?:--)?[ \t]*\r?$\n?", re.M)
    for piece in line.split(raw, MOST_PARTS)[1:]:
        yield from _parts(piece, depth - 1)


def _blocks(part: Mail) -> list[Mail]:
    """The blocks of fields in a machine-readable part: of the message, then of each recipient. Of an address that is
    not ASCII they may be encoded (RFC 6533, 3)."""
    body = part.get_payload(decode=True)
    blocks = _BLANK.split(body.strip() if isinstance(body, bytes) else b"", MOST_PARTS)
    return [_FIELDS.parsebytes(block) for block in blocks[:MOST_PARTS]]


def _words(block: Mail) -> str | None:
    told = " ".join(str(block.get("Diagnostic-Code", "")).split())
    return "".join(character for character in told if character.isprintable())[:MOST_WORDS] or None
