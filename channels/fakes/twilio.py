"""A Twilio that speaks its wire: checks Basic auth, takes messages, refuses by code, calls back with real signatures.

A deed of five digits is a Twilio error code. `GET /__log` gives the accepted messages as JSON lines. `POST /__inbound`
with `{"from": "+1…", "body": "STOP", "to_url": "https://…/webhooks/NAME"}` brings what a person writes to a webhook.
"""

import asyncio
import base64
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
from aiohttp import web
from twilio.request_validator import RequestValidator

from channels.fakes.wire import HttpFake

STATUS_OF_CODE = {20003: 401, 20404: 404, 20429: 429, 20500: 500}


class FakeTwilio(HttpFake):
    """`callbacks` are the statuses reported after an acceptance, each `callback_delay` seconds after the last.

    Callbacks go to the message's StatusCallback, or, where `callback_base` is (public prefix, real prefix), to the
    real address but signed for the public one, as behind a proxy. `reports` keeps (url, form, signature, HTTP status,
    which is None where nobody answered).
    """

    def __init__(self, rate: float = 0.0, seed: int = 0, *, account: str = "AC1", token: str = "secret") -> None:
        super().__init__(rate, seed)
        self.account = account
        self.token = token
        self.callbacks: tuple[str, ...] = ()
        self.callback_delay = 0.0
        self.callback_base: tuple[str, str] | None = None
        self.reports: list[tuple[str, dict[str, str], str, int | None]] = []

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/2010-04-01/Accounts/{account}/Messages.json", self.create),
            web.post("/__inbound", self.inbound),
        ]

    def entry(self, folder: Path) -> dict[str, Any]:
        return {"name": "sms", "kind": "twilio", "account_sid": self.account, "auth_token": self.token,
                "from": "+15005550006", "base_url": self.url}  # fmt: skip

    def refusal(self, status: int) -> tuple[int, Any]:
        code = (
            status if status > 999 else {401: 20003, 404: 20404, 429: 20429, 500: 20500, 503: 20503}.get(status, 20001)
        )
        status = STATUS_OF_CODE.get(code, 400) if status > 999 else status
        return status, {"code": code, "message": "refused", "more_info": "…", "status": status}

    async def create(self, request: web.Request) -> web.StreamResponse:
        pair = base64.b64encode(f"{self.account}:{self.token}".encode()).decode()
        if request.headers.get("Authorization") != f"Basic {pair}":
            return web.json_response(self.refusal(401)[1], status=401)
        form = {key: str(value) for key, value in (await request.post()).items()}
        record = form | {"reference": form.get("StatusCallback", "").rpartition("/")[2], "sid": f"SM{self.seen:032x}"}
        document = {
            "sid": record["sid"], "status": "queued", "to": form.get("To"), "from": form.get("From"),
            "body": form.get("Body"), "num_segments": "1", "account_sid": self.account, "direction": "outbound-api",
            "error_code": None, "error_message": None,
        }  # fmt: skip
        return await self.answer(request, record, (201, document))

    def taken(self, record: dict[str, Any]) -> None:
        super().taken(record)
        if self.callbacks and record.get("StatusCallback"):
            self.afterwards(self.report(record, *self.order(self.callbacks)))

    async def report(self, record: dict[str, Any], *statuses: str, code: str = "30003") -> None:
        """Calls back for an accepted record; also for tests that want a late or a repeated callback."""
        for status in statuses:
            await asyncio.sleep(self.callback_delay)
            form = {
                "MessageSid": record["sid"],
                "MessageStatus": status,
                "To": record["To"],
                "AccountSid": self.account,
            }
            if status in ("undelivered", "failed"):
                form["ErrorCode"] = code
            await self._tell(record["StatusCallback"], form)

    async def inbound(self, request: web.Request) -> web.Response:
        """Brings a message to a webhook, signed; gives the status of its answer, null where nobody answered."""
        try:
            asked = json.loads(await request.read())
            sender, body, url = (str(asked[key]) for key in ("from", "body", "to_url"))
        except (ValueError, LookupError, TypeError):
            return web.json_response({"error": "a JSON object with from, body and to_url is needed"}, status=400)
        sid = f"SM{uuid4().hex}"
        form = {
            "MessageSid": sid, "SmsSid": sid, "SmsStatus": "received", "AccountSid": self.account,
            "From": sender, "To": "+15005550006", "Body": body, "NumMedia": "0", "NumSegments": "1",
        }  # fmt: skip
        return web.json_response({"sid": sid, "status": await self._tell(url, form)})

    async def _tell(self, url: str, form: dict[str, str]) -> int | None:
        signature = RequestValidator(self.token).compute_signature(url, form)
        where = url.replace(*self.callback_base, 1) if self.callback_base else url
        status = await _post(where, form, signature)
        self.reports.append((url, form, signature, status))
        return status


async def _post(url: str, form: dict[str, str], signature: str) -> int | None:
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, data=form, headers={"X-Twilio-Signature": signature}) as response,
        ):
            return response.status
    except aiohttp.ClientError:
        return None


FAKE = FakeTwilio
