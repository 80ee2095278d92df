"""What a rule may look at: the contacts and states of a person, and the contact that somebody wants to make now."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from gateway.domain.clock import Instant
from gateway.domain.ruling import Candidate as Candidate


class PastContact(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One contact that happened, ours or another system's. `event` is a word of POLICY's (`sent`, `delivered`,
    `unanswered`, `conversation` …); `address` a digest, equal exactly when the address is. A message of ours stands
    here once, with the furthest event it reached: one delivered was also sent."""

    at: Instant
    channel: str
    event: str
    direction: str = "outbound"
    flags: tuple[str, ...] = ()
    recipient: str | None = None
    account: str | None = None
    address: str | None = None
    household: str | None = None
    creditor: str | None = None
    collector: str | None = None
    job: str | None = None


class State(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A stop, a consent, a moratorium: `state` is its word. Without `from_` it holds since ever, without `until` for
    ever; half-open. A key it lacks agrees with everything. `weekly` are slots as a window's `hours` are written."""

    state: str
    from_: Instant | None = field(default=None, name="from")
    until: Instant | None = None
    channel: str | None = None
    recipient: str | None = None
    account: str | None = None
    address: str | None = None
    household: str | None = None
    creditor: str | None = None
    collector: str | None = None
    weekly: dict[str, list[str] | str] | None = None


class Written(Struct, frozen=True, kw_only=True):
    """The message as the person would read it. `locale` is the BCP 47 tag of the template that was used."""

    text: str
    locale: str
    title: str | None = None
    html: str | None = None


class Case(Struct, frozen=True, kw_only=True):
    """Everything a judgement depends on, besides the rules and the moment. `zones` are IANA names, all of them
    plausible; none, or one that does not exist, means that nobody knows the person's time, which never allows."""

    candidate: Candidate
    zones: tuple[str, ...]
    history: Sequence[PastContact] = ()
    states: Sequence[State] = ()
    written: Written | None = None
    """for the rules about content; they have nothing to look at where it is None"""
    inferred: Mapping[str, str] = field(default_factory=dict)
    """what nobody told us of the person's place, and from what it was concluded; part of the findings"""
    memo: dict[Any, Any] = field(default_factory=dict)
    """Not a fact: what `policy.tally` has sorted out of the history for this candidate, shared by the rules."""
