"""Wall clocks: gaps, folds, dates that are skipped, and that no change of a clock is overlooked."""

import struct
from datetime import UTC, date, datetime, timedelta
from importlib import resources
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.clock import DAY, HOUR, SECOND, parse_instant
from gateway.domain.walltime import date_of, day_number, day_of, day_start, instants, offset, weekday

ZONES = sorted(available_timezones() - {"Factory"})
"""`Factory` is no place's clock, and so no zone here (test_places.py)."""


@given(st.sampled_from(ZONES), st.integers(1, 2**31))
def test_the_offset_is_that_of_the_zone_data(name: str, second: int) -> None:
    local = datetime.fromtimestamp(second, ZoneInfo(name))
    moved = local.utcoffset()
    assert moved is not None
    assert offset(name, second * SECOND) == moved // timedelta(milliseconds=1)
    assert date_of(day_of(name, second * SECOND)) == local.date()


@given(st.sampled_from(ZONES), st.dates(date(1971, 1, 1), date(2040, 1, 1)))
def test_a_day_starts_with_the_first_instant_that_has_its_date(name: str, day: date) -> None:
    start = day_start(name, day_number(day))
    assert day_of(name, start) >= day_number(day)
    assert day_of(name, start - 1) < day_number(day)


def test_no_zone_changes_its_clock_twice_within_the_steps_in_which_we_look() -> None:
    """Else a change could be overlooked between two looks: three days are stepped, and a week is the least there is."""
    for name in ZONES:
        changes = [at for at in changes_of(name) if at > 0]
        assert all(later - earlier > 6 * 86_400 for earlier, later in pairwise(changes)), name


def changes_of(name: str) -> list[int]:
    """The seconds at which the offset changes, as they stand in the zone's own file (RFC 9636, version 2 data)."""
    data = resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()
    _, _, leaps, times, types, letters = struct.unpack(">6l", data[20:44])
    isutcs, isstds = struct.unpack(">2l", data[20:28])
    second = 44 + times * 5 + types * 6 + letters + leaps * 8 + isstds + isutcs
    _, _, _, times, types, _ = struct.unpack(">6l", data[second + 20 : second + 44])
    start = second + 44
    moments = struct.unpack(f">{times}q", data[start : start + 8 * times])
    kinds = data[start + 8 * times : start + 9 * times]
    table = start + 9 * times
    offsets = [struct.unpack(">l", data[table + 6 * kind : table + 6 * kind + 4])[0] for kind in kinds]
    return [at for n, at in enumerate(moments) if n and offsets[n] != offsets[n - 1]]


def test_a_midnight_that_does_not_exist_is_one_o_clock() -> None:
    assert day_start("America/Santiago", day_number(date(2026, 9, 6))) == parse_instant("2026-09-06T04:00:00Z")


def test_a_date_that_was_skipped_starts_with_the_next() -> None:
    skipped, after = day_number(date(2011, 12, 30)), day_number(date(2011, 12, 31))
    assert day_start("Pacific/Apia", skipped) == day_start("Pacific/Apia", after)


def test_a_gap_has_no_instants_and_a_fold_has_two_stretches() -> None:
    spring, autumn = day_number(date(2026, 3, 8)) * DAY, day_number(date(2026, 11, 1)) * DAY
    assert list(instants("America/New_York", spring + 2 * HOUR, spring + 3 * HOUR)) == []
    stretches = list(instants("America/New_York", autumn + HOUR, autumn + 2 * HOUR))
    assert [end - start for start, end in stretches] == [HOUR, HOUR]


def test_monday_is_the_first_weekday() -> None:
    assert weekday(day_number(date(2026, 11, 23))) == 0
    assert datetime(2026, 11, 23, tzinfo=UTC).weekday() == 0


def test_an_unknown_zone_is_an_error_with_a_sentence() -> None:
    with pytest.raises(ValueError, match="no time zone is called Mars/Olympus"):
        offset("Mars/Olympus", 0)
