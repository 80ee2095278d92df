"""What happens to an entry that cannot be read: it costs nothing but itself, and whoever sent it is told why."""

import base64
from typing import Any

import msgspec

from gateway.domain.clock import Instant, format_instant
from gateway.domain.errors import Fault
from gateway.domain.receipt import Reason, Receipt, on_the_wire
from gateway.domain.reminder import remnant
from gateway.pipeline.errand import write_receipt
from gateway.store.keys import Keys
from gateway.store.redis import Change
from gateway.store.streams import Entry

MAX_VALUE_BYTES = 64 * 1024

_encode = msgspec.json.Encoder().encode


def dead_letter(entry: Entry, fault: Fault, now: Instant, keys: Keys) -> Change:
    """The entry as it was, with the reason, on the stream of the dead; for a job whose names can be read, a receipt."""
    fields = {_text(name): _value(value) for name, value in entry.fields.items()}
    change = Change(
        outputs=[
            (keys.dead, "entry", _encode(fields).decode(), "error", fault.sentence, "stream", entry.stream),
        ],
        ack=(entry.stream, entry.id.decode()),
    )
    receipt = _rejected(entry.fields.get(b"job", b""), fault, now)
    if receipt is not None and entry.stream in keys.lanes.values():
        change.outputs.append((keys.receipts, "receipt", write_receipt(receipt)))
    return change


def _rejected(raw: bytes, fault: Fault, now: Instant) -> Receipt | None:
    """Numbered 0: the job itself begins at 1, should it be mended and come again under the same id."""
    left = remnant(raw)
    if left is None:
        return None
    return Receipt(
        id=f"{left.id}#0", job_id=left.id, tenant=left.tenant, recipient_id=left.recipient_id, account=left.account,
        status="rejected", final=True, channel=None, provider=None, provider_message_id=None, at=format_instant(now),
        attempt=None, reason=on_the_wire(Reason(code="bad_input", message=fault.sentence)), policy=None,
        template=left.template, template_version=None, locale=None, segments=None,
        metadata=msgspec.Raw(_encode(left.metadata)),
    )  # fmt: skip


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace")


def _value(raw: bytes) -> Any:
    """A value as JSON can hold it: text, or base64 of what is no UTF-8; cut where it is longer than 64 KiB."""
    cut = raw[:MAX_VALUE_BYTES]
    try:
        value: Any = cut.decode()
    except UnicodeDecodeError as error:
        if len(raw) > len(cut) and error.start >= len(cut) - 3:  # the cut went through a character
            value = cut[: error.start].decode()
        else:
            value = {"base64": base64.b64encode(cut).decode()}
    if len(raw) <= MAX_VALUE_BYTES:
        return value
    return {**value, "truncated": True} if isinstance(value, dict) else {"text": value, "truncated": True}
