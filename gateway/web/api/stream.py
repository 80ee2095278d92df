"""`GET /v1/stream`: the chain as it grows, as server-sent events; who comes back with the last number misses nothing.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import asyncio
from typing import Protocol

import msgspec
from aiohttp import web

from gateway.queries.news import News
from gateway.web.api.principal import Principal
from gateway.web.api.views import tenants_of

PATH = "/v1/stream"
LOOK_S = 0.5
BEAT_S = 2.0
"""so often it is told how far behind the ledger is: silence is no calm, and a ledger that stands still says nothing"""
AT_ONCE = 200
MOST_WATCHERS = 200

_encode = msgspec.json.Encoder().encode


class Watched(Protocol):
    """What is watched. Every method raises ConnectionError where the ledger cannot be had."""

    async def news(self, after: int, tenants: frozenset[str] | None, most: int) -> tuple[list[News], int]:
        """Entries after a number, and the number to go on from."""

    async def newest(self) -> int:
        """The number of the last entry."""

    async def behind_s(self) -> float:
        """The age (s) of the oldest change that the ledger has not taken in."""


class Stream:
    """Serves everybody who watches."""

    def __init__(self, watched: Watched) -> None:
        self.watched = watched
        self._watchers = 0

    async def serve(self, request: web.Request, who: Principal) -> web.StreamResponse:
        """Until the client goes or the process ends."""
        if self._watchers >= MOST_WATCHERS:
            raise web.HTTPServiceUnavailable
        last = request.headers.get("Last-Event-ID", "")
        try:
            after = int(last) if last.isdecimal() and len(last) < 19 else await self.watched.newest()
        except ConnectionError:
            raise web.HTTPServiceUnavailable from None
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        self._watchers += 1
        try:
            await answer.prepare(request)
            await self._watch(answer, after, tenants_of(who))
        except ConnectionError:
            pass  # the client has gone, or the ledger: it comes back with the last number
        finally:
            self._watchers -= 1
        return answer

    async def _watch(self, answer: web.StreamResponse, after: int, tenants: frozenset[str] | None) -> None:
        loop = asyncio.get_running_loop()
        beat = -BEAT_S
        while True:
            found, after = await self.watched.news(after, tenants, AT_ONCE)
            for one in found:
                await answer.write(b"id: %d\nevent: %b\ndata: %b\n\n" % (one.seq, one.kind.encode(), _encode(one)))
            if loop.time() - beat > BEAT_S:
                behind = await self.watched.behind_s()
                await answer.write(b'event: beat\ndata: {"seq":%d,"behind_s":%.1f}\n\n' % (after, behind))
                beat = loop.time()
            if len(found) < AT_ONCE:
                await asyncio.sleep(LOOK_S)
