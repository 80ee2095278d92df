"""The worked cases inside a pack: what its author expects of it, judged by the pack alone."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from gateway.domain.clock import Instant, format_instant, parse_instant
from gateway.policy.facts import Candidate, Case, PastContact, State, Written
from gateway.policy.fields import Fields
from gateway.policy.judge import judge
from gateway.policy.rules.base import Rule

T = TypeVar("T")

DECISIONS = ("allow", "defer", "deny")
_PERSON = {"recipient": "person", "account": "account", "address": "address"}
"""Whom an example is about where it does not say: contacts and states of its history are this person's too."""
_CANDIDATE = ("channel", "purpose", "role", "flags", "params", "household", "creditor", "collector", *_PERSON)


class Example(Struct, frozen=True, kw_only=True):
    """`because` are the rules that block, `warned` those that only warn, in any order; None where the example does not
    say."""

    at: Instant
    case: Case
    expect: str
    until: Instant | None
    because: tuple[str, ...] | None
    warned: tuple[str, ...] | None

    def disagreement(self, rules: Sequence[Rule]) -> str | None:
        """How the rules judge otherwise, as a sentence; None if they agree."""
        ruling = judge(rules, self.case, self.at)
        found = []
        if ruling.decision != self.expect:
            found.append(f"expected {self.expect}, judged {ruling.decision}")
        if self.until is not None and ruling.earliest != self.until:
            earliest = "never" if ruling.earliest is None else format_instant(ruling.earliest)
            found.append(f"expected until {format_instant(self.until)}, judged {earliest}")
        if self.because is not None and set(ruling.blocked_by) != set(self.because):
            found.append(f"expected because of {list(self.because)}, judged {ruling.blocked_by}")
        warned = [finding.rule for finding in ruling.findings if not finding.blocks]
        if self.warned is not None and set(warned) != set(self.warned):
            found.append(f"expected the warnings {list(self.warned)}, judged {warned}")
        return "; ".join(found) or None


def read_example(fields: Fields) -> Example:
    """`{at, zone or zones, channel, expect, until?, because?}` and what of a candidate, a history and states matters.
    Mistakes are in `fields.faults`."""
    at = fields.instant("at")
    if at is None and fields.raw("at") is None:
        fields.wrong("at", "is missing")
    fields.text("name", "")
    zones = fields.words("zones") if "zones" in fields else (fields.text("zone"),)
    candidate = {**_PERSON, **{key: fields.raw(key) for key in _CANDIDATE if key in fields}}
    who = {key: candidate[key] for key in _PERSON}
    example = Example(
        at=at or 0,
        case=Case(
            candidate=_convert(fields, "channel", candidate, Candidate) or Candidate(channel="sms"),
            zones=zones,
            history=_facts(fields, "history", who, PastContact),
            states=_facts(fields, "states", {"recipient": who["recipient"]}, State),
            written=_written(fields),
        ),
        expect=fields.text("expect", one_of=DECISIONS),
        until=fields.instant("until"),
        because=fields.words("because") if "because" in fields else None,
        warned=fields.words("warned") if "warned" in fields else None,
    )
    fields.done()
    return example


def _written(fields: Fields) -> Written | None:
    """The message of an example that is about its content: `text`, `title`, `html` and `locale`."""
    keys = [key for key in ("text", "title", "html", "locale") if key in fields]
    if not keys:
        return None
    return _convert(fields, "text", {"locale": "en", **{key: fields.raw(key) for key in keys}}, Written)


def _facts(fields: Fields, key: str, who: Mapping[str, Any], kind: type[T]) -> tuple[T, ...]:
    raw = fields.raw(key)
    if raw is None:
        return ()
    if not isinstance(raw, list):
        fields.wrong(key, "must be a list")
        return ()
    found = (_convert(fields, key, {**who, **item} if isinstance(item, Mapping) else item, kind) for item in raw)
    return tuple(fact for fact in found if fact is not None)


def _convert(fields: Fields, key: str, raw: Any, kind: type[T]) -> T | None:
    try:
        if isinstance(raw, Mapping):
            times = {name: parse_instant(raw[name]) for name in ("at", "from", "until") if name in raw}
            unknown = set(raw) - {field.encode_name for field in msgspec.structs.fields(kind)}  # type: ignore[arg-type]
            if unknown:
                raise ValueError(f"has the unknown key {sorted(unknown)[0]}")
            raw = {**raw, **times}
        return msgspec.convert(raw, kind)
    except (msgspec.ValidationError, TypeError, ValueError) as error:
        fields.wrong(key, str(error))
        return None
