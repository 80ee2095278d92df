"""Producers learn what became of their jobs by signed webhooks: all of it, in order, through outages and kills."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from gateway.domain.clock import HOUR, MINUTE, SystemClock
from gateway.endpoints.wire import AT_ONCE
from tests.endpoints.producer import Producer
from tests.stories.world import ShiftedClock, World, reminder


@contextlib.asynccontextmanager
async def served(world: World, producer: Producer) -> AsyncIterator[None]:
    """The configuration names its endpoint."""
    async with producer.serve():
        world.configure(endpoints=[producer.entry()])
        yield


async def begun(world: World, *names: str) -> None:
    """Until the endpoints are known: a new one gets what comes from then on."""
    async with asyncio.timeout(15):
        while not all([await world.redis.hexists(f"{world.prefix}:endpoint:{name}", "seen") for name in names]):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


def told(world: World) -> list[tuple[str, ...]]:
    """All receipts of the stream, by job in their order."""
    return sorted(tuple(one["id"] for one in receipts) for receipts in world.receipts.of.values())


def heard(producer: Producer) -> list[tuple[str, ...]]:
    """The same of what a producer took."""
    jobs: dict[tuple[str, str], list[str]] = {}
    for receipt in producer.taken:
        jobs.setdefault((receipt["recipient_id"], receipt["job_id"]), []).append(receipt["id"])
    return sorted(tuple(ids) for ids in jobs.values())


async def test_a_producer_hears_what_stands_on_the_stream_and_nothing_of_another_tenant(world: World) -> None:
    producer, other = Producer(), Producer()
    async with producer.serve(), other.serve():
        world.configure(endpoints=[producer.entry(), other.entry("loans", tenants=["loans", "houses"])])
        async with world.worker() as worker:
            await begun(world, "cards", "loans")
            await world.put(*[reminder(f"a{n}") for n in range(30)])
            await world.put(*[reminder(f"l{n}", tenant="loans") for n in range(5)])
            await world.receipts.ended(*[f"a{n}" for n in range(30)], *[f"l{n}" for n in range(5)])
            await producer.until(lambda: len(producer.taken) == 60)
            await other.until(lambda: len(other.taken) == 10)
            assert await worker.end() == 0
    by_id = {(receipt["tenant"], receipt["id"]): receipt for receipt in world.receipts.all}
    for receipt in (*producer.taken, *other.taken):
        assert by_id.pop((receipt["tenant"], receipt["id"])) == receipt
    assert not by_id
    assert {receipt["tenant"] for receipt in other.taken} == {"loans"}


async def test_an_endpoint_that_is_down_for_an_hour_gets_everything_in_order_when_it_is_back(world: World) -> None:
    """The hour passes within seconds, and ends now: the package that verifies believes only in the real time."""
    producer = Producer()
    clock = ShiftedClock.at(SystemClock().now() - HOUR - 15 * MINUTE)
    async with served(world, producer):
        producer.rule = lambda receipt: 500
        # Nobody verifies what an endpoint that is down is sent.
        producer.verifying = False
        async with world.inside(clock):
            await begun(world, "cards")
            for minute in range(0, 60, 2):
                await world.put(*[reminder(f"m{minute}-{n}") for n in range(5)])
                await asyncio.sleep(0.15)
                clock.shift += 2 * MINUTE
            assert 0 < len(producer.asked) <= 40
            # The clock is right now, and the next question is due.
            clock.shift, producer.verifying, producer.rule = 0, True, lambda receipt: 200
            names = [f"m{minute}-{n}" for minute in range(0, 60, 2) for n in range(5)]
            await world.receipts.ended(*names)
            await producer.until(lambda: len(producer.taken) == 300)
    assert heard(producer) == told(world)
    assert producer.repeats == 0


async def test_a_process_killed_in_the_midst_of_it_loses_nothing_and_another_goes_on(world: World) -> None:
    producer = Producer()
    producer.delay = 0.3
    async with served(world, producer), world.workers(2) as workers:
        await begun(world, "cards")
        names = [f"a{n}" for n in range(200)]
        await world.put(*[reminder(name) for name in names])
        await world.receipts.ended(*names)  # what a sandbox was about to report dies with its process
        holder = await world.redis.get(f"{world.prefix}:lease:cards")
        assert len(producer.taken) < 300
        await workers[0].kill()
        await producer.until(lambda: len(producer.taken) == 400, 60)
        assert await world.redis.get(f"{world.prefix}:lease:cards") != holder, "it was not the one that served"
    assert heard(producer) == told(world)
    assert producer.repeats <= AT_ONCE


async def test_whatever_the_producer_answers_every_job_is_heard_in_order(world: World) -> None:
    producer = Producer()
    counted: dict[str, int] = {}

    def rule(receipt: dict[str, Any]) -> int:
        key = f"{receipt['recipient_id']} {receipt['id']}"
        counted[key] = counted.get(key, 0) + 1
        return 503 if counted[key] == 1 and sum(map(ord, key)) % 3 == 0 else 200

    producer.rule = rule
    async with served(world, producer), world.worker():
        await begun(world, "cards")
        await world.put(*[reminder(f"a{n}") for n in range(40)])
        await world.receipts.ended(*[f"a{n}" for n in range(40)])
        await producer.until(lambda: len(producer.taken) == 80, 40)
    assert heard(producer) == told(world)
