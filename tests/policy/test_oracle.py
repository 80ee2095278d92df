"""The judge against a second opinion, and the properties that must hold whatever the rules are."""

from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.domain.clock import SECOND, Instant, format_instant, parse_instant
from gateway.domain.ruling import Ruling
from gateway.policy.judge import judge
from gateway.policy.vectors import judge_case, read_case, read_rules
from tests.policy import oracle
from tests.policy.strategies import rules, vectors

Raw = dict[str, Any]
DAYS = 4
"""How far the oracle steps; it is slow."""
many = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])


def ruled(vector: Raw, at: Instant) -> Ruling:
    return judge(read_rules(vector), read_case(vector, vector), at)


@many
@given(vectors())
def test_the_judge_finds_what_stepping_minute_by_minute_finds(vector: Raw) -> None:
    at = oracle.moment(vector["at"])
    answer = judge_case(vector, vector)
    blocking = [rule["id"] for rule in vector["rules"] if oracle.blocks(rule, vector, vector["candidate"], at)]
    assert answer["blocked_by"] == blocking
    first = oracle.first_open(vector, vector["candidate"], at, DAYS)
    if first is None:
        earliest = answer["earliest"]
        assert earliest is None or oracle.moment(earliest) > at + timedelta(days=DAYS)
    else:
        assert answer["earliest"] == oracle.written(first)
        assert answer["decision"] == ("allow" if first == at else "defer")


@many
@given(vectors())
def test_judged_again_at_its_own_earliest_it_goes_and_a_second_before_it_does_not(vector: Raw) -> None:
    at = parse_instant(vector["at"])
    ruling = ruled(vector, at)
    if ruling.earliest is not None:
        assert ruled(vector, ruling.earliest).decision == "allow"
        if ruling.earliest > at:
            assert ruled(vector, ruling.earliest - SECOND).decision == "defer"


@many
@given(vectors(), rules())
def test_one_more_rule_never_makes_anything_admissible(vector: Raw, rule: Raw) -> None:
    at = parse_instant(vector["at"])
    before = ruled(vector, at)
    after = ruled({**vector, "rules": [*vector["rules"], {"id": "one-more", **rule}]}, at)
    assert [name for name in after.blocked_by if name != "one-more"] == before.blocked_by
    if before.earliest is None:
        assert after.earliest is None
    elif after.earliest is not None:
        assert after.earliest >= before.earliest


@many
@given(vectors())
def test_what_is_open_stays_open_until_it_closes(vector: Raw) -> None:
    ruling = ruled(vector, parse_instant(vector["at"]))
    if ruling.earliest is None:
        return
    if ruling.closes is None:
        assert ruled(vector, ruling.earliest + 5 * 86_400 * SECOND).decision == "allow"
        return
    assert ruled(vector, ruling.closes - 1).decision == "allow"
    assert ruled(vector, ruling.closes).decision != "allow"
    halfway = (ruling.earliest + ruling.closes) // 2
    assert ruled(vector, halfway).decision == "allow"


@many
@given(vectors(), st.integers(0, 999))
def test_a_moment_with_milliseconds_is_answered_in_whole_seconds(vector: Raw, ms: int) -> None:
    at = parse_instant(vector["at"]) + ms
    ruling = ruled(vector, at)
    if ruling.decision == "allow":
        assert ruling.earliest == at
    elif ruling.earliest is not None:
        assert ruling.earliest % SECOND == 0, format_instant(ruling.earliest)
        assert ruling.earliest >= at
