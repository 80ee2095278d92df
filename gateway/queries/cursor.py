"""Where a list goes on: the order of the last row seen, as one word that means nothing to whoever carries it."""

import base64
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

T = TypeVar("T")
Number = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
Name = Annotated[str, Meta(pattern=r"^[^\x00]*$")]
"""What the place of a row is made of; more than these no database could be asked for."""


class BadCursor(ValueError):
    """The cursor is none that was given."""


def write_cursor(place: object) -> str:
    """A place (numbers and names) as a word."""
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode()


def read_cursor(text: str, kind: type[T]) -> T:
    """The place of a word, as a `kind` of Number, Name and bytes. Raises BadCursor."""
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(text), type=kind)
    except (ValueError, msgspec.MsgspecError) as error:
        raise BadCursor from error
