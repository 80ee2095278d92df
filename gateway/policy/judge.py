"""Decides whether a contact may be made now, and if not, at which first moment no rule stands against it.

The search leaps from one critical instant to the next (hours that open, contacts that cease to count, states that end):
every rule says when it alone would open, the latest answer is asked again, until all agree. What is skipped in a leap
was blocked by the rule that asked for it, so the moment found is the first.
"""

from collections.abc import Sequence

from gateway.domain.clock import SECOND, Instant, zone
from gateway.domain.ruling import Finding, Ruling
from gateway.policy.facts import Case
from gateway.policy.rules.base import HORIZON, Rule

WARN = "warn"


def judge(rules: Sequence[Rule], case: Case, at: Instant) -> Ruling:
    """A pure function of its arguments; POLICY, "The judgement". Rules whose `otherwise` is `warn` never block, but
    stand among the findings. If nobody knows the person's time zone the decision is never `allow`."""
    selected = [rule for rule in rules if not rule.idle(case) and rule.selects(case.candidate)]
    findings = tuple(
        rule.finding(case, at, blocks=rule.otherwise != WARN) for rule in selected if rule.opens_for(case, at) != at
    )
    binding = [rule for rule in selected if rule.otherwise != WARN]
    if not knows_time(case):
        return Ruling(decision="deny", earliest=None, closes=None, findings=(*findings, *_nobody_knows(case, findings)))
    if not any(finding.blocks for finding in findings):
        return Ruling(decision="allow", earliest=at, closes=closing(binding, case, at), findings=findings)
    earliest = first_common(binding, case, at)
    if earliest is None:
        return Ruling(decision="deny", earliest=None, closes=None, findings=findings)
    return Ruling(decision="defer", earliest=earliest, closes=closing(binding, case, earliest), findings=findings)


def weigh(rules: Sequence[Rule], case: Case, at: Instant) -> tuple[Finding, ...]:
    """Every rule that concerns the contact, with its figures, whether it blocks or not: for those who ask why."""
    selected = [rule for rule in rules if rule.selects(case.candidate)]
    return tuple(
        rule.finding(case, at, blocks=rule.otherwise != WARN and rule.opens_for(case, at) != at) for rule in selected
    )


def first_common(rules: Sequence[Rule], case: Case, at: Instant) -> Instant | None:
    """The first whole second, `at` or later, at which no rule blocks; None if there is none within the horizon."""
    end = at + HORIZON
    moment = _whole(at)
    while moment <= end:
        latest = moment
        for rule in rules:
            opens = rule.opens_for(case, latest)
            if opens is None:
                return None
            if opens > latest:
                latest = _whole(opens)
        if latest == moment:
            return moment
        moment = latest
    return None


def closing(rules: Sequence[Rule], case: Case, at: Instant) -> Instant | None:
    """The first instant after `at` at which a rule blocks, if none does at `at`; None if none is within the horizon."""
    ends = [end for rule in rules if (end := rule.closes_for(case, at)) is not None]
    return min(ends, default=None)


def knows_time(case: Case) -> bool:
    """Whether every candidate zone exists, and there is one."""
    return bool(case.zones) and all(map(zone, case.zones))


def _whole(at: Instant) -> Instant:
    return -(-at // SECOND) * SECOND


def _nobody_knows(case: Case, findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Why the answer is no although no rule needed the person's clock. It is not a rule, so it blocks by itself."""
    if any(finding.blocks for finding in findings):
        return ()
    return (
        Finding(
            rule="zone",
            pack="",
            kind="zone",
            source='POLICY, "The judgement": no zone known is never "allow"',
            status="verified",
            force="house",
            blocks=False,
            until=None,
            otherwise="drop",
            code="no_zone",
            figures={"zones": list(case.zones)},
        ),
    )
