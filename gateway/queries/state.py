"""How a job stands, as it is told to other systems and shown to people: its receipts, messages and decisions."""

from typing import Any, Literal

from msgspec import Struct


class Attempted(Struct, frozen=True, kw_only=True):
    """One message as it was handed to a provider. Times are RFC 3339."""

    reference: str
    channel: str
    provider: str
    state: str
    """`open`, `sent`, `in_doubt`, `delivered`, `undelivered`, `presumed_sent`, `taken_back` (surely not sent)"""
    at: str
    provider_message_id: str | None
    segments: int | None
    template_version: str | None
    locale: str | None


class FoundRule(Struct, frozen=True, kw_only=True):
    """A rule that stood against a channel, or warned of it, with its figures and its source."""

    rule: str
    pack: str
    kind: str
    source: str
    status: str
    force: str
    blocks: bool
    code: str
    until: str | None
    otherwise: str
    figures: dict[str, Any]


class WeighedChannel(Struct, frozen=True, kw_only=True):
    """What the rules said of one channel."""

    channel: str
    decision: Literal["allow", "defer", "deny"]
    until: str | None
    blocked_by: list[str]
    warned: list[str]
    findings: list[FoundRule]


class Decided(Struct, frozen=True, kw_only=True):
    """One look at the job. `policy` lists `code@version` of every pack that judged."""

    at: str
    policy: str
    tzdata: str
    zones: list[str]
    jurisdictions: list[str]
    channels: list[WeighedChannel]


class ReminderState(Struct, frozen=True, kw_only=True):
    """A job as it stands. `state`: `queued` (not looked at yet), `waiting`, `sending`, `in_doubt`, `sent`, or the
    status of its last receipt. `source` is `ledger`, or `store` where the ledger does not have it yet."""

    id: str
    tenant: str
    recipient_id: str
    account: str | None
    state: str
    final: bool
    until: str | None
    accepted_at: str | None
    as_of: str
    source: Literal["ledger", "store"]
    receipts: list[dict[str, Any]]
    decisions: list[Decided]
    messages: list[Attempted]
