"""Seals what a link in a message must know, so that it tells nobody anything and nobody can make one up.

AES-256-GCM (NIST SP 800-38D): whoever reads the link learns neither the address nor the person, and a changed link
opens nothing. A link has one purpose, never ends, and may be followed any number of times.
"""

import base64
import hashlib
from collections.abc import Sequence

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct

NONCE_BYTES = 12
_PURPOSE = b"gateway:unsubscribe:1"


class Unsubscribed(Struct, frozen=True, array_like=True):
    """Who would be unsubscribed: the digest of the address, and the person that it was sent to."""

    address: str
    tenant: str
    recipient: str


_read = msgspec.json.Decoder(Unsubscribed).decode
_encode = msgspec.json.Encoder().encode


class Seal:
    """Seals with the first of the live secrets, opens with any."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._ciphers = [AESGCM(hashlib.sha256(secret.encode()).digest()) for secret in secrets]

    def close(self, who: Unsubscribed, reference: str) -> str | None:
        """The token, fit for a URL; None without a secret. `reference` is that of the message: no two are the same."""
        if not self._ciphers:
            return None
        nonce = hashlib.blake2b(reference.encode(), digest_size=NONCE_BYTES, person=b"unsubscribe").digest()
        sealed = nonce + self._ciphers[0].encrypt(nonce, _encode(who), _PURPOSE)
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def open(self, token: str) -> Unsubscribed | None:
        """What a token of ours says; None for any other text."""
        try:
            sealed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except ValueError:
            return None
        for cipher in self._ciphers:
            try:
                return _read(cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _PURPOSE))
            except (InvalidTag, ValueError, msgspec.DecodeError):
                continue
        return None
