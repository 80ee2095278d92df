"""What we answer: one receipt per change of a job's fate, with the reason in words and figures (CONTRACT 3)."""

from typing import Literal

import msgspec
from msgspec import Struct

from gateway.domain.clock import Instant, format_instant

Status = Literal[
    "deferred", "sent", "delivered", "undelivered", "failed", "suppressed",
    "expired", "cancelled", "rejected", "in_doubt", "presumed_sent",
]  # fmt: skip


class Reason(Struct, frozen=True, kw_only=True):
    """Why. `code` is a word of the contract, `until` (instant) when it is tried again, `rule` the rule's id."""

    code: str
    message: str
    rule: str | None = None
    until: Instant | None = None
    provider_code: str | None = None


class Receipt(Struct, frozen=True, kw_only=True):
    """One receipt as it stands on the stream; every field is there, null where it does not apply."""

    id: str
    job_id: str
    tenant: str
    recipient_id: str | None
    account: str | None
    status: Status
    final: bool
    channel: str | None
    provider: str | None
    provider_message_id: str | None
    at: str
    attempt: int | None
    reason: dict[str, str | None] | None
    policy: str | None
    template: str | None
    template_version: str | None
    locale: str | None
    segments: int | None
    metadata: msgspec.Raw


_encoder = msgspec.json.Encoder()


def encode_receipt(receipt: Receipt) -> bytes:
    return _encoder.encode(receipt)


def on_the_wire(reason: Reason | None) -> dict[str, str | None] | None:
    """A reason as the receipt carries it."""
    if reason is None:
        return None
    until = None if reason.until is None else format_instant(reason.until)
    return {
        "code": reason.code,
        "message": reason.message,
        "rule": reason.rule,
        "until": until,
        "provider_code": reason.provider_code,
    }
