"""Finds the past contacts that a rule counts: by channel and event, within a scope, and without those it excepts.

What was found is kept with the case for as long as the case is judged, since many rules of a pack share a scope; a case
never changes, so nothing kept there can go stale.
"""

from functools import lru_cache
from operator import attrgetter
from typing import Any

from msgspec import Struct

from gateway.domain.clock import Instant
from gateway.policy.facts import Case, PastContact
from gateway.policy.fields import Fields

SCOPES = ("recipient", "account", "address", "household", "creditor", "collector", "channel")
_INBOUND = "inbound"
_ALSO = {"sent": ("sent", "delivered"), "delivered": ("sent", "delivered"), "undelivered": ("sent", "undelivered")}
"""A message delivered was also sent, and one sent counts as delivered until it is known to be undelivered (POLICY)."""
_KEPT = 1024


class Tally(Struct, frozen=True):
    """`counts` are `channel.event`, `*` for either; all keys of `scope` must agree; contacts that carry a flag of
    `excepting` are left out."""

    counts: tuple[str, ...]
    scope: tuple[str, ...]
    excepting: frozenset[str] = frozenset()

    def contacts(self, case: Case) -> list[PastContact]:
        """The counted contacts, oldest first, also those later than the moment judged."""
        counts, excepting = matching(self.counts), self.excepting
        inbound = _INBOUND if _INBOUND in excepting else None
        return [
            contact
            for contact in in_scope(case, self.scope)
            if counts[contact.channel, contact.event]
            and contact.direction != inbound
            and (not contact.flags or excepting.isdisjoint(contact.flags))
        ]

    def times(self, case: Case) -> list[Instant]:
        """When the counted contacts were made."""
        key = (self.scope, self.counts, self.excepting)
        found: list[Instant] | None = case.memo.get(key)
        if found is None:
            found = case.memo[key] = [contact.at for contact in self.contacts(case)]
        return found


def read_tally(fields: Fields, default: tuple[str, ...] = ()) -> Tally:
    """The keys `counts`, `scope` and `except`."""
    return Tally(read_counts(fields, "counts", default), read_scope(fields), frozenset(fields.words("except")))


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


def in_scope(case: Case, scope: tuple[str, ...]) -> list[PastContact]:
    """The contacts that agree with the candidate in every key of the scope, oldest first. A key both lack agrees."""
    found: list[PastContact] | None = case.memo.get(scope)
    if found is None:
        if scope:
            keys = attrgetter(*scope)
            wanted = keys(case.candidate)
            found = [contact for contact in in_scope(case, ()) if keys(contact) == wanted]
        else:
            found = sorted(case.history, key=_when)
        case.memo[scope] = found
    return found


class Matching(dict[tuple[str, str], bool]):
    """(channel, event) → whether it is counted; remembers its answers, within bounds, since the words of channels and
    events come from other systems."""

    def __init__(self, counts: tuple[str, ...]) -> None:
        super().__init__()
        self._wanted = [count.split(".", 1) for count in counts]

    def __missing__(self, key: tuple[str, str]) -> bool:
        channel, event = key
        events = _ALSO.get(event, (event,))
        found = any((where in ("*", channel)) and (what == "*" or what in events) for where, what in self._wanted)
        if len(self) < _KEPT:
            self[key] = found
        return found


matching = lru_cache(maxsize=1024)(Matching)
"""The matching of a tuple of `counts`, one for each."""


_when: Any = attrgetter("at")
