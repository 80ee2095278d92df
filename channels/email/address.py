"""Mail addresses: taken apart strictly, so that nothing in one can become a second command or a second header."""

import re

from msgspec import Struct

# RFC 5321, 4.1.2: a dot-string (with RFC 6531's non-ASCII characters) or a quoted string; a name or an address literal.
_ATOM = r"(?:[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]|[^\x00-\xa0\s\u2028\u2029\ud800-\udfff])+"
_QUOTED = r'"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\[\x20-\x7e])*"'
_LABEL = (
    r"(?:[A-Za-z0-9]|[^\x00-\xa0\s\u2028\u2029\ud800-\udfff])(?:[A-Za-z0-9-]|[^\x00-\xa0\s\u2028\u2029\ud800-\udfff])*"
)
_MAILBOX = re.compile(
    rf"(?P<local>{_ATOM}(?:\.{_ATOM})*|{_QUOTED})@(?P<domain>{_LABEL}(?:\.{_LABEL})*|\[[0-9A-Za-z:.]+\])"
)
_ASCII_DOMAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*(?:\.[A-Za-z0-9][A-Za-z0-9-]*)*")
LOCAL_LIMIT_BYTES = 64
MAILBOX_LIMIT_BYTES = 254


class Mailbox(Struct, frozen=True):
    """`local` as given; `domain` in ASCII wherever it can be."""

    local: str
    domain: str

    @property
    def needs_utf8(self) -> bool:
        """Whether it can only travel by SMTPUTF8 (RFC 6531)."""
        return not self.local.isascii()

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"


def mailbox(text: str) -> Mailbox | None:
    """The address in `text`, without a display name; None where it is none."""
    found = _MAILBOX.fullmatch(text)
    if found is None:
        return None
    local, domain = found["local"], found["domain"]
    if not domain.isascii():
        try:
            domain = domain.encode("idna").decode("ascii")
        except UnicodeError:
            return None
        # Its normalisation can make a space, or an @, of what looked harmless.
        if _ASCII_DOMAIN.fullmatch(domain) is None:
            return None
    size = len(local.encode()), len(domain)
    if size[0] > LOCAL_LIMIT_BYTES or sum(size) + 1 > MAILBOX_LIMIT_BYTES:
        return None
    return Mailbox(local, domain)


def named(text: str) -> tuple[str, Mailbox] | None:
    """`Name <local@domain>` or a bare address, as name (or "") and mailbox; None where it is neither."""
    name, opening, rest = text.rpartition("<")
    found = mailbox(rest.removesuffix(">").strip()) if not opening or rest.endswith(">") else None
    return None if found is None else (name.strip().strip('"'), found)


def xtext(text: str) -> str:
    """A value as DSN's options carry it (RFC 3461, 4): `+`, `=` and what is no visible ASCII in hexadecimal."""
    return "".join(c if "!" <= c <= "~" and c not in "+=" else "".join(f"+{b:02X}" for b in c.encode()) for c in text)
