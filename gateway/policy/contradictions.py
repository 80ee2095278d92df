"""Finds rules about time that exclude each other: windows and blackouts of a place that leave no lawful moment.

It asks the rules themselves, as the judge does, for a person without history in every zone of the place. Contacts that
no rule tells apart are asked for once.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import pairwise, product
from typing import Any, get_args

from channels.contract import Channel
from gateway.domain.clock import DAY, Instant
from gateway.domain.places import country_zones, parents
from gateway.domain.reminder import Purpose
from gateway.domain.walltime import date_of, day_number
from gateway.policy.facts import Candidate, Case
from gateway.policy.judge import first_common
from gateway.policy.policy import HOUSE, Policy
from gateway.policy.rules.base import HORIZON, WARN, Rule
from gateway.policy.rules.blackout import Blackout
from gateway.policy.rules.window import Window
from gateway.policy.selection import ROLES, Attribute

Rules = tuple[Rule, ...]
Names = tuple[tuple[str, str], ...]
_OTHER = "something else"
"""An attribute of an account that no rule names."""


def contradictions(policy: Policy, today: date) -> Iterator[str]:
    """A sentence for each set of rules that exclude each other, with the first contact for which they do."""
    asked: set[tuple[Names, str]] = set()
    found: set[Names] = set()
    for code in sorted(policy.packs, key=lambda code: (code != HOUSE, len(code), code)):
        jurisdictions, zones = ((), ("UTC",)) if code == HOUSE else (parents(code), country_zones(code[:2]))
        timed = [rule for rule in policy.rules_for(jurisdictions) if _tells_time(rule)]
        for rules, candidate in _told_apart(timed):
            for zone in zones:
                if (_names(rules), zone) in asked:
                    continue
                asked.add((_names(rules), zone))
                for at in _moments(rules, today):
                    apart = _apart(rules, Case(candidate=candidate, zones=(zone,)), at)
                    if apart and _names(apart) not in found:
                        found.add(_names(apart))
                        yield _sentence(code, apart, candidate, zone, at)


def _tells_time(rule: Rule) -> bool:
    return isinstance(rule, Window | Blackout) and rule.otherwise != WARN


def _names(rules: Rules) -> Names:
    return tuple((rule.pack, rule.id) for rule in rules)


def _told_apart(rules: Sequence[Rule]) -> Iterable[tuple[Rules, Candidate]]:
    """Every set of two or more of the rules that select the same contact, and the first contact that they do. Flags
    only lift rules, so the contact has none."""
    found: dict[Names, tuple[Rules, Candidate]] = {}
    accounts = list(_accounts(rules))
    for purpose, channel, role in product(get_args(Purpose), get_args(Channel), ROLES):
        for params in accounts:
            candidate = Candidate(channel=channel, purpose=purpose, role=role, params=params)
            selecting = tuple(rule for rule in rules if rule.selects(candidate))
            if len(selecting) > 1:
                found.setdefault(_names(selecting), (selecting, candidate))
    return found.values()


def _accounts(rules: Sequence[Rule]) -> Iterator[dict[str, Any]]:
    """Accounts that the rules tell apart. None of them lacks an attribute: a rule for accounts less than a month late
    and one for those more than a month late both hold for an account of which nobody says how late it is, and that is
    no contradiction."""
    attributes: dict[str, list[Attribute]] = {}
    for rule in rules:
        for attribute in rule.selection.accounts:
            attributes.setdefault(attribute.name, []).append(attribute)
    for values in product(*map(_samples, attributes.values())):
        yield dict(zip(attributes, values, strict=True))


def _samples(attributes: Sequence[Attribute]) -> list[Any]:
    """Values of one attribute, one for each set of conditions that agree with it: at and beside every limit, every
    value that is named, and another."""
    limits = sorted({attribute.value for attribute in attributes if attribute.compare != "is"})
    between = [(low + high) / 2 for low, high in pairwise(limits)]
    outside = [limits[0] - 1, limits[-1] + 1] if limits else [_OTHER]
    named = [value for attribute in attributes if attribute.compare == "is" for value in attribute.value]
    kept: dict[tuple[bool, ...], Any] = {}
    for value in (*outside, *limits, *between, *named):
        kept.setdefault(tuple(attribute.agrees({attribute.name: value}) for attribute in attributes), value)
    return list(kept.values())


def _moments(rules: Rules, today: date) -> list[Instant]:
    """Today, and wherever one of the rules has begun to hold."""
    start = day_number(today) * DAY
    return sorted({start, *(rule.settled for rule in rules if rule.settled > start)})


def _apart(rules: Rules, case: Case, at: Instant) -> Rules:
    """The fewest of these rules that leave no common moment; none if there is one. A rule that by itself is never open
    forbids, which is no contradiction."""
    if first_common(rules, case, at) is not None:
        return ()
    left = tuple(rule for rule in rules if first_common([rule], case, at) is not None)
    if first_common(left, case, at) is not None:
        return ()
    for rule in left:
        others = tuple(other for other in left if other is not rule)
        if first_common(others, case, at) is None:
            left = others
    return left


def _sentence(code: str, rules: Rules, candidate: Candidate, zone: str, at: Instant) -> str:
    *first, last = (f"{rule.id} ({rule.pack}, {_key(rule)})" for rule in rules)
    about = [f"{candidate.purpose} by {candidate.channel}", f"as {candidate.role}", f"in {zone}"]
    about += [f"with {name} {value}" for name, value in candidate.params.items()]
    return (
        f"{code}: rules {', '.join(first)} and {last} exclude each other: in {HORIZON // DAY} days from "
        f"{date_of(at // DAY)} on they leave no moment for {', '.join(about)}; widen one of them, or let it apply to "
        "other contacts"
    )


def _key(rule: Rule) -> str:
    return "hours" if isinstance(rule, Window) else "blackout"
