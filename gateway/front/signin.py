"""Asks the house's provider for what a browser needs to sign in: where to send it, and whom its code stands for.

RFC 6749, 4.1.3, and OpenID Connect Core 3.1.3; the token itself is held against the issuer's keys as every other.
"""

import base64
import hmac
from typing import Any
from urllib.parse import quote_plus

import aiohttp
import structlog
from aiohttp import ClientTimeout, DummyCookieJar

from gateway.front.oidc import FETCH_S, Issuer
from gateway.identity import SignIn
from gateway.web.api.principal import Principal

MOST_SUBJECT = 255
"""characters of `sub` (OpenID Connect Core 2)"""

log = structlog.get_logger("gateway.signin")


class IssuersDoor:
    """The provider as one of its clients sees it."""

    def __init__(self, issuer: Issuer, client: SignIn) -> None:
        self._issuer, self._client = issuer, client

    async def authorization_endpoint(self) -> str:
        """Where people sign in. Raises ConnectionError."""
        return self._endpoint(await self._issuer.told(), "authorization_endpoint")

    async def vouched(self, code: str, verifier: str, nonce: str, back: str) -> Principal | None:
        """Whom a code stands for, None where the provider does not take it or its token does not hold. Raises
        ConnectionError."""
        token = await self._exchanged(code, verifier, back)
        if token is None:
            return None
        client = self._client.client_id
        claims = await self._issuer.claims(token, client, "sub", "iat", "nonce")
        if claims is None or not meant(claims, client, nonce):
            log.warning("sign_in_refused", error="the ID token does not hold")
            return None
        return self._issuer.principal(claims)

    async def _exchanged(self, code: str, verifier: str, back: str) -> str | None:
        told = await self._issuer.told()
        form = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": back, "code_verifier": verifier,
        }  # fmt: skip
        headers = {"Accept": "application/json"} | _proof(form, self._client, told)
        try:
            async with (
                aiohttp.ClientSession(timeout=ClientTimeout(total=FETCH_S), cookie_jar=DummyCookieJar()) as session,
                session.post(
                    self._endpoint(told, "token_endpoint"), data=form, headers=headers, allow_redirects=False
                ) as answer,
            ):
                if answer.status not in (200, 400, 401):
                    raise ConnectionError(f"the token endpoint answered {answer.status}")
                found: Any = await answer.json()
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            log.warning("oidc_trouble", error=type(error).__name__)
            raise ConnectionError("the token endpoint cannot be had") from error
        given = found if isinstance(found, dict) else {}
        if answer.status != 200:  # `invalid_client` is a mistake of our configuration, and only the log can tell it
            log.warning("sign_in_refused", error=str(given.get("error"))[:60])
            return None
        token = given.get("id_token")
        return token if isinstance(token, str) else None

    def _endpoint(self, told: dict[str, Any], name: str) -> str:
        """An address that the issuer tells; over https, unless the issuer itself is not."""
        found, safe = told.get(name), self._issuer.settings.issuer.startswith("https:")
        if not isinstance(found, str) or not found.startswith("https:" if safe else ("https:", "http:")):
            log.warning("oidc_trouble", error=f"{name} is missing or not https")
            raise ConnectionError(f"{name} is missing or not https")
        return found


def meant(claims: dict[str, Any], client: str, nonce: str) -> bool:
    """Whether a token that holds was made for this client and this sign-in (OpenID Connect Core 3.1.3.7, 4, 5 and 11),
    and names somebody as a record can."""
    audience, party = claims["aud"], claims.get("azp", client)
    if party != client or (isinstance(audience, list) and len(audience) > 1 and "azp" not in claims):
        return False
    subject = str(claims["sub"])
    if not subject.isprintable() or not 0 < len(subject) <= MOST_SUBJECT:
        return False
    return hmac.compare_digest(str(claims["nonce"]).encode("utf-8", "replace"), nonce.encode())


def _proof(form: dict[str, str], client: SignIn, told: dict[str, Any]) -> dict[str, str]:
    """Headers that prove which client asks, or the same in the form: by Basic unless the provider does not take that
    (RFC 6749, 2.3.1; Discovery 3). A public client only names itself."""
    if client.client_secret is None:
        form["client_id"] = client.client_id
        return {}
    ways = told.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    if "client_secret_basic" in ways or "client_secret_post" not in ways:
        pair = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret)}"
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    form |= {"client_id": client.client_id, "client_secret": client.client_secret}
    return {}
