"""Writes and signs what a producer's endpoint gets: Standard Webhooks (github.com/standard-webhooks), HMAC-SHA256."""

import base64
import hashlib
import hmac
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from gateway.domain.clock import SECOND, Instant


class Told(Struct, frozen=True):
    """What must be known of a receipt to send it on; the rest is its producer's."""

    tenant: str
    job_id: str
    recipient_id: str | None
    status: str
    at: str


class _Body(Struct):
    type: str
    timestamp: str
    data: msgspec.Raw


_encode = msgspec.json.Encoder().encode
_told = msgspec.json.Decoder(Told)


def read_receipt(raw: bytes) -> Told | None:
    """A receipt as it stands on the stream; None if that is none."""
    try:
        return _told.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def body(told: Told, raw: bytes) -> bytes:
    """`{"type": "receipt.<status>", "timestamp": <the receipt's at>, "data": <the receipt>}`."""
    return _encode(_Body(f"receipt.{told.status}", told.at, msgspec.Raw(raw)))


def message_id(entry: str) -> str:
    """The same for every attempt, also a week later, so that the producer can drop what it has."""
    return f"receipt_{entry}"


def signed(message: str, now: Instant, content: bytes, keys: Sequence[bytes]) -> dict[str, str]:
    """The three headers. One signature for each key, so that a producer can change its secret without a gap."""
    seconds = str(now // SECOND)
    text = b".".join((message.encode(), seconds.encode(), content))
    signatures = [base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode() for key in keys]
    return {
        "webhook-id": message,
        "webhook-timestamp": seconds,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
