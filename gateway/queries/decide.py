"""Judges a recorded case as the line does: what the person said first, then the rules."""

from msgspec import Struct

from gateway.domain.clock import Instant
from gateway.domain.ruling import Decision
from gateway.policy.facts import Case, State
from gateway.policy.judge import judge
from gateway.policy.policy import Policy
from gateway.policy.stops import exemptions, stop_rule, stopped

STOP = "stop:"
"""Begins the name under which a stop is recorded that no rule in force names: `stop:opted_out`."""


class Decided(Struct, frozen=True):
    """What was, or would be, decided of one contact. `earliest` and `blocked_by` as in a Ruling."""

    decision: Decision
    earliest: Instant | None
    blocked_by: tuple[str, ...] = ()


def decide(policy: Policy, jurisdictions: tuple[str, ...], case: Case, at: Instant) -> Decided:
    """The decision of the line (`pipeline.weigh`) on the same facts."""
    rules = policy.rules_on(jurisdictions, case.candidate)
    stop = explicit_stop(policy, jurisdictions, case, at)
    if stop is not None:
        rule = stop_rule(rules, stop, case.candidate, at)
        return Decided("deny", None, (rule or STOP + stop.state,))
    ruling = judge(rules, case, at)
    return Decided(ruling.decision, ruling.earliest, tuple(ruling.blocked_by))


def explicit_stop(policy: Policy, jurisdictions: tuple[str, ...], case: Case, at: Instant) -> State | None:
    """The person's own word that forbids this contact, whatever the rules say of it."""
    if not case.states:
        return None
    exempt = exemptions(policy.rules_for(jurisdictions), case.candidate, at)
    return stopped(case.states, case.candidate, at, exempt)
