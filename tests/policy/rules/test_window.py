"""`window`: hours on the wall clock, where clocks jump, nights cross dates and several places are plausible."""

from datetime import date

import pytest

from gateway.domain.clock import format_instant, parse_instant
from gateway.domain.walltime import day_number
from gateway.policy.rules.base import Common, Rule
from tests.contracts.rule import RuleContract, build, case


def opens(rule: Rule, at: str, *zones: str) -> str | None:
    found = rule.opens(case(zones=zones), parse_instant(at))
    return None if found is None else format_instant(found)[:19]


def closes(rule: Rule, at: str, *zones: str) -> str | None:
    found = rule.closes(case(zones=zones), parse_instant(at))
    return None if found is None else format_instant(found)[:19]


class TestWindow(RuleContract):
    kind = "window"
    specimens = [  # noqa: RUF012
        {"hours": {"mon-sun": "08:00-21:00"}},
        {"hours": {"mon-sun": "22:00-02:30"}},
        {"hours": {"mon-sun": ["00:00-09:00", "09:00-12:00", "13:00-24:00"]}},
        {"hours": {"sun": "02:30-03:30", "tue": "02:30-03:30"}, "clock": "fixed:America/New_York"},
    ]
    mistakes = [  # noqa: RUF012
        ({"hours": None}, "hours: is missing"),
        ({"hours": {"mon": "8-21"}}, "hours.mon: has '8-21', but hours are written"),
        ({"hours": {"mon": "08:00-08:00"}}, "which is empty"),
        ({"hours": {"mon": "24:00-08:00"}}, "hours.mon: has"),
        ({"hours": {"monday": []}}, "hours.monday: is no day"),
        ({"hours": {"mon-fri": [], "wed": []}}, "hours.wed: names wed a second time"),
        ({"clock": "Asia/Shanghai"}, "must be recipient or fixed:<IANA zone>"),
        ({"clock": "fixed:Asia/Peking"}, "must be recipient or fixed:<IANA zone>"),
        ({"holidays": "US"}, "names 'US', which is no list of this pack"),
        ({"otherwise": "shout"}, "otherwise: is 'shout', but must be one of"),
        ({"effective": {"from": "soon"}}, "effective.from: must be a date"),
        ({"applies": {"roles": ["uncle"]}}, "applies.roles: has 'uncle'"),
        ({"applies": {"channels": "sms"}}, "applies.channels: must be a list of words"),
        ({"applies": {"accounts": {"days_overdue": {"beyond": 15}}}}, "beyond: is an unknown key here"),
    ]


DAY_HOURS = build({"kind": "window", "hours": {"mon-sun": "08:00-21:00"}})
NIGHT = build({"kind": "window", "hours": {"mon-sun": "22:00-02:00"}})


def test_an_hour_that_does_not_exist_never_opens() -> None:
    gap = build({"kind": "window", "hours": {"mon-sun": "02:15-02:45"}})
    assert opens(gap, "2026-03-07T12:00:00Z", "America/New_York") == "2026-03-09T06:15:00"


def test_an_hour_that_comes_twice_is_open_twice() -> None:
    fold = build({"kind": "window", "hours": {"mon-sun": "01:15-01:45"}})
    assert opens(fold, "2026-11-01T05:00:00Z", "America/New_York") == "2026-11-01T05:15:00"
    assert closes(fold, "2026-11-01T05:15:00Z", "America/New_York") == "2026-11-01T05:45:00"
    assert opens(fold, "2026-11-01T05:45:00Z", "America/New_York") == "2026-11-01T06:15:00"


def test_a_day_without_midnight_begins_at_one() -> None:
    early = build({"kind": "window", "hours": {"sun": "00:00-09:00"}})
    assert opens(early, "2026-09-05T12:00:00Z", "America/Santiago") == "2026-09-06T04:00:00"


def test_a_night_belongs_to_the_day_it_starts_on() -> None:
    friday = build({"kind": "window", "hours": {"fri": "22:00-02:00"}})
    assert opens(friday, "2026-11-27T12:00:00Z", "UTC") == "2026-11-27T22:00:00"
    assert opens(friday, "2026-11-28T01:59:59Z", "UTC") == "2026-11-28T01:59:59"
    assert opens(friday, "2026-11-28T02:00:00Z", "UTC") == "2026-12-04T22:00:00"


def test_a_night_through_a_change_of_the_clock_ends_by_the_wall_clock() -> None:
    assert closes(NIGHT, "2026-11-01T03:00:00Z", "America/New_York") == "2026-11-01T07:00:00"
    assert closes(NIGHT, "2026-03-08T04:00:00Z", "America/New_York") == "2026-03-08T07:00:00"


@pytest.mark.parametrize(
    ("zone", "first"),
    [("Asia/Kathmandu", "2026-06-01T02:15:00"), ("Australia/Eucla", "2026-05-31T23:15:00")],
)
def test_zones_need_not_differ_by_hours(zone: str, first: str) -> None:
    assert opens(DAY_HOURS, "2026-05-31T17:00:00Z", zone) == first


def test_all_of_several_places_must_be_open() -> None:
    assert opens(DAY_HOURS, "2026-06-10T02:00:00Z", "Pacific/Guam", "America/New_York") == "2026-06-10T22:00:00"
    assert closes(DAY_HOURS, "2026-06-10T22:00:00Z", "Pacific/Guam", "America/New_York") == "2026-06-11T01:00:00"


def test_places_without_a_common_hour_never_open() -> None:
    assert (
        opens(
            build({"kind": "window", "hours": {"mon-sun": "08:00-14:00"}}),
            "2026-06-10T02:00:00Z",
            "Asia/Tokyo",
            "America/New_York",
        )
        is None
    )


def test_nobody_may_say_that_it_is_time_where_the_zone_is_not_known() -> None:
    assert opens(DAY_HOURS, "2026-06-10T12:00:00Z") is None
    assert opens(DAY_HOURS, "2026-06-10T12:00:00Z", "Mars/Olympus") is None
    assert opens(DAY_HOURS, "2026-06-10T12:00:00Z", "UTC", "Mars/Olympus") is None
    beijing = build({"kind": "window", "hours": {"mon-sun": "08:00-22:00"}, "clock": "fixed:Asia/Shanghai"})
    assert opens(beijing, "2026-06-10T12:00:00Z") == "2026-06-10T12:00:00"


def test_hours_without_an_end_have_none_within_the_horizon() -> None:
    always = build({"kind": "window", "hours": {"mon-sun": "00:00-24:00"}})
    assert closes(always, "2026-10-01T00:00:00Z", "America/New_York") is None
    assert opens(build({"kind": "window", "hours": {}}), "2026-10-01T00:00:00Z", "UTC") is None


def test_a_closed_holiday_says_so() -> None:
    common = Common(holidays={"LIST": frozenset({day_number(date(2026, 12, 25))})})
    rule = build({"kind": "window", "hours": {"mon-sun": "08:00-21:00", "holiday": []}, "holidays": "LIST"}, common)
    at = parse_instant("2026-12-25T12:00:00Z")
    finding = rule.finding(case(zones=("UTC",)), at)
    assert finding.code == "holiday"
    assert finding.until == parse_instant("2026-12-26T08:00:00Z")
    assert finding.figures["local"] == [
        {
            "zone": "UTC",
            "date": "2026-12-25",
            "time": "12:00:00",
            "hours": [],
            "holiday": True,
            "opens": "2026-12-26T08:00:00.000Z",
        }
    ]
    night = rule.finding(case(zones=("UTC",)), parse_instant("2026-12-26T22:00:00Z"))
    assert night.code == "quiet_hours"
    assert night.figures["local"][0]["hours"] == ["08:00-21:00"]


def test_a_rule_holds_from_its_first_local_date_until_its_last_has_begun() -> None:
    rule = build({"kind": "window", "hours": {}, "effective": {"from": "2026-06-01", "until": "2026-06-03"}})
    east = "Asia/Tokyo"
    assert opens(rule, "2026-05-31T14:59:59Z", east) == "2026-05-31T14:59:59"
    assert closes(rule, "2026-05-31T14:59:59Z", east) == "2026-05-31T15:00:00"
    assert opens(rule, "2026-05-31T15:00:00Z", east) == "2026-06-02T15:00:00"
    assert opens(rule, "2026-05-31T15:00:00Z", east, "America/New_York") == "2026-06-03T04:00:00"
