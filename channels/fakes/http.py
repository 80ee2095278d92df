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
    """`callbacks` are the statuses (`SENT`, `DELIVERED`, `FAILED`) reported after an acceptance to the address
    `callback`, signed with `secret`; `answers` keeps what it said."""

    def __init__(self, rate: float = 0.0, seed: int = 0, *, token: str = "hush-hush-hush") -> None:
        super().__init__(rate, seed)
        self.token = token
        self.secret = "a-shared-secret"
        self.callback: str | None = None
        self.callbacks: tuple[str, ...] = ()
        self.answers: list[int | None] = []

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/v2/send", self.create)]

    def entry(self, folder: Path) -> dict[str, Any]:
        entry = {
            "name": "house", "kind": "http", "url": f"{self.url}/v2/send",
            "auth": {"type": "bearer", "token": self.token},
            "body": {"to": "{to}", "text": "{text}", "ref": "{reference}"},
            "accepted": {"status": [202], "id": "/message/id"},
            "refused": {"status": [422], "code": "/error/code", "message": "/error/text", "later": ["QUOTA"],
                        "address": ["BAD_NUMBER"], "opted_out": ["STOPPED"]},
        }  # fmt: skip
        return entry | ({"callback": self.described()} if self.callbacks else {})

    def described(self) -> dict[str, Any]:
        """How it calls back, for the entry."""
        return {
            "signature": {"header": "X-Signature", "prefix": "sha256=", "secrets": [self.secret]}, "reference": "/ref",
            "status": "/status", "sent": ["SENT"], "delivered": ["DELIVERED"], "undelivered": ["FAILED"],
        }  # fmt: skip

    def refusal(self, status: int) -> tuple[int, Any]:
        return status, {"error": {"code": f"H{status}", "text": "refused"}}

    async def create(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.json_response({"error": {"code": "TOKEN", "text": "who are you?"}}, status=401)
        form = request.content_type == "application/x-www-form-urlencoded"
        document = {key: str(value) for key, value in (await request.post()).items()} if form else await request.json()
        record = document | {"reference": document["ref"], "headers": dict(request.headers)}
        return await self.answer(request, record, (202, {"message": {"id": f"H-{self.seen}"}}))

    def taken(self, record: dict[str, Any]) -> None:
        super().taken(record)
        if self.callback:
            self.afterwards(self.report(self.callback, record["reference"]))

    async def report(self, url: str, reference: str) -> None:
        """Calls back for a message, as a house gateway signs it."""
        for status in self.order(self.callbacks):
            body = json.dumps([{"ref": reference, "status": status}]).encode()
            headers = {"X-Signature": "sha256=" + hmac.new(self.secret.encode(), body, hashlib.sha256).hexdigest()}
            try:
                async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=headers) as answer:
                    self.answers.append(answer.status)
            except aiohttp.ClientError:
                self.answers.append(None)

    async def _break(self, request: web.Request, deed: str) -> web.StreamResponse:
        if deed in ("reset", "hang", "half", "not-http"):
            return await super()._break(request, deed)
        return web.json_response({"error": {"code": deed, "text": "refused"}}, status=422)


FAKE = FakeHouse
