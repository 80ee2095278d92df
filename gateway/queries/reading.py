"""Reads a rule out in sentences, in every language of the house: what it concerns, what it asks, what happens else.

It reads the document, as its officer wrote it, and leaves nothing out that decides; what the language does not know (a
state of somebody's own) is shown as it stands.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from gateway.queries.reading_words import EN, ZH
from gateway.queries.words import Language, term

_TABLES: Mapping[Language, Mapping[str, str]] = {"en": EN, "zh": ZH}
_SPAN = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
_MOST_DATES = 3
"""of a list are named"""


def reading(rule: Mapping[str, Any], language: Language) -> str:
    """A rule as sentences. Raises KeyError, TypeError, ValueError where it is none of the policy language."""
    voice = _Voice(language)
    return voice.say("stop").join(sentence for sentence in _sentences(rule, voice) if sentence)


class _Voice:
    def __init__(self, language: Language) -> None:
        self._language, self._table = language, _TABLES[language]

    def say(self, key: str, **given: object) -> str:
        return self._table[key].format(**given)

    def has(self, key: str) -> bool:
        """Whether a language has a form of its own for it, as of one thing alone."""
        return key in self._table

    def term(self, sort: str, word: str) -> str:
        own = self._table.get(f"{sort}:{word}")
        return own if own is not None else term(self._language, sort, str(word)).replace("_", " ")

    def listed(self, sort: str, words: Sequence[str]) -> str:
        return self.say("and").join(self.term(sort, word) for word in words)

    def span(self, text: str) -> str:
        """An ISO 8601 duration."""
        found = _SPAN.fullmatch(text)
        parts = zip(found.groups(), "dhms", strict=True) if found else ()
        said = [self._size(unit, int(n)) for n, unit in parts if n]
        return self.say("and").join(said) or text

    def _size(self, unit: str, n: int) -> str:
        one = self._table.get(f"span:{unit}.one") if n == 1 else None
        return one or self.say(f"span:{unit}", n=n)

    def contact(self, word: str) -> str:
        """`call.unanswered`, `*.sent`"""
        channel, _, event = word.partition(".")
        if channel == "*" and f"any:{event}" in self._table:
            return self.say(f"any:{event}")
        key = f"event:{event}"
        return self.say(key, channel=self.term("channel", channel)) if key in self._table else word

    def contacts(self, words: Sequence[str]) -> str:
        return self.say("and").join(self.contact(word) for word in words)

    def hours(self, hours: Mapping[str, Any]) -> str:
        return self.say("and").join(
            self.say("hours", days=self._days(days), times=self._times(times)) for days, times in hours.items()
        )

    def _days(self, days: str) -> str:
        first, _, last = days.partition("-")
        if not last:
            return self.term("day", first)
        return self.say("days", first=self.term("day", first), last=self.term("day", last))

    def _times(self, times: Any) -> str:
        listed = [times] if isinstance(times, str) else list(times)
        return self.say("and").join(one.replace("-", "–") for one in listed) or self.say("closed")


def _sentences(rule: Mapping[str, Any], voice: _Voice) -> Iterator[str]:
    yield _concerns(rule.get("applies") or {}, voice)
    if exempt := rule.get("except_purposes"):
        yield voice.say("exempt", purposes=voice.listed("purpose", exempt))
    yield from _KINDS[rule["kind"]](rule, voice)
    if waived := rule.get("waived_by"):
        yield voice.say("waived", flags=voice.listed("flag", waived))
    for end, date in (rule.get("effective") or {}).items():
        yield voice.say(end, date=date)
    yield voice.say(f"otherwise.{rule.get('otherwise', _otherwise(rule))}")


def _otherwise(rule: Mapping[str, Any]) -> str:
    return "drop" if rule["kind"] == "content" else "defer"


def _concerns(applies: Mapping[str, Any], voice: _Voice) -> str:
    purposes, channels, roles = (applies.get(key) for key in ("purposes", "channels", "roles"))
    what = voice.listed("purpose", purposes) if purposes else voice.say("concerns.all")
    accounts = [_account(name, wanted, voice) for name, wanted in (applies.get("accounts") or {}).items()]
    return voice.say(
        "concerns", what=what,
        channels=voice.say("by", channels=voice.listed("channel", channels)) if channels else "",
        roles=voice.say("by_roles", roles=voice.listed("role", roles)) if roles else "",
        accounts=voice.say("if", accounts=voice.say("and").join(accounts)) if accounts else "",
    )  # fmt: skip


def _account(name: str, wanted: Any, voice: _Voice) -> str:
    said = voice.term("account", name)
    if isinstance(wanted, Mapping):
        return voice.say("and").join(
            voice.say(f"account.{word}", name=said, value=value) for word, value in wanted.items()
        )
    value = voice.say("and").join(wanted) if isinstance(wanted, list) else wanted
    return voice.say("account.is", name=said, value=value)


def _window(rule: Mapping[str, Any], voice: _Voice) -> Iterator[str]:
    yield voice.say("window", hours=voice.hours(rule["hours"]), clock=_clock(rule, voice))


def _clock(rule: Mapping[str, Any], voice: _Voice) -> str:
    kind, _, zone = str(rule.get("clock", "recipient")).partition(":")
    return voice.say(f"clock:{kind}", zone=zone)


def _counting(rule: Mapping[str, Any], voice: _Voice) -> Iterator[str]:
    if counts := rule.get("counts"):
        yield voice.say("counted", counts=voice.contacts(counts))
    if flags := rule.get("except"):
        yield voice.say("except", flags=voice.listed("flag", flags))


def _cap(rule: Mapping[str, Any], voice: _Voice) -> Iterator[str]:
    within = _within(rule["within"], voice)
    key = "cap.one" if rule["max"] == 1 and voice.has("cap.one") else "cap"
    yield voice.say(key, max=rule["max"], scope=voice.listed("scope", rule["scope"]), within=within)
    yield from _counting(rule, voice)
    if after := rule.get("active_after"):
        yield voice.say("active_after", counts=voice.contacts(after))


def _within(within: Mapping[str, Any], voice: _Voice) -> str:
    if "rolling" in within:
        return voice.say("within:rolling", span=voice.span(within["rolling"]))
    if "days" in within:
        return voice.say("within:days", n=within["days"])
    return voice.say(f"within:{within['calendar']}", start=voice.term("day", within.get("start", "mon")))


def _cooloff(rule: Mapping[str, Any], voice: _Voice) -> Iterator[str]:
    counts = voice.contacts(rule["counts"])
    if "days" in rule:
        yield voice.say("cooloff.days", counts=counts, days=rule["days"])
    else:
        yield voice.say("cooloff.for", counts=counts, span=voice.span(rule["for"]))
    if flags := rule.get("except"):
        yield voice.say("except", flags=voice.listed("flag", flags))


def _spacing(rule: Mapping[str, Any], voice: _Voice) -> Iterator[str]:
    scope = voice.listed("scope", rule.get("scope") or ["recipient"])
    yield voice.say("spacing", span=voice.span(rule["min_gap"]), scope=scope)
    yield from _counting(rule, voice)


def _lock(rule: Mapping[str, Any], voice: _Voice) -> Iterator[str]:
    yield voice.say("channel_lock", start=voice.term("day", rule.get("start", "mon")))
    yield from _counting(rule, voice)


def _stop(rule: Mapping[str, Any], voice: _Voice) -> Iterator[str]:
    yield voice.say("stop.kind", states=voice.listed("state", rule["states"]), match=_match(rule, voice))


def _match(rule: Mapping[str, Any], voice: _Voice) -> str:
    keys = [key for key in rule.get("match") or () if key != "recipient"]
    return voice.say("match", keys=voice.listed("key", keys)) if keys else ""


def _require(rule: Mapping[str, Any], voice: _Voice) -> Iterator[str]:
    if "state" in rule:
        yield voice.say("require.state", what=voice.term("state", rule["state"]) + _match(rule, voice))
    else:
        yield voice.say("require.event", what=voice.contacts(rule["event"]))
    for unit, n in (rule.get("wait") or {}).items():
        yield voice.say(f"wait.{unit}", n=n)
    for unit, n in (rule.get("fresh_for") or {}).items():
        yield voice.say(f"fresh.{unit}", n=n)


def _blackout(rule: Mapping[str, Any], voice: _Voice) -> Iterator[str]:
    times = []
    if dates := rule.get("dates"):
        named = voice.say("and").join(str(date).replace("/", "–") for date in dates[:_MOST_DATES])
        times.append(
            voice.say("blackout.dates", n=len(dates), dates=named + (" …" if len(dates) > _MOST_DATES else ""))
        )
    if intervals := rule.get("intervals"):
        times.append(voice.say("blackout.intervals", n=len(intervals)))
    if weekly := rule.get("weekly"):
        times.append(voice.say("blackout.weekly", hours=voice.hours(weekly)))
    if states := rule.get("states"):
        times.append(voice.say("blackout.states", states=voice.listed("state", states)))
    yield voice.say("blackout", times=voice.say("or").join(times))


def _content(rule: Mapping[str, Any], voice: _Voice) -> Iterator[str]:
    if notices := rule.get("require"):
        yield voice.say("content.require", notices=voice.listed("notice", notices))
    if phrases := rule.get("forbid"):
        some = sum(len(listed) for listed in phrases.values())
        yield voice.say("content.forbid", n=some, languages=voice.say("and").join(phrases))
    if "lock_screen" in rule:
        yield voice.say("content.lock_screen")


_KINDS: Mapping[str, Callable[[Mapping[str, Any], _Voice], Iterator[str]]] = {
    "window": _window, "cap": _cap, "cooloff": _cooloff, "spacing": _spacing, "channel_lock": _lock, "stop": _stop,
    "require": _require, "blackout": _blackout, "content": _content,
}  # fmt: skip
