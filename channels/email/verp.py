"""Envelope senders (VERP) from which a bounce finds its message, and which nobody else can make.

A forged bounce would stop somebody's address, so the reference is signed. Mail systems fold case, so the token is
letters and digits in lower case, and is compared so. It is short, because a local part has 64 octets (RFC 5321,
4.5.3.1.1) and the name of the mailbox stands in it as well.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence

SIGNATURE_BYTES = 10
"""80 bits: 16 letters and digits of base32"""
MOST_TOKEN = 32 + 1 + 16
"""octets"""


class Verp:
    """`secrets` are the live ones: the first signs, any of them proves."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._secrets = tuple(secrets)

    def token(self, reference: str) -> str:
        """What stands between `+` and `@` in the envelope sender of a message."""
        return f"{reference}-{_signature(reference, self._secrets[0])}"

    def reference(self, address: str) -> str | None:
        """The message that a mail to this address is about; None if we did not make the address."""
        local, _, domain = address.strip().strip("<>").rpartition("@")
        reference, _, given = local.rpartition("+")[2].lower().rpartition("-")
        if not domain or not reference or not local.isascii():
            return None
        proven = [hmac.compare_digest(_signature(reference, own), given) for own in self._secrets]
        return reference if any(proven) else None


def _signature(reference: str, secret: str) -> str:
    whole = hmac.new(secret.encode(), b"verp:" + reference.encode(), hashlib.sha256).digest()
    return base64.b32encode(whole[:SIGNATURE_BYTES]).decode().lower()
