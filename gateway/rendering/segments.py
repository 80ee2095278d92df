"""Tells what an SMS costs: how carriers encode a text and into how many billed parts they cut it.

Rules of 3GPP TS 23.038 and 23.040, and of Twilio's `sms-segments-calculator` where it is kinder than they are: it keeps
a grapheme cluster whole, the standard only a surrogate pair, so that near a border the count can differ by one.
National shift tables are not used, as no provider here uses them; Chinese operators bill by characters, 70 and 67 a
part, also for ASCII, which this does not model.
"""

import re
from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from gateway.rendering.graphemes import clusters

GSM_SINGLE, GSM_PART = 160, 153
"""Septets in a lone message and in each part of a longer one (the rest is the header that numbers the parts)."""
UCS_SINGLE, UCS_PART = 70, 67
"""UTF-16 code units, likewise."""

_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = "\f^{}\\[~]|€"
"""Sent as an escape and a septet; the two are never parted."""

_COST = {**dict.fromkeys(_BASIC, 1), **dict.fromkeys(_EXTENDED, 2)}
_GSM = frozenset(_COST)
_BASIC_BYTES = "".join(char for char in _BASIC if ord(char) < 256).encode("latin-1")
_EXTENDED_BYTES = _EXTENDED.replace("€", "").encode("latin-1")
_BEYOND_LATIN = re.compile(r"[^\x00-\xff]")
# Characters of one code unit that neither begin nor extend a cluster: Latin, general punctuation, CJK with its marks.
_PLAIN = re.compile(
    r"[\x00-\u02ff\u2010-\u2027\u2030-\u203b\u3000-\u3029\u3041-\u3096\u30a0-\u30ff\u4e00-\u9fff\uff01-\uff60]*"
)


class Segments(Struct, frozen=True):
    """`units_per_segment` are septets (an extended character counts 2) or UTF-16 code units, without headers."""

    encoding: Literal["GSM-7", "UCS-2"]
    segments: int
    units_per_segment: list[int]


def foreign(text: str) -> tuple[str, ...]:
    """The characters that the alphabet of text messages lacks (3GPP TS 23.038), each once: one of them is enough, and a
    segment holds 70 characters and not 160."""
    return tuple(dict.fromkeys(char for char in text if char not in _GSM))


def segments(text: str) -> Segments:
    """How `text` is sent. Total: any string has an answer, the empty one is a single empty segment."""
    if not _BEYOND_LATIN.search(text):  # the quick way, as this runs for every SMS
        left = text.encode("latin-1").translate(None, _BASIC_BYTES)
        units = len(text) + len(left)
        if units <= GSM_SINGLE and (not left or not left.translate(None, _EXTENDED_BYTES)):
            return Segments("GSM-7", 1, [units])
        if not left:
            return _even("GSM-7", units, GSM_PART)
    if _GSM.issuperset(text):
        costs = [_COST[char] for char in text]
        return _packed("GSM-7", costs, GSM_SINGLE, GSM_PART)
    if _PLAIN.fullmatch(text):
        return Segments("UCS-2", 1, [len(text)]) if len(text) <= UCS_SINGLE else _even("UCS-2", len(text), UCS_PART)
    units = _utf16(text)
    return (
        Segments("UCS-2", 1, [units])
        if units <= UCS_SINGLE
        else _packed("UCS-2", _ucs_costs(text), UCS_SINGLE, UCS_PART)
    )


def _even(encoding: Literal["GSM-7", "UCS-2"], units: int, part: int) -> Segments:
    """Parts for text in which a border may lie anywhere."""
    full, rest = divmod(units, part)
    sizes = [part] * full + ([rest] if rest else [])
    return Segments(encoding, len(sizes), sizes)


def _packed(encoding: Literal["GSM-7", "UCS-2"], costs: list[int], single: int, part: int) -> Segments:
    """Parts for text whose pieces, each of the given units, must stay whole."""
    if sum(costs) <= single:
        return Segments(encoding, 1, [sum(costs)])
    sizes = [0]
    for cost in costs:
        if sizes[-1] + cost > part:
            sizes.append(0)
        sizes[-1] += cost
    return Segments(encoding, len(sizes), sizes)


def _ucs_costs(text: str) -> list[int]:
    costs: list[int] = []
    for cluster in clusters(text):
        units = _utf16(cluster)
        # A cluster larger than a part cannot be kept whole by anybody: only its surrogate pairs are.
        costs.extend([units] if units <= UCS_PART else map(_utf16, cluster))
    return costs


def _utf16(chars: Iterable[str]) -> int:
    return sum(2 if char > "\uffff" else 1 for char in chars)
