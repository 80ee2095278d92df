"""`spacing`: a least gap between two contacts, whatever they were."""

from gateway.domain.clock import parse_instant
from tests.contracts.rule import RuleContract, build, case, past


class TestSpacing(RuleContract):
    kind = "spacing"
    specimens = [{"min_gap": "PT5H", "scope": ["recipient"]}]  # noqa: RUF012
    mistakes = [  # noqa: RUF012
        ({"min_gap": "5 h"}, "min_gap: must be a duration"),
        ({"min_gap": None}, "min_gap: is missing"),
    ]


def test_the_last_contact_decides() -> None:
    rule = build({"kind": "spacing", "min_gap": "PT2H", "scope": ["recipient"]})
    facts = case(past("2026-06-10T11:00:00Z"), past("2026-06-10T12:00:00Z", "call", "not_connected"), zones=("UTC",))
    assert rule.opens(facts, parse_instant("2026-06-10T12:30:00Z")) == parse_instant("2026-06-10T14:00:00Z")
