"""Says what a finding found, in a sentence: one function for each rule kind, out of the finding's own figures."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from gateway.domain.clock import Instant, format_instant, parse_instant
from gateway.domain.ruling import Finding
from gateway.domain.walltime import date_of, day_of
from gateway.policy.stops import UNRULED
from gateway.queries.concerns import Unconcerned
from gateway.queries.moments import moment, within
from gateway.queries.words import Language, listed, say, term

_SORTS = {
    "other_channel": "channel",
    "other_purpose": "purpose",
    "exempt_purpose": "purpose",
    "other_role": "role",
}


class Told(Struct, frozen=True):
    """Whom a sentence is for: the moment that was weighed, the person's zones, the reader's language. `recorded`:
    whether the rule is among those that blocked when the decision was made."""

    at: Instant
    zones: tuple[str, ...]
    language: Language
    recorded: bool = False

    def moment(self, at: str) -> str:
        return moment(at, self.zones, self.language)

    def say(self, key: str, **given: object) -> str:
        return say(self.language, key, **given)

    def term(self, sort: str, word: str) -> str:
        return term(self.language, sort, word)

    def join(self, parts: Sequence[str], key: str = "and") -> str:
        return say(self.language, key).join(parts)


def line(finding: Finding, told: Told) -> str:
    """A rule weighed: where it stands, how sure its source is, what it says and why, and its legal source."""
    return told.say(
        "rule", pack=finding.pack, rule=finding.rule, force=told.term("force", finding.force),
        status=told.term("status", finding.status), verdict=told.say(verdict(finding, told)),
        sentence=sentence(finding, told), source=finding.source,
    ).strip()  # fmt: skip


def verdict(finding: Finding, told: Told) -> str:
    """`blocks`, `passes`, `warns`, or `unweighed` where the text that it looks at is not kept."""
    if finding.kind == "content" and not finding.figures.get("locale"):
        return "unweighed"
    if finding.blocks:
        return "blocks"
    return "passes" if stands(finding, told) == "passes" else "warns"


def stands(finding: Finding, told: Told) -> str:
    """`passes`, `blocks` until a moment that is known, or `never` opens; so also of a rule that only warns."""
    if finding.until is None:
        return "never"
    return "passes" if finding.until <= told.at else "blocks"


def sentence(finding: Finding, told: Told) -> str:
    """Why it blocks or lets through, with the figures."""
    return KINDS[finding.kind](finding, told)


def explicit(name: str, told: Told) -> str:
    """For `stop:<state>`, the record of a stop that no rule names."""
    return told.say("stop.explicit", name=name, state=told.term("state", name.removeprefix(UNRULED)))


def not_concerned(why: Unconcerned, language: Language) -> str:
    named = listed(language, _SORTS.get(why.why, ""), why.named)
    return f"{why.pack}  {why.rule} " + say(language, why.why, named=named)


def _until(finding: Finding, told: Told) -> str:
    return "" if finding.until is None else told.moment(format_instant(finding.until))


def _window(finding: Finding, told: Told) -> str:
    places = finding.figures["local"]
    at = format_instant(told.at)
    closed = [place for place in places if place["opens"] != at]
    if not places:
        return told.say("zone")
    return told.join([_hours(place, bool(closed), told) for place in closed or places], "then")


def _hours(place: Mapping[str, Any], closed: bool, told: Told) -> str:
    opens = place["opens"]
    state = ("blocks" if opens else "never") if closed else "passes"
    return told.say(
        f"window.{state}", time=place["time"], zone=place["zone"], date=place["date"],
        hours=told.join(place["hours"]) or told.say("window.closed"),
        holiday=told.say("window.holiday") if place["holiday"] else "",
        until=moment(opens, (place["zone"],), told.language) if opens else "",
    )  # fmt: skip


def _counting(finding: Finding, told: Told) -> str:
    figures, state = finding.figures, stands(finding, told)
    contacts = told.join([contact(past, told) for past in figures["contacts"]])
    if finding.kind == "cap" and state == "passes":
        contacts = told.say("listed", contacts=contacts) if contacts else ""
    span = within(figures["within"], told.language, counted=finding.kind == "cap")
    key = f"{finding.kind}.{state}"
    return told.say(
        key, counted=figures["counted"], max=figures["max"], within=span, contacts=contacts, until=_until(finding, told)
    )


def contact(past: Mapping[str, Any], told: Told) -> str:
    """One contact of the figures."""
    account = past.get("account")
    return told.say(
        "contact", channel=told.term("channel", past["channel"]), event=told.term("event", past["event"]),
        at=told.moment(past["at"]), account=told.say("account", account=account) if account else "",
    )  # fmt: skip


def _channel_lock(finding: Finding, told: Told) -> str:
    locked, state = finding.figures["locked"], stands(finding, told)
    contacts = told.join(list(dict.fromkeys(contact(past, told) for past in locked)))
    if state == "passes":
        contacts = told.say("listed", contacts=contacts) if contacts else ""
    channels = told.join(list(dict.fromkeys(told.term("channel", past["channel"]) for past in locked)))
    span = within(finding.figures["within"], told.language)
    return told.say(
        f"channel_lock.{state}", within=span, channel=channels, contacts=contacts, until=_until(finding, told)
    )


def _stop(finding: Finding, told: Told) -> str:
    states = told.join([_state(held, told) for held in finding.figures["states"]])
    return told.say(f"stop.{stands(finding, told)}", states=states, until=_until(finding, told))


def _state(held: Mapping[str, Any], told: Told) -> str:
    since, until = held.get("from"), held.get("until")
    key = {(True, True): "span", (True, False): "since", (False, True): "until"}.get((bool(since), bool(until)))
    span = ""
    if key:
        span = told.say(key, since=told.moment(since) if since else "", until=told.moment(until) if until else "")
    return told.say("state", state=told.term("state", held["state"]), span=span)


def _require(finding: Finding, told: Told) -> str:
    figures, state = finding.figures, stands(finding, told)
    required = figures["requires"]
    name = told.term("state", required) if isinstance(required, str) else told.join(required)
    spans = told.join([_span(span, told) for span in (figures["good"] or figures["found"])], "then")
    found = told.say("require.spans", spans=spans) if spans and figures["good"] else spans
    if state == "never":
        found = told.say("require.stale", found=found) if found else ""
    return told.say(f"require.{state}", required=name, found=found, until=_until(finding, told))


def _span(span: Mapping[str, Any], told: Told) -> str:
    zones = (span["zone"],) if "zone" in span else told.zones
    since, until = span["from"], span["until"]
    return told.say(
        "from_until",
        since=moment(since, zones, told.language) if since else told.say("ever"),
        until=moment(until, zones, told.language) if until else told.say("forever"),
    )


def _blackout(finding: Finding, told: Told) -> str:
    figures = finding.figures
    zones = told.zones if figures["clock"] == "recipient" else (figures["clock"],)
    today = [str(date_of(day_of(name, told.at))) for name in zones]
    named = [dates for dates in figures["dates"] if any(_inside(dates, day) for day in today)]
    named += [
        _span(span, told)
        for span in figures["intervals"]
        if parse_instant(span["from"]) <= told.at < parse_instant(span["until"])
    ]
    named += [_state(held, told) for held in figures["states"]]
    text = told.say("listed", contacts=told.join(named)) if named else ""
    return told.say(f"blackout.{stands(finding, told)}", named=text, until=_until(finding, told))


def _inside(dates: str, day: str) -> bool:
    first, _, last = dates.partition("/")
    return first <= day <= last


def _content(finding: Finding, told: Told) -> str:
    figures = finding.figures
    if not figures.get("locale"):
        recorded = told.say("content.recorded" if told.recorded else "content.silent")
        return told.say("content.unkept", recorded=recorded)
    faults = [
        told.say(f"content.{key}", words=told.join([told.term("notice", word) for word in figures[key]]))
        for key in ("missing", "forbidden", "betrays_debt")
        if figures[key]
    ]
    return told.say(f"content.{stands(finding, told)}", faults=told.join(faults))


def _zone(finding: Finding, told: Told) -> str:
    return told.say("zone")


KINDS: Mapping[str, Callable[[Finding, Told], str]] = {
    "blackout": _blackout,
    "cap": _counting,
    "channel_lock": _channel_lock,
    "content": _content,
    "cooloff": _counting,
    "require": _require,
    "spacing": _counting,
    "stop": _stop,
    "window": _window,
    "zone": _zone,
}
