"""Whom a rule concerns: what the job does not tell never exempts it."""

from typing import Any

import pytest

from tests.contracts.rule import build, candidate

STOP = {"kind": "stop", "states": ["cease"]}


@pytest.mark.parametrize(
    ("condition", "params", "concerned"),
    [
        ({"days_overdue": {"over": 15}}, {"days_overdue": 16}, True),
        ({"days_overdue": {"over": 15}}, {"days_overdue": 15}, False),
        ({"days_overdue": {"under": 15}}, {"days_overdue": 14.5}, True),
        ({"days_overdue": {"at_least": 15}}, {"days_overdue": "15"}, True),
        ({"days_overdue": {"at_most": 15}}, {"days_overdue": 16}, False),
        ({"days_overdue": {"over": 3, "under": 9}}, {"days_overdue": 9}, False),
        ({"amount_due": {"over": 100}}, {"amount_due": {"value": "99.90", "currency": "EUR"}}, False),
        ({"product": ["card", "loan"]}, {"product": "loan"}, True),
        ({"product": "card"}, {"product": "loan"}, False),
        ({"days_overdue": {"over": 15}}, {}, True),
        ({"days_overdue": {"over": 15}}, {"days_overdue": "many"}, True),
        ({"days_overdue": {"over": 15}}, {"days_overdue": None}, True),
        ({"days_overdue": {"over": 15}}, {"days_overdue": float("nan")}, True),
        ({"product": "card"}, {}, True),
    ],
)
def test_an_account_is_selected_by_its_attributes(condition: Any, params: dict[str, Any], concerned: bool) -> None:
    rule = build({**STOP, "applies": {"accounts": condition}})
    assert rule.selects(candidate(params=params)) is concerned


def test_every_selector_must_agree() -> None:
    rule = build({**STOP, "applies": {"purposes": ["collection"], "channels": ["sms"], "roles": ["agency", "buyer"]}})
    assert rule.selects(candidate(role="buyer"))
    assert not rule.selects(candidate(role="creditor"))
    assert not rule.selects(candidate(role="buyer", channel="email"))
    assert not rule.selects(candidate(role="buyer", purpose="legal"))


def test_one_flag_is_enough_to_lift_it() -> None:
    rule = build({**STOP, "waived_by": ["call_consent", "response"]})
    assert not rule.selects(candidate(flags=("other", "response")))
    assert rule.selects(candidate(flags=("other",)))
