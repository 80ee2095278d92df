"""Says why a rule of a pack that judged did not concern a contact: what it selects by, or its dates."""

from msgspec import Struct

from gateway.domain.clock import Instant
from gateway.domain.walltime import date_of
from gateway.policy.facts import Case
from gateway.policy.rules.base import Rule


class Unconcerned(Struct, frozen=True):
    """`why` is a key of the words (`other_channel` …), `named` what the rule names, or its date."""

    rule: str
    pack: str
    why: str
    named: tuple[str, ...]


def unconcerned(rule: Rule, case: Case, at: Instant) -> Unconcerned | None:
    """Why the rule did not concern the case at that moment; None if it did."""
    found = _not_selected(rule, case) or _not_in_force(rule, case, at)
    return None if found is None else Unconcerned(rule.id, rule.pack, *found)


def _not_selected(rule: Rule, case: Case) -> tuple[str, tuple[str, ...]] | None:
    chosen, asked = rule.selection, case.candidate
    waiving = tuple(flag for flag in chosen.waived_by if flag in asked.flags)
    if chosen.channels and asked.channel not in chosen.channels:
        return "other_channel", chosen.channels
    if chosen.purposes and asked.purpose not in chosen.purposes:
        return "other_purpose", chosen.purposes
    if asked.purpose in chosen.except_purposes:
        return "exempt_purpose", (asked.purpose,)
    if chosen.roles and asked.role not in chosen.roles:
        return "other_role", chosen.roles
    if waiving:
        return "waived", waiving
    if not rule.selects(asked):
        return "other_account", tuple(wanted.name for wanted in chosen.accounts if not wanted.agrees(asked.params))
    return None


def _not_in_force(rule: Rule, case: Case, at: Instant) -> tuple[str, tuple[str, ...]] | None:
    begins, ends = rule.in_force(case, at)
    if rule.since is not None and begins is not None and at < begins:
        return "not_yet", (str(date_of(rule.since)),)
    if rule.until is not None and ends is not None and at >= ends:
        return "no_longer", (str(date_of(rule.until)),)
    return None
