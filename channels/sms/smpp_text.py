"""A text as SMPP carries it: in the SMSC's default alphabet where every character is in it, UCS-2 otherwise, in parts.

3GPP TS 23.038 (alphabets), TS 23.040, 9.2.3.24.1 (the header that ties parts together). A septet travels in an octet
of its own: SMSCs pack them. Data codings are those of SMPP 3.4, 5.2.19.
"""

from collections.abc import Iterator
from typing import Literal
from unicodedata import category

from msgspec import Struct

Alphabet = Literal["gsm7", "latin1", "ucs2"]
"""What data_coding 0, the SMSC's default, means there; `ucs2` where nothing but UCS-2 is to be sent."""

BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
ESCAPE = 0x1B
EXTENSION = {
    "\f": 0x0A, "^": 0x14, "{": 0x28, "}": 0x29, "\\": 0x2F, "[": 0x3C, "~": 0x3D, "]": 0x3E, "|": 0x40, "€": 0x65,
}  # fmt: skip
_EXTENDED = {code: character for character, code in EXTENSION.items()}
_GSM = {character: bytes((code,)) for code, character in enumerate(BASIC) if code != ESCAPE}
_GSM |= {character: bytes((ESCAPE, code)) for character, code in EXTENSION.items()}

DEFAULT, LATIN1, UCS2 = 0x00, 0x03, 0x08
SINGLE = {DEFAULT: 160, UCS2: 140}
PART = {DEFAULT: 153, UCS2: 134}
"""Septets or octets on the air, alone and beside a header of six octets."""

_FIRST_MARK = "\u0300"
_ZWJ = "\u200d"
_TRAILING = frozenset("\u200c\u200d\u0e33\u0eb3\uff9e\uff9f")
"""Joiners, Thai and Lao sara am, half-width sound marks: no marks by category, but of what stands before them."""


class Parts(Struct, frozen=True):
    """Each part is what `short_message` holds; where `headed`, it begins with a UDH."""

    data_coding: int
    parts: tuple[bytes, ...]

    @property
    def headed(self) -> bool:
        return len(self.parts) > 1


def parts_of(text: str, number: int, alphabet: Alphabet = "gsm7") -> Parts:
    """The parts of a text; `number` (0–255) ties them together. What a reader sees as one character stays whole."""
    fits = _GSM.keys() if alphabet == "gsm7" else _LATIN if alphabet == "latin1" else ()
    if all(character in fits for character in text):
        coding, pieces = DEFAULT, [(c, len(_GSM[c])) for c in text]
    else:
        coding, pieces = UCS2, [(cluster, len(_utf16(cluster))) for cluster in _clusters(text)]
        pieces = [piece for whole in pieces for piece in _breakable(whole)]
    bodies = list(_cut(pieces, SINGLE[coding], PART[coding]))
    written = [_octets(body, coding, alphabet) for body in bodies]
    if len(written) == 1:
        return Parts(coding, tuple(written))
    heads = [bytes((5, 0, 3, number & 0xFF, len(written), index + 1)) for index in range(len(written))]
    return Parts(coding, tuple(head + body for head, body in zip(heads, written, strict=True)))


def text_of(data: bytes, data_coding: int, headed: bool, alphabet: Alphabet = "gsm7") -> str:
    """An inbound text; what is in no alphabet that we know is shown as Latin-1 would."""
    body = data[data[0] + 1 :] if headed and data else data
    if data_coding == UCS2:
        return body.decode("utf-16-be", "replace")
    if data_coding == DEFAULT and alphabet != "latin1":
        return _gsm_text(body)
    return body.decode("latin-1")


_LATIN = frozenset(character for character in _GSM if ord(character) < 0x100)
"""What an SMSC whose default is Latin-1 can turn into GSM 03.38 on the air, where it is counted in septets."""


def _cut(pieces: list[tuple[str, int]], single: int, part: int) -> Iterator[str]:
    """Pieces, each with its size on the air, put together to as few texts as hold them in their order."""
    if sum(size for _, size in pieces) <= single:
        yield "".join(piece for piece, _ in pieces)
        return
    text, filled = "", 0
    for piece, size in pieces:
        if filled + size > part:
            yield text
            text, filled = "", 0
        text, filled = text + piece, filled + size
    yield text


def _octets(text: str, coding: int, alphabet: Alphabet) -> bytes:
    if coding == UCS2:
        return _utf16(text)
    return text.encode("latin-1") if alphabet == "latin1" else b"".join(_GSM[character] for character in text)


def _breakable(piece: tuple[str, int]) -> list[tuple[str, int]]:
    """A cluster larger than a part cannot be kept whole by anybody: only its surrogate pairs are."""
    text, size = piece
    return [piece] if size <= PART[UCS2] else [(character, len(_utf16(character))) for character in text]


def _clusters(text: str) -> Iterator[str]:
    """What a reader sees as one character, as far as categories tell it (UAX 29): a letter with its marks, a picture
    with its skin tone, pictures that a joiner joins, the two letters of a flag."""
    cluster = ""
    for character in text:
        if cluster and not _joins(cluster, character):
            yield cluster
            cluster = ""
        cluster += character
    if cluster:
        yield cluster


def _joins(cluster: str, character: str) -> bool:
    last = cluster[-1]
    if character < _FIRST_MARK or (category(last)[0] == "C" and last not in _TRAILING):
        return False
    if category(character)[0] == "M" or character in _TRAILING or "\U0001f3fb" <= character <= "\U0001f3ff":
        return True
    if _flag(character):
        return len(cluster) == 1 and _flag(last)
    return last == _ZWJ and category(character) == "So"


def _flag(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _utf16(text: str) -> bytes:
    return text.encode("utf-16-be", "surrogatepass")


def _gsm_text(body: bytes) -> str:
    text, escaped = "", False
    for octet in body:
        if octet == ESCAPE and not escaped:
            escaped = True
            continue
        text += _EXTENDED.get(octet, "") if escaped else BASIC[octet] if octet < len(BASIC) else chr(octet)
        escaped = False
    return text
