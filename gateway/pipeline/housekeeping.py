"""Keeps the books short: trims outputs that everybody has read, forgets old cancels, and measures what waits."""

import asyncio

import redis.asyncio as redis
import structlog

from gateway.domain.clock import DAY, Clock, Instant
from gateway.pipeline.breaker import STATES as BREAKER_STATES
from gateway.pipeline.desks import Desks
from gateway.pipeline.metrics import Metrics
from gateway.store.redis import Store, StoreError
from gateway.store.streams import place_of

MEASURE_S = 2.0
TRIM_EVERY = 30
"""measurements"""
CANCEL_LIFE_MS = 30 * DAY

log = structlog.get_logger("gateway.housekeeping")


async def keep_house(store: Store, desks: Desks, clock: Clock, metrics: Metrics, keep_outputs_ms: int) -> None:
    """Runs until it is cancelled. A store that cannot be had is tried again at the next turn."""
    turn = 0
    while True:
        try:
            await measure(store, desks, clock.now(), metrics)
            if turn % TRIM_EVERY == 0:
                for stream in (store.keys.receipts, store.keys.calls, store.keys.replies):
                    await trim(store, stream, clock.now() - keep_outputs_ms)
                await _forget_cancels(store, clock.now() - CANCEL_LIFE_MS)
        except (StoreError, OSError) as error:
            log.warning("store_trouble", what="housekeeping", error=type(error).__name__)
        turn += 1
        await asyncio.sleep(MEASURE_S)


async def measure(store: Store, desks: Desks, now: Instant, metrics: Metrics) -> None:
    """The gauges: backlog of each inbound stream, jobs that wait, claims in flight, breakers and shares."""
    pipeline = store.redis.pipeline(transaction=False)
    for stream in store.keys.inbound:
        pipeline.xlen(stream)
    pipeline.zcard(store.keys.schedule)
    *lengths, waiting = await pipeline.execute()
    for stream, length in zip(store.keys.inbound, lengths, strict=True):
        metrics.backlog.labels(stream).set(length)
    metrics.waiting.set(waiting)
    for desk in desks:
        metrics.in_flight.labels(desk.name).set(desk.slots - desk.free)
        metrics.down.labels(desk.name).set(desk.down(now))
        for state in BREAKER_STATES:
            metrics.breaker.labels(desk.name, state).set(desk.breaker.state == state)
        metrics.doubtful.labels(desk.name).set(desk.down(now) and desk.breaker.why == "doubt_budget")
    for channel in desks.of:
        for name, part in desks.parts(channel, now).items():
            metrics.share.labels(name).set(part)


async def trim(store: Store, stream: str, before: Instant) -> int:
    """Deletes entries of an output that are older than `before` (ms) and that no consumer group still has to read or
    to acknowledge; how many. Never by length."""
    limit = f"{before}-0"
    try:
        groups = await store.redis.xinfo_groups(stream)
    except redis.ResponseError:  # no such stream yet
        return 0
    for group in groups:
        pending = await store.redis.xpending(stream, group["name"])
        first = pending["min"] if pending["pending"] else group["last-delivered-id"]
        limit = min(limit, first.decode(), key=place_of)
    trimmed: int = await store.redis.xtrim(stream, minid=limit, approximate=False)
    return trimmed


async def _forget_cancels(store: Store, before: Instant) -> None:
    """Cancels that no job can be older than any more."""
    async for field, at in store.redis.hscan_iter(store.keys.cancels):
        if field != b"v" and int(at) < before:
            await store.redis.hdel(store.keys.cancels, field)
