"""What people may order: cancel, stop, consent, resume, pause, unpause (CONTRACT 4), each in force within a second."""

import msgspec
from msgspec import Struct, field

from channels.contract import Channel
from gateway.domain.clock import parse_instant
from gateway.domain.errors import Fault
from gateway.domain.reminder import INBOUND, is_name
from gateway.domain.wire import decode


class _Order(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type"):
    """What every command carries: who asked, for which tenant, and when."""

    id: str
    tenant: str | None = "default"
    at: str
    by: str

    def __post_init__(self) -> None:
        if not is_name(self.id):
            raise ValueError("id: must be 1 to 128 visible characters")
        if not self.by.strip():
            raise ValueError("by: must say who asked")
        for key in ("tenant", "recipient_id", "account", "job_id", "address", "state", "reason"):
            value = getattr(self, key, None)
            if value is not None and not is_name(value):
                raise ValueError(f"{key}: must be 1 to 128 visible characters")
        for key in ("at", "from_", "until"):
            value = getattr(self, key, None)
            if value is not None:
                try:
                    parse_instant(value)
                except ValueError as error:
                    raise ValueError(f"{key.rstrip('_')}: {error}") from None


class Cancel(_Order, frozen=True, kw_only=True, tag="cancel"):
    """Every job named, not yet handed to a provider, ends as `cancelled`, also those already waiting."""

    job_id: str | None = None
    account: str | None = None
    recipient_id: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.job_id is None and self.account is None and self.recipient_id is None:
            raise ValueError("job_id: one of job_id, account, recipient_id must be named")


class Stop(_Order, frozen=True, kw_only=True, tag="stop"):
    """From then on nothing that the reason forbids is sent, also not what already waits."""

    recipient_id: str
    reason: str
    channel: str | None = None
    account: str | None = None
    address: str | None = None
    from_: str | None = field(default=None, name="from")
    until: str | None = None


class Consent(_Order, frozen=True, kw_only=True, tag="consent"):
    """Records a state that policies name."""

    recipient_id: str
    state: str
    channel: str | None = None
    until: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.state == INBOUND:
            raise ValueError(f"state: must not be {INBOUND}: a consent is a flag of jobs, and no job is {INBOUND}")


class Resume(_Order, frozen=True, kw_only=True, tag="resume"):
    """Lifts every stop made with the same selectors; with a reason only those of that word, and its consents too."""

    recipient_id: str
    reason: str | None = None
    channel: str | None = None
    account: str | None = None
    address: str | None = None


class Pause(_Order, frozen=True, kw_only=True, tag="pause"):
    """The kill switch: matching jobs wait. What is not named matches everything, the tenant too."""

    tenant: str | None = None
    channel: Channel | None = None
    provider: str | None = None
    template: str | None = None


class Unpause(_Order, frozen=True, kw_only=True, tag="unpause"):
    """Lifts the pause with the same selectors."""

    tenant: str | None = None
    channel: Channel | None = None
    provider: str | None = None
    template: str | None = None


Command = Cancel | Stop | Consent | Resume | Pause | Unpause

_decoder: msgspec.json.Decoder[Command] = msgspec.json.Decoder(Command)


def parse_command(raw: bytes) -> Command | Fault:
    """JSON bytes → Command, or the Fault that names the field."""
    return decode(raw, _decoder)
