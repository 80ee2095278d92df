"""How a receipt looks among the dead letters: its fields as they stood on the stream."""

from collections.abc import Mapping

import msgspec

_encode = msgspec.json.Encoder().encode


def letter(fields: Mapping[bytes, bytes]) -> str:
    """The field `entry` of a dead letter (CONTRACT 1): a JSON object of texts."""
    return _encode({_text(name): _text(value) for name, value in fields.items()}).decode()


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace")
