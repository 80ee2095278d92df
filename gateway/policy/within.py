"""The time that a rule looks back over: elapsed, so many local dates, or a calendar day, week or month."""

from typing import Literal

from msgspec import Struct
from msgspec.structs import force_setattr

from gateway.domain.clock import DAY, SECOND, Instant
from gateway.domain.walltime import Day, date_of, day_number, day_of, day_start, weekday
from gateway.policy.fields import MOST_DAYS, Fields
from gateway.policy.hours import WEEKDAYS

Unit = Literal["rolling", "days", "day", "week", "month"]
_LONGEST = {"days": 1, "day": 1, "week": 8, "month": 32}


class Within(Struct, frozen=True):
    """The time that a cap looks at: `size` is in milliseconds when rolling, else in local dates; `start` is the weekday
    that a week begins with."""

    unit: Unit
    size: int = 1
    start: int = 0
    longest: int = 0
    """Milliseconds after which a contact has surely ceased to count, whatever the clocks did; worked out."""

    def __post_init__(self) -> None:
        longest = self.size if self.unit == "rolling" else (_LONGEST[self.unit] + self.size) * DAY
        force_setattr(self, "longest", longest)

    def frees(self, zone: str, at: Instant) -> Instant:
        """When a contact made at `at` no longer counts."""
        if self.unit == "rolling":
            return at + self.size
        return day_start(zone, self.following(day_of(zone, at)))

    def since(self, zone: str, at: Instant) -> Instant:
        """Where the time begins that is looked back over at `at`: a contact from there on counts (of a rolling time
        one from the millisecond after), an earlier one does not."""
        if self.unit == "rolling":
            return at - self.size
        today = day_of(zone, at)
        if self.unit == "week":
            return day_start(zone, today - (weekday(today) - self.start) % 7)
        if self.unit == "month":
            return day_start(zone, day_number(date_of(today).replace(day=1)))
        return day_start(zone, today - self.size + 1)

    def following(self, day: Day) -> Day:
        """The first local date on which a contact of that date no longer counts."""
        if self.unit == "week":
            return day + 7 - (weekday(day) - self.start) % 7
        if self.unit == "month":
            later = day_number(date_of(day).replace(day=1)) + 31
            return max(day + 1, day_number(date_of(later).replace(day=1)))
        return day + self.size

    def __str__(self) -> str:
        if self.unit == "rolling":
            return f"PT{self.size // SECOND}S rolling"
        if self.unit == "days":
            return f"{self.size} local dates"
        return f"week from {WEEKDAYS[self.start]}" if self.unit == "week" else self.unit


def read_within(fields: Fields) -> Within:
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
            found = Within("days", within.whole("days", least=1, most=MOST_DAYS))
        case ["calendar"]:
            found = read_calendar(within)
        case _:
            fields.wrong("within", "must have exactly one of rolling, days, calendar")
            return found
    within.done()
    return found


def read_calendar(within: Fields) -> Within:
    units: dict[str, Unit] = {"day": "day", "week": "week", "month": "month"}
    unit = units.get(within.text("calendar", one_of=tuple(units)), "day")
    start = within.text("start", "mon", one_of=WEEKDAYS)
    return Within(unit, 1, WEEKDAYS.index(start) if start in WEEKDAYS else 0)
