"""Turns the YAML file of a jurisdiction into rules, and tells every mistake in it with file, line, rule and key."""

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from msgspec import Struct

from gateway.domain.clock import format_instant
from gateway.domain.walltime import day_number
from gateway.policy.document import read_document
from gateway.policy.examples import Example, read_example
from gateway.policy.fields import Fault, Fields
from gateway.policy.holidays import Holidays, PublicHolidays
from gateway.policy.rules.base import Common, Rule
from gateway.policy.rules.registry import read_rule

CODE = re.compile(r"house|[A-Z]{2}(-[A-Z0-9]{1,3})?")


class Pack(Struct, frozen=True, kw_only=True):
    """One jurisdiction's rules, and the worked cases that prove them."""

    code: str
    title: str
    version: str
    notice: str
    rules: tuple[Rule, ...]
    examples: tuple[Example, ...]
    label: str
    """As receipts name it: `CN@2026-11-20.1`, with a digest behind where that was another text's name already."""


def load_pack(path: Path) -> tuple[Pack | None, list[str]]:
    """The pack of a file and what is wrong with it, in sentences. A pack with a mistake is not to be used: a rule may
    be missing from it."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return None, [f"{path}: cannot be read: {error}"]
    return parse_pack(text, path.stem, str(path))


def parse_pack(text: str, code: str, where: str, label: str | None = None) -> tuple[Pack | None, list[str]]:
    """The same of a text. `where` begins the sentences; `label` is the name it was published under, if not its own."""
    pack, faults = _parse(text, code, label)
    return pack, [f"{where}{fault}" for fault in faults]


@lru_cache(maxsize=256)
def _parse(text: str, code: str, label: str | None) -> tuple[Pack | None, tuple[str, ...]]:
    try:
        document, lines = read_document(text)
        pack, faults = read_pack(document, code, label)
    except Exception as error:  # noqa: BLE001 - a file that somebody wrote must not end the workers that read it
        return None, (f": is not YAML: {' '.join(str(error).split())[:500]}",)
    found = [(lines.of(fault.path), fault) for fault in faults]
    found += [(line, Fault(keys, "is written twice; only one would be kept")) for line, keys in lines.duplicates]
    found.sort(key=lambda item: item[0])
    return pack, tuple(f":{line}: {_sentence(document, fault)}" for line, fault in found)


def run_examples(pack: Pack) -> list[str]:
    """Where the pack, by itself, judges its examples otherwise than they expect, as sentences."""
    found = []
    for number, example in enumerate(pack.examples, 1):
        disagreement = example.disagreement(pack.rules)
        if disagreement:
            found.append(f"{pack.code}: example {number} ({format_instant(example.at)}): {disagreement}")
    return found


def read_pack(document: object, code: str, label: str | None = None) -> tuple[Pack, list[Fault]]:
    """A pack from its keys. `code` is the file's name, with which the pack's own must agree."""
    fields = Fields(document)
    faults = fields.faults
    if fields.text("code") != code or not CODE.fullmatch(code):
        fields.wrong("code", f"must be house or ISO 3166, and the file's name; this file is called {code}")
    version = fields.text("version")
    if not re.fullmatch(r"[\w.-]{1,40}", version):
        fields.wrong("version", "must be letters, digits, dots and dashes, such as 2026-11-20.1")
    label = label or f"{code}@{version}"
    common = Common(pack=label, clock=fields.clock("clock", "recipient"), holidays=_read_holidays(fields))
    pack = Pack(
        code=code,
        title=fields.text("title"),
        version=version,
        label=label,
        notice=fields.text("notice", ""),
        rules=_read_rules(fields, common),
        examples=tuple(
            read_example(Fields(raw, ("examples", str(index)), faults))
            for index, raw in enumerate(_mappings(fields, "examples"))
        ),
    )
    fields.done()
    return pack, faults


def _read_rules(fields: Fields, common: Common) -> tuple[Rule, ...]:
    rules: list[Rule] = []
    ids: set[str] = set()
    for index, raw in enumerate(_mappings(fields, "rules")):
        rule, faults = read_rule(raw, common)
        fields.faults.extend(Fault(("rules", str(index), *fault.path), fault.sentence) for fault in faults)
        if rule is None:
            continue
        if rule.id in ids:
            fields.faults.append(Fault(("rules", str(index), "id"), f"{rule.id!r} is the id of another rule"))
        ids.add(rule.id)
        rules.append(rule)
    return tuple(rules)


def _read_holidays(fields: Fields) -> dict[str, Holidays]:
    lists: dict[str, Holidays] = {}
    section = fields.section("holidays")
    for name in section.names() if section else ():
        assert section is not None
        value = section.raw(name)
        if isinstance(value, Mapping):
            found = _read_library(Fields(value, (*section.path, name), section.faults))
            if found is not None:
                lists[name] = found
            continue
        dates = Fields(dict(enumerate_texts(value)), (*section.path, name), section.faults)
        if not isinstance(value, list):
            section.wrong(name, "must be a list of dates such as 2026-12-25, or {library: US}")
        days = [dates.day(key) for key in dates.names()]
        lists[name] = frozenset(day_number(day) for day in days if day is not None)
    return lists


def _read_library(fields: Fields) -> PublicHolidays | None:
    """`{library: US}`, or a subdivision such as `{library: CA-ON}`."""
    code = fields.text("library")
    fields.done()
    if not code:
        return None
    try:
        return PublicHolidays(code)
    except ValueError as error:
        fields.wrong("library", str(error))
        return None


def enumerate_texts(value: object) -> list[tuple[str, Any]]:
    """The items of a list under the names that a fault's path gives them."""
    return [(str(index), item) for index, item in enumerate(value)] if isinstance(value, list) else []


def _mappings(fields: Fields, key: str) -> tuple[Mapping[str, Any], ...]:
    value = fields.raw(key)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
        fields.wrong(key, "must be a list of mappings")
        return ()
    return tuple(value)


def _sentence(document: object, fault: Fault) -> str:
    """`rule cn.cba.hours: hours.mon: …`: a rule by its id, an example by its number."""
    match fault.path:
        case ("rules" | "examples" as section, index, *rest) if isinstance(document, Mapping) and index.isdigit():
            entry = document[section][int(index)]
            name = entry.get("id") if isinstance(entry, Mapping) else None
            return f"{section[:-1]} {name or f'number {int(index) + 1}'}: {Fault(tuple(rest), fault.sentence)}"
    return str(fault)
