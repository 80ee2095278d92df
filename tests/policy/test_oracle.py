"""The judge against a second opinion, `oracle`, over rules of every kind."""

import json
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from gateway.policy.judge import judge
from gateway.policy.rules.registry import KINDS
from gateway.policy.vectors import judge_case, read_case, read_rules
from tests.policy import oracle, strategies
from tests.policy.often import often

Raw = dict[str, Any]
DAYS = 9
"""How far the oracle steps; it is slow."""
STEP = 15
"""Minutes; everything that is drawn lies on quarters of an hour."""


def test_the_oracle_and_the_strategies_know_every_kind() -> None:
    assert oracle.KINDS.keys() == KINDS.keys() == set(strategies.KINDS)


@pytest.mark.parametrize("name", ["policy.json", "policy-random.json", "policy-more.json"])
def test_the_oracle_itself_agrees_with_the_worked_cases(name: str) -> None:
    document = json.loads((Path(__file__).parent.parent / "vectors" / name).read_text("utf-8"))
    for vector in document["vectors"]:
        for case in vector["cases"]:
            facts, expect = {**vector, **case.get("override", {})}, case["expect"]
            if "blocked_by" not in expect:
                continue  # a person without a zone, of whom the oracle knows nothing
            assert oracle.blocking(facts, case["candidate"], oracle.moment(case["at"])) == expect["blocked_by"]
            if expect["earliest"] is not None:
                assert not oracle.blocking(facts, case["candidate"], oracle.moment(expect["earliest"])), case["case"]


def agrees(vector: Raw, step: int) -> None:
    at = oracle.moment(vector["at"])
    answer = judge_case(vector, vector)
    assert answer["blocked_by"] == oracle.blocking(vector, vector["candidate"], at)
    first = oracle.first_open(vector, vector["candidate"], at, DAYS, step)
    event(answer["decision"])
    if first is None:
        earliest = answer["earliest"]
        assert earliest is None or oracle.moment(earliest) > at + timedelta(days=DAYS)
    else:
        assert answer["earliest"] == oracle.written(first)
        assert answer["decision"] == ("allow" if first == at else "defer")


@often(2)
@given(strategies.vectors())
def test_the_judge_finds_what_stepping_from_quarter_to_quarter_finds(vector: Raw) -> None:
    agrees(vector, STEP)


@often(0.1)
@given(strategies.vectors(most_rules=2))
def test_the_judge_finds_what_stepping_from_minute_to_minute_finds(vector: Raw) -> None:
    agrees(vector, 1)


@pytest.mark.parametrize("kind", [*(kind for kind in strategies.KINDS if kind != "content"), "all"])
def test_around_every_edge_the_same_rules_block_to_the_millisecond(kind: str) -> None:
    kinds = strategies.KINDS if kind == "all" else (kind,)

    @often(4 if kind in ("cap", "require", "all") else 1)  # these have the most parameters
    @given(strategies.vectors(most_rules=2, kinds=kinds), st.data())
    def look(vector: Raw, data: st.DataObject) -> None:
        rules, case = read_rules(vector), read_case(vector, vector)
        for text in vector["edges"]:
            ahead = timedelta(hours=data.draw(st.sampled_from([0, 0, 3, 24, 36, 48, 72])))
            edge = oracle.moment(text) + ahead
            for off in (timedelta(seconds=-1), timedelta(milliseconds=-1), timedelta(0), timedelta(milliseconds=1)):
                at = edge + off
                blocking = oracle.blocking(vector, vector["candidate"], at)
                assert judge(rules, case, int(at.timestamp() * 1000)).blocked_by == blocking, at

    look()


@often(2)
@given(strategies.vectors(), st.data())
def test_between_the_moment_judged_and_the_earliest_something_always_blocks(vector: Raw, data: st.DataObject) -> None:
    """Also where the earliest is weeks away, further than the oracle steps."""
    answer = judge_case(vector, vector)
    if answer["earliest"] is None:
        return
    at, earliest = oracle.moment(vector["at"]), oracle.moment(answer["earliest"])
    assert not oracle.blocking(vector, vector["candidate"], earliest)
    seconds = int((earliest - at).total_seconds())
    for _ in range(min(8, seconds)):
        between = at + timedelta(seconds=data.draw(st.integers(0, seconds - 1)))
        assert oracle.blocking(vector, vector["candidate"], between), between
    if seconds:
        assert oracle.blocking(vector, vector["candidate"], earliest - timedelta(seconds=1))


def test_what_is_drawn_is_worth_asking() -> None:
    """Every kind blocks sometimes and sometimes does not, and all three decisions are met, or nothing is proved."""
    met: Counter[str] = Counter()

    @settings(often(), max_examples=1500, derandomize=True)
    @given(strategies.vectors(most_rules=2))
    def look(vector: Raw) -> None:
        answer = judge_case(vector, vector)
        met[answer["decision"]] += 1
        for rule in vector["rules"]:
            met[f"{rule['kind']} {'blocks' if rule['id'] in answer['blocked_by'] else 'does not'}"] += 1

    look()
    print(dict(met))
    expected = {f"{kind} {what}" for kind in KINDS for what in ("blocks", "does not")} - {"content blocks"}
    assert {"allow", "defer", "deny", *expected} <= {what for what, number in met.items() if number}
