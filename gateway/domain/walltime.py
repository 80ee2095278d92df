"""Translates between instants and the clock on somebody's wall, exactly, where clocks are put forward or back.

A wall time here is an int too: milliseconds since 1970-01-01T00:00 *as the clock shows it*, so that dates and hours are
plain arithmetic. An offset is constant between two changes of the clock; everything below works on such pieces. In a
gap a wall time has no instant, in a fold it has two, and neither needs a special case.
"""

from bisect import bisect_right
from collections.abc import Iterator
from datetime import date, datetime
from functools import lru_cache

from gateway.domain.clock import DAY, SECOND, Instant, zone

Wall = int
"""Milliseconds since 1970-01-01T00:00 on the local clock."""

Day = int
"""A local date as days since 1970-01-01."""

_EPOCH = date(1970, 1, 1).toordinal()
_LAST_ORDINAL = date.max.toordinal()
_EARLIEST, _LATEST = -62_104_060_800_000, 253_370_764_800_000
"""Years 2 and 9999: before and after, a zone keeps the offset it had, since no calendar can say another."""
_CHUNK = 400 * DAY
_MARGIN = 4 * DAY
"""More than the longest stretch that is ever asked across the end of a chunk: two days and any offset."""
_PROBE = 3 * DAY
"""Since 1970 no zone has changed its clock twice within less than a week (tests/domain/test_walltime.py looks)."""


def day_number(value: date) -> Day:
    return value.toordinal() - _EPOCH


def date_of(day: Day) -> date:
    """The date; the first or the last of the calendar for a day beyond it."""
    return date.fromordinal(min(max(day + _EPOCH, 1), _LAST_ORDINAL))


def weekday(day: Day) -> int:
    """0 is Monday."""
    return (day + 3) % 7


def offset(name: str, at: Instant) -> int:
    """How many milliseconds the wall clock of the zone is ahead of UTC. Raises ValueError for an unknown zone."""
    starts, offsets = pieces(name, at // _CHUNK)
    return offsets[0] if len(offsets) == 1 else offsets[bisect_right(starts, at) - 1]


def wall(name: str, at: Instant) -> Wall:
    return at + offset(name, at)


def day_of(name: str, at: Instant) -> Day:
    """The local date at an instant."""
    return (at + offset(name, at)) // DAY


@lru_cache(maxsize=16_384)
def day_start(name: str, day: Day) -> Instant:
    """The first instant whose local date is `day` or later: 01:00 where midnight does not exist, and the start of the
    next day where the date itself was skipped."""
    for stretch in range(4):
        found = next(instants(name, day * DAY, (day + 1 + stretch) * DAY), None)
        if found is not None:
            return found[0]
    raise ValueError(f"{name} has no day near {date_of(day)}")


def instants(name: str, start: Wall, end: Wall) -> Iterator[tuple[Instant, Instant]]:
    """The half-open stretches of time in which the clock shows `start` or later and earlier than `end`, at most four
    days apart, in their order. A fold may cut one wall interval into two, a gap may leave none."""
    starts, offsets = pieces(name, start // _CHUNK)
    for index, ahead in enumerate(offsets):
        first = max(start - ahead, starts[index])
        last = end - ahead if index + 1 == len(offsets) else min(end - ahead, starts[index + 1])
        if first < last:
            yield first, last


@lru_cache(maxsize=4096)
def pieces(name: str, chunk: int) -> tuple[tuple[Instant, ...], tuple[int, ...]]:
    """The stretches of constant offset over one chunk of time and its margins: when each begins, and its offset."""
    tz = zone(name)
    if tz is None:
        raise ValueError(f"no time zone is called {name}")

    def ahead(at: Instant) -> int:
        moved = datetime.fromtimestamp(min(max(at, _EARLIEST), _LATEST) // SECOND, tz).utcoffset()
        return 0 if moved is None else (moved.days * 86_400 + moved.seconds) * SECOND

    at = chunk * _CHUNK - _MARGIN
    starts, offsets = [at], [ahead(at)]
    while at < (chunk + 1) * _CHUNK + _MARGIN:
        after = at + _PROBE
        if ahead(after) != offsets[-1]:
            low, high = at // SECOND, after // SECOND
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if ahead(middle * SECOND) == offsets[-1] else (low, middle)
            starts.append(high * SECOND)
            offsets.append(ahead(after))
        at = after
    return tuple(starts), tuple(offsets)
