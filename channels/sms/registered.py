"""Finds the registered template that says exactly a given text, since Chinese carriers send no other texts.

The gateway writes and judges the whole text; the provider must then send that very text, or nothing. So the parameters
are read back out of it, and the template, filled with them, must give it again.
"""

import re
from collections.abc import Mapping, Sequence

from msgspec import Struct

MOST_OF_A_PARAMETER = 64
"""characters; carriers allow fewer for many kinds of parameter"""
_PLACEHOLDER = re.compile(r"\$\{(\w{1,32})\}|\{(\w{1,32})\}")


class Registered(Struct, frozen=True):
    """A template as it is registered: its code, the name of its signature, and its text with `{name}` or `{1}` where
    parameters stand. A `${name}` is read too, but in the configuration `${` takes an environment variable."""

    code: str
    sign: str
    text: str

    @property
    def names(self) -> list[str]:
        """The parameters in the order in which they first stand in the text."""
        return list(dict.fromkeys(a or b for a, b in _PLACEHOLDER.findall(self.text)))


class Filled(Struct, frozen=True):
    """What is sent in the place of a text."""

    template: Registered
    values: Mapping[str, str]


def fill(templates: Sequence[Registered], text: str) -> Filled | None:
    """The first template that says the text, with the parameters that make it do so; None if none does. The text may
    begin with the signature (`【…】`), which the carrier puts there itself."""
    for template in templates:
        bare = text.removeprefix(f"【{template.sign}】")
        values = _read(template.text, bare)
        if values is not None and _written(template.text, values) == bare:
            return Filled(template, values)
    return None


def _read(pattern: str, text: str) -> dict[str, str] | None:
    """The parameters, each as short as the words behind it allow: one pass, whatever the text. A parameter that stands
    again stands for the same."""
    values: dict[str, str] = {}
    parts = list(_PLACEHOLDER.finditer(pattern))
    at = len(pattern[: parts[0].start()] if parts else pattern)
    for index, found in enumerate(parts):
        name = found[1] or found[2]
        last = index + 1 == len(parts)
        behind = pattern[found.end() : None if last else parts[index + 1].start()]
        end = at + len(values[name]) if name in values else len(text) - len(behind) if last else text.find(behind, at)
        if not at <= end <= at + MOST_OF_A_PARAMETER:
            return None
        values[name] = text[at:end]
        at = end + len(behind)
    return values


def _written(pattern: str, values: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda found: values[found[1] or found[2]], pattern)
