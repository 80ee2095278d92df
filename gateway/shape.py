"""Compares a document with the struct it shall become, and finds every mistake in it at once, each with its key."""

import difflib
import re
import types
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import fields

from gateway.domain.errors import Fault

S = TypeVar("S", bound=Struct)

_UNITS_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"(?:\d{1,9}(?:ms|[smhd]))+")
_PART = re.compile(r"(\d+)(ms|[smhd])")

_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "object": "a mapping of keys",
    "array": "a list",
    "null": "nothing",
}


class Discreet(Struct, frozen=True, kw_only=True):
    """Addresses and settings hold secrets, and a repr ends up in logs and tracebacks: it tells nothing."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__.lower()} of the configuration>"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return []


def parsed(parse: Callable[[Any], Any]) -> Meta:
    """Marks a field that `parse` makes of what was given; it raises ValueError with a sentence."""
    return Meta(extra={"parse": parse})


def duration(given: Any) -> int:
    """`30s`, `1h30m`, `7d` → ms."""
    if not isinstance(given, str) or not _DURATION.fullmatch(given):
        raise ValueError("expected a duration with its unit, such as 500ms, 30s, 10m, 72h or 7d")
    found = sum(int(number) * _UNITS_MS[unit] for number, unit in _PART.findall(given))
    if not found:
        raise ValueError("must be longer than nothing")
    return found


Duration = Annotated[int, parsed(duration)]
"""Milliseconds; written with a unit."""


def read(kind: type[S], given: object, path: str, found: list[Fault]) -> S | None:
    """The document as a `kind`, or None after every mistake in it was added to `found`."""
    if not isinstance(given, Mapping):
        found.append(Fault(path, f"expected {_WORDS['object']}"))
        return None
    known = {field.encode_name: field for field in fields(kind)}
    mistakes = len(found)
    found += [Fault(under(path, key), unknown(key, known)) for key in given if key not in known]
    values = {}
    for key, field in known.items():
        if key in given:
            values[field.name] = _value(field.type, given[key], under(path, key), found)
        elif field.required:
            found.append(Fault(under(path, key), "is missing"))
    return kind(**values) if len(found) == mistakes else None


def under(path: str, key: object) -> str:
    """The path of a key of a mapping, or of an entry of a list."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else str(key)


def unknown(key: object, known: Iterable[str]) -> str:
    """What to say of a key that nobody knows: the one probably meant, or all there are."""
    names = sorted(known)
    close = difflib.get_close_matches(str(key).lower(), names, 1)
    return f"unknown key; did you mean {close[0]}?" if close else f"unknown key; known are {', '.join(names)}"


def sentence(text: str) -> str:
    """msgspec's words for a value that does not fit, in ours."""
    text = re.sub(r" - at `\$.*`$", "", text)
    text = re.sub(r"`(\w+)(?: \| null)?`", lambda found: _WORDS.get(found[1], found[1]), text)
    text = text.replace(" matching regex ", " that matches ")
    if refused := re.fullmatch(r"Invalid enum value (.*)", text):
        return f"{refused[1]} is not one of the values allowed"
    if text == "Expected text, got a whole number":
        text += "; put it in quotes"
    return text[:1].lower() + text[1:]


def _value(kind: Any, given: object, path: str, found: list[Fault]) -> Any:
    try:
        if parse := _parser(kind):
            return parse(given)
        if isinstance(kind, type) and issubclass(kind, Struct):
            return read(kind, given, path, found)
        if (optional := _optional_struct(kind)) is not None:
            return None if given is None else read(optional, given, path, found)
        if (item := _struct_of_list(kind)) and isinstance(given, list):
            return tuple(read(item, entry, under(path, index), found) for index, entry in enumerate(given))
        if kind is Path:
            return Path(msgspec.convert(given, str))
        # What an environment variable gives is text, also where a number is meant.
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        choices = _choices(kind)
        wanted = f"must be one of {', '.join(choices)}" if choices else sentence(str(error))
        found.append(Fault(path, wanted))
    except ValueError as error:
        found.append(Fault(path, str(error)))
    return None


def _parser(kind: Any) -> Callable[[Any], Any] | None:
    if get_origin(kind) is not Annotated:
        return None
    for note in get_args(kind)[1:]:
        if isinstance(note, Meta) and note.extra and "parse" in note.extra:
            parse: Callable[[Any], Any] = note.extra["parse"]
            return parse
    return None


def _optional_struct(kind: Any) -> type[Struct] | None:
    """The struct of a field that may also be null."""
    parts = get_args(kind) if get_origin(kind) is types.UnionType else ()
    structs = [part for part in parts if isinstance(part, type) and issubclass(part, Struct)]
    return structs[0] if structs and type(None) in parts else None


def _struct_of_list(kind: Any) -> type[Struct] | None:
    if get_origin(kind) is not tuple:
        return None
    item = get_args(kind)[0]
    return item if isinstance(item, type) and issubclass(item, Struct) else None


def _choices(kind: Any) -> list[str]:
    if get_origin(kind) is types.UnionType:
        return [choice for part in get_args(kind) for choice in _choices(part)]
    return [str(choice) for choice in get_args(kind)] if get_origin(kind) is Literal else []
