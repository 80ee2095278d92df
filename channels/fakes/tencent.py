"""A Tencent SMS that speaks its wire: checks the signature by itself, takes messages, refuses by code, and reports.

A deed with a dot in it (`LimitExceeded.DeliveryFrequencyLimit`) is that code of the number, with HTTP 200; one that
begins with `!` is an error of the whole request.
"""

import hashlib
import hmac
import json
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from channels.fakes.wire import REGISTERED, HttpFake


class FakeTencent(HttpFake):
    """`callback` is the address that receipts go to after an acceptance; `report_code` None is a delivery."""

    def __init__(
        self, rate: float = 0.0, seed: int = 0, *, secret_id: str = "ID1", key: str = "hush-hush-hush"
    ) -> None:
        super().__init__(rate, seed)
        self.secret_id, self.key = secret_id, key
        self.callback: str | None = None
        self.report_code: str | None = None
        self.answers: list[tuple[int, str]] = []

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/", self.create)]

    def entry(self, folder: Path) -> dict[str, Any]:
        text = REGISTERED.format("{1}", "{2}", "{3}", "{4}", "{5}")
        return {
            "name": "sms", "kind": "tencent", "secret_id": self.secret_id, "secret_key": self.key, "app_id": "1400",
            "templates": [{"code": "1", "sign": "示例银行", "text": text}], "base_url": self.url,
        }  # fmt: skip

    def refusal(self, status: int) -> tuple[int, Any]:
        return status, {"error": "refused"}

    async def create(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if not self.genuine(request, body):
            return web.json_response(_error("AuthFailure.SignatureFailure"))
        document = json.loads(body)
        sid = f"2640:{self.seen}"
        record = document | {"reference": document["SessionContext"], "sid": sid, "to": document["PhoneNumberSet"][0]}
        return await self.answer(request, record, (200, _status("Ok", sid)))

    def genuine(self, request: web.Request, body: bytes) -> bool:
        """The provider's own reckoning of the signature, written apart from ours."""
        given = request.headers.get("Authorization", "")
        stamp = request.headers.get("X-TC-Timestamp", "0")
        day = time.strftime("%Y-%m-%d", time.gmtime(int(stamp)))
        names = given.partition("SignedHeaders=")[2].partition(",")[0]
        lines = [f"{name}:{request.headers.get(name, '').lower()}" for name in names.split(";")]
        canonical = "\n".join(["POST", "/", "", *lines, "", names, hashlib.sha256(body).hexdigest()])
        text = "\n".join(
            ["TC3-HMAC-SHA256", stamp, f"{day}/sms/tc3_request", hashlib.sha256(canonical.encode()).hexdigest()]
        )
        key = b"TC3" + self.key.encode()
        for part in (day, "sms", "tc3_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        return f"Credential={self.secret_id}/" in given and given.endswith(f"Signature={signature}")

    def taken(self, record: dict[str, Any]) -> None:
        super().taken(record)
        if self.callback:
            self.afterwards(self.report(record))

    async def report(self, record: dict[str, Any]) -> None:
        """Posts one receipt."""
        await self._post([
            {
                "user_receive_time": "2026-11-23 12:00:03", "nationcode": "86", "mobile": record["to"][3:],
                "report_status": "FAIL" if self.report_code else "SUCCESS",
                "errmsg": self.report_code or "DELIVRD", "description": "-", "sid": record["sid"],
            }
        ])  # fmt: skip

    async def _post(self, document: Any) -> None:
        assert self.callback is not None
        body = json.dumps(document).encode()
        with suppress(aiohttp.ClientError):  # nobody listens
            async with aiohttp.ClientSession() as session, session.post(self.callback, data=body) as answer:
                self.answers.append((answer.status, await answer.text()))

    async def _break(self, request: web.Request, deed: str) -> web.StreamResponse:
        if deed in ("reset", "hang", "half", "not-http"):
            return await super()._break(request, deed)
        document = _error(deed[1:]) if deed.startswith("!") else _status(deed, "")
        return web.json_response(document)


def _status(code: str, sid: str) -> dict[str, Any]:
    status = {"SerialNo": sid, "PhoneNumber": "", "Fee": 1, "SessionContext": "", "Code": code, "Message": "x"}
    return {"Response": {"SendStatusSet": [status], "RequestId": "r"}}


def _error(code: str) -> dict[str, Any]:
    return {"Response": {"Error": {"Code": code, "Message": "x"}, "RequestId": "r"}}


FAKE = FakeTencent
