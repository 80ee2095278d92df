"""A fact about a person that happened elsewhere and must count against the limits (CONTRACT 4)."""

from typing import Literal

import msgspec
from msgspec import Struct

from gateway.domain.clock import parse_instant
from gateway.domain.errors import Fault
from gateway.domain.reminder import INBOUND, check_flags, is_name
from gateway.domain.wire import decode

MAX_AGE_DAYS = 40
"""A hand-over of a portfolio brings contacts this old; older ones no longer count for any rule."""


class Contact(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One contact by somebody else: an agent's call, a letter, a message of another system. Same `id`, counted once."""

    id: str
    tenant: str = "default"
    recipient_id: str
    account: str | None = None
    address: str | None = None
    household: str | None = None
    channel: str
    event: str
    direction: Literal["outbound", "inbound"] = "outbound"
    at: str
    flags: tuple[str, ...] = ()
    collector: str | None = None
    creditor: str | None = None
    job_id: str | None = None

    def __post_init__(self) -> None:
        for key in ("id", "tenant", "recipient_id", "channel", "event"):
            if not is_name(getattr(self, key)):
                raise ValueError(f"{key}: must be 1 to 128 visible characters")
        for key in ("account", "address", "household", "collector", "creditor", "job_id"):
            value = getattr(self, key)
            if value is not None and not is_name(value):
                raise ValueError(f"{key}: must be 1 to 128 visible characters")
        check_flags(self.flags)
        if INBOUND in self.flags and self.direction != INBOUND:
            raise ValueError(f"flags: must not hold {INBOUND} where the direction is {self.direction}")
        try:
            parse_instant(self.at)
        except ValueError as error:
            raise ValueError(f"at: {error}") from None


_decoder = msgspec.json.Decoder(Contact)


def parse_contact(raw: bytes) -> Contact | Fault:
    """JSON bytes → Contact, or the Fault that names the field."""
    return decode(raw, _decoder)
