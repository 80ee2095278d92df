"""What every rule kind must keep, whatever it is for. A kind's test inherits `RuleContract` and gives it rules.

Judged at the moment it names itself it does not block; it names no later moment than needed; it is total and pure; and
what it saw can be written as JSON.
"""

from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec
import pytest

from gateway.domain.clock import DAY, MINUTE, SECOND, Instant, parse_instant
from gateway.policy.facts import Candidate, Case, PastContact, State
from gateway.policy.judge import judge
from gateway.policy.rules.base import HORIZON, Common, Rule
from gateway.policy.rules.registry import KINDS, read_rule

Raw = dict[str, Any]
START = parse_instant("2026-03-07T04:30:00Z")  # the day before New York's clocks go forward
PERSON = {"recipient": "C1", "account": "D1", "address": "N1"}


def build(keys: Raw, common: Common | None = None) -> Rule:
    """A rule from its own keys; those that every rule needs are filled in."""
    rule, faults = read_rule({"id": "rule", "source": "test", "status": "unverified", **keys}, common or Common())
    assert rule is not None, [str(fault) for fault in faults]
    return rule


def candidate(**keys: Any) -> Candidate:
    return Candidate(**{"channel": "sms", **PERSON, **keys})


def past(at: Instant | str, channel: str = "sms", event: str = "sent", **keys: Any) -> PastContact:
    when = parse_instant(at) if isinstance(at, str) else at
    return PastContact(at=when, channel=channel, event=event, **{**PERSON, **keys})


def case(
    *history: PastContact, zones: tuple[str, ...] = ("America/New_York",), states: tuple[State, ...] = (), **keys: Any
) -> Case:
    return Case(candidate=candidate(**keys), zones=zones, history=history, states=states)


class RuleContract:
    """`specimens` are the keys of rules of the kind; `mistakes` are keys that must not load, each with its sentence."""

    kind: ClassVar[str]
    specimens: ClassVar[list[Raw]]
    mistakes: ClassVar[list[tuple[Raw, str]]]

    def cases(self) -> Iterator[Case]:
        """Facts among which the specimens both block and do not."""
        busy = tuple(
            past(
                START + n * 7 * 3600 * SECOND,
                *(("sms", "sent"), ("call", "unanswered"), ("call", "conversation"))[n % 3],
            )
            for n in range(8)
        )
        states = (
            State(state="cease", from_=START + DAY, until=START + 2 * DAY, **PERSON),
            State(state="cease", from_=START + 2 * DAY - MINUTE, until=START + 3 * DAY, recipient="C1"),
        )
        for history in ((), busy):
            for zones in (("America/New_York",), ("America/New_York", "Asia/Kathmandu")):
                yield Case(candidate=candidate(), zones=zones, history=history, states=states)
                yield Case(candidate=candidate(channel="call"), zones=zones, history=history, states=states)

    def questions(self) -> Iterator[tuple[Rule, Case, Instant]]:
        for keys in self.specimens:
            rule = build({"kind": self.kind, **keys})
            for facts in self.cases():
                for step in range(0, 5 * DAY, 3 * 3600 * SECOND + 17 * MINUTE):
                    yield rule, facts, START + step

    def test_it_is_registered_under_its_name(self) -> None:
        assert KINDS[self.kind].kind == self.kind

    def test_it_does_not_block_at_the_moment_that_it_names_and_does_until_then(self) -> None:
        blocked = 0
        for rule, facts, at in self.questions():
            opens = rule.opens(facts, at)
            if opens is None:
                assert judge([rule], facts, at).decision == "deny"
                continue
            assert opens >= at
            assert rule.opens(facts, opens) == opens
            assert (rule.closes(facts, at) == at) == (opens != at), "the search would never end"
            if opens > at:
                blocked += 1
                for before in (opens - 1, (at + opens) // 2):
                    assert rule.opens(facts, before) == opens
        assert blocked, "the specimens never block; the contract says nothing about them"

    def test_it_closes_when_it_says_and_not_before(self) -> None:
        for rule, facts, at in self.questions():
            if rule.opens(facts, at) != at:
                continue
            closes = rule.closes(facts, at)
            if closes is None:
                assert rule.opens(facts, at + 9 * DAY) == at + 9 * DAY
            else:
                assert at < closes <= at + HORIZON
                assert rule.opens(facts, closes) != closes
                assert rule.opens(facts, closes - 1) == closes - 1

    def test_a_rule_that_says_it_is_idle_never_blocks(self) -> None:
        bare = {"history": (), "states": (), "memo": {}}
        for rule, facts, at in self.questions():
            for case in (facts, msgspec.structs.replace(facts, **bare)):
                if rule.idle(case):
                    assert rule.opens(case, at) == at
                    assert rule.closes(case, at) is None

    def test_the_same_question_has_the_same_answer_whatever_was_asked_before(self) -> None:
        for rule, facts, at in self.questions():
            again = msgspec.structs.replace(facts, history=tuple(reversed(facts.history)), memo={})
            assert rule.opens(again, at) == rule.opens(facts, at)

    def test_its_finding_can_be_written_and_names_its_source(self) -> None:
        for rule, facts, at in self.questions():
            finding = rule.finding(facts, at)
            assert finding.source == "test"
            assert finding.kind == self.kind
            assert finding.code
            assert msgspec.json.encode(finding)

    def test_it_does_not_concern_what_it_does_not_select(self) -> None:
        aside = (
            {"applies": {"channels": ["letter"]}},
            {"except_purposes": ["collection"]},
            {"effective": {"from": "2027-01-01"}},
        )
        for extra in (*aside, {"effective": {"until": "2025-01-01"}}):
            for keys in self.specimens:
                rule = build({"kind": self.kind, **keys, **extra})
                for facts in self.cases():
                    assert rule.opens(facts, START) == START
                    assert rule.closes(facts, START) is None

    def test_a_flag_of_the_job_lifts_it(self) -> None:
        for keys in self.specimens:
            rule = build({"kind": self.kind, **keys, "waived_by": ["response"]})
            for facts in self.cases():
                lifted = msgspec.structs.replace(facts, candidate=candidate(flags=("response",)), memo={})
                assert rule.opens(lifted, START) == START

    def test_every_mistake_is_a_sentence_with_its_key(self) -> None:
        for keys, sentence in [*self.mistakes, ({"surprise": 1}, "surprise: is an unknown key here")]:
            base = {"id": "rule", "source": "test", "status": "verified", "kind": self.kind, **self.specimens[0]}
            rule, faults = read_rule({**base, **keys}, Common())
            assert rule is None
            assert any(sentence in str(fault) for fault in faults), [str(fault) for fault in faults]

    @pytest.mark.parametrize("key", ["id", "source", "status"])
    def test_without_its_papers_it_does_not_load(self, key: str) -> None:
        base = {"id": "rule", "source": "test", "status": "verified", "kind": self.kind, **self.specimens[0]}
        del base[key]
        rule, faults = read_rule(base, Common())
        assert rule is None
        assert [str(fault) for fault in faults] == [f"{key}: is missing"]
