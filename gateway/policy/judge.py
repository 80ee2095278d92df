"""Decides whether a contact may be made now, and if not, at which first moment no rule stands against it.

The search leaps from one critical instant to the next (hours that open, contacts that cease to count, states that end):
every rule says when it alone would open, the latest answer is asked again, until all agree. What is skipped in a leap
was blocked by the rule that asked for it, so the moment found is the first.
"""

from collections.abc import Sequence

from gateway.domain.clock import SECOND, Instant
from gateway.domain.ruling import Finding, Ruling
from gateway.policy.facts import Case
from gateway.policy.rules.base import HORIZON, WARN, Rule, known_zones


def judge(rules: Sequence[Rule], case: Case, at: Instant) -> Ruling:
    """A pure function of its arguments; POLICY, "The judgement". Rules whose `otherwise` is `warn` never block, but
    stand among the findings, without figures. If nobody knows the person's time zone the decision is never `allow`."""
    asked = [rule for rule in rules if not rule.idle(case) and rule.selection.selects(case.candidate)]
    closes = [rule.closes_for(case, at) for rule in asked]
    against = [rule for rule, close in zip(asked, closes, strict=True) if close == at]
    findings = tuple([rule.warning() if rule.otherwise == WARN else rule.finding(case, at) for rule in against])
    if not knows_time(case):
        return Ruling(decision="deny", earliest=None, closes=None, findings=(*findings, *_nobody_knows(case, findings)))
    opens = [finding.until for finding in findings if finding.blocks]
    if not opens:
        ends = [end for rule, end in zip(asked, closes, strict=True) if end is not None and rule.otherwise != WARN]
        return Ruling(decision="allow", earliest=at, closes=min(ends, default=None), findings=findings)
    binding = [rule for rule in asked if rule.otherwise != WARN]
    earliest, end = _search(binding, case, _last(opens), at + HORIZON)
    return Ruling(decision="deny" if earliest is None else "defer", earliest=earliest, closes=end, findings=findings)


def weigh(rules: Sequence[Rule], case: Case, at: Instant) -> tuple[Finding, ...]:
    """Every rule that concerns the contact, with its figures, whether it blocks or not: for those who ask why."""
    selected = [rule for rule in rules if rule.selects(case.candidate)]
    return tuple(
        rule.finding(case, at, blocks=rule.otherwise != WARN and rule.opens_for(case, at) != at) for rule in selected
    )


def first_common(rules: Sequence[Rule], case: Case, at: Instant) -> Instant | None:
    """The first whole second, `at` or later, at which no rule blocks; None if there is none within the horizon."""
    return _search(rules, case, _last([at]), at + HORIZON)[0]


def knows_time(case: Case) -> bool:
    """Whether every candidate zone exists, and there is one."""
    return bool(known_zones(case.zones))


def _search(
    rules: Sequence[Rule], case: Case, at: Instant | None, limit: Instant
) -> tuple[Instant | None, Instant | None]:
    """The first whole second, `at` or later and not after `limit`, at which no rule blocks; and when one does again.
    `at` is such a second, or None where no moment can be the answer."""
    while at is not None and at <= limit:
        closes = [rule.closes_for(case, at) for rule in rules]
        if at not in closes:
            return at, min([close for close in closes if close is not None], default=None)
        opens = _last([rule.opens_for(case, at) for rule, close in zip(rules, closes, strict=True) if close == at])
        if opens is not None and opens <= at:
            break  # a rule that blocks at the moment it names itself is broken; nothing goes on its word
        at = opens
    return None, None


def _last(opens: list[Instant | None]) -> Instant | None:
    """The first whole second that all who block may agree to; None if one of them never opens."""
    known = [opening for opening in opens if opening is not None]
    return -(-max(known) // SECOND) * SECOND if len(known) == len(opens) else None


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
