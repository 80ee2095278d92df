"""An email's bytes, put together from prepared pieces: a fiftieth of what `EmailMessage` costs, and nothing slips in.

Every header value is cleaned of what could end a line, whatever is not plain ASCII becomes encoded words (RFC 2047) of
our own making, and the finished head is read again: if its header names are not exactly the expected ones, no message
leaves (the 3.11 standard library lets an encoded newline in a subject become a `Bcc:`, cpython issue 121650).
"""

import base64
import binascii
import re
from email.utils import formatdate
from functools import lru_cache

from msgspec import Struct

from channels.contract import Message
from channels.email.address import Mailbox

# Neither base64 nor quoted-printable can produce "=_", so that no part can contain the boundary.
BOUNDARY = "=_gateway_part_=_"
# RFC 2047 allows 75 characters a word: 45 bytes make 60 of base64, and 12 go to the frame.
WORD_BYTES = 45
# Longer plain values become encoded words too, which fold by themselves (RFC 5322 allows 998 a line).
PLAIN_LIMIT = 200
LINE_LIMIT_BYTES = 998

# C0, DEL, C1, line and paragraph separators, lone surrogates: all that any reader could take for the end of a line.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_NAME = re.compile(rb"[A-Za-z-]+")
_MULTIPART = f'Content-Type: multipart/alternative; boundary="{BOUNDARY}"\r\n'
_SEPARATOR = f"--{BOUNDARY}\r\n".encode()
_END = f"--{BOUNDARY}--\r\n".encode()
_HEAD = ("From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Auto-Submitted")
_LIST = ("List-Unsubscribe", "List-Unsubscribe-Post")


class UnsafeHeaderError(ValueError):
    """The finished head is not what it was meant to be; the message must not leave."""


class Letterhead(Struct, frozen=True):
    """What is the same in all messages of one sender."""

    sender: str
    """The From header's value, encoded."""
    domain: str
    """Of the Message-ID."""
    unsubscribe: str | None = None
    """https prefix of one-click unsubscription (RFC 8058) elsewhere; the message's reference is appended."""

    def message_id(self, reference: str) -> str:
        """The same for every look at the same attempt, so that a bounce finds it."""
        return f"<{reference}@{self.domain}>"

    def write(self, message: Message, to: Mailbox, unsubscribe: str | None = None) -> bytes:
        """The whole message with CRLF line ends; `unsubscribe` is its own link, before that of the letterhead. Raises
        UnsafeHeaderError where the head is not the expected one."""
        head = (
            f"From: {self.sender}\r\nTo: {to}\r\nSubject: {encoded(message.title or '')}\r\n"
            f"Date: {_date(message.admitted_at // 1000)}\r\nMessage-ID: {self.message_id(message.reference)}\r\n"
            "MIME-Version: 1.0\r\nAuto-Submitted: auto-generated\r\n"
        )
        names: tuple[str, ...] = _HEAD
        link = unsubscribe or (self.unsubscribe and self.unsubscribe + message.reference)
        if link:
            head += f"List-Unsubscribe: <{link}>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
            names += _LIST
        text = _part("plain", message.text)
        if message.html is None:
            names += ("Content-Type", "Content-Transfer-Encoding")
            part_head, _, body = text.partition(b"\r\n\r\n")
            return checked(head.encode() + part_head + b"\r\n", names) + b"\r\n" + body
        whole = checked((head + _MULTIPART).encode(), (*names, "Content-Type"))
        return b"".join((whole, b"\r\n", _SEPARATOR, text, _SEPARATOR, _part("html", message.html), _END))


def clean(value: str) -> str:
    """The value on one line: whatever could break it is a space."""
    return _UNSAFE.sub(" ", value).strip()


def encoded(value: str) -> str:
    """A header's free text: plain where it is short ASCII, else encoded words (RFC 2047) folded by CRLF and a space.

    A value that looks like an encoded word is encoded as well, so that decoding gives the look and not the content.
    """
    value = clean(value)
    if value.isascii() and "=?" not in value and len(value) <= PLAIN_LIMIT:
        return value
    data = value.encode()
    words = []
    start = 0
    while start < len(data):
        end = min(start + WORD_BYTES, len(data))
        while end < len(data) and data[end] & 0xC0 == 0x80:  # never within a character
            end -= 1
        words.append(f"=?utf-8?b?{base64.b64encode(data[start:end]).decode()}?=")
        start = end
    return "\r\n ".join(words)


def sender(name: str, address: Mailbox) -> str:
    """The value of a From header; the name is quoted where it is plain (RFC 5322, 3.2.4)."""
    words = encoded(name)
    if not words:
        return str(address)
    if "=?" not in words:
        words = '"' + words.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"{words} <{address}>"


def checked(head: bytes, names: tuple[str, ...]) -> bytes:
    """`head` as it is. Raises UnsafeHeaderError unless it holds these headers, in this order, and nothing else."""
    lines = head.split(b"\r\n")
    found = [line.partition(b":")[0] for line in lines[:-1] if not line.startswith(b" ")]
    if lines[-1] or found != [name.encode() for name in names]:
        raise UnsafeHeaderError("the message's headers are not the expected ones")
    if any(b"\r" in line or b"\n" in line or len(line) > LINE_LIMIT_BYTES for line in lines):
        raise UnsafeHeaderError("a header line that is too long or broken")
    return head


@lru_cache(maxsize=64)
def _date(seconds: int) -> str:
    return formatdate(seconds)


def _part(kind: str, text: str) -> bytes:
    """One text part. Mostly ASCII is quoted-printable, which filters like better and people can read; else base64."""
    # The line end at the end also tells b2a_qp to break its own lines by CRLF.
    data = (text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n") + "\r\n").encode("utf-8", "replace")
    plain = len(data) - len(text) < len(text) // 8
    body = binascii.b2a_qp(data) if plain else base64.encodebytes(data).replace(b"\n", b"\r\n")
    encoding = "quoted-printable" if plain else "base64"
    head = f"Content-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    return head.encode() + body
