"""What a template asks of one parameter: each use is a slot, filled with a finished value before the template runs.

So the template itself only joins strings: no filter runs in it, nothing in it can fail, and a parameter that cannot be
written is found and named while there is still no message.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from msgspec import Struct

from gateway.rendering import clean, formats
from gateway.rendering.formats import Wrong

Prepare = Callable[[Any, str, bool], Any]
"""(raw value, Babel locale, thrifty) → what the template sees, a `Wrong`, or None if nothing is left of it.
The raw value is never None nor blank."""


class Slot(Struct, frozen=True, kw_only=True):
    """`key` is its name inside the compiled template. Without a value it is `absent`, unless `needed`. The kinds
    `truth`, `word` and `figure` are asked by an `if` and do not print; the others are `text`, `line`, the filters."""

    key: str
    param: str
    kind: str
    prepare: Prepare
    absent: Any = None
    needed: bool = False


def text(value: object, locale: str, thrifty: bool) -> str | Wrong | None:
    """A parameter printed without a filter: words as they are, an amount as money, a number without grouping."""
    if not isinstance(value, str):
        return _not_words(value, locale, thrifty)
    cleaned = clean.body(value)
    return cleaned if cleaned.strip() else None


def line(value: object, locale: str, thrifty: bool) -> str | Wrong | None:
    """The same in a subject or title."""
    if not isinstance(value, str):
        return _not_words(value, locale, thrifty)
    cleaned = clean.line(value)
    return cleaned if cleaned.strip() else None


def _not_words(value: object, locale: str, thrifty: bool) -> str | Wrong:
    if isinstance(value, dict):
        return formats.money(value, locale, thrifty)
    if isinstance(value, bool) or isinstance(formats.figure_of(value), Wrong):
        return Wrong('must be text, a number or an amount such as {"value": "1280.50", "currency": "CNY"}')
    return str(value)


def truth(value: object, locale: str, thrifty: bool) -> bool:
    """What `if x` means: there, and neither blank nor false nor 0. Exactly then `{{ x }}` prints something."""
    return bool(clean.body(value).strip()) if isinstance(value, str) else bool(value)


def word(value: object, locale: str, thrifty: bool) -> str:
    """A parameter to compare with a word; one that is no text equals none."""
    return value if isinstance(value, str) else ""


def figure(value: object, locale: str, thrifty: bool) -> object:
    return formats.figure_of(value)


def prepare_for(kind: str, style: str | None, forms: Mapping[str, str]) -> Prepare:
    """The preparation of a kind of slot; `style` is a date's, `forms` a plural's."""
    if kind == "date":
        return partial(_day, style=style or "medium")
    if kind == "plural":
        return partial(formats.plural, forms=forms)
    return _PREPARE[kind]


def _day(value: object, locale: str, thrifty: bool, style: Any) -> str | Wrong:
    return formats.day(value, locale, thrifty, style)


_PREPARE: dict[str, Prepare] = {
    "text": text,
    "line": line,
    "money": formats.money,
    "number": formats.number,
    "url": formats.url,
    "truth": truth,
    "word": word,
    "figure": figure,
}
