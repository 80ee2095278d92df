"""A push service that speaks its wire: gives out subscriptions, checks VAPID, and decrypts what is pushed to it.

Deeds are statuses or those of `wire`. `subscription()` gives what a browser would; `vapid(folder)` a key file.
"""

import base64
import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import http_ece
import jwt
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from channels.fakes.wire import HttpFake

_POINT = (serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


class FakeWebPush(HttpFake):
    """`log` holds what was decrypted, with its headers; a subscription that is in `expired` is gone."""

    def __init__(self, rate: float = 0.0, seed: int = 0) -> None:
        super().__init__(rate, seed)
        self.auth = os.urandom(16)
        self.expired: set[str] = set()

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/push/{name}", self.push)]

    def entry(self, folder: Path) -> dict[str, Any]:
        host = self.url.removeprefix("http://")
        return {"name": "push", "kind": "webpush", "private_key_file": self.vapid(folder),
                "subject": "mailto:ops@example.com", "services": [host]}  # fmt: skip

    def subscription(self, name: str = "s1") -> dict[str, Any]:
        """What a browser hands out for this service."""
        return {
            "endpoint": f"{self.url}/push/{name}", "expirationTime": None,
            "keys": {"p256dh": _b64(_browser().public_key().public_bytes(*_POINT)), "auth": _b64(self.auth)},
        }  # fmt: skip

    def vapid(self, folder: Path) -> str:
        """Writes our key file and gives its path."""
        path = folder / "vapid.pem"
        form = serialization.PrivateFormat.PKCS8
        path.write_bytes(_house().private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
        return str(path)

    async def push(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if not self.genuine(request):
            return web.Response(status=403)
        if name in self.expired:
            return web.Response(status=410)
        plain = http_ece.decrypt(
            await request.read(), private_key=_browser(), auth_secret=self.auth, version="aes128gcm"
        )
        document = json.loads(plain)
        record = {
            "to": name, "reference": document["data"]["reference"], "message": document,
            "ttl": request.headers["TTL"], "topic": request.headers.get("Topic"),
        }  # fmt: skip
        return await self.answer(request, record, (201, {}))

    def genuine(self, request: web.Request) -> bool:
        """Whether the token is signed by the key that browsers subscribed with, for this origin."""
        scheme, _, rest = request.headers.get("Authorization", "").partition(" ")
        parts = dict(part.strip().split("=", 1) for part in rest.split(",") if "=" in part)
        if scheme != "vapid" or parts.get("k") != _b64(_house().public_key().public_bytes(*_POINT)):
            return False
        options: Any = {"verify_exp": False}
        try:
            jwt.decode(parts.get("t", ""), _house().public_key(), ["ES256"], audience=self.url, options=options)
        except jwt.InvalidTokenError:
            return False
        return True


@cache
def _browser() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@cache
def _house() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


FAKE = FakeWebPush
