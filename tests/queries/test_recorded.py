"""A decision judged again on what was recorded of it comes out the same, also when it was a line in between."""

import re
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings

from gateway.domain.clock import parse_instant
from gateway.policy.facts import Case
from gateway.policy.judge import judge
from gateway.policy.pack import Pack
from gateway.policy.policy import Policy
from gateway.policy.stops import REASONS, UNRULED
from gateway.policy.vectors import read_case, read_rules
from gateway.queries.concerns import unconcerned
from gateway.queries.decide import Decided, decide
from gateway.queries.explain import channel_story
from gateway.queries.packs import Made
from gateway.queries.recorded import Recorded, read_line, write_line
from tests.policy.strategies import vectors


def policy_of(vector: dict[str, Any]) -> Policy:
    rules = tuple(msgspec.structs.replace(rule, pack="house@1") for rule in read_rules(vector))
    pack = Pack(code="house", title="", version="1", notice="", rules=rules, examples=(), label="house@1")
    return Policy({"house": pack})


def recorded_of(vector: dict[str, Any], policy: Policy) -> tuple[Recorded, Case]:
    case, at = read_case(vector, {"candidate": vector["candidate"]}), parse_instant(vector["at"])
    return Recorded(
        job_id="j", tenant="t", at=at, policy="house@1", tzdata="", zones=case.zones, jurisdictions=("US",),
        inferred={}, candidate=case.candidate, history=case.history, states=case.states,
        decided=decide(policy, ("US",), case, at),
    ), case  # fmt: skip


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(vectors())
def test_what_is_explained_agrees_with_what_the_judge_says(vector: dict[str, Any]) -> None:
    policy = policy_of(vector)
    recorded, case = recorded_of(vector, policy)
    story = channel_story(recorded, Made(policy, ()), "en")
    assert story.agrees is True
    rules = policy.rules_for(("US",))
    ruling = judge(rules, case, recorded.at)
    blocking = [rule.rule for rule in story.rules if rule.verdict == "blocks" and not rule.rule.startswith(UNRULED)]
    assert sorted(blocking) == sorted(ruling.blocked_by), "a rule that blocks is told, and no other is told to block"
    told = [rule.rule for rule in story.rules if not rule.rule.startswith(UNRULED)]
    assert sorted([*told, *(other.rule for other in story.unconcerned)]) == sorted(rule.id for rule in rules)
    stops = [state.state for state in case.states if state.state in REASONS]
    if not stops:
        assert recorded.decided == Decided(ruling.decision, ruling.earliest, tuple(ruling.blocked_by))
    for rule in rules:
        if unconcerned(rule, case, recorded.at) is not None:
            assert rule.opens(case, recorded.at) == recorded.at, "a rule that is not concerned does not block"
    blocks_first = [rule.verdict == "blocks" for rule in story.rules]
    assert blocks_first == sorted(blocks_first, reverse=True)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(vectors())
def test_a_case_survives_being_a_line(vector: dict[str, Any]) -> None:
    policy = policy_of(vector)
    recorded, _ = recorded_of(vector, policy)
    line = write_line(recorded)
    assert b"\n" not in line
    again = read_line(line)
    assert decide(policy, ("US",), again.case, again.at) == again.decided == recorded.decided
    assert write_line(again) == line


def test_a_line_has_the_fields_that_others_rely_on() -> None:
    vector: dict[str, Any] = {
        "rules": [], "zones": ["UTC"], "at": "2026-06-09T15:00:00Z", "candidate": {"channel": "sms", "recipient": "C"},
        "history": [{"at": "2026-06-09T12:00:00Z", "channel": "sms", "event": "sent", "recipient": "C"}],
        "states": [{"state": "cease", "from": "2026-06-10T00:00:00Z", "recipient": "C"}],
    }  # fmt: skip
    line = msgspec.json.decode(write_line(recorded_of(vector, policy_of(vector))[0]))
    assert list(line) == [
        "job_id", "tenant", "at", "policy", "tzdata", "zones", "jurisdictions", "inferred", "candidate", "history",
        "states", "decision", "earliest", "blocked_by",
    ]  # fmt: skip
    assert line["history"] == [{"at": "2026-06-09T12:00:00.000Z", "channel": "sms", "event": "sent", "recipient": "C"}]
    assert line["states"] == [{"state": "cease", "from": "2026-06-10T00:00:00.000Z", "recipient": "C"}]
    assert (line["decision"], line["earliest"], line["blocked_by"]) == ("allow", "2026-06-09T15:00:00.000Z", [])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (b"nonsense", "malformed"),
        (b"[]", "Expected `object`"),
        ({"at": "soon"}, "RFC 3339"),
        ({"decision": "maybe"}, "Invalid enum value 'maybe'"),
        ({"history": [{"channel": "sms"}]}, "'at' is missing"),
        ({"history": [{"at": 3, "channel": "sms", "event": "sent"}]}, "expected string"),
        ({"states": [{"from": "2026-06-10T00:00:00Z"}]}, "`state`"),
        ({"zoned": []}, "unknown field `zoned`"),
        ({"candidate": {}}, "`channel`"),
    ],
)
def test_what_is_no_case_is_told_in_a_sentence(change: Any, sentence: str) -> None:
    vector: dict[str, Any] = {"rules": [], "zones": ["UTC"], "at": "2026-06-09T15:00:00Z",
                              "candidate": {"channel": "sms"}}  # fmt: skip
    line = write_line(recorded_of(vector, policy_of(vector))[0])
    broken = msgspec.json.encode(msgspec.json.decode(line) | change) if isinstance(change, dict) else change
    with pytest.raises(ValueError, match=re.escape(sentence)):
        read_line(broken)
