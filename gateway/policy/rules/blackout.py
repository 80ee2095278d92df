"""`blackout`: no contact on some dates, in some spans of time, in weekly slots, or while a state says so."""

from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from typing import Any, ClassVar

import msgspec

from gateway.domain.clock import Instant
from gateway.domain.walltime import Day, date_of, day_number, day_start
from gateway.policy.facts import Case, State
from gateway.policy.fields import Fields
from gateway.policy.holidays import Holidays
from gateway.policy.hours import Hours, closes_at, opens_at, read_hours
from gateway.policy.rules.base import HORIZON, Common, Rule, leap, shown
from gateway.policy.states import covers, matching_states, read_match

Inside = Callable[[Instant], Instant | None]
"""The first instant, the one given or later, that is not inside; None if there is none within the horizon."""


class Blackout(Rule, frozen=True, kw_only=True):
    """Inside any of these it blocks; with several candidate zones, inside it in any of them. A state that carries
    `weekly` slots of its own blocks within those only."""

    kind: ClassVar[str] = "blackout"

    dates: tuple[tuple[Day, Day], ...] = ()
    """first and last, both inside"""
    intervals: tuple[tuple[Instant, Instant], ...] = ()
    weekly: Hours | None = None
    holidays: Holidays = frozenset()
    states: tuple[str, ...] = ()
    match: tuple[str, ...] = ()

    @classmethod
    def parameters(cls, fields: Fields, common: Common) -> dict[str, Any]:
        weekly = fields.section("weekly")
        found = {
            "dates": tuple(_read_dates(fields)),
            "intervals": tuple(_read_intervals(fields)),
            "weekly": None if weekly is None else read_hours(weekly),
            "holidays": common.holiday_list(fields),
            "states": fields.words("states"),
            "match": read_match(fields),
        }
        if not any(key in fields for key in ("dates", "intervals", "weekly", "states")):
            fields.wrong("dates", "is missing; or give intervals, weekly or states")
        return found

    def idle(self, case: Case) -> bool:
        return not case.states and not (self.dates or self.intervals or self.weekly)

    def _opens(self, case: Case, at: Instant) -> Instant | None:
        zones = self.zones(case)
        return leap([way for name in zones for way in self._ways_out(case, name)], at) if zones else None

    def _ways_out(self, case: Case, name: str) -> Iterator[Inside]:
        for first, last in self.dates:
            yield partial(_out_of_span, day_start(name, first), day_start(name, last + 1))
        for since, until in self.intervals:
            yield partial(_out_of_span, since, until)
        if self.weekly is not None:
            yield partial(_out_of_hours, self.weekly, name, self.holidays, None, None)
        for state in matching_states(case, self.states, self.match):
            hours = _slots(state)
            if hours is None:
                yield partial(_out_of_span, state.from_, state.until)
            else:
                yield partial(_out_of_hours, hours, name, self.holidays, state.from_, state.until)

    def _closes(self, case: Case, at: Instant) -> Instant | None:
        found = [start for name in self.zones(case) for start in self._starts(case, name, at) if start is not None]
        return min((start for start in found if start > at), default=None)

    def _starts(self, case: Case, name: str, at: Instant) -> Iterator[Instant | None]:
        """When each of them begins next; it is outside all of them at `at`."""
        for first, _ in self.dates:
            yield day_start(name, first)
        for since, until in self.intervals:
            yield since if since < until else None
        if self.weekly is not None:
            yield opens_at(self.weekly, name, self.holidays, at, at + HORIZON)
        for state in matching_states(case, self.states, self.match):
            hours, start = _slots(state), max(at, state.from_ or at)
            opens = start if hours is None else opens_at(hours, name, self.holidays, start, at + HORIZON)
            yield None if opens is None or (state.until is not None and opens >= state.until) else opens

    def code(self, case: Case, at: Instant) -> str:
        zones = self.zones(case)
        if any(
            day_start(name, first) <= at < day_start(name, last + 1) for name in zones for first, last in self.dates
        ):
            return "holiday"
        return "stopped" if zones and self._opens(case, at) is None else "quiet_hours"

    def figures(self, case: Case, at: Instant) -> dict[str, Any]:
        return {
            "clock": self.clock,
            "dates": [f"{date_of(first)}/{date_of(last)}" for first, last in self.dates],
            "intervals": [{"from": shown(since), "until": shown(until)} for since, until in self.intervals],
            "states": [
                {"state": held.state, "from": shown(held.from_), "until": shown(held.until), "weekly": held.weekly}
                for held in matching_states(case, self.states, self.match)
                if covers(held, at)
            ],
            "ends": shown(self._opens(case, at)),
        }


def _out_of_span(since: Instant | None, until: Instant | None, at: Instant) -> Instant | None:
    if (since is not None and at < since) or (until is not None and at >= until):
        return at
    return until


def _out_of_hours(
    hours: Hours, name: str, holidays: Holidays, since: Instant | None, until: Instant | None, at: Instant
) -> Instant | None:
    """Out of the slots, as far as they hold: from `since` until `until`."""
    if _out_of_span(since, until, at) == at or opens_at(hours, name, holidays, at, at) != at:
        return at
    end = closes_at(hours, name, holidays, at, at + HORIZON)
    if until is not None and (end is None or until < end):
        return until
    return end


def _slots(state: State) -> Hours | None:
    """The weekly slots of a state; None if it holds at all hours, as it does if its slots cannot be read."""
    return None if state.weekly is None else _read_slots(msgspec.json.encode(state.weekly))


@lru_cache(maxsize=4096)
def _read_slots(written: bytes) -> Hours | None:
    fields = Fields(msgspec.json.decode(written))
    hours = read_hours(fields)
    return None if fields.faults else hours


def _read_dates(fields: Fields) -> Iterator[tuple[Day, Day]]:
    for text in fields.words("dates"):
        first, _, last = text.partition("/")
        one = Fields({"first": first, "last": last or first})
        begin, end = one.day("first"), one.day("last")
        if begin is None or end is None or end < begin:
            fields.wrong(
                "dates", f"has {text!r}, but must list dates (2026-12-25) or first/last (2026-12-24/2027-01-01)"
            )
        else:
            yield day_number(begin), day_number(end)


def _read_intervals(fields: Fields) -> Iterator[tuple[Instant, Instant]]:
    value = fields.raw("intervals")
    for index, raw in enumerate(value if isinstance(value, list) else []):
        one = Fields(raw, (*fields.path, "intervals", str(index)), fields.faults)
        since, until = one.instant("from"), one.instant("until")
        one.done()
        if since is None or until is None or until <= since:
            fields.wrong("intervals", "must be a list of {from, until}, two instants of which the second is later")
        else:
            yield since, until
    if value is not None and not isinstance(value, list):
        fields.wrong("intervals", "must be a list of {from, until}")
