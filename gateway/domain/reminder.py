"""What a collection system asks for: one reminder to one person, parsed and validated in one pass (CONTRACT 2)."""

import re
from collections.abc import Collection, Iterator
from typing import Any, Literal, TypeGuard

import msgspec
from msgspec import Struct, field

from channels.contract import Channel, PushTarget
from gateway.domain.clock import Instant, parse_instant, zone
from gateway.domain.errors import Fault
from gateway.domain.wire import decode, glance

Purpose = Literal["collection", "servicing", "legal", "transactional"]
Role = Literal["creditor", "agency", "buyer"]
Strategy = Literal["first", "all"]

MAX_NAME = 128
MAX_METADATA_BYTES = 4096
MAX_LOCALE = 64
"""RFC 5646 4.4.1 asks for room for 35; looking for the language of a tag takes the square of its length."""
MAX_FLAGS = 32
INBOUND = "inbound"
"""The flag of a contact that the person began: a word that only the direction of a contact may give, since rules that
leave such contacts out (`except: [inbound]`) would not count what carries it."""
_NO_METADATA = msgspec.Raw(b"{}")

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_LOCALE = re.compile(r"[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*")
_JURISDICTION = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")
_ATEXT = r"[^\s\x00-\x20\x7f()<>\[\]:;@\\,.\"]+"
_LABEL = r"[^\W_](?:[\w-]*[^\W_])?"
_MAILBOX = re.compile(
    rf'(?:{_ATEXT}(?:\.{_ATEXT})*|"(?:[^"\\\r\n]|\\[ -~])*")@(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9A-Fa-f:.A-Zv]+\])'
)
_MAX_MAILBOX, _MAX_LOCAL = 254, 64
"""RFC 5321 4.5.3.1: a path of 256 octets with its brackets, a local part of 64."""


class Push(Struct, frozen=True, forbid_unknown_fields=True):
    """One app installation of the person."""

    provider: Literal["fcm", "apns", "webpush"]
    token: str | dict[str, Any]

    def __post_init__(self) -> None:
        if not self.token:
            raise ValueError("token: must not be empty")
        if isinstance(self.token, dict) != (self.provider == "webpush"):
            raise ValueError("token: must be the subscription object for webpush, a string for fcm and apns")


class Recipient(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The person, and how to reach them."""

    id: str
    locale: str | None = None
    jurisdiction: str | None = None
    time_zone: str | None = None
    phone: str | None = None
    email: str | None = None
    push: tuple[Push, ...] = ()
    household: str | None = None

    def __post_init__(self) -> None:
        _name("id", self.id)
        if self.household is not None:
            _name("household", self.household)
        if self.phone is not None and not _E164.fullmatch(self.phone):
            raise ValueError("phone: must be E.164, such as +8613800138000")
        if self.email is not None and not is_mailbox(self.email):
            raise ValueError("email: must be a mailbox, such as li@example.com")
        if self.locale is not None and (len(self.locale) > MAX_LOCALE or not _LOCALE.fullmatch(self.locale)):
            raise ValueError("locale: must be a BCP 47 tag, such as zh-CN")
        if self.jurisdiction is not None and not _JURISDICTION.fullmatch(self.jurisdiction):
            raise ValueError("jurisdiction: must be an ISO 3166 code, such as CN or US-FL")
        if self.time_zone is not None and zone(self.time_zone) is None:
            raise ValueError("time_zone: must be an IANA zone name, such as Asia/Shanghai")


class Reminder(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One job. (`tenant`, `recipient.id`, `id`) is its idempotency key. Instants are ms since the epoch."""

    id: str
    tenant: str = "default"
    template: str
    channels: tuple[Channel, ...]
    strategy: Strategy = "first"
    purpose: Purpose = "collection"
    recipient: Recipient
    account: str | None = None
    creditor: str | None = None
    collector: str | None = None
    role: Role | None = None
    flags: tuple[str, ...] = ()
    params: dict[str, Any] = field(default_factory=dict)
    not_before: str | None = None
    expires_at: str | None = None
    metadata: msgspec.Raw = _NO_METADATA

    def __post_init__(self) -> None:
        _name("id", self.id)
        _name("tenant", self.tenant)
        for key, value in (("account", self.account), ("creditor", self.creditor), ("collector", self.collector)):
            if value is not None:
                _name(key, value)
        check_flags(self.flags)
        if INBOUND in self.flags:
            raise ValueError(f"flags: must not hold {INBOUND}, which only a contact may be, by its direction")
        if not 1 <= len(self.template) <= MAX_NAME:
            raise ValueError("template: must name a template")
        if not self.channels or len(set(self.channels)) != len(self.channels):
            raise ValueError("channels: must list 1 to 4 distinct channels of sms, email, push, call")
        for key, value in (("not_before", self.not_before), ("expires_at", self.expires_at)):
            if value is not None:
                _time(key, value)
        metadata = bytes(self.metadata)
        if metadata[:1] != b"{":
            raise ValueError("metadata: must be an object")
        if len(metadata) > MAX_METADATA_BYTES:
            raise ValueError(f"metadata: has {len(metadata)} bytes; at most {MAX_METADATA_BYTES} are allowed")

    @property
    def starts(self) -> Instant | None:
        return None if self.not_before is None else parse_instant(self.not_before)

    @property
    def ends(self) -> Instant | None:
        return None if self.expires_at is None else parse_instant(self.expires_at)

    def address(self, channel: Channel, targets: Collection[str] | None = None) -> str | PushTarget | None:
        """Where this channel reaches the person, None if the job has no address for it. Of several app installations
        it is the first of one of the kinds `targets` (None: of any)."""
        return next(self.addresses(channel, targets), None)

    def addresses(self, channel: Channel, targets: Collection[str] | None = None) -> Iterator[str | PushTarget]:
        """Every address at which this channel reaches the person, the preferred one first."""
        match channel:
            case "sms" | "call":
                if self.recipient.phone is not None:
                    yield self.recipient.phone
            case "email":
                if self.recipient.email is not None:
                    yield self.recipient.email
            case "push":
                for push in self.recipient.push:
                    if targets is None or push.provider in targets:
                        yield PushTarget(push.provider, push.token)


class Remnant(Struct, frozen=True, kw_only=True):
    """What could be read of a refused job: enough to answer whoever sent it."""

    id: str
    tenant: str
    recipient_id: str | None
    account: str | None
    template: str | None
    metadata: dict[str, Any]


_decoder = msgspec.json.Decoder(Reminder)


def parse_reminder(raw: bytes) -> Reminder | Fault:
    """JSON bytes → Reminder, or the Fault that names the field."""
    return decode(raw, _decoder)


def remnant(raw: bytes) -> Remnant | None:
    """The names of a job that `parse_reminder` refused, None unless its `id` and `tenant` are valid."""
    seen = glance(raw)
    job_id, tenant = seen.get("id"), seen.get("tenant", "default")
    if not (is_name(job_id) and is_name(tenant)):
        return None
    recipient, metadata = seen.get("recipient"), seen.get("metadata")
    recipient_id = recipient.get("id") if isinstance(recipient, dict) else None
    account, template = seen.get("account"), seen.get("template")
    return Remnant(
        id=job_id,
        tenant=tenant,
        recipient_id=recipient_id if is_name(recipient_id) else None,
        account=account if is_name(account) else None,
        template=template if is_name(template) else None,
        metadata=metadata if isinstance(metadata, dict) and _echoable(metadata) else {},
    )


def is_name(value: object) -> TypeGuard[str]:
    """Whether a value is 1–128 visible characters: printable, and no space among them."""
    return isinstance(value, str) and 0 < len(value) <= MAX_NAME and value.isprintable() and " " not in value


def check_flags(flags: tuple[str, ...]) -> None:
    """Raises ValueError unless they are a few words: they are kept with every contact, and with what was worked out."""
    if len(flags) > MAX_FLAGS or not all(map(is_name, flags)):
        raise ValueError(f"flags: must be at most {MAX_FLAGS} words, each 1 to {MAX_NAME} visible characters")


def is_mailbox(text: str) -> bool:
    """RFC 5321 mailbox, with RFC 6531's wider alphabet."""
    size = len(text.encode("utf-8", "replace"))
    local = text.rpartition("@")[0].encode("utf-8", "replace")
    return (
        size <= _MAX_MAILBOX and 0 < len(local) <= _MAX_LOCAL and text.isprintable() and bool(_MAILBOX.fullmatch(text))
    )


def _name(key: str, value: str) -> None:
    if not is_name(value):
        raise ValueError(f"{key}: must be 1 to {MAX_NAME} visible characters")


def _time(key: str, value: str) -> None:
    try:
        parse_instant(value)
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from None


def _echoable(metadata: dict[str, Any]) -> bool:
    try:
        return len(msgspec.json.encode(metadata)) <= MAX_METADATA_BYTES
    except (ValueError, OverflowError, TypeError, RecursionError):
        return False
