"""A producer with an endpoint: a real server that believes nothing which the package `standardwebhooks` refuses."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from standardwebhooks import Webhook

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDr1yzqRQ3zYM="

Rule = Callable[[dict[str, Any]], "int | tuple[int, Mapping[str, str]]"]
"""A receipt → the status of the answer, and its headers"""


class Producer:
    """`asked` are all receipts that came, `taken` those answered 2xx, without those whose webhook-id came before.
    `rule` answers. With `any_time` it looks at the signature and not at its own clock, for stories with another one."""

    def __init__(self, *secrets: str, any_time: bool = False) -> None:
        self._hooks = [Webhook(secret) for secret in secrets or (SECRET,)]
        self._any_time = any_time
        self.rule: Rule = lambda receipt: 200
        self.delay = 0.0
        self.verifying = True
        self.asked: list[dict[str, Any]] = []
        self.taken: list[dict[str, Any]] = []
        self.repeats = 0
        self.open = self.most_open = 0
        self._ids: set[str] = set()

    def entry(self, name: str = "cards", **more: Any) -> dict[str, Any]:
        """Its entry in a configuration."""
        return {
            "name": name, "url": self.url, "tenants": ["default"], "secrets": [SECRET],
            "networks": ["127.0.0.0/8"],
        } | more  # fmt: skip

    def numbers(self) -> dict[str, list[int]]:
        """By job, the numbers of its receipts in the order in which they were taken."""
        found: dict[str, list[int]] = defaultdict(list)
        for receipt in self.taken:
            found[receipt["job_id"]].append(int(receipt["id"].rpartition("#")[2]))
        return found

    async def until(self, done: Callable[[], bool], seconds: float = 20.0) -> None:
        try:
            async with asyncio.timeout(seconds):
                while not done():  # noqa: ASYNC110 - what others do
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(f"not so within {seconds} s: {len(self.asked)} came, {len(self.taken)} new") from None

    @asynccontextmanager
    async def serve(self, port: int = 0) -> AsyncIterator["Producer"]:
        app = web.Application()
        app.router.add_post("/receipts", self._hear)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        self.port = runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self.port}/receipts"
        try:
            yield self
        finally:
            await runner.cleanup()

    async def _hear(self, request: web.Request) -> web.Response:
        body = await request.read()
        for hook in self._hooks if self.verifying else ():
            self._verify(hook, body, request.headers)
        told = json.loads(body)
        assert set(told) == {"type", "timestamp", "data"}
        receipt = told["data"]
        assert (told["type"], told["timestamp"]) == (f"receipt.{receipt['status']}", receipt["at"])
        self.asked.append(receipt)
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        await asyncio.sleep(self.delay)
        self.open -= 1
        answer = self.rule(receipt)
        status, headers = answer if isinstance(answer, tuple) else (answer, {})
        if 200 <= status < 300:
            message = request.headers["webhook-id"]
            self.repeats += message in self._ids
            if message not in self._ids:
                self._ids.add(message)
                self.taken.append(receipt)
        return web.Response(status=status, headers=headers)

    def _verify(self, hook: Webhook, body: bytes, headers: Mapping[str, str]) -> None:
        """Raises, which answers 500, for what is not signed as it should be."""
        if not self._any_time:
            hook.verify(body, dict(headers))
            return
        moment = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
        expected = hook.sign(headers["webhook-id"], moment, body.decode())
        assert expected in headers["webhook-signature"].split(" ")
