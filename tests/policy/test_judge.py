"""The judgement itself: all that blocks, warnings that do not, and people whose time nobody knows."""

from gateway.domain.clock import SECOND, parse_instant
from gateway.policy.facts import State
from gateway.policy.judge import judge
from tests.contracts.rule import build, case, past

NIGHT = parse_instant("2026-06-10T23:30:00Z")
HOURS = build({"kind": "window", "id": "hours", "hours": {"mon-sun": "08:00-21:00"}})
DAILY = build(
    {"kind": "cap", "id": "daily", "max": 1, "within": {"rolling": "PT24H"}, "counts": ["*.*"], "scope": ["recipient"]}
)
CEASE = build({"kind": "stop", "id": "cease", "states": ["cease"]})


def test_every_rule_that_blocks_is_named_in_the_order_of_the_rules() -> None:
    facts = case(past(NIGHT - SECOND), zones=("UTC",), states=(State(state="cease"),))
    ruling = judge([CEASE, DAILY, HOURS], facts, NIGHT)
    assert ruling.blocked_by == ["cease", "daily", "hours"]
    assert ruling.decision == "deny"
    assert [finding.until is None for finding in ruling.findings] == [True, False, False]


def test_the_moment_found_suits_all_rules_together() -> None:
    facts = case(past("2026-06-10T22:00:00Z"), zones=("UTC",))
    ruling = judge([HOURS, DAILY], facts, NIGHT)
    assert ruling.earliest == parse_instant("2026-06-12T08:00:00Z")
    assert ruling.closes == parse_instant("2026-06-12T21:00:00Z")


def test_a_warning_is_found_and_does_not_block() -> None:
    warning = build({"kind": "window", "id": "warning", "hours": {}, "otherwise": "warn"})
    ruling = judge([warning], case(zones=("UTC",)), NIGHT)
    assert ruling.decision == "allow"
    assert ruling.closes is None
    assert [(finding.rule, finding.blocks) for finding in ruling.findings] == [("warning", False)]
    assert ruling.blocked_by == []


def test_an_allowed_contact_may_go_at_the_very_moment() -> None:
    at = parse_instant("2026-06-10T12:00:00Z") + 7
    ruling = judge([HOURS], case(zones=("UTC",)), at)
    assert (ruling.decision, ruling.earliest) == ("allow", at)
    assert ruling.closes == parse_instant("2026-06-10T21:00:00Z")


def test_without_a_zone_it_is_never_allowed() -> None:
    beijing = build({"kind": "window", "hours": {"mon-sun": "00:00-24:00"}, "clock": "fixed:Asia/Shanghai"})
    for zones in ((), ("Mars/Olympus",), ("UTC", "")):
        for rules in ([], [HOURS], [beijing]):
            ruling = judge(rules, case(zones=zones), NIGHT)
            assert (ruling.decision, ruling.earliest) == ("deny", None)
            assert ruling.findings
        assert judge([HOURS], case(zones=zones), NIGHT).blocked_by == ["hours"]


def test_a_moment_within_65_days_is_found_and_a_later_one_is_not() -> None:
    monthly = build(
        {"kind": "cap", "max": 1, "within": {"rolling": "PT1561H"}, "counts": ["*.*"], "scope": ["recipient"]}
    )
    facts = case(past(NIGHT), zones=("UTC",))
    assert judge([monthly], facts, NIGHT).decision == "deny"
    assert judge([monthly], facts, NIGHT + 3600 * SECOND).decision == "defer"
