"""The properties of `judge` that must hold whatever the rules, the zones and the history are."""

import copy
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.clock import DAY, SECOND, Instant, parse_instant
from gateway.domain.ruling import Ruling
from gateway.policy.judge import judge
from gateway.policy.vectors import judge_case, read_case, read_rules
from tests.policy.often import often
from tests.policy.strategies import KINDS, vectors

Raw = dict[str, Any]
LENIENT = ("channel_lock", "require")
"""Kinds that a contact may open, so says the rule itself: the week's channel is another, the notice was given."""
STRICT = tuple(kind for kind in KINDS if kind not in LENIENT)


def ruled(vector: Raw, at: Instant) -> Ruling:
    return judge(read_rules(vector), read_case(vector, vector), at)


def moment(vector: Raw) -> Instant:
    return parse_instant(vector["at"])


def is_no_earlier(after: Ruling, before: Ruling) -> bool:
    if before.earliest is None:
        return after.earliest is None
    return after.earliest is None or after.earliest >= before.earliest


@often()
@given(vectors())
def test_judged_again_at_its_own_earliest_it_goes_and_a_second_before_it_does_not(vector: Raw) -> None:
    at = moment(vector)
    ruling = ruled(vector, at)
    if ruling.earliest is not None:
        assert ruled(vector, ruling.earliest).decision == "allow"
        if ruling.earliest > at:
            before = ruled(vector, ruling.earliest - SECOND)
            assert (before.decision, before.earliest) == ("defer", ruling.earliest)


@often()
@given(vectors())
def test_one_more_rule_never_makes_anything_admissible(vector: Raw) -> None:
    at = moment(vector)
    before = ruled(vector, at)
    after = ruled({**vector, "rules": [*vector["rules"], vector["more"]["rule"]]}, at)
    assert [name for name in after.blocked_by if name != "one-more"] == before.blocked_by
    assert is_no_earlier(after, before)


@often()
@given(vectors(kinds=STRICT))
def test_one_more_contact_never_makes_anything_admissible(vector: Raw) -> None:
    at = moment(vector)
    before = ruled(vector, at)
    after = ruled({**vector, "history": [*vector["history"], vector["more"]["contact"]]}, at)
    assert set(before.blocked_by) <= set(after.blocked_by)
    assert is_no_earlier(after, before)


@often()
@given(vectors())
def test_one_more_contact_opens_no_rule_but_those_that_say_so(vector: Raw) -> None:
    at = moment(vector)
    before = ruled(vector, at)
    after = ruled({**vector, "history": [*vector["history"], vector["more"]["contact"]]}, at)
    opened = set(before.blocked_by) - set(after.blocked_by)
    kinds = {rule["id"]: rule["kind"] for rule in vector["rules"] if "state" not in rule}
    assert {kinds[name] for name in opened} <= set(LENIENT)


def test_a_rule_that_says_so_is_opened_by_a_contact() -> None:
    base = {"id": "rule", "source": "test", "status": "unverified", "scope": ["recipient"]}
    notice: Raw = {"at": "2026-06-08T12:00:00Z", "channel": "letter", "event": "sent", "recipient": "C1"}
    call = {**notice, "at": "2026-06-09T12:00:00Z", "channel": "call", "event": "conversation"}
    vector = {"zones": ["UTC"], "at": "2026-06-10T12:00:00Z", "candidate": {"channel": "letter", "recipient": "C1"}}
    need = {**vector, "rules": [{**base, "kind": "require", "event": ["letter.sent"]}]}
    lock = {**vector, "rules": [{**base, "kind": "channel_lock", "counts": ["*.*"], "calendar": "week"}]}
    for vector, history in ((need, [call]), (lock, [call])):
        assert judge_case({**vector, "history": history}, vector)["decision"] != "allow"
        assert judge_case({**vector, "history": [*history, notice]}, vector)["decision"] == "allow"


@often()
@given(vectors(), vectors(), st.integers(-5 * DAY, 5 * DAY))
def test_the_same_question_has_the_same_answer_whatever_was_asked_before(vector: Raw, other: Raw, off: int) -> None:
    """Also where one case with its memory is asked about several moments, and its history comes in another order."""
    at, written = moment(vector), copy.deepcopy(vector)
    rules, case = read_rules(vector), read_case(vector, vector)
    kept = copy.deepcopy(msgspec.structs.replace(case, memo={}))
    first = judge(rules, case, at)
    ruled(other, moment(other))
    judge(rules, case, at + off)
    judge(rules[:1], case, at - off)
    assert judge(rules, case, at) == first
    turned = ruled({**vector, "history": vector["history"][::-1], "states": vector["states"][::-1]}, at)
    if not has_ties(vector):
        assert (turned.blocked_by, turned.earliest, turned.closes) == (first.blocked_by, first.earliest, first.closes)
    assert judge(rules, msgspec.structs.replace(case, memo={}), at) == first
    assert msgspec.structs.replace(case, memo={}) == kept
    assert vector == written
    assert rules == read_rules(vector)


def has_ties(vector: Raw) -> bool:
    times = [contact["at"] for contact in vector["history"]]
    return len(set(times)) < len(times)


@often()
@given(vectors())
def test_what_is_open_stays_open_until_it_closes(vector: Raw) -> None:
    ruling = ruled(vector, moment(vector))
    if ruling.earliest is None:
        return
    if ruling.closes is None:
        assert ruled(vector, ruling.earliest + 5 * DAY).decision == "allow"
        return
    assert ruled(vector, ruling.closes - 1).decision == "allow"
    assert ruled(vector, ruling.closes).decision != "allow"
    halfway = (ruling.earliest + ruling.closes) // 2
    assert ruled(vector, halfway).decision == "allow"


@often()
@given(vectors(), st.integers(0, 999))
def test_a_moment_with_milliseconds_is_answered_in_whole_seconds(vector: Raw, ms: int) -> None:
    at = moment(vector) + ms
    ruling = ruled(vector, at)
    if ruling.decision == "allow":
        assert ruling.earliest == at
    elif ruling.earliest is not None:
        assert ruling.earliest % SECOND == 0
        assert ruling.earliest >= at


@often()
@given(vectors(), st.sampled_from([(), ("Nowhere/Land",), ("UTC", "Nowhere/Land"), ("",)]))
def test_who_has_no_zone_is_never_contacted(vector: Raw, zones: tuple[str, ...]) -> None:
    ruling = ruled({**vector, "zones": zones}, moment(vector))
    assert (ruling.decision, ruling.earliest) == ("deny", None)
    assert ruling.findings
