"""What all HTTP fakes share: a real server whose every answer can be scripted, and a log of what it truly took.

A deed is one word. `script` holds deeds for the next requests, then `rule` is asked, then `rate` draws lots; else `ok`.

| deed                      | taken | answer                                      |
| ------------------------- | ----- | ------------------------------------------- |
| ok                        | yes   | the provider's acceptance                   |
| 400, 429, 500, 503, 301 … | no    | that status, in the provider's words        |
| reset, hang, half         | no    | none: connection cut, silence, half an answer |
| took-reset, took-hang     | yes   | none                                        |
| garbage                   | yes   | 2xx that cannot be read                     |
| not-http                  | no    | bytes that are no HTTP                      |
"""

import asyncio
import json
import random
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Self

from aiohttp import web

REGISTERED = (
    "{0}您好，您应于{1}还款的{2}已逾期{3}天，请您尽快安排还款。"
    "如已还款请忽略本条；如有困难或疑问，请致电{4}。拒收请回复T"
)
"""What `overdue_reminder` says in zh-CN, as a template that a Chinese provider could have registered."""
CHANCES = ("429", "503", "500", "took-reset", "reset", "garbage")


class HttpFake:
    """Subclasses add routes that call `answer` with the request's record and the two bodies."""

    retry_after: str | None = None

    def __init__(self, rate: float = 0.0, seed: int = 0) -> None:
        self.script: deque[str] = deque()
        self.rule: Callable[[dict[str, Any]], str] | None = None
        self.rate = rate
        self.log: list[dict[str, Any]] = []
        """What was taken, in order: this is what a person would have received."""
        self.seen = 0
        """Requests that were read, taken or not."""
        self.delay = 0.0
        self.url = ""
        self.shuffled = False
        """Whether what is reported comes twice and in any order."""
        self._lots = random.Random(seed)
        self._tasks: set[asyncio.Task[None]] = set()

    def routes(self) -> list[web.RouteDef]:
        raise NotImplementedError

    def entry(self, folder: Path) -> dict[str, Any]:
        """The entry of a configuration that sends here; keys that are files are written into `folder`."""
        raise NotImplementedError

    def refusal(self, status: int) -> tuple[int, Any]:
        """The provider's document for a status without a code of its own."""
        return status, {}

    def taken(self, record: dict[str, Any]) -> None:
        self.log.append(record)

    def order(self, statuses: Sequence[str]) -> list[str]:
        """Statuses as they are reported: one after the other or, where `shuffled`, each twice and in any order."""
        if not self.shuffled:
            return list(statuses)
        return self._lots.sample([*statuses, *statuses], 2 * len(statuses))

    def afterwards(self, work: Coroutine[Any, Any, None]) -> None:
        """Does it beside the answer."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def count(self, key: str, value: str) -> int:
        return sum(record.get(key) == value for record in self.log)

    @asynccontextmanager
    async def serve(self, port: int = 0, host: str = "127.0.0.1") -> AsyncIterator[Self]:
        app = web.Application()
        app.add_routes([*self.routes(), web.get("/__log", self._log)])
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01, handler_cancellation=True)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port, backlog=4096).start()
            self.url = f"http://{f'[{host}]' if ':' in host else host}:{runner.addresses[0][1]}"
            yield self
        finally:
            await runner.cleanup()

    def deed(self, record: dict[str, Any]) -> str:
        if self.script:
            return self.script.popleft()
        if self.rule:
            return self.rule(record)
        return self._lots.choice(CHANCES) if self._lots.random() < self.rate else "ok"

    async def answer(
        self, request: web.Request, record: dict[str, Any], accepted: tuple[int, Any]
    ) -> web.StreamResponse:
        self.seen += 1
        deed = self.deed(record)
        if self.delay:
            await asyncio.sleep(self.delay)
        if deed in ("ok", "took-reset", "took-hang", "garbage"):
            self.taken(record)
        if deed == "ok":
            return web.json_response(accepted[1], status=accepted[0])
        if deed == "garbage":
            return web.Response(status=accepted[0], body=b"<html>\xff", content_type="text/html")
        if deed.isdigit():
            return self._refuse(int(deed))
        return await self._break(request, deed.removeprefix("took-"))

    def _refuse(self, code: int) -> web.Response:
        status, document = self.refusal(code)
        headers = {"Retry-After": self.retry_after} if self.retry_after and status in (429, 503) else {}
        if 300 <= status < 400:
            headers["Location"] = self.url + "/elsewhere"
        return web.json_response(document, status=status, headers=headers)

    async def _break(self, request: web.Request, deed: str) -> web.StreamResponse:
        transport = request.transport
        assert transport is not None
        if deed == "hang":
            await asyncio.Event().wait()
        if deed == "half":
            transport.write(b'HTTP/1.1 201 Created\r\nContent-Length: 500\r\n\r\n{"sid": "SM')
        if deed == "not-http":
            transport.write(b"\x16\x03\x01 this is not HTTP\r\n\r\n")
        await asyncio.sleep(0.01 if deed != "reset" else 0)
        transport.abort()
        return web.Response()

    async def _log(self, request: web.Request) -> web.Response:
        return web.Response(text="".join(json.dumps(record) + "\n" for record in self.log))


@contextmanager
def threaded(fake: Any) -> Iterator[Any]:
    """Runs any fake with `serve()` in a thread with a loop of its own, for tests that start processes."""
    ready, done = threading.Event(), asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def run() -> None:
        loops.append(asyncio.get_running_loop())
        async with fake.serve():
            ready.set()
            await done.wait()

    thread = threading.Thread(target=asyncio.run, args=(run(),), daemon=True)
    thread.start()
    assert ready.wait(5), "the fake did not start"
    try:
        yield fake
    finally:
        loops[0].call_soon_threadsafe(done.set)
        thread.join(5)
