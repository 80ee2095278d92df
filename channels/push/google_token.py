"""Access tokens for Google's APIs, by the signed grant of a service account (RFC 7523), asked for once and kept.

Our own, because google-auth blocks its thread, and its signed audience cannot be pointed at a test double.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from msgspec import Struct
from yarl import URL

from channels.contract import InDoubt, Unavailable
from channels.http import Http

# Renewed before its end, so that no request travels with a token that dies on the way.
MARGIN_S = 120
LIFETIME_S = 3600
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class Account(Struct, frozen=True, kw_only=True):
    """A service account's key file, the parts that matter; its repr is withheld."""

    project_id: str
    client_email: str
    private_key: str
    private_key_id: str | None = None
    token_uri: str

    def __repr__(self) -> str:
        return f"<service account {self.client_email}>"


class _Grant(Struct):
    access_token: str
    expires_in: int = LIFETIME_S


class GoogleToken:
    """`get` answers from memory; whoever comes while a token is being fetched waits for the same one."""

    def __init__(self, account: Account, scope: str, url: str | None, http: Http, now: Callable[[], int]) -> None:
        self._account = account
        self._scope = scope
        self._url = url or account.token_uri
        self._http = http
        self._now = now
        self._key = private_key(account)
        self._token: str | None = None
        self._ends = 0.0
        self._flight: asyncio.Task[str | Unavailable] | None = None

    async def get(self, timeout: float) -> str | Unavailable:
        """A valid token, or why there is none: without one nothing was sent."""
        if self._token is not None and self._now() / 1000 < self._ends:
            return self._token
        if timeout <= 0:
            return Unavailable("no_token", "no time was left to ask for an access token")
        if self._flight is None or self._flight.done():
            self._flight = asyncio.create_task(self._fetch(timeout))
        try:
            async with asyncio.timeout(timeout):
                return await asyncio.shield(self._flight)
        except TimeoutError:
            return Unavailable("no_token", f"no access token within {timeout:g} s")

    def forget(self, token: str) -> None:
        """The API no longer takes this one; a newer one stays."""
        if self._token == token:
            self._token = None

    async def close(self) -> None:
        flight, self._flight = self._flight, None
        if flight is not None and not flight.done():
            flight.cancel()
            await asyncio.wait([flight])

    async def _fetch(self, timeout: float) -> str | Unavailable:
        at = self._now() // 1000
        form = urlencode({"grant_type": GRANT, "assertion": self._assertion(at)}).encode()
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = await self._http.post(URL(self._url), form, timeout, kind)
        if isinstance(answer, Unavailable | InDoubt):
            return Unavailable("no_token", answer.message, getattr(answer, "retry_after", None))
        if answer.status != 200:
            return Unavailable("no_token", f"the token endpoint answered {answer.status}: check `credentials`")
        try:
            grant = msgspec.json.decode(answer.body, type=_Grant)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return Unavailable("no_token", "the token endpoint's answer cannot be read")
        self._token, self._ends = grant.access_token, at + grant.expires_in - MARGIN_S
        return grant.access_token

    def _assertion(self, at: int) -> str:
        claims: dict[str, Any] = {
            "iss": self._account.client_email,
            "scope": self._scope,
            "aud": self._url,
            "iat": at,
            "exp": at + LIFETIME_S,
        }
        key_id = self._account.private_key_id
        return jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": key_id} if key_id else None)


def account(path: str) -> Account:
    """The key file. Raises OSError, or ValueError saying what is wrong without quoting it."""
    try:
        found = msgspec.json.decode(Path(path).read_bytes(), type=Account)
    except msgspec.ValidationError as error:
        raise ValueError(f"not a service account's key file: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ValueError("not JSON") from None
    private_key(found)
    return found


def private_key(found: Account) -> RSAPrivateKey:
    """Raises ValueError where it is no RSA key in PEM."""
    try:
        key = load_pem_private_key(found.private_key.encode(), password=None)
    except (ValueError, TypeError):
        raise ValueError("its `private_key` is not a PEM key") from None
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("its `private_key` is not an RSA key")
    return key
