"""Reads documents that other systems wrote: bytes in, a typed value or a Fault out, whatever the bytes are."""

import json
import re
from typing import Any, TypeVar

import msgspec

from gateway.domain.errors import Fault

T = TypeVar("T")

MAX_DOCUMENT_BYTES = 64 * 1024
MAX_GLANCE_BYTES = 1024 * 1024
"""what is larger is not read at all: one entry must not hold up the others"""
MAX_DEPTH = 32

_PATH = re.compile(r" - at `\$\.?(.*)`$", re.DOTALL)
_SHAPE = bytes.maketrans(b"123456789E", b"000000000e")
_LONG_NUMBER, _LONG_EXPONENT = b"0" * 200, b"0e000"
"""What a number too large for a double holds once all its digits are 0; most documents hold nothing like it. With fewer
digits than the one and an exponent shorter than the other, a number has at most 299 digits."""
_UNFIT_TEXT = re.compile("[\x00\ud800-\udfff]")


def decode(raw: bytes, decoder: "msgspec.json.Decoder[T]") -> T | Fault:
    """JSON bytes → the decoder's type, or the Fault that names the field. Never raises, whatever the input."""
    if len(raw) > MAX_DOCUMENT_BYTES:
        return Fault("", f"the document has {len(raw)} bytes; at most {MAX_DOCUMENT_BYTES} are allowed")
    try:
        raw.decode()
        value = decoder.decode(raw)
    except UnicodeDecodeError as error:
        return Fault("", f"not UTF-8: byte {error.start} does not fit")
    except msgspec.ValidationError as error:
        return (_unfit(raw) if "out of range" in str(error) else None) or _fault(str(error))
    except msgspec.DecodeError as error:
        return _unfit(raw) or Fault("", f"not JSON: {error}")
    except RecursionError:
        return Fault("", f"nested deeper than {MAX_DEPTH} levels")
    return (_unfit(raw) or value) if _suspect(raw) else value


def glance(raw: bytes) -> dict[str, Any]:
    """Whatever object can still be read from a document that `decode` refused; empty if there is none."""
    try:
        value = json.loads(raw) if len(raw) <= MAX_GLANCE_BYTES else None
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _suspect(raw: bytes) -> bool:
    """Whether a document that the decoder took may still hold what no store of ours could keep. The decoder itself
    refuses unpaired surrogates, NaN, and a float out of range where it reads it."""
    shape = raw.translate(_SHAPE, b"+")
    return (
        b"\\u0000" in raw
        or _LONG_EXPONENT in shape
        or _LONG_NUMBER in shape
        or raw.count(b"{") + raw.count(b"[") > MAX_DEPTH
    )


def _fault(text: str) -> Fault:
    """msgspec's sentence, its path moved to the front. A check of ours starts with the field's own name and a colon."""
    path = ""
    if found := _PATH.search(text):
        path, text = found[1], text[: found.start()]
    name, colon, rest = text.partition(": ")
    if colon and name.isidentifier():
        return Fault(f"{path}.{name}" if path else name, rest)
    if unknown := re.fullmatch(r"Object contains unknown field `(.*)`", text, re.DOTALL):
        return Fault(f"{path}.{unknown[1]}" if path else unknown[1], "unknown field; check its spelling")
    if missing := re.fullmatch(r"Object missing required field `(.*)`", text):
        return Fault(f"{path}.{missing[1]}" if path else missing[1], "is required and missing")
    return Fault(path, text[:1].lower() + text[1:].replace("`", ""))


def _unfit(raw: bytes) -> Fault | None:
    """The slow look at a document that may hold what no store of ours could keep; names the place. None if it finds
    nothing, or if not even Python's more lenient reader can read it."""
    try:
        stack: list[tuple[str, Any, int]] = [("", json.loads(raw), 1)]
    except ValueError:
        return None
    except RecursionError:
        return Fault("", f"nested deeper than {MAX_DEPTH} levels")
    while stack:
        path, value, depth = stack.pop()
        if isinstance(value, dict | list):
            if depth > MAX_DEPTH:
                return Fault(path, f"nested deeper than {MAX_DEPTH} levels")
            items = value.items() if isinstance(value, dict) else enumerate(value)
            if isinstance(value, dict) and any(_UNFIT_TEXT.search(key) for key in value):
                return Fault(path, "holds U+0000 or an unpaired surrogate in a name")
            stack += [(f"{path}.{key}" if path else str(key), child, depth + 1) for key, child in items]
        elif isinstance(value, str) and _UNFIT_TEXT.search(value):
            return Fault(path, "holds U+0000 or an unpaired surrogate")
        elif isinstance(value, int | float) and not _fits_double(value):
            return Fault(path, "is not a number that a double can hold")
    return None


def _fits_double(value: float) -> bool:
    try:
        return float("-inf") < float(value) < float("inf")
    except OverflowError:
        return False
