"""`require`: contact only after a consent, a notice or a check exists, is old enough, and is still fresh."""

from collections.abc import Iterator
from functools import partial
from typing import Any, ClassVar

from msgspec import Struct

from gateway.domain.clock import DAY, Instant
from gateway.domain.walltime import Day, day_of, day_start, weekday
from gateway.policy.facts import Case
from gateway.policy.fields import MOST_DAYS, Fields
from gateway.policy.holidays import Holidays
from gateway.policy.rules.base import EVER, HORIZON, Common, Rule, leap, shown
from gateway.policy.states import matching_states, read_match
from gateway.policy.tally import Tally, read_counts, read_scope

_SATURDAY = 5
_MOST_BUSINESS_DAYS = 500
Span = tuple[Instant | None, Instant | None]
"""From and until; None is since ever and for ever."""


class Wait(Struct, frozen=True, kw_only=True):
    """How long what is required must have been there. The local date of the event is day 1 of `days`; so many whole
    `business_days` lie between it and the first day of contact."""

    days: int = 0
    business_days: int = 0
    holidays: Holidays = frozenset()

    def over(self, day: Day) -> Day:
        """The first local date of contact after an event on `day`."""
        between = 0
        while between < self.business_days:
            day += 1
            between += weekday(day) < _SATURDAY and day not in self.holidays
        return day + 1 if self.business_days else day + self.days


class Require(Rule, frozen=True, kw_only=True):
    """Either a `state` that matches, or an event (`tally`). `fresh` is the number of local dates, the event's own
    included, for which it is good; 0 is for ever. A state since ever is old enough, and never fresh."""

    kind: ClassVar[str] = "require"

    state: str = ""
    match: tuple[str, ...] = ()
    tally: Tally | None = None
    wait: Wait = Wait()
    fresh: int = 0

    @classmethod
    def parameters(cls, fields: Fields, common: Common) -> dict[str, Any]:
        found: dict[str, Any] = {"wait": _read_wait(fields, common.holiday_list(fields)), "fresh": _read_fresh(fields)}
        if ("state" in fields) == ("event" in fields):
            fields.wrong("state", "must be there, or event instead, and not both")
            for key in ("state", "event", "match", "scope", "except"):
                fields.raw(key)
        elif "state" in fields:
            found |= {"state": fields.text("state"), "match": read_match(fields)}
        else:
            excepting = frozenset(fields.words("except"))
            found["tally"] = Tally(read_counts(fields, "event"), read_scope(fields), excepting)
        return found

    def memory(self) -> Iterator[tuple[tuple[str, ...], int]]:
        if self.tally is not None:
            yield self.tally.counts, (self.fresh + 2) * DAY if self.fresh else EVER

    def _opens(self, case: Case, at: Instant) -> Instant | None:
        zones = self.zones(case)
        if not zones or not (case.states if self.state else case.history):
            return None
        if len(zones) == 1:
            found = self._opens_in(case, zones[0], at)
            return None if found is None or found > at + HORIZON else found
        return leap([partial(self._opens_in, case, name) for name in zones], at)

    def _opens_in(self, case: Case, name: str, at: Instant) -> Instant | None:
        starts = [
            at if start is None else max(at, start) for start, end in self._spans(case, name) if end is None or end > at
        ]
        return min(starts, default=None)

    def _closes(self, case: Case, at: Instant) -> Instant | None:
        ends = [self._closes_in(case, name, at) for name in self.zones(case)]
        return min((end for end in ends if end is not None), default=None)

    def _closes_in(self, case: Case, name: str, at: Instant) -> Instant | None:
        while True:
            ends = [end for start, end in self._spans(case, name) if (start is None or start <= at) and _later(end, at)]
            if not ends:
                return at
            known = [end for end in ends if end is not None]
            if len(known) < len(ends):
                return None
            at = max(known)

    def _spans(self, case: Case, name: str) -> Iterator[Span]:
        """From when until when each thing that is required lets contact through in a zone."""
        for since, until in self._things(case):
            if since is None:
                if not self.fresh:
                    yield None, until
                continue
            day = day_of(name, since)
            start, end = max(since, day_start(name, self.wait.over(day))), until
            if self.fresh:
                stale = day_start(name, day + self.fresh)
                end = stale if until is None else min(until, stale)
            if end is None or start < end:
                yield start, end

    def _things(self, case: Case) -> Iterator[Span]:
        if self.tally is not None:
            for at in self.tally.times(case):
                yield at, None
            return
        for state in matching_states(case, (self.state,), self.match):
            if state.until is None or state.from_ is None or state.from_ < state.until:
                yield state.from_, state.until

    def code(self, case: Case, at: Instant) -> str:
        """A consent that is not there, or a notice whose time is not over."""
        return "no_consent" if self._opens(case, at) is None else "not_before"

    def figures(self, case: Case, at: Instant) -> dict[str, Any]:
        return {
            "requires": self.state or list(self.tally.counts if self.tally else ()),
            "wait": {"days": self.wait.days, "business_days": self.wait.business_days},
            "fresh_for_days": self.fresh or None,
            "found": [{"from": shown(since), "until": shown(until)} for since, until in self._things(case)],
            "good": [
                {"zone": name, "from": shown(start), "until": shown(end)}
                for name in self.zones(case)
                for start, end in self._spans(case, name)
            ],
        }


def _later(end: Instant | None, at: Instant) -> bool:
    return end is None or end > at


def _read_wait(fields: Fields, holidays: Holidays) -> Wait:
    section = fields.section("wait")
    if section is None:
        return Wait()
    found = Wait()
    match [key for key in ("days", "business_days") if key in section]:
        case ["days"]:
            found = Wait(days=section.whole("days", least=1, most=MOST_DAYS))
        case ["business_days"]:
            found = Wait(
                business_days=section.whole("business_days", least=1, most=_MOST_BUSINESS_DAYS), holidays=holidays
            )
        case _:
            fields.wrong("wait", "must have exactly one of days, business_days")
            return found
    section.done()
    return found


def _read_fresh(fields: Fields) -> int:
    section = fields.section("fresh_for")
    if section is None:
        return 0
    days = section.whole("days", least=1, most=MOST_DAYS)
    section.done()
    return days
