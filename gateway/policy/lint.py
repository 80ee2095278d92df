"""Looks for what a pack may say and cannot mean: rules that never hold or never count, lists that ran out, words that
nobody knows. The language itself stays open: this is for `gateway check`, not for the loading of rules."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date
from difflib import get_close_matches
from typing import get_args

from msgspec import Struct

from channels.contract import Channel
from gateway.domain.places import country_zones, jurisdiction_fault
from gateway.domain.reminder import Purpose
from gateway.domain.walltime import date_of, day_number
from gateway.policy.contradictions import contradictions
from gateway.policy.judge import judge
from gateway.policy.pack import Pack
from gateway.policy.policy import HOUSE, Policy
from gateway.policy.rules.base import WARN, Rule
from gateway.policy.rules.blackout import Blackout
from gateway.policy.rules.cap import Cap
from gateway.policy.rules.channel_lock import ChannelLock
from gateway.policy.rules.counting import Counting
from gateway.policy.rules.require import Require
from gateway.policy.rules.window import Window

EVENTS = {
    "call": ("not_connected", "unanswered", "voicemail", "answered", "conversation"),
    "letter": ("sent",),
    "visit": ("made",),
}
"""POLICY, "Rule kinds"; every other channel is one of messages."""
MESSAGE_EVENTS = ("sent", "delivered")
CHANNELS = (*get_args(Channel), "letter", "visit", "messenger", "rvm")
"""The channels that we send on or hear of; a policy may name others."""
_OCTOBER = 10


class Lint(Struct, frozen=True):
    """`faults` must be mended. `notes` are what an officer should look at: it may be meant."""

    faults: tuple[str, ...]
    notes: tuple[str, ...]


def lint(policy: Policy, today: date) -> Lint:
    """Sentences about the packs as they are on a day, each with the pack, and the rule and key where there is one."""
    packs = policy.packs.values()
    faults = [f"{pack.code}: {sentence}" for pack in packs for sentence in _faults(pack, today)]
    if not packs and not policy.faults:
        faults.append("policies: the folder holds no packs, so that only a person's own word would forbid anything")
    notes = [f"{pack.code}: {sentence}" for pack in packs for sentence in _notes(pack, today)]
    return Lint((*faults, *_written_twice(packs), *contradictions(policy, today)), tuple(notes))


def _faults(pack: Pack, today: date) -> Iterator[str]:
    if pack.code != HOUSE and not country_zones(pack.code[:2]):
        yield f"code: no country is called {pack.code[:2]}, so the pack judges only jobs that say so; see ISO 3166"
    for rule in pack.rules:
        for sentence in (*_never(rule), *_unknown_purposes(rule), *_unknown_events(rule)):
            yield f"rule {rule.id}: {sentence}"
    yield from _ran_out(pack, today.year, today)


def _notes(pack: Pack, today: date) -> Iterator[str]:
    if not pack.notice:
        yield "notice: is missing; officers are shown it, such as: Not legal advice; have it reviewed before use."
    if pack.code != HOUSE and country_zones(pack.code[:2]) and jurisdiction_fault(pack.code):
        yield f"code: ISO 3166-2 knows no {pack.code}; if it is meant, jobs must name it so"
    proven = set(_proven(pack))
    for rule in pack.rules:
        if rule.id not in proven:
            yield f"rule {rule.id}: no example shows that it blocks; add one that names it in `because`"
        for sentence in (*_holidays_without_list(rule), *_strange_channels(rule)):
            yield f"rule {rule.id}: {sentence}"
    if today.month >= _OCTOBER:
        yield from _ran_out(pack, today.year + 1, today)


def _written_twice(packs: Iterable[Pack]) -> Iterator[str]:
    standing = defaultdict(list)
    for pack in packs:
        for name in {rule.id for rule in pack.rules}:
            standing[name].append(pack.code)
    for name, (first, *others) in sorted(standing.items()):
        if others:
            yield f"{first}: rule {name}: id: is also that of a rule in {', '.join(others)}; rename one of them"


def _never(rule: Rule) -> Iterator[str]:
    if rule.since is not None and rule.until is not None and rule.until <= rule.since:
        since, until = date_of(rule.since), date_of(rule.until)
        yield f"effective: until {until} is not after from {since}, so the rule never holds; correct the dates"
    if isinstance(rule, Cap) and rule.max == 0 and rule.after is None:
        yield "max: is 0, which forbids every contact; write a stop, or a window whose hours are {mon-sun: []}"


def _unknown_purposes(rule: Rule) -> Iterator[str]:
    known = get_args(Purpose)
    for key, words in (
        ("applies.purposes", rule.selection.purposes), ("except_purposes", rule.selection.except_purposes)
    ):  # fmt: skip
        for word in words:
            if word not in known:
                yield f"{key}: has {word!r}, which is no purpose of a job; purposes are {', '.join(known)}"


def _unknown_events(rule: Rule) -> Iterator[str]:
    for key, counts in _counts(rule):
        for count in counts:
            channel, _, event = count.partition(".")
            known = _events_of(channel)
            if event != "*" and event not in known:
                yield f"{key}: has {count!r}, which never happens; events of {channel} are {', '.join(known)}"


def _events_of(channel: str) -> tuple[str, ...]:
    if channel != "*":
        return EVENTS.get(channel, MESSAGE_EVENTS)
    return tuple(dict.fromkeys((*MESSAGE_EVENTS, *(event for events in EVENTS.values() for event in events))))


def _counts(rule: Rule) -> Iterator[tuple[str, tuple[str, ...]]]:
    if isinstance(rule, Counting | ChannelLock):
        yield "counts", rule.tally.counts
    if isinstance(rule, Counting) and rule.after is not None:
        yield "active_after", rule.after.counts
    if isinstance(rule, Require) and rule.tally is not None:
        yield "event", rule.tally.counts


def _ran_out(pack: Pack, year: int, today: date) -> Iterator[str]:
    """Lists of dates that have none in a year in which one of their rules holds."""
    first, last = day_number(max(date(year, 1, 1), today)), day_number(date(year, 12, 31))
    using = defaultdict(list)
    for rule in pack.rules:
        if (rule.since is None or rule.since <= last) and (rule.until is None or rule.until > first):
            days = _list(rule)
            if isinstance(days, frozenset) and days and all(date_of(day).year != year for day in days):
                using[days].append(rule.id)
    for days, names in using.items():
        yield (
            f"rule {', '.join(names)}: holidays: the list has no date in {year} (its last is {date_of(max(days))}), so "
            "no day of that year is a holiday; add the dates"
        )


def _list(rule: Rule) -> object:
    if isinstance(rule, Window | Blackout):
        return rule.holidays
    return rule.wait.holidays if isinstance(rule, Require) else None


def _proven(pack: Pack) -> Iterator[str]:
    """The rules that an example names; one that only warns blocks nothing, and is proven by what an example finds."""
    for example in pack.examples:
        yield from example.because or ()
    if any(rule.otherwise == WARN for rule in pack.rules):
        for example in pack.examples:
            yield from (
                finding.rule
                for finding in judge(pack.rules, example.case, example.at).findings
                if finding.otherwise == WARN
            )


def _holidays_without_list(rule: Rule) -> Iterator[str]:
    if isinstance(rule, Window | Blackout) and not rule.holidays:
        key, hours = ("hours", rule.hours) if isinstance(rule, Window) else ("weekly", rule.weekly)
        if hours is not None and hours.holiday is not None and set(hours.week) != {hours.holiday}:
            yield f"{key}: `holiday` has no effect, since the rule names no list under `holidays`; name one"


def _strange_channels(rule: Rule) -> Iterator[str]:
    named = dict.fromkeys(rule.selection.channels, "applies.channels")
    for key, counts in _counts(rule):
        named |= {count.partition(".")[0]: key for count in counts}
    for word, key in named.items():
        close = get_close_matches(word, CHANNELS, 1, 0.75)
        if close and word not in CHANNELS:
            yield f"{key}: has {word!r}, a channel that only this policy knows; did you mean {close[0]}?"
