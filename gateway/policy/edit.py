"""Changes figures of a pack in its text, so that its comments and its order stay as its officer wrote them. Pure.

A form changes what stands in one place: a number, a word, the hours of a day. What is written over several lines is
changed as text.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import yaml
from msgspec import Struct

from gateway.domain.clock import format_instant
from gateway.policy.document import read_document
from gateway.policy.examples import Example
from gateway.policy.judge import judge
from gateway.policy.pack import Pack

Sort = Literal["number", "hours", "text", "choice"]
OTHERWISE = ("defer", "drop", "next_channel", "approve", "warn")
_CHOICES = {("otherwise",): OTHERWISE, ("within", "calendar"): ("day", "week", "month")}
_PLACES: tuple[tuple[tuple[str, ...], Sort], ...] = (
    (("max",), "number"), (("within", "days"), "number"), (("within", "rolling"), "text"),
    (("within", "calendar"), "choice"), (("days",), "number"), (("for",), "text"), (("min_gap",), "text"),
    (("wait", "days"), "number"), (("wait", "business_days"), "number"), (("fresh_for", "days"), "number"),
    (("otherwise",), "choice"), (("source",), "text"),
)  # fmt: skip


class Place(Struct, frozen=True, kw_only=True):
    """Something of a rule that a form changes. `value` of hours are intervals with commas between, empty if closed."""

    path: tuple[str, ...]
    sort: Sort
    value: str | int
    choices: tuple[str, ...] = ()


class Edit(Struct, frozen=True, kw_only=True):
    """A new value at a place of a rule; with `rule` empty, of the pack itself (its version)."""

    rule: str
    path: tuple[str, ...]
    value: str | int


class Unfit(ValueError):
    """An edit that cannot be made; the message is a sentence."""


def places(rule: Mapping[str, Any]) -> list[Place]:
    """What of a rule a form changes."""
    hours = rule.get("hours")
    days = hours.items() if isinstance(hours, Mapping) else ()
    return [Place(path=("hours", str(day)), sort="hours", value=_joined(times)) for day, times in days] + [
        Place(path=path, sort=sort, value=value, choices=_CHOICES.get(path, ()))
        for path, sort in _PLACES
        if (value := _at(rule, path)) is not None
    ]


def _at(rule: Mapping[str, Any], path: Sequence[str]) -> Any:
    found: Any = rule
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, str | int) and not isinstance(found, bool) else None


def _joined(times: Any) -> str:
    return times if isinstance(times, str) else ", ".join(map(str, times or ()))


def edited(text: str, edits: Sequence[Edit]) -> str:
    """The text with these edits. Raises Unfit where a place is not there or written over several lines, YAMLError where
    the text is none."""
    root = _root(text)
    spans = [(*_span(_place(root, edit), edit), _written(edit)) for edit in edits]
    return _replaced(text, spans)


def agreeing(text: str, pack: Pack) -> str:
    """The text with examples that expect what its rules judge now. Raises YAMLError where it is none."""
    found = _value(_root(text), "examples")
    nodes = found.value if isinstance(found, yaml.SequenceNode) else []
    spans: list[tuple[int, int, str]] = []
    for node, example in zip(nodes, pack.examples, strict=True):
        if example.disagreement(pack.rules):
            spans += _corrections(text, node, example, pack)
    return _replaced(text, spans)


def _corrections(text: str, node: yaml.MappingNode, example: Example, pack: Pack) -> Iterator[tuple[int, int, str]]:
    ruling = judge(pack.rules, example.case, example.at)
    warned = [finding.rule for finding in ruling.findings if not finding.blocks]
    until = None if ruling.decision != "defer" or ruling.earliest is None else format_instant(ruling.earliest)
    new: dict[str, Any] = {
        "expect": ruling.decision,
        "until": until,
        "because": list(ruling.blocked_by),
        "warned": warned,
    }
    for index, (key, value) in enumerate(node.value):
        if key.value not in new:
            continue
        if new[key.value] is None or (key.value == "because" and not ruling.blocked_by):
            yield (*_pair(text, node, index), "")
        else:
            yield value.start_mark.index, _end(text, value), _flow(new[key.value])


def _pair(text: str, node: yaml.MappingNode, index: int) -> tuple[int, int]:
    """Where a key and its value stand, with what parts them from the one before."""
    value = node.value[index][1]
    before = node.value[index - 1][1]
    return _end(text, before), _end(text, value)


def _end(text: str, node: yaml.Node) -> int:
    """Where what was written ends: a block's mark lies behind the line break after it."""
    start, end = int(node.start_mark.index), int(node.end_mark.index)
    return start + len(text[start:end].rstrip())


def _flow(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(value) + "]"
    return str(value) if value in ("allow", "defer", "deny") else json.dumps(value)


def _root(text: str) -> yaml.Node:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if root is None:
        raise Unfit("the text is empty")
    return root


def _value(node: yaml.Node, key: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for name, value in node.value if name.value == key), None)


def _place(root: yaml.Node, edit: Edit) -> yaml.Node:
    node: yaml.Node | None = root
    if edit.rule:
        rules = _value(root, "rules")
        listed = rules.value if isinstance(rules, yaml.SequenceNode) else []
        node = next((one for one in listed if getattr(_value(one, "id"), "value", None) == edit.rule), None)
        if node is None:
            raise Unfit(f"{edit.rule}: there is no such rule")
    for key in edit.path:
        node = None if node is None else _value(node, key)
    if node is None:
        raise Unfit(f"{edit.rule}: {'.'.join(edit.path)} is not there; write it in the text")
    return node


def _span(node: yaml.Node, edit: Edit) -> tuple[int, int]:
    if not isinstance(node, yaml.ScalarNode) and not getattr(node, "flow_style", False):
        raise Unfit(f"{edit.rule}: {'.'.join(edit.path)} is written over several lines; change it in the text")
    return int(node.start_mark.index), int(node.end_mark.index)


def _written(edit: Edit) -> str:
    if isinstance(edit.value, int):
        return str(edit.value)
    if edit.path[0] == "hours":
        times = [json.dumps(one.strip()) for one in edit.value.split(",") if one.strip()]
        return times[0] if len(times) == 1 else "[" + ", ".join(times) + "]"
    return json.dumps(edit.value, ensure_ascii=False)


def _replaced(text: str, spans: Sequence[tuple[int, int, str]]) -> str:
    for start, end, new in sorted(spans, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def rules_of(text: str) -> list[Mapping[str, Any]]:
    """The rules of a text as they are written. Raises YAMLError, ValueError."""
    document, _ = read_document(text)
    rules = document.get("rules") if isinstance(document, Mapping) else None
    return [rule for rule in rules if isinstance(rule, Mapping)] if isinstance(rules, list) else []
