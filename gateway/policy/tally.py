"""Finds the past contacts that a rule counts: by channel and event, within a scope, and without those it excepts.

What was found is kept with the case for as long as the case is judged, since many rules of a pack share a scope; a case
never changes, so nothing kept there can go stale.
"""

from collections.abc import Container, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any

from msgspec import Struct

from gateway.domain.clock import Instant
from gateway.policy.facts import Case, PastContact
from gateway.policy.fields import Fields

SCOPES = ("recipient", "account", "address", "household", "creditor", "collector", "channel")
_INBOUND = "inbound"
_ANY = "*"
_ALSO = {"sent": {"sent", "delivered"}, "delivered": {"sent", "delivered"}, "undelivered": {"sent", "undelivered"}}
"""A message delivered was also sent, and one sent counts as delivered until it is known to be undelivered (POLICY)."""


class Tally(Struct, frozen=True, cache_hash=True):
    """`counts` are `channel.event`, `*` for either; all keys of `scope` must agree; contacts that carry a flag of
    `excepting` are left out. It is the key under which a case remembers what it counted, so its hash is kept."""

    counts: tuple[str, ...]
    scope: tuple[str, ...]
    excepting: frozenset[str] = frozenset()

    def contacts(self, case: Case) -> list[PastContact]:
        """The counted contacts, oldest first, also those later than the moment judged."""
        return sorted(self._counted(case), key=_when)

    def times(self, case: Case) -> list[Instant]:
        """When the counted contacts were made."""
        found: list[Instant] | None = case.memo.get(self)
        if found is None:
            found = case.memo[self] = sorted([contact.at for contact in self._counted(case)])
        return found

    def _counted(self, case: Case) -> list[PastContact]:
        events_on, elsewhere = counted_events(self.counts)
        excepting = self.excepting
        inbound = _INBOUND if _INBOUND in excepting else None
        return [
            contact
            for contact in in_scope(case, self.scope)
            if contact.event in events_on.get(contact.channel, elsewhere)
            and contact.direction != inbound
            and (not contact.flags or excepting.isdisjoint(contact.flags))
        ]


def read_tally(fields: Fields, default: tuple[str, ...] = ()) -> Tally:
    """The keys `counts`, `scope` and `except`."""
    return _same(Tally(read_counts(fields, "counts", default), read_scope(fields), frozenset(fields.words("except"))))


@lru_cache(maxsize=1024)
def _same(tally: Tally) -> Tally:
    """One object for all rules that count alike, since a case finds what it remembers sooner by the very same key."""
    return tally


def read_scope(fields: Fields) -> tuple[str, ...]:
    if "scope" not in fields:
        fields.wrong("scope", f"is missing; it lists keys that must agree, out of {', '.join(SCOPES)}")
    return fields.words("scope", one_of=SCOPES)


def read_counts(fields: Fields, key: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
    """A list of `channel.event`, such as `[call.unanswered, sms.sent, "*.conversation"]`."""
    counts = fields.words(key, default)
    if not counts:
        fields.wrong(key, 'is missing; it lists what counts, such as [sms.sent, "*.conversation"]')
    for count in counts:
        channel, _, event = count.partition(".")
        if not channel or not event or "." in event:
            fields.wrong(key, f"has {count!r}, but must list channel.event, * for either")
    return counts


def in_scope(case: Case, scope: tuple[str, ...]) -> Sequence[PastContact]:
    """The contacts that agree with the candidate in every key of the scope. A key both lack agrees."""
    if not scope:
        return case.history
    found: list[PastContact] | None = case.memo.get(scope)
    if found is None:
        key = attrgetter(scope[-1])
        wanted = key(case.candidate)
        found = case.memo[scope] = [contact for contact in in_scope(case, scope[:-1]) if key(contact) == wanted]
    return found


class Every(Container[str]):
    """All events, whatever other systems call them."""

    def __contains__(self, event: object) -> bool:
        return True


def counted(counts: tuple[str, ...], contact: PastContact) -> bool:
    """Whether a contact is of a channel and an event that count, whatever its scope and flags."""
    events_on, elsewhere = counted_events(counts)
    return contact.event in events_on.get(contact.channel, elsewhere)


@lru_cache(maxsize=1024)
def counted_events(counts: tuple[str, ...]) -> tuple[dict[str, Container[str]], Container[str]]:
    """The events that count on each channel that is named, and those that count on every other channel."""
    named = [count.split(".", 1) for count in counts]

    def events_on(channel: str) -> Container[str]:
        wanted = {event for where, event in named if where in (channel, _ANY)}
        return Every() if _ANY in wanted else wanted | {event for event, also in _ALSO.items() if wanted & also}

    return {channel: events_on(channel) for channel, _ in named}, events_on(_ANY)


_when: Any = attrgetter("at")
