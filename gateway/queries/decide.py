"""Judges a recorded case as the line does: what the person said first, then the rules."""

from msgspec import Struct

from gateway.domain.clock import Instant
from gateway.domain.ruling import Decision
from gateway.policy.facts import Case
from gateway.policy.judge import judge
from gateway.policy.policy import Policy
from gateway.policy.stops import explicit_stop


class Decided(Struct, frozen=True):
    """What was, or would be, decided of one contact. `earliest` and `blocked_by` as in a Ruling."""

    decision: Decision
    earliest: Instant | None
    blocked_by: tuple[str, ...] = ()


def decide(policy: Policy, jurisdictions: tuple[str, ...], case: Case, at: Instant) -> Decided:
    """The decision of the line (`pipeline.weigh`) on the same facts."""
    stop = explicit_stop(policy, jurisdictions, case, at)
    if stop is not None:
        return Decided("deny", None, (stop.name,))
    ruling = judge(policy.rules_on(jurisdictions, case.candidate), case, at)
    return Decided(ruling.decision, ruling.earliest, tuple(ruling.blocked_by))
