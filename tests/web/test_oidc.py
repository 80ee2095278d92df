"""A token of the house's own provider: believed when it holds, whatever it looks like when it does not."""

import base64
import hmac
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import jwt
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.domain.clock import SystemClock
from gateway.front.oidc import AGAIN_MS, Issuer
from gateway.identity import Oidc
from gateway.web.api.principal import ConfiguredKeys, Denied, authenticate
from tests.stories.world import ShiftedClock

KEY, OTHER = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))


class Provider:
    """An issuer of tokens: discovery, keys, and how often each was asked for."""

    def __init__(self) -> None:
        self.asked = 0
        self.published = {"1": KEY}
        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", self.discovery)
        app.router.add_get("/keys", self.keys)
        self.server = TestServer(app)

    @property
    def url(self) -> str:
        return str(self.server.make_url("")).rstrip("/")

    async def discovery(self, _request: web.Request) -> web.Response:
        return web.json_response({"issuer": self.url, "jwks_uri": f"{self.url}/keys"})

    async def keys(self, _request: web.Request) -> web.Response:
        self.asked += 1
        told = [
            json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
            | {"kid": kid, "alg": "RS256", "use": "sig"}
            for kid, key in self.published.items()
        ]
        return web.json_response({"keys": told})

    def token(self, key: Any = KEY, kid: str = "1", algorithm: str = "RS256", **more: Any) -> str:
        now = int(time.time())
        claims = {"iss": self.url, "aud": "gateway", "sub": "ada", "groups": ["officers", "staff"], "exp": now + 60}
        claims |= more
        return jwt.encode({k: v for k, v in claims.items() if v is not None}, key, algorithm, headers={"kid": kid})


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    made = Provider()
    await made.server.start_server()
    yield made
    await made.server.close()


def issuer(provider: Provider, clock: Any = None) -> Issuer:
    settings = Oidc(issuer=provider.url, audience="gateway", roles={"officers": "compliance", "watch": "ops"})
    return Issuer(settings, clock or SystemClock())


def part(document: Any) -> str:
    return encoded(json.dumps(document).encode())


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


async def who(token: str, known: Issuer) -> Any:
    return await authenticate(f"Bearer {token}", False, ConfiguredKeys([]), 0, known)


async def test_a_token_that_holds_is_the_person_with_the_roles_of_the_map(provider: Provider) -> None:
    found = await who(provider.token(), issuer(provider))
    assert (found.id, found.kind, found.roles) == ("oidc:ada", "person", {"compliance"})
    nothing = await who(provider.token(groups=["staff"]), issuer(provider))
    assert nothing.roles == frozenset(), "known, and may do nothing"


async def test_every_token_that_does_not_hold_is_refused(provider: Provider) -> None:
    known, now = issuer(provider), int(time.time())
    good = provider.token()
    head, body, signature = good.split(".")
    forged = part({"alg": "none", "kid": "1"})
    public = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    start = f"{part({'alg': 'HS256', 'kid': '1'})}.{body}"
    confused = f"{start}.{encoded(hmac.digest(public, start.encode(), 'sha256'))}"
    for token in (
        provider.token(exp=now - 120), provider.token(exp=None), provider.token(aud="another"),
        provider.token(aud=None),
        provider.token(iss="https://evil.example"), provider.token(sub=None), provider.token(nbf=now + 600),
        provider.token(OTHER), provider.token(OTHER, kid="2"), confused,
        f"{head}.{body}.{signature[:-8]}AAAAAAAA", f"{forged}.{body}.AAAAAAAAAAAA", f"{head}.{'A' * 40}.{signature}",
    ):  # fmt: skip
        refused = await who(token, known)
        assert isinstance(refused, Denied)
        assert refused.status == 401
    assert not isinstance(await who(good, known), Denied)


async def test_keys_are_asked_for_once_and_again_for_a_new_one_but_not_for_every_stranger(provider: Provider) -> None:
    clock = ShiftedClock()
    known = issuer(provider, clock)
    for _ in range(5):
        await who(provider.token(), known)
        await who(provider.token(OTHER, kid="stranger"), known)
    assert provider.asked == 1
    provider.published = {"1": KEY, "2": OTHER}
    clock.shift += AGAIN_MS + 1
    assert not isinstance(await who(provider.token(OTHER, kid="2"), known), Denied)
    assert provider.asked == 2


async def test_an_issuer_that_is_away_is_no_reason_to_let_anybody_in(provider: Provider) -> None:
    known, token = issuer(provider), provider.token()
    await provider.server.close()
    with pytest.raises(ConnectionError):
        await who(token, known)


async def test_without_an_issuer_a_token_is_no_key(provider: Provider) -> None:
    refused = await authenticate(f"Bearer {provider.token()}", True, ConfiguredKeys([]), 0)
    assert isinstance(refused, Denied)
