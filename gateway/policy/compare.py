"""Whether a changed pack forbids less than the one before: only what is surely as strict need not cool off. Pure.

What cannot be told is taken for looser.
"""

from collections.abc import Mapping
from typing import Any, Literal

Change = Literal["added", "removed", "stricter", "changed"]
_FREE = frozenset({"source", "status", "title", "comment"})
"""keys of a rule that do not decide"""


def compare(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> dict[str, Change]:
    """What became of each rule of a pack, by its id; documents as YAML gives them. `before` None: a new pack."""
    old, new = _rules(before or {}), _rules(after)
    found: dict[str, Change] = {rule: "removed" for rule in old if rule not in new}
    for rule, now in new.items():
        if rule not in old:  # a rule about stops may exempt from them too
            found[rule] = "changed" if now.get("kind") == "stop" else "added"
        elif (was := _deciding(old[rule])) != _deciding(now):
            found[rule] = "stricter" if _stricter(was, _deciding(now)) else "changed"
    return found


def looser(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> bool:
    """Whether the change may let through what was forbidden."""
    changes = compare(before, after).values()
    rest = {key: value for key, value in (before or {}).items() if key in ("clock", "holidays")}
    moved = before is not None and rest != {key: value for key, value in after.items() if key in ("clock", "holidays")}
    return moved or any(change in ("removed", "changed") for change in changes)


def _stricter(was: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """A limit of fewer contacts, all else as it was."""
    if was.get("kind") != "cap" or was.keys() != now.keys():
        return False
    differs = {key for key in was if was[key] != now[key]}
    return differs == {"max"} and _number(now["max"]) < _number(was["max"])


def _number(value: Any) -> float:
    return value if isinstance(value, int) and not isinstance(value, bool) else float("inf")


def _rules(document: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    rules = document.get("rules")
    if not isinstance(rules, list):
        return {}
    return {str(rule.get("id")): rule for rule in rules if isinstance(rule, Mapping)}


def _deciding(rule: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in rule.items() if key not in _FREE}
