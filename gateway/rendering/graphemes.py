"""Keeps what a reader sees as one character together when a long SMS is cut into parts.

The rule is that of UAX 29 (extended grapheme clusters), on what the standard library knows: general categories, plus
the few ranges below that categories do not tell. Known difference to the full tables: after a zero-width joiner any
symbol in the emoji blocks joins, also one that no vendor draws as a single picture; scripts whose rule GB9c (Indic
conjuncts, Unicode 15.1) ties further are cut as in older Unicode, which is also what `sms-segments-calculator` does.
"""

from collections.abc import Iterator
from unicodedata import category

_ZWNJ, _ZWJ = "\u200c", "\u200d"
_FIRST_MARK = "\u0300"
"""Below it nothing joins anything (but CR LF, which is cut on purpose)."""

_EXTENDS_THOUGH_NOT_A_MARK = (
    (0x200C, 0x200D),  # zero-width non-joiner and joiner
    (0x0E33, 0x0E33),  # Thai and Lao sara am: letters by category, spacing marks by use
    (0x0EB3, 0x0EB3),
    (0xFF9E, 0xFF9F),  # half-width katakana sound marks
    (0x1F3FB, 0x1F3FF),  # skin tones
    (0xE0020, 0xE007F),  # tags, as in the flag of Scotland
)
_PREPENDS = ((0x0600, 0x0605), (0x06DD, 0x06DD), (0x070F, 0x070F), (0x0890, 0x0891), (0x08E2, 0x08E2), (0x0D4E, 0x0D4E))
_PICTURES = (
    (0x00A9, 0x00A9),
    (0x00AE, 0x00AE),
    (0x203C, 0x203C),
    (0x2049, 0x2049),
    (0x2122, 0x2122),
    (0x2139, 0x2139),
    (0x2194, 0x21AA),
    (0x231A, 0x23FF),
    (0x2460, 0x27BF),
    (0x2900, 0x2BFF),
    (0x3030, 0x303D),
    (0x3297, 0x3299),
    (0x1F000, 0x1F1E5),
    (0x1F200, 0x1F3FA),
    (0x1F400, 0x1FAFF),
)


def clusters(text: str) -> Iterator[str]:
    """`text` cut into grapheme clusters; joined again they are `text`. CR LF is cut, as the SMS tools do."""
    start, before = 0, text[:1]
    for at in range(1, len(text)):
        after = text[at]
        if (after < _FIRST_MARK and before < _FIRST_MARK) or not _joins(before, after, text[start:at]):
            yield text[start:at]
            start = at
        before = after
    if text:
        yield text[start:]


def _joins(before: str, after: str, cluster: str) -> bool:
    """Whether no border lies between two neighbours; `cluster` is what `before` already belongs to."""
    left, right = ord(before), ord(after)
    if _is_control(before, left) or _is_control(after, right):
        return False
    if _within(right, _EXTENDS_THOUGH_NOT_A_MARK) or category(after)[0] == "M":
        return True
    if _within(left, _PREPENDS) or (before == _ZWJ and _within(right, _PICTURES)):
        return True
    if _is_flag_letter(left) and _is_flag_letter(right):
        return sum(_is_flag_letter(ord(char)) for char in cluster) % 2 == 1  # two letters make a flag
    return _hangul_joins(left, right)


def _is_control(char: str, code: int) -> bool:
    if char in (_ZWNJ, _ZWJ) or 0xE0020 <= code <= 0xE007F or _within(code, _PREPENDS):
        return False
    return category(char) in ("Cc", "Cf", "Zl", "Zp", "Cs")


def _is_flag_letter(code: int) -> bool:
    return 0x1F1E6 <= code <= 0x1F1FF


def _hangul_joins(left: int, right: int) -> bool:
    """Rules GB6 to GB8: leading consonant, vowel, trailing consonant make one syllable."""
    syllable = 0xAC00 <= left <= 0xD7A3
    if 0x1100 <= left <= 0x115F or 0xA960 <= left <= 0xA97C:
        return 0x1100 <= right <= 0x11A7 or 0xA960 <= right <= 0xA97C or 0xAC00 <= right <= 0xD7A3
    if 0x1160 <= left <= 0x11A7 or 0xD7B0 <= left <= 0xD7C6 or (syllable and (left - 0xAC00) % 28 == 0):
        return 0x1160 <= right <= 0x11FF or 0xD7B0 <= right <= 0xD7FB
    if 0x11A8 <= left <= 0x11FF or 0xD7CB <= left <= 0xD7FB or syllable:
        return 0x11A8 <= right <= 0x11FF or 0xD7CB <= right <= 0xD7FB
    return False


def _within(code: int, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(first <= code <= last for first, last in ranges)
