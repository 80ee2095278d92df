"""People of a house that has OpenID Connect: the token that its provider gave them is believed, and nothing else is.

Only what is signed by a key of the issuer's own set counts (RFC 7517, OpenID Connect Core 3.1.3.7): by RSA or an
elliptic curve, for our audience, and not after its time. Roles come from a claim, by the map of the configuration.
"""

import asyncio
from typing import Any

import aiohttp
import jwt
import structlog
from aiohttp import ClientTimeout

from gateway.domain.clock import MINUTE, SECOND, Clock, Instant
from gateway.identity import Oidc
from gateway.web.api.principal import EVERY_TENANT, ROLES, Principal

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA")
"""never `none`, and no HMAC, whose key would be the public one"""
KEPT_MS, AGAIN_MS = 10 * MINUTE, 30 * SECOND
"""for how long the issuer's keys are believed, and how soon they are asked for again because of an unknown one"""
LEEWAY_S = 30
FETCH_S = 5.0

log = structlog.get_logger("gateway.oidc")


class Issuer:
    """The provider of one house, and its keys as they were last told."""

    def __init__(self, settings: Oidc, clock: Clock) -> None:
        self.settings, self.clock = settings, clock
        self._told: dict[str, Any] = {}
        self._keys: dict[str, Any] = {}
        self._fetched: Instant = 0
        self._tried: Instant = 0
        self._fetching = asyncio.Lock()

    async def person(self, token: str) -> Principal | None:
        """Whose token it is, None for one that does not hold. Raises ConnectionError where the issuer's keys cannot be
        had."""
        claims = await self.claims(token, self.settings.audience, "sub")
        return None if claims is None else self.principal(claims)

    async def claims(self, token: str, audience: str, *needed: str) -> dict[str, Any] | None:
        """What a token for that audience says, None for one that does not hold or says nothing of what is needed.
        Raises ConnectionError as `person` does."""
        try:
            name = str(jwt.get_unverified_header(token).get("kid", ""))
        except jwt.InvalidTokenError:
            return None
        key = await self._key(name)
        if key is None:
            return None
        try:
            return jwt.decode(
                token, key, algorithms=list(ALGORITHMS), audience=audience, issuer=self.settings.issuer,
                leeway=LEEWAY_S, options={"require": ["exp", "iss", "aud", *needed]},
            )  # fmt: skip
        except (jwt.InvalidTokenError, TypeError):
            return None

    async def told(self) -> dict[str, Any]:
        """What the issuer tells of itself (OpenID Connect Discovery, 3). Raises ConnectionError where that cannot be
        had, or is of another issuer (4.3)."""
        asked = self.clock.now()
        async with self._fetching:
            if asked - self._fetched > KEPT_MS:
                await self._fetch(asked)
        if self._told.get("issuer") != self.settings.issuer:
            log.warning("oidc_trouble", error="the issuer calls itself by another name")
            raise ConnectionError("the issuer calls itself by another name")
        return self._told

    def principal(self, claims: dict[str, Any]) -> Principal:
        words = claims.get(self.settings.roles_claim, ())
        given = {words} if isinstance(words, str) else {word for word in words if isinstance(word, str)}
        roles = frozenset(self.settings.roles[word] for word in given if word in self.settings.roles)
        assert roles <= set(ROLES)
        return Principal(
            id=f"oidc:{claims['sub']}", kind="person", roles=roles, tenants=frozenset({EVERY_TENANT}), by="oidc"
        )  # fmt: skip

    async def _key(self, name: str) -> Any:
        asked = self.clock.now()
        async with self._fetching:
            age = asked - self._fetched
            if age > KEPT_MS or (name not in self._keys and age > AGAIN_MS):
                await self._fetch(asked)
        return self._keys.get(name)

    async def _fetch(self, asked: Instant) -> None:
        """The issuer's keys, found as OpenID Connect Discovery says. Whoever waited while another tried in vain does
        not try again: the last of a queue would wait as many times as it is long."""
        if self._tried > asked:
            return self._known()
        self._tried = self.clock.now()
        place = f"{self.settings.issuer.rstrip('/')}/.well-known/openid-configuration"
        try:
            async with aiohttp.ClientSession(timeout=ClientTimeout(total=FETCH_S)) as session:
                found = await _json(session, place)
                told = await _json(session, str(found["jwks_uri"]))
            self._keys = {key.key_id or "": key.key for key in jwt.PyJWKSet.from_dict(told).keys}
            self._told = found
            self._fetched = self.clock.now()
        except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, jwt.PyJWTError) as error:
            log.warning("oidc_trouble", error=type(error).__name__)
            self._known()

    def _known(self) -> None:
        if not self._keys:
            raise ConnectionError("the issuer's keys cannot be had")


async def _json(session: aiohttp.ClientSession, url: str) -> dict[str, Any]:
    async with session.get(url, allow_redirects=False, raise_for_status=True) as answer:
        found = await answer.json()
        return found if isinstance(found, dict) else {}
