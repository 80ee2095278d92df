"""Looks at a change of a pack while it is written; keeps nothing."""

import asyncio
from collections.abc import Mapping
from typing import Any

import yaml

from gateway.front.policies import HousePolicies
from gateway.policy.compare import compare, looser
from gateway.policy.document import read_document
from gateway.policy.edit import Unfit, agreeing, edited, places, rules_of
from gateway.policy.pack import Pack, parse_pack, run_examples
from gateway.queries.reading import reading
from gateway.queries.words import LANGUAGES
from gateway.web.api.drafts import Drafted, NewDraft, RuleRead


class HouseDrafts:
    """Holds drafts against what judges now."""

    def __init__(self, law: HousePolicies) -> None:
        self._law = law

    async def look(self, draft: NewDraft) -> Drafted:
        own = {pack.code: pack for pack in await self._law.in_force()}.get(draft.code)
        return await asyncio.to_thread(look, draft, own.text if own else None)


def look(draft: NewDraft, base: str | None) -> Drafted:
    """A draft beside what is in force, None where there is nothing. Pure."""
    text, faults = draft.text, []
    try:
        text = edited(text, draft.edits) if draft.edits else text
    except (Unfit, yaml.YAMLError) as error:
        faults.append(_sentence(error))
    pack, found = parse_pack(text, draft.code, draft.code)
    faults += found
    if pack is not None and not found and draft.agree:
        text, pack = _agreed(text, pack)
    examples = run_examples(pack) if pack is not None and not found else []
    if base is not None and text != base and pack is not None and not found and _version(text) == _version(base):
        faults.append(f"version: {pack.version} is in force with another text; a change needs a version of its own")
    before, after = None if base is None else _document(base), _document(text)
    changes = compare(before, after)
    return Drafted(
        text=text, version=_version(text), faults=faults, examples=examples, looser=looser(before, after),
        changes=dict(changes), rules=_rules(text, changes),
    )  # fmt: skip


def _agreed(text: str, pack: Pack) -> tuple[str, Pack]:
    fresh = agreeing(text, pack)
    again, faults = parse_pack(fresh, pack.code, pack.code)
    return (text, pack) if again is None or faults else (fresh, again)


def _rules(text: str, changes: Mapping[str, str]) -> list[RuleRead]:
    try:
        rules = rules_of(text)
    except (yaml.YAMLError, ValueError):
        return []
    return [
        RuleRead(
            id=str(rule.get("id")), kind=str(rule.get("kind")), force=str(rule.get("force")), places=places(rule),
            status=str(rule.get("status")), source=" ".join(str(rule.get("source")).split()),
            change=changes.get(str(rule.get("id"))), reading=_read(rule),
        )
        for rule in rules
    ]  # fmt: skip


def _read(rule: Mapping[str, Any]) -> dict[str, str]:
    """A rule in words; one with a mistake, which is told among the faults, in none."""
    try:
        return {language: reading(rule, language) for language in LANGUAGES}
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}


def _document(text: str) -> Mapping[str, Any]:
    try:
        document, _ = read_document(text)
    except (yaml.YAMLError, ValueError):
        return {}
    return document if isinstance(document, Mapping) else {}


def _version(text: str) -> str:
    return str(_document(text).get("version", ""))


def _sentence(error: Exception) -> str:
    return " ".join(str(error).split())[:500]
