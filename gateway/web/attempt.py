"""A sign-in by the house's provider that is under way: what it must know, where it sends one, what may come back. Pure.

The authorization code flow (RFC 6749, 4.1; OpenID Connect Core 3.1) with a proof of whoever began it (PKCE, RFC 7636).
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct
from yarl import URL

from gateway.domain.clock import MINUTE, Instant

LASTS_MS = 10 * MINUTE
"""for so long a sign-in may take at the provider"""
LOT_BYTES = 32
"""of what is drawn by lot; 43 characters, the least that RFC 7636, 4.1, takes"""
NONCE_BYTES = 12
_PURPOSE = b"gateway:signin:1"

Trouble = Literal["denied", "strange", "late", "away", "refused", "roleless"]
"""Why nobody was signed in: the person or the provider did not want it; another browser's answer, or none that was
asked for; too late; provider or ledger cannot be had; code or token do not hold; no role for any group."""


class Attempt(Struct, frozen=True, array_like=True):
    """`state` names it to the provider and back, `nonce` must come in the token, `verifier` proves who began it."""

    state: str
    nonce: str
    verifier: str
    until: Instant


class Code(Struct, frozen=True):
    """What the provider gives for a token, once."""

    text: str


_decode = msgspec.json.Decoder(Attempt).decode
_encode = msgspec.json.Encoder().encode


def begun(now: Instant) -> Attempt:
    """A new one; everything in it is drawn by lot."""
    state, nonce, verifier = (secrets.token_urlsafe(LOT_BYTES) for _ in range(3))
    return Attempt(state, nonce, verifier, now + LASTS_MS)


def challenge(verifier: str) -> str:
    """What the provider is told at first of the verifier (RFC 7636, 4.2, S256)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def question(endpoint: str, client: str, scopes: Sequence[str], back: str, attempt: Attempt) -> str:
    """Where the browser is sent; what the endpoint's address asks already stays (RFC 6749, 3.1)."""
    asked = {
        "response_type": "code", "client_id": client, "redirect_uri": back, "scope": " ".join(scopes),
        "state": attempt.state, "nonce": attempt.nonce, "code_challenge": challenge(attempt.verifier),
        "code_challenge_method": "S256",
    }  # fmt: skip
    return str(URL(endpoint).update_query(asked))


def code_of(answer: Mapping[str, str], attempt: Attempt | None, issuer: str, now: Instant) -> Code | Trouble:
    """The code of an answer that is the one to this attempt. Errors count only with the state too (RFC 6749, 4.1.2.1),
    and an issuer that names itself must be ours (RFC 9207, 2.4)."""
    if attempt is None:
        return "late"
    if not hmac.compare_digest(answer.get("state", "").encode("utf-8", "replace"), attempt.state.encode()):
        return "strange"
    if answer.get("iss", issuer) != issuer:
        return "strange"
    if now >= attempt.until:
        return "late"
    match answer.get("error"):
        case None:
            return Code(answer["code"]) if answer.get("code") else "strange"
        case "server_error" | "temporarily_unavailable":
            return "away"
        case _:
            return "denied"


class AttemptSeal:
    """Seals an attempt for the browser to keep (AES-256-GCM, NIST SP 800-38D), so that it can be neither read on the
    way nor made longer, and any process of the house can go on with it. The first secret seals, any opens."""

    def __init__(self, secrets_: Sequence[str]) -> None:
        # Not the key that seals links in messages: its nonces are made otherwise, and must not meet with ours.
        self._ciphers = [AESGCM(hmac.digest(secret.encode(), _PURPOSE, "sha256")) for secret in secrets_]

    def close(self, attempt: Attempt) -> str:
        """As a cookie may hold it."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = nonce + self._ciphers[0].encrypt(nonce, _encode(attempt), _PURPOSE)
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def open(self, text: str) -> Attempt | None:
        """None for whatever we did not seal."""
        try:
            sealed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except ValueError:
            return None
        for cipher in self._ciphers:
            try:
                return _decode(cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _PURPOSE))
            except (InvalidTag, ValueError, msgspec.DecodeError):
                continue
        return None
