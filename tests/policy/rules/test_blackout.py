"""`blackout`: dates, spans, weekly slots and states in which nobody is contacted."""

from gateway.domain.clock import DAY, format_instant, parse_instant
from gateway.policy.facts import State
from gateway.policy.rules.base import Common
from gateway.policy.rules.registry import read_rule
from tests.contracts.rule import START, RuleContract, build, case

NOON = parse_instant("2026-12-24T17:00:00Z")  # Thursday


class TestBlackout(RuleContract):
    kind = "blackout"
    specimens = [  # noqa: RUF012
        {"dates": ["2026-03-07/2026-03-08", "2026-03-10"]},
        {"intervals": [{"from": "2026-03-07T10:00:00Z", "until": "2026-03-09T22:30:00Z"}]},
        {"weekly": {"sat": "00:00-24:00", "sun": ["00:00-12:00"], "mon-fri": "22:00-02:00"}},
        {"states": ["cease"], "match": ["recipient", "account"]},
        {"states": ["cease"], "dates": ["2026-03-11"], "weekly": {"sun": "02:00-03:00"}},
    ]
    mistakes = [  # noqa: RUF012
        ({"dates": ["2026-13-01"]}, "dates: has '2026-13-01', but must list dates"),
        ({"dates": ["2026-12-27/2026-12-24"]}, "dates: has '2026-12-27/2026-12-24'"),
        ({"intervals": [{"from": "2026-03-07T10:00:00Z"}]}, "intervals: must be a list of {from, until}"),
        ({"intervals": {}}, "intervals: must be a list"),
        ({"weekly": {"sat": "22-24"}}, "weekly.sat: has '22-24'"),
        ({"match": ["person"]}, "match: has 'person'"),
        ({"holidays": "NONE"}, "holidays: names 'NONE'"),
    ]


def test_a_rule_with_nothing_in_it_is_a_mistake() -> None:
    rule, faults = read_rule({"id": "r", "kind": "blackout", "source": "s", "status": "verified"}, Common())
    assert rule is None
    assert [str(fault) for fault in faults] == ["dates: is missing; or give intervals, weekly or states"]


def opens(at: str, *zones: str, held: tuple[State, ...] = (), **keys: object) -> str | None:
    rule = build({"kind": "blackout", **keys})
    found = rule.opens(case(zones=zones or ("America/New_York",), states=held), parse_instant(at))
    return None if found is None else format_instant(found)


def test_both_ends_of_a_range_of_dates_are_inside() -> None:
    dates = ["2026-12-24/2026-12-26"]
    assert opens("2026-12-24T04:59:59Z", dates=dates) == "2026-12-24T04:59:59.000Z"
    assert opens("2026-12-24T05:00:00Z", dates=dates) == "2026-12-27T05:00:00.000Z"
    assert opens("2026-12-27T05:00:00Z", dates=dates) == "2026-12-27T05:00:00.000Z"


def test_a_date_is_over_only_when_it_is_over_in_every_zone() -> None:
    assert opens("2026-12-25T12:00:00Z", "Asia/Tokyo", "America/New_York", dates=["2026-12-25"]) == (
        "2026-12-26T05:00:00.000Z"
    )


def test_weekly_slots_and_dates_that_touch_are_one() -> None:
    found = opens("2026-12-24T17:00:00Z", dates=["2026-12-24"], weekly={"fri": "00:00-09:30"})
    assert found == "2026-12-25T14:30:00.000Z"


def test_a_state_with_slots_of_its_own_blocks_within_them_and_while_it_lasts() -> None:
    slots = {"tue": ["15:00-17:00"], "thu": ["11:00-13:00"]}
    busy = State(state="inconvenient_time", recipient="C1", weekly=slots, until=NOON + 15 * DAY)
    keys = {"states": ["inconvenient_time"]}
    assert opens("2026-12-24T17:00:00Z", held=(busy,), **keys) == "2026-12-24T18:00:00.000Z"
    assert opens("2026-12-24T18:00:00Z", held=(busy,), **keys) == "2026-12-24T18:00:00.000Z"
    rule = build({"kind": "blackout", **keys})
    assert rule.closes(case(states=(busy,)), parse_instant("2026-12-24T18:00:00Z")) == (
        parse_instant("2026-12-29T20:00:00Z")
    )
    assert opens("2027-01-08T16:30:00Z", held=(busy,), **keys) == "2027-01-08T16:30:00.000Z"


def test_slots_that_cannot_be_read_hold_at_all_hours() -> None:
    bent = State(state="inconvenient_time", recipient="C1", weekly={"tue": ["3 pm"]})
    rule = build({"kind": "blackout", "states": ["inconvenient_time"]})
    assert rule.opens(case(states=(bent,)), NOON) is None


def test_the_whole_week_closed_is_never_open() -> None:
    rule = build({"kind": "blackout", "weekly": {"mon-sun": "00:00-24:00"}})
    assert rule.opens(case(), START) is None


def test_its_code_is_the_receipts_word() -> None:
    dates = build({"kind": "blackout", "dates": ["2026-12-24"]})
    assert dates.finding(case(), NOON).code == "holiday"
    slots = build({"kind": "blackout", "weekly": {"thu": "11:00-13:00"}})
    assert slots.finding(case(), NOON).code == "quiet_hours"
    state = build({"kind": "blackout", "states": ["hospital"]})
    facts = case(states=(State(state="hospital", recipient="C1"),))
    assert state.finding(facts, NOON).code == "stopped"
    assert state.finding(facts, NOON).figures["states"][0]["state"] == "hospital"
