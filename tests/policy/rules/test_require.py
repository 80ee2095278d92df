"""`require`: a consent, a notice or a check that must be there, be old enough, and be fresh."""

import pytest

from gateway.domain.clock import DAY, format_instant, parse_instant
from gateway.policy.facts import State
from gateway.policy.judge import judge
from gateway.policy.rules.base import Common
from tests.contracts.rule import Raw, RuleContract, build, case, past

NEW_YORK = ("America/New_York",)
NOTICE = parse_instant("2026-09-01T16:00:00Z")  # a Tuesday; Monday the 7th is Labor Day


class TestRequire(RuleContract):
    kind = "require"
    specimens = [  # noqa: RUF012
        {"state": "cease", "match": ["recipient", "account"]},
        {"state": "cease", "wait": {"days": 1}, "fresh_for": {"days": 2}},
        {"event": ["call.unanswered"], "scope": ["recipient"]},
        {"event": ["call.conversation", "sms.sent"], "scope": ["account"], "wait": {"business_days": 1}},
        {"event": ["sms.sent"], "scope": ["recipient"], "wait": {"days": 2}, "fresh_for": {"days": 3}},
    ]
    mistakes = [  # noqa: RUF012
        ({"event": ["sms.sent"], "scope": []}, "state: must be there, or event instead, and not both"),
        ({"wait": {"days": 1, "business_days": 1}}, "wait: must have exactly one of days, business_days"),
        ({"wait": {"weeks": 1}}, "wait: must have exactly one of"),
        ({"wait": {"days": 0}}, "wait.days: must be a whole number, 1 or more"),
        ({"fresh_for": {"hours": 3}}, "fresh_for.days: is missing"),
        ({"match": ["person"]}, "match: has 'person'"),
        ({"holidays": "NONE"}, "holidays: names 'NONE', which is no list"),
    ]


def opens(keys: Raw, facts: object, at: str) -> str | None:
    rule = build({"kind": "require", **keys}, Common(holidays={"US": frozenset({20703})}))  # 2026-09-07
    found = rule.opens(facts, parse_instant(at))  # type: ignore[arg-type]
    return None if found is None else format_instant(found)


def test_without_the_consent_nobody_is_contacted_and_with_it_from_its_first_moment() -> None:
    rule = build({"kind": "require", "state": "sms_consent", "match": ["recipient", "channel"]})
    assert rule.opens(case(), NOTICE) is None
    assert judge([rule], case(), NOTICE).findings[0].code == "no_consent"
    given = State(state="sms_consent", channel="sms", recipient="C1", from_=NOTICE, until=NOTICE + DAY)
    assert rule.opens(case(states=(given,)), NOTICE - 1) == NOTICE
    assert rule.opens(case(states=(given,)), NOTICE) == NOTICE
    assert rule.closes(case(states=(given,)), NOTICE) == NOTICE + DAY
    assert rule.opens(case(states=(given,)), NOTICE + DAY) is None
    assert rule.opens(case(states=(given,), channel="call"), NOTICE) is None
    assert rule.opens(case(states=(State(state="sms_consent"),)), NOTICE) == NOTICE


def test_six_days_after_the_letter_its_own_date_being_the_first() -> None:
    keys: Raw = {"event": ["letter.sent"], "scope": ["recipient", "account"], "wait": {"days": 6}}
    sent = case(past(NOTICE, "letter"), zones=NEW_YORK)
    assert opens(keys, sent, "2026-09-01T17:00:00Z") == "2026-09-07T04:00:00.000Z"
    assert opens(keys, case(past(NOTICE, "letter", account="D2")), "2026-09-20T12:00:00Z") is None
    assert build({"kind": "require", **keys}).finding(sent, NOTICE).code == "not_before"


@pytest.mark.parametrize(
    ("sent", "first"),
    [
        ("2026-09-01T16:00:00Z", "2026-09-05T04:00:00.000Z"),  # Tuesday: Wednesday, Thursday, Friday lie between
        (
            "2026-09-03T16:00:00Z",
            "2026-09-10T04:00:00.000Z",
        ),  # Thursday: Friday, Tuesday, Wednesday; Labor Day does not
        ("2026-09-06T03:30:00Z", "2026-09-11T04:00:00.000Z"),  # still Saturday in New York
    ],
)
def test_three_whole_business_days_lie_between(sent: str, first: str) -> None:
    keys: Raw = {
        "event": ["letter.sent"], "scope": ["recipient"], "wait": {"business_days": 3}, "holidays": "US",
    }  # fmt: skip
    facts = case(past(sent, "letter"), zones=NEW_YORK)
    assert opens(keys, facts, sent) == first


def test_a_number_checked_within_sixty_days_its_own_date_included() -> None:
    keys: Raw = {"state": "number_checked", "fresh_for": {"days": 60}}
    checked = case(zones=NEW_YORK, states=(State(state="number_checked", recipient="C1", from_=NOTICE),))
    last, over = "2026-10-31T03:59:59Z", "2026-10-31T04:00:00Z"
    assert opens(keys, checked, last) == "2026-10-31T03:59:59.000Z"
    assert opens(keys, checked, over) is None
    again = case(
        zones=NEW_YORK,
        states=(*checked.states, State(state="number_checked", from_=parse_instant("2026-11-02T12:00:00Z"))),
    )
    assert opens(keys, again, over) == "2026-11-02T12:00:00.000Z"
    ever = case(states=(State(state="number_checked"),))
    assert opens(keys, ever, over) is None, "since ever is never fresh"


def test_an_older_notice_that_is_old_enough_is_not_undone_by_a_newer_one() -> None:
    keys: Raw = {"event": ["letter.sent"], "scope": ["recipient"], "wait": {"days": 3}}
    facts = case(past("2026-09-01T12:00:00Z", "letter"), past("2026-09-09T12:00:00Z", "letter"))
    assert opens(keys, facts, "2026-09-09T13:00:00Z") == "2026-09-09T13:00:00.000Z"


def test_with_two_zones_the_wait_must_be_over_in_both() -> None:
    keys: Raw = {"event": ["letter.sent"], "scope": ["recipient"], "wait": {"days": 2}}
    facts = case(past("2026-09-01T16:00:00Z", "letter"), zones=("America/New_York", "America/Los_Angeles"))
    assert opens(keys, facts, "2026-09-01T16:00:00Z") == "2026-09-03T07:00:00.000Z"


def test_its_figures_say_what_was_found_and_until_when_it_is_good() -> None:
    rule = build({"kind": "require", "event": ["letter.sent"], "scope": ["recipient"], "fresh_for": {"days": 2}})
    figures = rule.finding(case(past(NOTICE, "letter"), zones=NEW_YORK), NOTICE + 3 * DAY).figures
    assert figures["found"] == [{"from": format_instant(NOTICE), "until": None}]
    assert figures["good"][0]["until"] == "2026-09-03T04:00:00.000Z"
