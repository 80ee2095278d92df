"""Ends of a worker, kind and unkind: nothing twice, nothing lost, and what nobody can know is called in doubt."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio as redis

from gateway.store.embedded import embedded
from tests.stories.providers import Providers, address, addressed, providers
from tests.stories.world import World, reminder, twice

CHANNELS = (["sms"], ["push"], ["email"])
NEVER_LEFT = ["in_doubt", "deferred", "sent"]
"""A worker that wakes up with a claim a second old knows for certain that its request never left."""


def jobs_of(count: int) -> list[dict[str, Any]]:
    return [addressed(number, CHANNELS[number % 3]) for number in range(count)]


async def reaches(total: Callable[[], int], wanted: int, seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while total() < wanted:  # noqa: ASYNC110 - what another process does
            await asyncio.sleep(0.01)


def nothing_twice(fakes: Providers) -> None:
    for channel, counted in fakes.taken().items():
        assert not twice(counted.elements()), channel


def all_accounted(world: World, fakes: Providers, jobs: list[dict[str, Any]]) -> int:
    """Every job was sent, or is in doubt; a job that never arrived is in doubt. How many are in doubt."""
    doubts = 0
    for job in jobs:
        told = world.receipts.statuses(job["id"])
        arrived = fakes.taken()[job["channels"][0]][address(job, job["channels"][0])]
        assert arrived <= 1
        assert told in (["sent"], ["in_doubt"], ["in_doubt", "sent"], NEVER_LEFT), told
        assert arrived or told == ["in_doubt"], job["id"]
        doubts += told[0] == "in_doubt"
    return doubts


async def test_sigterm_under_load_ends_with_status_0_and_leaves_nothing_in_doubt_and_nothing_lost(world: World) -> None:
    jobs = jobs_of(600)
    async with providers(world.folder, delay=0.1) as fakes:
        world.configure(fakes.channels(concurrency=8))
        await world.put(*jobs)
        async with world.worker() as first:
            await reaches(lambda: fakes.total, 60)
            assert await first.end(15) == 0
        taken = fakes.total
        assert taken < len(jobs), "it was not under load any more"
        await world.receipts.settle()
        assert world.receipts.count()["sent"] == taken
        assert not world.receipts.count()["in_doubt"]
        async with world.worker() as second:
            await world.receipts.ended(*[job["id"] for job in jobs], seconds=40)
            await world.emptied()
            assert await second.end(15) == 0
        nothing_twice(fakes)
        assert fakes.total == len(jobs)
        assert not world.receipts.count()["in_doubt"]


async def test_a_drain_that_takes_too_long_says_so_in_a_line_and_the_next_worker_calls_the_rest_doubtful(
    world: World,
) -> None:
    slow = [{"name": "slow", "kind": "sandbox", "latency_ms": 6000, "receipt_ms": 1}]
    world.configure({"sms": slow}, worker={"drain": "500ms"})
    async with world.worker() as first:
        await world.put(reminder("a"))
        await asyncio.sleep(1)
        assert await first.end(5) == 1
        noise = first.noise.read_text()
    assert "worker.drain" in noise
    assert "Traceback" not in noise
    async with world.worker():
        await world.receipts.until(lambda: world.receipts.statuses("a") == ["in_doubt"], 30)


async def test_what_a_worker_hands_over_at_its_end_is_taken_up_by_another_at_once(world: World) -> None:
    jobs = jobs_of(300)
    async with providers(world.folder, delay=0.1) as fakes:
        world.configure(fakes.channels(concurrency=4))
        async with world.worker() as first, world.worker() as second:
            await world.put(*jobs)
            await reaches(lambda: fakes.total, 40)
            assert await first.end(15) == 0
            await world.receipts.ended(*[job["id"] for job in jobs], seconds=30)
            await world.emptied()
            assert await second.end(15) == 0
        nothing_twice(fakes)
        assert fakes.total == len(jobs)


@pytest.mark.parametrize("restarted", [False, True], ids=["another lives", "it is started again"])
async def test_sigkill_under_load_sends_nothing_twice_and_calls_what_was_interrupted_in_doubt(
    world: World, restarted: bool
) -> None:
    jobs = jobs_of(1500)
    async with providers(world.folder, delay=0.1) as fakes:
        world.configure(fakes.channels(concurrency=16))
        async with world.worker() as victim, world.workers(0 if restarted else 1):
            await world.put(*jobs)
            await reaches(lambda: fakes.total, 150)
            await victim.kill()
            async with world.workers(1 if restarted else 0):
                known = {job["id"] for job in jobs}
                await world.receipts.until(
                    lambda: all(world.receipts.statuses(name)[-1:] in (["sent"], ["in_doubt"]) for name in known), 30
                )
                await world.emptied()
                await world.receipts.settle()
        nothing_twice(fakes)
        assert 0 < all_accounted(world, fakes, jobs) <= 48, world.receipts.count()


async def test_a_worker_that_is_stopped_longer_than_the_takeover_sends_nothing_twice_when_it_goes_on(
    world: World,
) -> None:
    jobs = jobs_of(400)
    async with providers(world.folder, delay=0.1) as fakes:
        world.configure(fakes.channels(concurrency=8))
        async with world.worker() as sleeper, world.worker():
            await world.put(*jobs)
            await reaches(lambda: fakes.total, 60)
            sleeper.signal(signal.SIGSTOP)
            known = {job["id"] for job in jobs}
            await world.receipts.until(
                lambda: all(world.receipts.statuses(name)[-1:] in (["sent"], ["in_doubt"]) for name in known), 30
            )
            sleeper.signal(signal.SIGCONT)
            await asyncio.sleep(1)
            await world.receipts.settle()
            await world.emptied()
            assert await sleeper.end(15) == 0
        nothing_twice(fakes)
        all_accounted(world, fakes, jobs)


async def test_the_stores_own_death_under_load_loses_nothing_and_sends_nothing_twice(tmp_path: Path) -> None:
    jobs = jobs_of(900)
    async with embedded(tmp_path / "store") as url, providers(tmp_path, delay=0.05) as fakes:
        world = World(url, tmp_path, "gateway")
        try:
            world.configure(fakes.channels(concurrency=16))
            async with world.workers(2):
                await world.put(*jobs)
                for wanted in (100, 300, 500):
                    await reaches(lambda: fakes.total, wanted)
                    await kill_server(url)
                names = {job["id"] for job in jobs}
                await world.receipts.until(lambda: all(world.receipts.job(name) for name in names), 40)
                await world.emptied()
            nothing_twice(fakes)
            all_accounted(world, fakes, jobs)
        finally:
            await world.close()


async def kill_server(url: str) -> None:
    """SIGKILL for the server, and waits until another answers in its place."""
    async with redis.Redis.from_url(url, protocol=2) as store:
        os.kill(int((await store.info("server"))["process_id"]), signal.SIGKILL)
    async with asyncio.timeout(10):
        while True:
            with contextlib.suppress(redis.RedisError, OSError):
                async with redis.Redis.from_url(url, protocol=2) as store:
                    await store.ping()
                    return
            await asyncio.sleep(0.02)
