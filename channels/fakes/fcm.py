"""An FCM that speaks its wire: grants access tokens for correctly signed assertions, takes pushes, refuses by code.

A deed that is not a number or one of `wire`'s is an FcmError, e.g. `UNREGISTERED`. `credentials(folder)`
writes a key file that points here.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

import jwt
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from channels.fakes.wire import HttpFake

STATUS = {
    "UNREGISTERED": (404, "NOT_FOUND"),
    "SENDER_ID_MISMATCH": (403, "PERMISSION_DENIED"),
    "INVALID_ARGUMENT": (400, "INVALID_ARGUMENT"),
    "BAD_TOKEN": (400, "INVALID_ARGUMENT"),
    "QUOTA_EXCEEDED": (429, "RESOURCE_EXHAUSTED"),
    "UNAVAILABLE": (503, "UNAVAILABLE"),
    "INTERNAL": (500, "INTERNAL"),
    "THIRD_PARTY_AUTH_ERROR": (401, "UNAUTHENTICATED"),
}
PLAIN = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE"}  # fmt: skip  # noqa: E501


class FakeFcm(HttpFake):
    """`granted` counts token calls; `grant` scripts the next: a status, else a token is given."""

    def __init__(self, rate: float = 0.0, seed: int = 0) -> None:
        super().__init__(rate, seed)
        self.granted = 0
        self.grant: list[int] = []
        self.lifetime = 3600
        self.valid: set[str] = set()

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/token", self.token), web.post("/v1/projects/{project}/messages:send", self.create)]

    def entry(self, folder: Path) -> dict[str, Any]:
        return {"name": "push", "kind": "fcm", "credentials": self.credentials(folder), "base_url": self.url}

    def credentials(self, folder: Path) -> str:
        """Writes a service account's key file and gives its path."""
        path = folder / "fcm.json"
        document = {
            "type": "service_account", "project_id": "demo", "client_email": "gateway@demo.test",
            "private_key_id": "k1", "private_key": _pem(), "token_uri": self.url + "/token",
        }  # fmt: skip
        path.write_text(json.dumps(document))
        return str(path)

    async def token(self, request: web.Request) -> web.Response:
        self.granted += 1
        if self.grant and (status := self.grant.pop(0)) != 200:
            return web.json_response({"error": "invalid_grant"}, status=status)
        form = await request.post()
        options: Any = {"verify_exp": False, "verify_iat": False}
        jwt.decode(
            str(form["assertion"]), _key().public_key(), ["RS256"], audience=self.url + "/token", options=options
        )
        name = f"token-{self.granted}"
        self.valid.add(name)
        return web.json_response({"access_token": name, "expires_in": self.lifetime, "token_type": "Bearer"})

    async def create(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.valid:
            return web.json_response(self.refusal(401)[1], status=401)
        message = (await request.json())["message"]
        record = {"to": message["token"], "reference": message["data"]["reference"], "message": message}
        return await self.answer(request, record, (200, {"name": f"projects/demo/messages/{self.seen}"}))

    def refusal(self, status: int) -> tuple[int, Any]:
        return status, {"error": {"code": status, "message": "refused", "status": PLAIN.get(status, "UNKNOWN")}}

    async def _break(self, request: web.Request, deed: str) -> web.StreamResponse:
        if deed not in STATUS:
            return await super()._break(request, deed)
        status, name = STATUS[deed]
        details: list[dict[str, Any]] = [{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError"}]
        if deed == "BAD_TOKEN":
            details[0]["errorCode"] = "INVALID_ARGUMENT"
            details.append({"@type": "…BadRequest", "fieldViolations": [{"field": "message.token"}]})
        else:
            details[0]["errorCode"] = deed
        error = {"code": status, "message": "refused", "status": name, "details": details}
        return web.json_response({"error": error}, status=status)


@cache
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _pem() -> str:
    form = serialization.PrivateFormat.PKCS8
    return _key().private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


FAKE = FakeFcm
