"""What `cap`, `cooloff` and `spacing` share: at most so many counted contacts within some time of the past."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Any

from gateway.domain.clock import Instant
from gateway.policy.facts import Case, PastContact
from gateway.policy.rules.base import EVER, HORIZON, Rule, shown
from gateway.policy.tally import Tally
from gateway.policy.within import Within


class Counting(Rule, frozen=True, kw_only=True):
    """Blocks while `max` counted contacts lie within the time. `after` are the events that wake it: it sleeps until the
    first of them, and counts from that one on."""

    within: Within
    tally: Tally
    max: int = 1
    after: Tally | None = None

    def _opens(self, case: Case, at: Instant) -> Instant | None:
        zones = self.zones(case)
        if not zones:
            return None
        if self.max == 0:
            woken = self._woken(case)
            return at if woken is None or at < woken else None
        times, end = self._times(case), at + HORIZON
        while at <= end:
            frees = self._frees(zones, times, at)
            if frees == at:
                return at
            at = frees
        return None

    def _stays(self, case: Case, at: Instant) -> Instant | None:
        """A cap that is open can close only at a contact that is made, or at the event that wakes it."""
        zones = self.zones(case)
        if not zones:
            return at
        if self.max == 0:
            woken = self._woken(case)
            return None if woken is None else max(at, woken)
        times = self._times(case)
        if len(times) < self.max:
            return None
        if self._frees(zones, times, at) > at:
            return at
        if times[-1] <= at:
            return None
        for time in times[bisect_right(times, at) :]:
            if self._frees(zones, times, time) > time:
                return time
        return None

    def memory(self) -> Iterator[tuple[tuple[str, ...], int]]:
        yield self.tally.counts, self.within.longest
        if self.after is not None:
            yield self.after.counts, EVER

    def idle(self, case: Case) -> bool:
        return not case.history and self.max > 0

    def _times(self, case: Case) -> list[Instant]:
        """When the contacts were made that count, oldest first."""
        if self.after is None:
            return self.tally.times(case)
        times, woken = self.tally.times(case), self._woken(case)
        return [] if woken is None else times[bisect_left(times, woken) :]

    def _frees(self, zones: tuple[str, ...], times: list[Instant], at: Instant) -> Instant:
        """When the oldest of the last `max` contacts up to `at` counts in none of the zones; more may have been made by
        then."""
        oldest = bisect_right(times, at) - self.max
        if oldest < 0 or times[oldest] + self.within.longest <= at:
            return at
        return max(at, *[self.within.frees(name, times[oldest]) for name in zones])

    def _woken(self, case: Case) -> Instant | None:
        """Since when the cap counts; None while it sleeps. Without `active_after` it has always been awake."""
        if self.after is None:
            return -(2**62)
        return next(iter(self.after.times(case)), None)

    def code(self, case: Case, at: Instant) -> str:
        return "limit"

    def figures(self, case: Case, at: Instant) -> dict[str, Any]:
        """The contacts that use the slots, in the zone in which most of them count."""
        names = self.zones(case)
        taken = max((self._taken(case, name, at) for name in names), key=len, default=[])
        return {
            "max": self.max,
            "within": str(self.within),
            "clock": self.clock,
            "counted": len(taken),
            "contacts": [
                {"at": shown(past.at), "channel": past.channel, "event": past.event, "account": past.account}
                for past in taken
            ],
            "frees": shown(self._opens(case, at)),
        }

    def _taken(self, case: Case, name: str, at: Instant) -> list[PastContact]:
        woken = self._woken(case)
        if woken is None:
            return []
        return [
            contact
            for contact in self.tally.contacts(case)
            if woken <= contact.at <= at and self.within.frees(name, contact.at) > at
        ]
