"""Reads the document of a body, or answers with its fault."""

from typing import TypeVar

import msgspec

from gateway.web.api.route import Answer, FaultAt, refused

T = TypeVar("T")


def read(body: bytes, kind: type[T]) -> T | Answer:
    """The document as a `kind`, or the answer that names what is wrong with it."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        text, _, place = str(error).partition(" - at `$")
        fault = FaultAt(index=0, field=place.strip(".`"), message=text)
        return refused(422, "Unprocessable Content", "the document is wrong", [fault])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return refused(400, "Bad Request", "the body is not JSON")
