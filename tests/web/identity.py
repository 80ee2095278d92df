"""A provider of identities on the real wire (OpenID Connect Core 3.1, RFC 7636): discovery, keys, sign-in, tokens.

It is as strict as a good one: a code is good once, for its client, its address and its verifier.
"""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import unquote_plus

import jwt
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.asymmetric import rsa
from yarl import URL

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
CLIENT, SECRET = "gateway console", "s:e c/r+et"
HEAD = '<!doctype html><meta charset="utf-8"><title>House</title><link rel="icon" href="data:,">'
PAGE = HEAD + '<a href="{place}">I am Ada</a>'


class IdentityProvider:
    """`claims` are put over those of its tokens, `denies` is the error that it answers with, `shown` has it ask people
    on a page first; `codes` are those it gave, with what came for each."""

    def __init__(self) -> None:
        self.claims: dict[str, Any] = {}
        self.denies: str | None = None
        self.shown, self.broken, self.methods = False, False, ["client_secret_basic"]
        self.codes: dict[str, dict[str, str]] = {}
        self.used: set[str] = set()
        self.issuer: str | None = None
        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", self.discovery)
        app.router.add_get("/keys", self.keys)
        app.router.add_get("/authorize", self.authorize)
        app.router.add_post("/token", self.token)
        self.server = TestServer(app)

    @property
    def url(self) -> str:
        """By another name than the house's, so that a browser takes it for another site."""
        return f"http://localhost:{self.server.port}"

    async def discovery(self, _request: web.Request) -> web.Response:
        told = {
            "issuer": self.issuer or self.url, "jwks_uri": f"{self.url}/keys", "token_endpoint": f"{self.url}/token",
            "authorization_endpoint": f"{self.url}/authorize?realm=house",
            "token_endpoint_auth_methods_supported": self.methods,
        }  # fmt: skip
        return web.json_response(told)

    async def keys(self, _request: web.Request) -> web.Response:
        key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key()))
        return web.json_response({"keys": [key | {"kid": "1", "alg": "RS256", "use": "sig"}]})

    async def authorize(self, request: web.Request) -> web.Response:
        asked = dict(request.query)
        assert asked["realm"] == "house", "what the address asks already stays"
        assert (asked["client_id"], asked["response_type"]) == (CLIENT, "code")
        assert asked["code_challenge_method"] == "S256"
        assert len(asked["code_challenge"]) == 43
        assert "openid" in asked["scope"].split()
        place = URL(asked["redirect_uri"])
        if self.denies:
            place = place.update_query(error=self.denies, state=asked["state"])
        else:
            code = secrets.token_urlsafe(16)
            self.codes[code] = asked
            place = place.update_query(code=code, state=asked["state"], iss=self.url)
        if self.shown:
            text = PAGE.format(place=str(place).replace("&", "&amp;"))
            return web.Response(text=text, content_type="text/html")
        return web.Response(status=302, headers={"Location": str(place)})

    def _client(self, request: web.Request, form: Any) -> bool:
        if self.methods == ["client_secret_post"]:
            return (form.get("client_id"), form.get("client_secret")) == (CLIENT, SECRET)
        if self.methods == ["none"]:
            return form.get("client_id") == CLIENT
        kind, _, pair = request.headers.get("Authorization", "").partition(" ")
        name, _, secret = base64.b64decode(pair).decode().partition(":")
        return (kind, unquote_plus(name), unquote_plus(secret)) == ("Basic", CLIENT, SECRET)

    async def token(self, request: web.Request) -> web.Response:
        if self.broken:
            return web.Response(status=502, text="<html>")
        form = await request.post()
        if not self._client(request, form):
            return web.json_response({"error": "invalid_client"}, status=401)
        code = str(form.get("code"))
        asked = self.codes.get(code)
        if asked is None or code in self.used or form.get("grant_type") != "authorization_code":
            return web.json_response({"error": "invalid_grant"}, status=400)
        self.used.add(code)
        digest = hashlib.sha256(str(form.get("code_verifier")).encode()).digest()
        proven = base64.urlsafe_b64encode(digest).decode().rstrip("=") == asked["code_challenge"]
        if not proven or form.get("redirect_uri") != asked["redirect_uri"]:
            return web.json_response({"error": "invalid_grant"}, status=400)
        given = {"access_token": "unused", "token_type": "Bearer", "id_token": self.id_token(asked["nonce"])}
        return web.json_response(given, headers={"Cache-Control": "no-store"})

    def id_token(self, nonce: str) -> str:
        now = int(time.time())
        claims = {
            "iss": self.url, "aud": CLIENT, "sub": "ada", "groups": ["officers", "staff"], "iat": now, "exp": now + 60,
            "nonce": nonce,
        } | self.claims  # fmt: skip
        return jwt.encode({k: v for k, v in claims.items() if v is not None}, KEY, "RS256", headers={"kid": "1"})


@asynccontextmanager
async def identities() -> AsyncIterator[IdentityProvider]:
    """One that runs until the end of the block."""
    made = IdentityProvider()
    await made.server.start_server()
    try:
        yield made
    finally:
        await made.server.close()
