"""A Dysms that speaks its wire: checks the signature by itself, takes messages, refuses by code, and reports unsigned.

A deed that begins with `isv.`, `isp.` or another letter of a code is that business code, with HTTP 200.
"""

import hashlib
import hmac
import json
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import aiohttp
from aiohttp import web

from channels.fakes.wire import REGISTERED, HttpFake


class FakeAlibaba(HttpFake):
    """`callback` is the address that receipts go to after an acceptance, None for none; `answers` keeps what it said.
    `report_code` None is a delivery, else the err_code of a failure."""

    def __init__(self, rate: float = 0.0, seed: int = 0, *, key: str = "AK1", secret: str = "hush-hush-hush") -> None:
        super().__init__(rate, seed)
        self.key, self.secret = key, secret
        self.callback: str | None = None
        self.report_code: str | None = None
        self.answers: list[tuple[int, str]] = []

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/", self.create)]

    def entry(self, folder: Path) -> dict[str, Any]:
        text = REGISTERED.format("{name}", "{due}", "{amount}", "{days}", "{phone}")
        return {
            "name": "sms", "kind": "alibaba", "access_key_id": self.key, "access_key_secret": self.secret,
            "templates": [{"code": "SMS_1", "sign": "示例银行", "text": text}], "base_url": self.url,
        }  # fmt: skip

    def refusal(self, status: int) -> tuple[int, Any]:
        return status, {"Code": f"Http{status}", "Message": "refused", "RequestId": "r"}

    async def create(self, request: web.Request) -> web.StreamResponse:
        query = dict(request.query)
        if not self.genuine(request, query):
            return web.json_response({"Code": "SignatureDoesNotMatch", "Message": "no", "RequestId": "r"}, status=400)
        if request.headers.get("x-acs-action") == "QuerySendDetails":
            return web.json_response(self.details(query))
        record = query | {"reference": query.get("OutId", ""), "biz_id": f"biz-{self.seen}"}
        signed = datetime.fromisoformat(request.headers["x-acs-date"])
        record["day"] = f"{signed.astimezone(ZoneInfo('Asia/Shanghai')):%Y%m%d}"
        return await self.answer(request, record, (200, {"Code": "OK", "Message": "OK", "BizId": record["biz_id"]}))

    def details(self, query: dict[str, str]) -> dict[str, Any]:
        """What was taken for a number on a day in China, as QuerySendDetails tells it."""
        end = {"SendStatus": 2 if self.report_code else 3, "ErrCode": self.report_code or "DELIVERED"}
        rows = [
            {"OutId": taken["OutId"], "ReceiveDate": "2026-11-23 12:00:03"} | end
            for taken in self.log
            if (taken["PhoneNumbers"], taken["day"]) == (query["PhoneNumber"], query["SendDate"])
        ]
        return {"Code": "OK", "TotalCount": len(rows), "SmsSendDetailDTOs": {"SmsSendDetailDTO": rows}}

    def genuine(self, request: web.Request, query: dict[str, str]) -> bool:
        """The provider's own reckoning of the signature, written apart from ours."""
        given = request.headers.get("Authorization", "")
        names = given.partition("SignedHeaders=")[2].partition(",")[0].split(";")
        pairs = sorted((quote(k, safe="-_.~"), quote(v, safe="-_.~")) for k, v in query.items())
        canonical = "\n".join(
            [request.method, "/", "&".join(f"{k}={v}" for k, v in pairs)]
            + [f"{name}:{request.headers.get(name, '').strip()}" for name in names]
            + ["", ";".join(names), request.headers.get("x-acs-content-sha256", "")]
        )
        text = "ACS3-HMAC-SHA256\n" + hashlib.sha256(canonical.encode()).hexdigest()
        signature = hmac.new(self.secret.encode(), text.encode(), hashlib.sha256).hexdigest()
        return f"Credential={self.key}," in given and given.endswith(f"Signature={signature}")

    def taken(self, record: dict[str, Any]) -> None:
        super().taken(record)
        if self.callback:
            self.afterwards(self.report(record))

    async def report(self, record: dict[str, Any]) -> None:
        """Posts one SmsReport."""
        await self._post([
            {
                "phone_number": record["PhoneNumbers"], "send_time": "2026-11-23 12:00:00",
                "report_time": "2026-11-23 12:00:03", "success": self.report_code is None,
                "err_code": self.report_code or "DELIVERED", "err_msg": "-", "sms_size": "1",
                "biz_id": record["biz_id"], "out_id": record["OutId"],
            }
        ])  # fmt: skip

    async def reply(self, phone: str, text: str) -> None:
        """Posts one SmsUp."""
        await self._post([
            {
                "phone_number": phone, "send_time": "2026-11-23 12:01:00", "content": text, "sign_name": "示例银行",
                "dest_code": "100", "sequence_id": 7,
            }
        ])  # fmt: skip

    async def _post(self, document: list[dict[str, Any]]) -> None:
        assert self.callback is not None
        body = json.dumps(document).encode()
        with suppress(aiohttp.ClientError):  # nobody listens
            async with aiohttp.ClientSession() as session, session.post(self.callback, data=body) as answer:
                self.answers.append((answer.status, await answer.text()))

    async def _break(self, request: web.Request, deed: str) -> web.StreamResponse:
        if deed in ("reset", "hang", "half", "not-http"):
            return await super()._break(request, deed)
        return web.json_response({"Code": deed, "Message": "refused", "RequestId": "r"})


FAKE = FakeAlibaba
