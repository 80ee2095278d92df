"""`stop`: a state that covers the moment forbids contact, for whom and what it names."""

from gateway.domain.clock import format_instant, parse_instant
from gateway.policy.facts import State
from tests.contracts.rule import RuleContract, build, case

AT = parse_instant("2026-06-10T12:00:00Z")
LATER = parse_instant("2026-06-11T12:00:00Z")


class TestStop(RuleContract):
    kind = "stop"
    specimens = [  # noqa: RUF012
        {"states": ["cease"], "match": ["recipient", "account"]},
        {"states": ["dispute", "cease"]},
    ]
    mistakes = [  # noqa: RUF012
        ({"states": []}, "states: is missing"),
        ({"states": "cease"}, "states: must be a list of words"),
        ({"match": ["person"]}, "match: has 'person', but may hold only"),
    ]


def test_without_an_end_it_never_opens() -> None:
    rule = build({"kind": "stop", "states": ["cease"]})
    assert rule.opens(case(states=(State(state="cease", recipient="C1"),)), AT) is None
    assert rule.opens(case(states=(State(state="paid", recipient="C1"),)), AT) == AT


def test_states_that_follow_each_other_stop_as_one() -> None:
    rule = build({"kind": "stop", "states": ["moratorium"]})
    chain = (
        State(state="moratorium", from_=LATER, until=LATER + 1000),
        State(state="moratorium", until=LATER),
        State(state="moratorium", from_=LATER + 2000),
    )
    assert rule.opens(case(states=chain), AT) == LATER + 1000
    assert rule.closes(case(states=chain), LATER + 1000) == LATER + 2000


def test_keys_must_agree_and_one_that_the_state_lacks_does() -> None:
    rule = build({"kind": "stop", "states": ["cease"], "match": ["recipient", "account"]})
    for state, stops in (
        (State(state="cease"), True),
        (State(state="cease", recipient="C1", account="D1", address="elsewhere"), True),
        (State(state="cease", recipient="C1", account="D2"), False),
        (State(state="cease", recipient="C2"), False),
    ):
        assert (rule.opens(case(states=(state,)), AT) is None) is stops


def test_its_finding_names_the_states() -> None:
    rule = build({"kind": "stop", "states": ["cease", "opted_out"]})
    finding = rule.finding(case(states=(State(state="opted_out", until=LATER),)), AT)
    assert finding.code == "opted_out"
    assert finding.until == LATER
    assert finding.figures == {
        "states": [{"state": "opted_out", "from": None, "until": format_instant(LATER), "account": None}]
    }
    assert rule.finding(case(states=(State(state="cease"), State(state="opted_out"))), AT).code == "stopped"
