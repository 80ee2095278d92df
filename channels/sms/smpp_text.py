"""A text as SMPP carries it: GSM 03.38 where every character is in it, UCS-2 otherwise, in parts with a UDH.

3GPP TS 23.038 (alphabets), TS 23.040, 9.2.3.24.1 (concatenation). Septets travel one to an octet, as SMSCs take them.
"""

from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
ESCAPE = 0x1B
EXTENSION = {
    "\f": 0x0A, "^": 0x14, "{": 0x28, "}": 0x29, "\\": 0x2F, "[": 0x3C, "~": 0x3D, "]": 0x3E, "|": 0x40, "€": 0x65,
}  # fmt: skip
_GSM = {character: bytes((code,)) for code, character in enumerate(BASIC) if code != ESCAPE}
_GSM |= {character: bytes((ESCAPE, code)) for character, code in EXTENSION.items()}

SINGLE = {0: 160, 8: 140}
PART = {0: 153, 8: 134}
"""Octets by data_coding, alone and beside a UDH of six octets."""


class Parts(Struct, frozen=True):
    """`data_coding` 0 is the SMSC's default alphabet, 8 is UCS-2; each part is what `short_message` holds."""

    data_coding: Literal[0, 8]
    parts: tuple[bytes, ...]

    @property
    def esm_class(self) -> int:
        """0x40 tells that each part begins with a UDH."""
        return 0x40 if len(self.parts) > 1 else 0


def parts_of(text: str, number: int) -> Parts:
    """The parts of a text; `number` (0–255) ties them together. A character is never split between two parts."""
    coding: Literal[0, 8] = 0 if all(character in _GSM for character in text) else 8
    units = [_GSM[c] if coding == 0 else c.encode("utf-16-be", "surrogatepass") for c in text]
    if sum(map(len, units)) <= SINGLE[coding]:
        return Parts(coding, (b"".join(units),))
    bodies = list(_split(units, PART[coding]))
    heads = [bytes((5, 0, 3, number & 0xFF, len(bodies), index + 1)) for index in range(len(bodies))]
    return Parts(coding, tuple(head + body for head, body in zip(heads, bodies, strict=True)))


def _split(units: list[bytes], most: int) -> Iterator[bytes]:
    part = b""
    for unit in units:
        if len(part) + len(unit) > most:
            yield part
            part = b""
        part += unit
    yield part


def text_of(data: bytes, data_coding: int, udh: bool) -> str:
    """An inbound text; what is in no alphabet that we know is shown as Latin-1 would."""
    body = data[data[0] + 1 :] if udh and data else data
    if data_coding == 8:
        return body.decode("utf-16-be", "replace")
    if data_coding == 0:
        return _gsm_text(body)
    return body.decode("latin-1")


def _gsm_text(body: bytes) -> str:
    extended = {code: character for character, code in EXTENSION.items()}
    text, escaped = "", False
    for octet in body:
        if octet == ESCAPE and not escaped:
            escaped = True
            continue
        text += extended.get(octet, "") if escaped else BASIC[octet] if octet < len(BASIC) else chr(octet)
        escaped = False
    return text
