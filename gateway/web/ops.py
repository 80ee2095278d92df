"""What the machinery around the gateway asks: is it alive, may it be given work, what does it count."""

from collections.abc import Awaitable, Callable
from typing import Literal

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from gateway.web.problem import problem

State = Literal["starting", "ready", "draining"]


class Health:
    """What the composition root tells of the process: `state`, and a probe that tells why it is not ready now."""

    def __init__(self, probe: Callable[[], Awaitable[list[str]]] | None = None) -> None:
        self.state: State = "starting"
        self.probe = probe

    async def reasons(self) -> list[str]:
        """Sentences why no work may be given to us; empty when it may."""
        if self.state != "ready":
            return [f"the gateway is {self.state}"]
        return await self.probe() if self.probe else []


HEALTH = web.AppKey("health", Health)
REGISTRY = web.AppKey("registry", CollectorRegistry)


async def healthz(_request: web.Request) -> web.Response:
    """Alive: the loop turns. Says nothing of the store, or a store that is down would have every process killed."""
    return _fresh(web.json_response({"status": "alive"}))


async def readyz(request: web.Request) -> web.Response:
    reasons = await request.app[HEALTH].reasons()
    if reasons:
        return _fresh(problem(503, "; ".join(reasons), reasons=reasons))
    return _fresh(web.json_response({"status": "ready"}))


async def metrics(request: web.Request) -> web.Response:
    body = generate_latest(request.app[REGISTRY])
    return _fresh(web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4}))


def _fresh(response: web.Response) -> web.Response:
    response.headers["Cache-Control"] = "no-store"
    return response
