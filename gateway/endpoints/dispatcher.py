"""Sends receipts out: a courier for every endpoint, and an eye on those that nobody serves any more."""

import asyncio
import contextlib
from collections.abc import Sequence

import redis.asyncio as redis
import structlog
from prometheus_client import CollectorRegistry

from gateway.domain.clock import Clock
from gateway.endpoints.book import UNSERVED, Book, known
from gateway.endpoints.courier import Courier
from gateway.endpoints.metrics import EndpointMetrics
from gateway.endpoints.schedule import DEAD_AFTER_MS
from gateway.endpoints.settings import Endpoint
from gateway.store.keys import Keys
from gateway.store.redis import Store, StoreError

LOOK_S = 60.0

log = structlog.get_logger("gateway.endpoints")


async def send_receipts(
    store: Store, endpoints: Sequence[Endpoint], clock: Clock, registry: CollectorRegistry, stop: asyncio.Event
) -> None:
    """Runs until `stop` is set, and then ends within a few seconds by itself."""
    metrics = EndpointMetrics(registry)
    async with asyncio.TaskGroup() as group:
        for endpoint in endpoints:
            group.create_task(Courier(store.redis, store.keys, endpoint, clock, metrics).run(stop))
        while not stop.is_set():
            try:
                await park_unserved(store.redis, store.keys, {one.name for one in endpoints}, clock)
            except (StoreError, OSError) as error:
                log.warning("store_trouble", what="endpoints", error=type(error).__name__)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await stop.wait()


async def park_unserved(client: redis.Redis, keys: Keys, ours: set[str], clock: Clock) -> None:
    """Parks endpoints that no configuration names any more: what nobody reads must not hold the stream for ever."""
    for name in await known(client, keys):
        if name in ours:
            continue
        book, now = Book(client, keys, name), clock.now()
        page = await book.page()
        if page.seen is None:
            await book.first_seen(now)
        elif now - page.seen >= DEAD_AFTER_MS:
            await book.park(UNSERVED, now)
            log.warning("endpoint_parked", consumer=name, why=UNSERVED)
