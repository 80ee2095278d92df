"""Opens the port of the role `web` and answers on it; what a client sends never ends in a traceback."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CollectorRegistry

from gateway.web import unsubscribe
from gateway.web.api.server import Api
from gateway.web.console import Console
from gateway.web.ops import HEALTH, REGISTRY, Health, healthz, metrics, readyz
from gateway.web.problem import problems
from gateway.web.signin import SignInPages
from gateway.web.webhooks import PATHS, Webhooks

MAX_BODY_BYTES = 1024 * 1024
MAX_LINE_BYTES = 32 * 1024
"""of an address with its parameters: every filter of a search at its longest"""
# How long a request that is being answered when the process ends may take.
SHUTDOWN_S = 3.0

# aiohttp writes a traceback for every malformed request: that is the client's mistake and none of ours.
_mute = logging.Logger("gateway.web.mute")
_mute.addHandler(logging.NullHandler())


def application(
    health: Health, registry: CollectorRegistry, webhooks: Webhooks | None = None, api: Api | None = None,
    signin: SignInPages | None = None,
) -> web.Application:  # fmt: skip
    """The routes, and what they need to answer."""
    app = web.Application(middlewares=[problems], client_max_size=MAX_BODY_BYTES)
    app[HEALTH] = health
    app[REGISTRY] = registry
    if api is not None:
        api.add_to(app)
        Console().add_to(app)
    if signin is not None:
        signin.add_to(app)
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", metrics)])
    if webhooks is not None:
        app.add_routes([web.post(path, webhooks.hear) for path in PATHS])
        app.add_routes([web.get(unsubscribe.PATH, webhooks.unsubscribe.ask)])
        app.add_routes([web.post(unsubscribe.PATH, webhooks.unsubscribe.click)])
    return app


@asynccontextmanager
async def serve_web(
    host: str,
    port: int,
    health: Health,
    registry: CollectorRegistry,
    webhooks: Webhooks | None = None,
    api: Api | None = None,
    signin: SignInPages | None = None,
) -> AsyncIterator[int]:
    """Listens until the end of the block; gives the port, which is another than `port` if that is 0.

    Raises OSError if the port cannot be had.
    """
    app = application(health, registry, webhooks, api, signin)
    runner = web.AppRunner(
        app, access_log=None, logger=_mute, shutdown_timeout=SHUTDOWN_S, max_line_size=MAX_LINE_BYTES
    )  # fmt: skip
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
