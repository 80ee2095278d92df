"""What the ledger is told besides what the store keeps: the very words that went out, and what brought a change about.

A note rides with the change that it explains, in the same atomic step, and is read by nobody but the ledger.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from gateway.domain.ruling import Finding

ABSENT = msgspec.Raw()
"""no document; msgspec leaves out what *is* the default"""


class Said(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A message exactly as it was handed to the provider; `to` is an address, or a push token in its own form."""

    to: Any
    text: str
    title: str | None = None
    html: str | None = None


class Note(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """At most one of `contact`, `command`, `report`, `reply`, `published`, `templates` and `act` is there: the document
    that was taken in, as it came. `member` is the job by all its names; `doc` the reminder of one that ended at its
    first look, since its record holds none; `findings` are the rules that stood against a channel at this look or
    warned of it, with their figures."""

    member: str = ""
    doc: msgspec.Raw = ABSENT
    said: Said | None = None
    findings: Mapping[str, Sequence[Finding]] = {}
    contact: msgspec.Raw = ABSENT
    command: msgspec.Raw = ABSENT
    report: msgspec.Raw = ABSENT
    reply: msgspec.Raw = ABSENT
    published: Mapping[str, Any] = {}
    templates: Mapping[str, Any] = {}
    act: Mapping[str, Any] = {}


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Note).decode


def write_note(note: Note) -> str:
    return _encode(note).decode()


def read_note(text: str) -> Note:
    """The inverse. Raises msgspec.DecodeError."""
    return _decode(text)
