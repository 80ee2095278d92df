"""`cap`: what counts, in which time, in whose scope, and when the next slot is free."""

import pytest

from gateway.domain.clock import DAY, format_instant, parse_instant
from gateway.policy.facts import PastContact
from gateway.policy.rules.base import Rule
from tests.contracts.rule import RuleContract, build, case, past

DAILY = {"kind": "cap", "max": 1, "within": {"calendar": "day"}, "counts": ["*.*"], "scope": ["recipient"]}


def opens(rule: Rule, at: str, *history: PastContact, zones: tuple[str, ...] = ("UTC",)) -> str | None:
    found = rule.opens(case(*history, zones=zones), parse_instant(at))
    return None if found is None else format_instant(found)[:19]


class TestCap(RuleContract):
    kind = "cap"
    specimens = [  # noqa: RUF012
        {"max": 1, "within": {"calendar": "day"}, "counts": ["*.*"], "scope": ["recipient"]},
        {"max": 2, "within": {"rolling": "PT24H"}, "counts": ["sms.sent", "call.*"], "scope": ["recipient", "account"]},
        {"max": 1, "within": {"days": 2}, "counts": ["*.conversation"], "scope": [], "active_after": ["sms.sent"]},
        {"max": 3, "within": {"calendar": "week", "start": "sun"}, "counts": ["call.*"], "scope": ["address"]},
        {
            "max": 1,
            "within": {"calendar": "month"},
            "counts": ["*.*"],
            "scope": ["channel"],
            "clock": "fixed:Asia/Tokyo",
        },
    ]
    mistakes = [  # noqa: RUF012
        ({"max": -1}, "max: must be a whole number"),
        ({"max": True}, "max: must be a whole number"),
        ({"max": None}, "max: is missing"),
        ({"within": None}, "within: is missing"),
        ({"within": {}}, "within: must have exactly one of"),
        ({"within": {"days": 1, "rolling": "PT1H"}}, "within: must have exactly one of"),
        ({"within": {"days": 0}}, "within.days: must be a whole number, 1 or more"),
        ({"within": {"rolling": "1 day"}}, "within.rolling: must be a duration"),
        ({"within": {"calendar": "year"}}, "within.calendar: is 'year', but must be one of"),
        ({"within": {"calendar": "week", "start": "monday"}}, "within.start: is 'monday'"),
        ({"counts": []}, "counts: is missing"),
        ({"counts": ["sms"]}, "counts: has 'sms', but must list channel.event"),
        ({"scope": None}, "scope: must be a list of words"),
        ({"scope": ["person"]}, "scope: has 'person', but may hold only"),
        ({"active_after": ["talk"]}, "active_after: has 'talk'"),
    ]


def test_a_rolling_day_is_elapsed_time_also_when_a_day_has_25_hours() -> None:
    rule = build({**DAILY, "within": {"rolling": "PT24H"}})
    assert (
        opens(rule, "2026-11-01T12:00:00Z", past("2026-10-31T13:00:00Z"), zones=("America/New_York",))
        == "2026-11-01T13:00:00"
    )


def test_days_are_local_dates_of_the_clock() -> None:
    rule = build({**DAILY, "within": {"days": 7}})
    evening = past("2026-08-14T04:30:00Z")  # 21:30 on the 13th in Los Angeles
    assert opens(rule, "2026-08-15T00:00:00Z", evening, zones=("America/Los_Angeles",)) == "2026-08-20T07:00:00"


def test_with_several_places_the_slot_is_free_when_it_is_in_all() -> None:
    rule = build(DAILY)
    assert (
        opens(rule, "2026-06-10T12:00:00Z", past("2026-06-10T11:00:00Z"), zones=("UTC", "America/New_York"))
        == "2026-06-11T04:00:00"
    )


@pytest.mark.parametrize(
    ("within", "free"),
    [
        ({"calendar": "week", "start": "mon"}, "2026-06-15T00:00:00"),
        ({"calendar": "week", "start": "thu"}, "2026-06-11T00:00:00"),
        ({"calendar": "month"}, "2026-07-01T00:00:00"),
    ],
)
def test_a_calendar_window_ends_with_its_week_or_month(within: dict[str, str], free: str) -> None:
    assert opens(build({**DAILY, "within": within}), "2026-06-10T12:00:00Z", past("2026-06-10T11:00:00Z")) == free


def test_december_ends_with_the_year() -> None:
    rule = build({**DAILY, "within": {"calendar": "month"}})
    assert opens(rule, "2026-12-31T12:00:00Z", past("2026-12-01T00:00:00Z")) == "2027-01-01T00:00:00"


def test_a_message_is_one_contact_however_far_it_got() -> None:
    sent, delivered = build({**DAILY, "counts": ["sms.sent"]}), build({**DAILY, "counts": ["sms.delivered"]})
    for event, counted in (("sent", (True, True)), ("delivered", (True, True)), ("undelivered", (True, False))):
        contact = past("2026-06-10T11:00:00Z", event=event)
        at = "2026-06-10T12:00:00Z"
        assert tuple(opens(rule, at, contact) != at[:19] for rule in (sent, delivered)) == counted


def test_an_inbound_contact_counts_unless_it_is_excepted() -> None:
    inbound = past("2026-06-10T11:00:00Z", direction="inbound")
    assert opens(build(DAILY), "2026-06-10T12:00:00Z", inbound) == "2026-06-11T00:00:00"
    assert opens(build({**DAILY, "except": ["inbound"]}), "2026-06-10T12:00:00Z", inbound) == "2026-06-10T12:00:00"


def test_a_key_that_both_lack_agrees_and_one_that_only_one_lacks_does_not() -> None:
    rule = build({**DAILY, "scope": ["household"]})
    assert opens(rule, "2026-06-10T12:00:00Z", past("2026-06-10T11:00:00Z")) == "2026-06-11T00:00:00"
    assert opens(rule, "2026-06-10T12:00:00Z", past("2026-06-10T11:00:00Z", household="H")) == "2026-06-10T12:00:00"


def test_it_sleeps_until_the_first_conversation_and_counts_from_it() -> None:
    rule = build({**DAILY, "max": 2, "active_after": ["call.conversation"], "except": ["inbound"]})
    messages = [past("2026-06-10T08:00:00Z"), past("2026-06-10T09:00:00Z")]
    call = past("2026-06-10T10:00:00Z", "call", "conversation", direction="inbound")
    assert opens(rule, "2026-06-10T12:00:00Z", *messages) == "2026-06-10T12:00:00"
    assert opens(rule, "2026-06-10T12:00:00Z", *messages, call, past("2026-06-10T11:00:00Z")) == "2026-06-10T12:00:00"
    both = past("2026-06-10T11:00:00Z"), past("2026-06-10T11:30:00Z")
    assert opens(rule, "2026-06-10T12:00:00Z", call, *both) == "2026-06-11T00:00:00"


def test_a_cap_of_none_never_opens_once_it_is_awake() -> None:
    assert opens(build({**DAILY, "max": 0}), "2026-06-10T12:00:00Z") is None
    sleeping = build({**DAILY, "max": 0, "active_after": ["call.conversation"]})
    assert opens(sleeping, "2026-06-10T12:00:00Z") == "2026-06-10T12:00:00"
    call = past("2026-06-10T13:00:00Z", "call", "conversation")
    assert sleeping.closes(case(call), parse_instant("2026-06-10T12:00:00Z")) == call.at
    assert opens(sleeping, "2026-06-10T13:00:00Z", call) is None


def test_contacts_after_the_moment_do_not_count_yet() -> None:
    later = past("2026-06-10T13:00:00Z")
    rule = build(DAILY)
    assert opens(rule, "2026-06-10T12:00:00Z", later) == "2026-06-10T12:00:00"
    assert rule.closes(case(later, zones=("UTC",)), later.at - DAY) == later.at


def test_its_figures_name_the_contacts_that_use_the_slots() -> None:
    finding = build(DAILY).finding(
        case(past("2026-06-10T11:00:00Z"), zones=("UTC",)), parse_instant("2026-06-10T12:00:00Z")
    )
    assert finding.code == "limit"
    assert finding.figures == {
        "max": 1,
        "within": "day",
        "clock": "recipient",
        "counted": 1,
        "contacts": [{"at": "2026-06-10T11:00:00.000Z", "channel": "sms", "event": "sent", "account": "D1"}],
        "frees": "2026-06-11T00:00:00.000Z",
    }
