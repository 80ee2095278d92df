"""Answers whether a person has said stop, without needing any rule: what everybody expects of the words of CONTRACT 4.

`opted_out` is about a channel or an address, for every debt; every other reason is about an account, on every channel.
Packs may exempt a purpose (a legal notice must go out in spite of a cease letter); other states that packs name stop
through their rules, and consents never stop anything.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from gateway.domain.clock import Instant
from gateway.policy.facts import Candidate, Case, State
from gateway.policy.policy import Policy
from gateway.policy.rules.base import Rule
from gateway.policy.rules.stop import Stop
from gateway.policy.states import covers

OPTED_OUT = "opted_out"
UNRULED = "stop:"
REASONS = (OPTED_OUT, "cease", "attorney", "bankruptcy", "deceased", "dispute", "moratorium", "paid")
"""The reasons of a `stop` command that need no rule."""

Exempt = Mapping[str, frozenset[str]]
"""State → the purposes that the packs in force exempt from it."""


class Stopped(Struct, frozen=True):
    """The person's own word against a contact, and the rule that gives its legal source, if one in force does."""

    state: State
    rule: str | None

    @property
    def name(self) -> str:
        """Under which it is recorded: the rule's, or `stop:opted_out`."""
        return self.rule or f"{UNRULED}{self.state.state}"


def explicit_stop(policy: Policy, jurisdictions: tuple[str, ...], case: Case, at: Instant) -> Stopped | None:
    """What the person said that forbids this contact, whatever the rules say of it; asked before them."""
    if not case.states:
        return None
    rules = policy.rules_for(jurisdictions)
    state = stopped(case.states, case.candidate, at, exemptions(rules, case.candidate, at))
    return None if state is None else Stopped(state, _rule_of(rules, state, case.candidate, at))


def next_stop(policy: Policy, jurisdictions: tuple[str, ...], case: Case, at: Instant) -> Instant | None:
    """When a stop that is known already begins to forbid this contact, later than `at`."""
    starts = sorted(state.from_ for state in case.states if state.from_ is not None and state.from_ > at)
    return next((start for start in starts if explicit_stop(policy, jurisdictions, case, start)), None)


def stopped(states: Sequence[State], candidate: Candidate, at: Instant, exempt: Exempt | None = None) -> State | None:
    """The state that forbids this contact at this moment, or None."""
    for state in states:
        if state.state not in REASONS or not covers(state, at) or not _forbids(state, candidate):
            continue
        if not exempt or candidate.purpose not in exempt.get(state.state, ()):
            return state
    return None


def exemptions(rules: Sequence[Rule], candidate: Candidate, at: Instant) -> Exempt:
    """For each state that stop rules name: the purposes that *every* such rule exempts (`except_purposes`), out of the
    rules that hold at the moment and concern the candidate's channel, role and account."""
    found: dict[str, frozenset[str]] = {}
    for rule in rules:
        if isinstance(rule, Stop) and rule.holds_at(at) and rule.selection.concerns(candidate):
            exempted = frozenset(rule.selection.except_purposes)
            for word in rule.states:
                found[word] = found.get(word, exempted) & exempted
    return found


def _rule_of(rules: Sequence[Rule], state: State, candidate: Candidate, at: Instant) -> str | None:
    case = Case(candidate=candidate, zones=("UTC",), states=(state,))
    named = (rule for rule in rules if isinstance(rule, Stop) and rule.holds_at(at) and rule.selects(candidate))
    return next((rule.id for rule in named if rule.opens_for(case, at) != at), None)


def _forbids(state: State, candidate: Candidate) -> bool:
    """Keys that the state lacks agree. A job that does not say which account it is about cannot show that it is about
    another one, so a stop for an account holds for it too."""
    if state.recipient not in (None, candidate.recipient):
        return False
    if state.state == OPTED_OUT:
        return state.channel in (None, candidate.channel) and state.address in (None, candidate.address)
    return candidate.account is None or state.account in (None, candidate.account)
