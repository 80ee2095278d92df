"""The weekly hours of a rule: reads them as officers write them, and turns them into instants in a zone.

The spans of instants are cached by value (hours, zone, holidays, block of days), so a changed policy is another key and
can never be answered from a stale entry.
"""

import re
from bisect import bisect_right
from functools import lru_cache, reduce

from msgspec import Struct

from gateway.domain.clock import DAY, HOUR, MINUTE, Instant
from gateway.domain.walltime import Day, instants, wall, weekday
from gateway.policy.fields import Fields
from gateway.policy.holidays import Holidays

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HOLIDAY = "holiday"
_INTERVAL = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d:[0-5]\d|2[0-3]:[0-5]\d|24:00)")
_BLOCK = 8 * DAY
_REACH = 15 * HOUR
"""More than any offset of a local clock from UTC."""

Slot = tuple[int, int]
"""Milliseconds since the midnight that the day begins with; the end may lie in the next day."""

Where = str | tuple[str, ...]
"""A zone, or several: then it is open where all of them are."""

Spans = tuple[tuple[Instant, ...], tuple[Instant, ...]]
"""When open spans begin, and when they end."""


class Hours(Struct, frozen=True, cache_hash=True):
    """Open slots for each weekday, and for holidays if they have hours of their own. Its hash is kept: it is a key of
    the cache below, looked up at every judgement."""

    week: tuple[tuple[Slot, ...], ...]
    holiday: tuple[Slot, ...] | None = None

    def on(self, day: Day, holidays: Holidays) -> tuple[Slot, ...]:
        """The slots that begin on a date."""
        if self.holiday is not None and day in holidays:
            return self.holiday
        return self.week[weekday(day)]


def read_hours(fields: Fields) -> Hours:
    """`{mon-fri: "08:00-21:00", sat: ["09:00-12:00", "13:00-18:00"], sun: [], holiday: []}`. A day that is not named is
    closed; a day named twice is a mistake."""
    week: dict[int, tuple[Slot, ...]] = {}
    holiday = None
    for key in fields.names():
        slots = _slots(fields, key)
        if key == HOLIDAY:
            holiday = slots
            continue
        for day in _days(fields, key):
            if day in week:
                fields.wrong(key, f"names {WEEKDAYS[day]} a second time")
            week[day] = slots
    return Hours(tuple(week.get(day, ()) for day in range(7)), holiday)


def opens_at(hours: Hours, where: Where, holidays: Holidays, at: Instant, limit: Instant) -> Instant | None:
    """The first open instant, `at` or later and not after `limit`."""
    block = at // _BLOCK
    while block * _BLOCK <= limit:
        starts, ends = spans(hours, where, holidays, block)
        index = bisect_right(starts, at) - 1
        if index >= 0 and at < ends[index]:
            return at
        if index + 1 < len(starts):
            return starts[index + 1] if starts[index + 1] <= limit else None
        block += 1
        at = block * _BLOCK
    return None


def closes_at(hours: Hours, where: Where, holidays: Holidays, at: Instant, limit: Instant) -> Instant | None:
    """The first closed instant, `at` or later; None if the hours stay open beyond `limit`."""
    block = at // _BLOCK
    while at <= limit:
        starts, ends = spans(hours, where, holidays, block)
        index = bisect_right(starts, at) - 1
        if index < 0 or at >= ends[index]:
            return at
        at = ends[index]
        if at < (block + 1) * _BLOCK:
            return at if at <= limit else None
        block += 1
    return None


@lru_cache(maxsize=16_384)
def spans(hours: Hours, where: Where, holidays: Holidays, block: int) -> Spans:
    """Starts and ends of the open spans within one block of time, merged where they touch and cut at its edges."""
    if isinstance(where, str):
        return _spans_in(hours, where, holidays, block)
    return reduce(_common, [spans(hours, name, holidays, block) for name in where])


def _common(one: Spans, other: Spans) -> Spans:
    """Where both are open."""
    both = [
        (max(start, since), min(end, until))
        for start, end in zip(*one, strict=True)
        for since, until in zip(*other, strict=True)
        if start < until and since < end
    ]
    return tuple(start for start, _ in both), tuple(end for _, end in both)


def _spans_in(hours: Hours, name: str, holidays: Holidays, block: int) -> Spans:
    first, last = block * _BLOCK, (block + 1) * _BLOCK
    found: list[tuple[Instant, Instant]] = []
    day = (first - _REACH) // DAY - 1  # the slots of the day before may reach over midnight
    while day * DAY <= last + _REACH:
        for start, end in hours.on(day, holidays):
            found.extend(instants(name, day * DAY + start, day * DAY + end))
        day += 1
    starts: list[Instant] = []
    ends: list[Instant] = []
    for start, end in sorted((max(start, first), min(end, last)) for start, end in found):
        if start >= end:
            continue
        if ends and start <= ends[-1]:
            ends[-1] = max(ends[-1], end)
        else:
            starts.append(start)
            ends.append(end)
    return tuple(starts), tuple(ends)


def local(name: str, at: Instant) -> tuple[Day, str]:
    """The date and the clock's face at an instant: `08:59:30`."""
    day, rest = divmod(wall(name, at), DAY)
    seconds = rest // 1000
    return day, f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


@lru_cache(maxsize=1024)
def written(slots: tuple[Slot, ...]) -> tuple[str, ...]:
    """Slots as officers write them: an end beyond midnight is that of the next day."""
    return tuple(f"{_face(start)}-{_face(end if end <= DAY else end - DAY)}" for start, end in slots)


def _face(of_day: int) -> str:
    return f"{of_day // HOUR:02d}:{of_day % HOUR // MINUTE:02d}"


def _days(fields: Fields, key: str) -> list[int]:
    first, dash, last = key.partition("-")
    if first not in WEEKDAYS or (dash and last not in WEEKDAYS):
        fields.wrong(key, f"is no day; days are {', '.join(WEEKDAYS)}, ranges such as mon-fri, and {HOLIDAY}")
        return []
    start = WEEKDAYS.index(first)
    length = (WEEKDAYS.index(last) - start) % 7 if dash else 0
    return [(start + step) % 7 for step in range(length + 1)]


def _slots(fields: Fields, key: str) -> tuple[Slot, ...]:
    value = fields.raw(key)
    slots = []
    for text in value if isinstance(value, list) else [value]:
        match = _INTERVAL.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            fields.wrong(key, f'has {text!r}, but hours are written "08:00-21:00", several as a list, closed []')
            continue
        start = int(match[1]) * HOUR + int(match[2]) * MINUTE
        end = int(match[3][:2]) * HOUR + int(match[3][3:]) * MINUTE
        if start == end:
            fields.wrong(key, f'has "{text}", which is empty; the whole day is "00:00-24:00", a closed one []')
            continue
        slots.append((start, end if end > start else end + DAY))
    return tuple(slots)
