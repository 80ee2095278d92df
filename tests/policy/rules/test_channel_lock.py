"""`channel_lock`: the channel of the week's first contact is the week's channel."""

from gateway.domain.clock import parse_instant
from tests.contracts.rule import RuleContract, build, case, past

KEYS = {"kind": "channel_lock", "counts": ["*.*"], "scope": ["recipient"], "calendar": "week", "start": "mon"}
THURSDAY = parse_instant("2026-06-25T15:00:00Z")


class TestChannelLock(RuleContract):
    kind = "channel_lock"
    specimens = [  # noqa: RUF012
        {"counts": ["*.*"], "scope": ["recipient"], "calendar": "week"},
        {"counts": ["call.*"], "scope": ["recipient"], "calendar": "week", "start": "sun", "clock": "fixed:Asia/Tokyo"},
    ]
    mistakes = [  # noqa: RUF012
        ({"calendar": "day"}, "calendar: must be week"),
        ({"calendar": None}, "calendar: is missing"),
        ({"start": "monday"}, "start: is 'monday'"),
    ]


def test_another_channel_waits_for_the_next_week_and_the_same_goes() -> None:
    rule = build(KEYS)
    tuesday = past("2026-06-23T15:00:00Z", "call", "conversation")
    assert rule.opens(case(tuesday, zones=("America/Bogota",)), THURSDAY) == parse_instant("2026-06-29T05:00:00Z")
    assert rule.opens(case(tuesday, zones=("America/Bogota",), channel="call"), THURSDAY) == THURSDAY
    finding = rule.finding(case(tuesday, zones=("America/Bogota",)), THURSDAY)
    assert finding.code == "limit"
    assert finding.figures["locked"][0]["channel"] == "call"


def test_last_week_locks_nothing() -> None:
    sunday = past("2026-06-21T15:00:00Z", "call", "conversation")
    assert build(KEYS).opens(case(sunday, zones=("America/Bogota",)), THURSDAY) == THURSDAY
