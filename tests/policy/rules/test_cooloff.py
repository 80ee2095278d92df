"""`cooloff`: after a conversation there is silence, by local dates or by elapsed time."""

from gateway.domain.clock import parse_instant
from tests.contracts.rule import RuleContract, build, case, past


class TestCooloff(RuleContract):
    kind = "cooloff"
    specimens = [  # noqa: RUF012
        {"counts": ["*.conversation"], "scope": ["recipient"], "days": 2},
        {"counts": ["call.*"], "scope": ["recipient", "account"], "for": "PT36H"},
    ]
    mistakes = [  # noqa: RUF012
        ({"days": 0}, "days: must be a whole number, 1 or more"),
        ({"for": "PT1H"}, "days: must be there, or for instead, and not both"),
        ({"scope": ["person"]}, "scope: has 'person'"),
    ]


def test_the_date_of_the_conversation_is_day_one() -> None:
    rule = build({"kind": "cooloff", "counts": ["*.conversation"], "scope": ["recipient"], "days": 7})
    talk = past("2026-08-14T04:30:00Z", "call", "conversation", direction="inbound")  # 21:30 on the 13th there
    facts = case(talk, zones=("America/Los_Angeles",))
    assert rule.opens(facts, talk.at) == parse_instant("2026-08-20T07:00:00Z")
