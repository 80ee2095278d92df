"""`cap`: at most so many counted contacts in a rolling time, in so many local dates, or in a day, week or month."""

from bisect import bisect_left, bisect_right
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar, Literal

from msgspec import Struct

from gateway.domain.clock import DAY, SECOND, Instant
from gateway.domain.walltime import Day, date_of, day_number, day_of, day_start, weekday
from gateway.policy.facts import Case, PastContact
from gateway.policy.fields import Fields
from gateway.policy.hours import WEEKDAYS
from gateway.policy.rules.base import Common, Rule, leap, shown
from gateway.policy.tally import Tally, read_counts, read_tally

Unit = Literal["rolling", "days", "day", "week", "month"]
_LONGEST = {"days": 1, "day": 1, "week": 8, "month": 32}


class Within(Struct, frozen=True):
    """The time that a cap looks at: `size` is in milliseconds when rolling, else in local dates; `start` is the weekday
    that a week begins with."""

    unit: Unit
    size: int = 1
    start: int = 0

    @property
    def longest(self) -> int:
        """Milliseconds after which a contact has surely ceased to count, whatever the clocks did."""
        return self.size if self.unit == "rolling" else (_LONGEST[self.unit] + self.size) * DAY

    def frees(self, zone: str, at: Instant) -> Instant:
        """When a contact made at `at` no longer counts."""
        if self.unit == "rolling":
            return at + self.size
        return day_start(zone, self.following(day_of(zone, at)))

    def following(self, day: Day) -> Day:
        """The first local date on which a contact of that date no longer counts."""
        if self.unit == "week":
            return day + 7 - (weekday(day) - self.start) % 7
        if self.unit == "month":
            return day_number((date_of(day).replace(day=1) + timedelta(days=31)).replace(day=1))
        return day + self.size

    def __str__(self) -> str:
        if self.unit == "rolling":
            return f"PT{self.size // SECOND}S rolling"
        if self.unit == "days":
            return f"{self.size} local dates"
        return f"week from {WEEKDAYS[self.start]}" if self.unit == "week" else self.unit


class Cap(Rule, frozen=True, kw_only=True):
    """`after` are the events that wake the cap: it sleeps until the first of them, and counts from that one on."""

    kind: ClassVar[str] = "cap"

    max: int
    within: Within
    tally: Tally
    after: Tally | None = None

    @classmethod
    def parameters(cls, fields: Fields, common: Common) -> dict[str, Any]:
        tally = read_tally(fields)
        wake = read_counts(fields, "active_after") if "active_after" in fields else ()
        return {
            "max": fields.whole("max"),
            "within": _read_within(fields),
            "tally": tally,
            "after": Tally(wake, tally.scope) if wake else None,
        }

    def _opens(self, case: Case, at: Instant) -> Instant | None:
        zones = self.zones(case)
        if not zones:
            return None
        if self.max == 0:
            woken = self._woken(case)
            return at if woken is None or at < woken else None
        times = self._times(case)
        if len(times) < self.max:
            return at
        if len(zones) == 1 and self._frees_in(zones[0], times, at) == at:
            return at
        return leap([partial(self._frees_in, name, times) for name in zones], at)

    def _times(self, case: Case) -> list[Instant]:
        """When the contacts were made that count, oldest first."""
        times = self.tally.times(case)
        if self.after is None:
            return times
        woken = self._woken(case)
        return [] if woken is None else times[bisect_left(times, woken) :]

    def _frees_in(self, name: str, times: list[Instant], at: Instant) -> Instant:
        """When the oldest of the last `max` contacts up to `at` no longer counts; more may have been made by then."""
        oldest = bisect_right(times, at) - self.max
        if oldest < 0 or times[oldest] + self.within.longest <= at:
            return at
        return max(at, self.within.frees(name, times[oldest]))

    def _closes(self, case: Case, at: Instant) -> Instant | None:
        """A cap that is open can close only at a contact that is made, or at the event that wakes it."""
        if self.max == 0:
            woken = self._woken(case)
            return woken if woken is not None and woken > at else None
        times = self._times(case)
        if not times or times[-1] <= at:
            return None
        return next((time for time in times[bisect_right(times, at) :] if self._opens(case, time) != time), None)

    def _woken(self, case: Case) -> Instant | None:
        """Since when the cap counts; None while it sleeps. Without `active_after` it has always been awake."""
        if self.after is None:
            return -(2**62)
        return next((contact.at for contact in self.after.contacts(case)), None)

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


def _read_within(fields: Fields) -> Within:
    """`{rolling: PT24H}`, `{days: 7}` or `{calendar: day/week/month, start: mon}`."""
    within = fields.section("within")
    if within is None:
        fields.wrong("within", "is missing; it is {rolling: PT24H}, {days: 7} or {calendar: day, week or month}")
        return Within("days")
    forms = [form for form in ("rolling", "days", "calendar") if form in within]
    found = Within("days")
    match forms:
        case ["rolling"]:
            found = Within("rolling", within.duration("rolling"))
        case ["days"]:
            found = Within("days", within.whole("days", least=1))
        case ["calendar"]:
            found = _read_calendar(within)
        case _:
            fields.wrong("within", "must have exactly one of rolling, days, calendar")
            return found
    within.done()
    return found


def _read_calendar(within: Fields) -> Within:
    units: dict[str, Unit] = {"day": "day", "week": "week", "month": "month"}
    unit = units.get(within.text("calendar", one_of=tuple(units)), "day")
    start = within.text("start", "mon", one_of=WEEKDAYS)
    return Within(unit, 1, WEEKDAYS.index(start) if start in WEEKDAYS else 0)
