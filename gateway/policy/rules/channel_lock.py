"""`channel_lock`: for the rest of a week in which one channel was used, every other channel is closed."""

from collections.abc import Iterator
from functools import partial
from typing import Any, ClassVar

from gateway.domain.clock import Instant
from gateway.domain.walltime import day_of, day_start
from gateway.policy.facts import Case, PastContact
from gateway.policy.fields import Fields
from gateway.policy.rules.base import Common, Rule, leap, shown
from gateway.policy.tally import Tally, read_tally
from gateway.policy.within import Within, read_calendar


class ChannelLock(Rule, frozen=True, kw_only=True):
    """The first counted contact of the week decides the channel."""

    kind: ClassVar[str] = "channel_lock"

    week: Within
    tally: Tally

    @classmethod
    def parameters(cls, fields: Fields, common: Common) -> dict[str, Any]:
        week = read_calendar(fields)
        if week.unit != "week":
            fields.wrong("calendar", "must be week; no other calendar can lock a channel yet")
        return {"week": week, "tally": read_tally(fields)}

    def memory(self) -> Iterator[tuple[tuple[str, ...], int]]:
        yield self.tally.counts, self.week.longest

    def idle(self, case: Case) -> bool:
        return not case.history

    def _opens(self, case: Case, at: Instant) -> Instant | None:
        zones = self.zones(case)
        if not zones:
            return None
        if not self.tally.times(case):
            return at
        return leap([partial(self._opens_in, case, name) for name in zones], at)

    def _opens_in(self, case: Case, name: str, at: Instant) -> Instant:
        locking = self._locking(case, name, at)
        if locking is None or locking.channel == case.candidate.channel:
            return at
        return day_start(name, self.week.following(day_of(name, at)))

    def _closes(self, case: Case, at: Instant) -> Instant | None:
        """An open channel can be closed only by a contact on another one."""
        return next((time for time in self.tally.times(case) if time > at and self._opens(case, time) != time), None)

    def _locking(self, case: Case, name: str, at: Instant) -> PastContact | None:
        week = self.week.following(day_of(name, at))
        for contact in self.tally.contacts(case):
            if contact.at <= at and self.week.following(day_of(name, contact.at)) == week:
                return contact
        return None

    def code(self, case: Case, at: Instant) -> str:
        return "limit"

    def figures(self, case: Case, at: Instant) -> dict[str, Any]:
        found = [(name, self._locking(case, name, at)) for name in self.zones(case)]
        return {
            "within": str(self.week),
            "locked": [
                {"zone": name, "channel": contact.channel, "event": contact.event, "at": shown(contact.at)}
                for name, contact in found
                if contact is not None
            ],
        }
