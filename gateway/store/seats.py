"""Gives a worker its consumer name: host and slot, the same ones after every restart, so that names never pile up.

A name is held while its holder says so every few seconds; entries of a holder that fell silent are taken over by
whoever sweeps, whatever its name.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import redis.asyncio as redis

from gateway.store.keys import Keys
from gateway.store.tasks import end

HELD_MS = 15_000
RENEW_S = 5.0
MOST_SEATS = 1_000


@asynccontextmanager
async def seat(client: redis.Redis, keys: Keys, host: str, token: str) -> AsyncIterator[str]:
    """The first free name `<host>-<n>`, held until the end. Raises RedisError when the store cannot be had."""
    name = await _sit_down(client, keys, host, token)
    renewing = asyncio.create_task(_renew(client, keys.worker(name), token), name="seat")
    try:
        yield name
    finally:
        await end(renewing)
        with contextlib.suppress(redis.RedisError, OSError):
            if await client.get(keys.worker(name)) == token.encode():
                await client.delete(keys.worker(name))


async def _sit_down(client: redis.Redis, keys: Keys, host: str, token: str) -> str:
    for slot in range(MOST_SEATS):
        name = f"{host}-{slot}"
        if await client.set(keys.worker(name), token, nx=True, px=HELD_MS):
            return name
    raise redis.RedisError(f"all {MOST_SEATS} consumer names of host {host} are held")


async def _renew(client: redis.Redis, key: str, token: str) -> None:
    while True:
        await asyncio.sleep(RENEW_S)
        with contextlib.suppress(redis.RedisError, OSError):
            await client.set(key, token, px=HELD_MS)
