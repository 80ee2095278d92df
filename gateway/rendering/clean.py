"""Makes a parameter harmless to print: what could break a line, hide text or turn it round is taken out of it.

Control characters (C0, C1) go, except the line break in a body; in a title every one of them becomes a space. Bidi
controls U+202A–E and U+2066–9 would let a name reorder the sentence around it; the byte order mark would turn an SMS
into UCS-2 unseen. What remains is in NFC, so that the same name counts as the same characters everywhere.
"""

import re
from unicodedata import is_normalized, normalize

_BREAKS = re.compile("\r\n?|[\u2028\u2029\u0085]")
_UNSEEN = re.compile("[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_SPACES = re.compile("[\u0000-\u001f\u007f-\u009f\u2028\u2029]+")


def body(text: str) -> str:
    """For a message's text: line breaks stay, as LF; a tab becomes a space."""
    if text.isascii() and text.isprintable():
        return text
    return _nfc(_UNSEEN.sub("", _BREAKS.sub("\n", text).replace("\t", " ")))


def line(text: str) -> str:
    """For a subject or title: a single line."""
    if text.isascii() and text.isprintable():
        return text
    return _nfc(_UNSEEN.sub("", _SPACES.sub(" ", text)))


def _nfc(text: str) -> str:
    return text if is_normalized("NFC", text) else normalize("NFC", text)
