"""Takes in what providers report over HTTP: verified by their own signature, durable before it is acknowledged.

What the report means is decided later, off a stream; so an answer takes milliseconds, and a callback that comes late,
again, or for a message that nobody knows is acknowledged all the same.
"""

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from channels.contract import Callback, Listener, Report
from gateway.domain.clock import Clock
from gateway.web.problem import problem
from gateway.web.unsubscribe import Unsubscribe

MAX_CALLBACK_BYTES = 64 * 1024
MAX_MAIL_BYTES = 512 * 1024
"""of a bounce that is posted as the mail that it is"""
PATHS = ("/webhooks/{provider}", "/webhooks/{provider}/{reference}")


class Webhooks:
    """Who listens under which name. Until `open` is called, callbacks are asked to come again."""

    def __init__(self, public_url: str | None, clock: Clock) -> None:
        self._public_url, self._clock = public_url, clock
        self._listeners: Mapping[str, Listener] = {}
        self._take: Callable[[Report], Awaitable[None]] | None = None
        self.unsubscribe = Unsubscribe()

    def open(self, listeners: Mapping[str, Listener], take: Callable[[Report], Awaitable[None]]) -> None:
        """From here on callbacks are heard; `take` returns once a receipt is durable."""
        self._listeners, self._take = listeners, take

    async def hear(self, request: web.Request) -> web.Response:
        """204 once what was reported is durable, 403 for a signature that is not the provider's."""
        if self._take is None:
            return problem(503, "the gateway is starting; come again")
        listener = self._listeners.get(request.match_info["provider"])
        if listener is None:
            raise web.HTTPNotFound
        body = await request.read()
        most = MAX_MAIL_BYTES if request.content_type == "message/rfc822" else MAX_CALLBACK_BYTES
        if len(body) > most:
            raise web.HTTPRequestEntityTooLarge(max_size=most, actual_size=len(body))
        try:
            heard = await listener.hear(self._callback(request, body))
        except OSError:
            return problem(503, "the signature cannot be verified now; come again")
        if heard is None:
            return problem(403, "the signature is not the provider's over the public address of this gateway")
        try:
            for report in heard.reports:
                await self._take(report)
        except OSError:  # the store cannot be had; the provider tries again
            return problem(503, "the report could not be kept; come again")
        if not heard.answer:
            return web.Response(status=204)
        return web.Response(body=heard.answer, content_type=heard.content_type)

    def _callback(self, request: web.Request, body: bytes) -> Callback:
        """The request as the provider sent it: to the configured public address, whatever stands between."""
        return Callback(
            url=f"{self._public_url or ''}{request.rel_url.raw_path_qs}",
            reference=request.match_info.get("reference"),
            headers={name.lower(): value for name, value in request.headers.items()},
            body=body,
            at=self._clock.now(),
        )
