"""A house gateway as somebody's own might be: JSON in, JSON out, a bearer token, and callbacks signed with an HMAC.

Deeds are statuses or those of `wire`; a word in capitals (`BAD_NUMBER`, `QUOTA`) is a refusal with that code.
"""

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from channels.fakes.wire import HttpFake


class FakeHouse(HttpFake):
    def __init__(self, rate: float = 0.0, seed: int = 0, *, token: str = "hush-hush-hush") -> None:
        super().__init__(rate, seed)
        self.token = token

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/v2/send", self.create)]

    def entry(self, folder: Path) -> dict[str, Any]:
        return {
            "name": "house", "kind": "http", "url": f"{self.url}/v2/send",
            "auth": {"type": "bearer", "token": self.token},
            "body": {"to": "{to}", "text": "{text}", "ref": "{reference}"},
            "accepted": {"status": [202], "id": "/message/id"},
            "refused": {"status": [422], "code": "/error/code", "message": "/error/text", "later": ["QUOTA"],
                        "address": ["BAD_NUMBER"], "opted_out": ["STOPPED"]},
        }  # fmt: skip

    def refusal(self, status: int) -> tuple[int, Any]:
        return status, {"error": {"code": f"H{status}", "text": "refused"}}

    async def create(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.json_response({"error": {"code": "TOKEN", "text": "who are you?"}}, status=401)
        document = await request.json()
        record = document | {"reference": document["ref"], "headers": dict(request.headers)}
        return await self.answer(request, record, (202, {"message": {"id": f"H-{self.seen}"}}))

    async def report(self, url: str, secret: str, *reports: dict[str, Any], stamp: int | None = None) -> int:
        """Posts a callback as a house gateway signs it; the status of the answer."""
        body = json.dumps(list(reports)).encode()
        payload = body if stamp is None else f"{stamp}.".encode() + body
        signature = "sha256=" + hmac.new(secret.encode(), payload, hashlib.sha256).hexdigest()
        headers = {"X-Signature": signature} | ({} if stamp is None else {"X-Timestamp": str(stamp)})
        async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=headers) as answer:
            return answer.status

    async def _break(self, request: web.Request, deed: str) -> web.StreamResponse:
        if deed in ("reset", "hang", "half", "not-http"):
            return await super()._break(request, deed)
        return web.json_response({"error": {"code": deed, "text": "refused"}}, status=422)


FAKE = FakeHouse
