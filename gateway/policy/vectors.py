"""Reads and judges the worked cases of a vector file (POLICY, "`gateway judge FILE`")."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import msgspec

from gateway.domain.clock import SECOND, Instant, format_instant, parse_instant
from gateway.domain.walltime import day_number
from gateway.policy.facts import Candidate, Case, PastContact, State
from gateway.policy.fields import Fields
from gateway.policy.holidays import Holidays
from gateway.policy.judge import judge
from gateway.policy.rules.base import Common, Rule
from gateway.policy.rules.registry import read_rule

UNJUDGED: Mapping[str, Any] = {"decision": "deny", "earliest": None, "blocked_by": []}


class VectorError(ValueError):
    """What is wrong with a vector file, in a sentence."""


def judge_file(data: bytes) -> Iterator[tuple[dict[str, Any], bool]]:
    """Every case of a file as `{"case", "decision", "earliest", "blocked_by"}`, and whether it agrees with its
    `expect`, if it has one. A case that cannot be judged is denied, with the reason in `error`. Raises VectorError for
    what is no vector file."""
    try:
        document = msgspec.json.decode(data)
    except msgspec.DecodeError as error:
        raise VectorError(f"is not JSON: {error}") from error
    vectors = document.get("vectors") if isinstance(document, dict) else None
    if not isinstance(vectors, list):
        raise VectorError("has no list `vectors`")
    for number, vector in enumerate(vectors, 1):
        cases = vector.get("cases") if isinstance(vector, dict) else None
        if not isinstance(cases, list) or not all(isinstance(case, dict) for case in cases):
            raise VectorError(f"vector {number} has no list `cases`")
        for case in cases:
            yield _answer(vector, case)


def _answer(vector: dict[str, Any], case: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    try:
        answer = judge_case({**vector, **(case.get("override") or {})}, case)
        agrees = _agrees(answer, case.get("expect"))
    except KeyError as error:
        answer, agrees = {**UNJUDGED, "error": f"{error} is missing"}, False
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        answer, agrees = {**UNJUDGED, "error": str(error)}, False
    return {"case": case.get("case"), **answer}, agrees


def _agrees(answer: Mapping[str, Any], expect: Any) -> bool:
    """Whether the answer has all that is expected, times compared as times."""
    if expect is None:
        return True
    if not isinstance(expect, Mapping):
        raise VectorError("expect must be a mapping of decision, earliest and blocked_by")
    earliest = expect.get("earliest")
    wanted = {**expect, "earliest": _written(parse_instant(earliest))} if isinstance(earliest, str) else expect
    return all(answer.get(key) == wanted[key] for key in wanted)


def judge_case(vector: Mapping[str, Any], case: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to one case, with the times written as in vector files: whole seconds."""
    at = parse_instant(case["at"])
    ruling = judge(read_rules(vector), read_case(vector, case), at)
    return {
        "decision": ruling.decision,
        "earliest": None if ruling.earliest is None else _written(ruling.earliest),
        "blocked_by": ruling.blocked_by,
    }


def read_rules(vector: Mapping[str, Any]) -> tuple[Rule, ...]:
    holidays = {name: _days(dates) for name, dates in (vector.get("holidays") or {}).items()}
    rules = []
    for raw in vector["rules"]:
        rule, faults = read_rule(raw, Common(holidays=holidays))
        if rule is None:
            raise VectorError("; ".join(f"rule {_name(raw)}: {fault}" for fault in faults))
        rules.append(rule)
    return tuple(rules)


def read_case(vector: Mapping[str, Any], case: Mapping[str, Any]) -> Case:
    return Case(
        candidate=msgspec.convert(_told(case["candidate"]), Candidate, strict=False),
        zones=tuple(vector["zones"]),
        history=tuple(read_contact(raw) for raw in vector.get("history") or ()),
        states=tuple(read_state(raw) for raw in vector.get("states") or ()),
    )


def _told(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The keys that say something: null is as good as a key that is not there."""
    return {key: value for key, value in raw.items() if value is not None}


def read_contact(raw: Mapping[str, Any]) -> PastContact:
    return msgspec.convert({**_told(raw), "at": parse_instant(raw["at"])}, PastContact)


def read_state(raw: Mapping[str, Any]) -> State:
    times = {key: parse_instant(raw[key]) for key in ("from", "until") if raw.get(key) is not None}
    return msgspec.convert({**raw, **times}, State)


def _days(dates: list[str]) -> Holidays:
    return frozenset(day_number(date.fromisoformat(text)) for text in dates)


def _name(raw: object) -> str:
    return Fields(raw).text("id", "?")


def _written(at: Instant) -> str:
    text = format_instant(at)
    return text if at % SECOND else text.replace(".000Z", "Z")
