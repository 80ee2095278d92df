"""A store that forgets everything under load: nobody is written to until it was brought back, and then nobody twice."""

import asyncio
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.bookkeeping.gate import Gate, epoch_of, open_gate
from gateway.domain.clock import SystemClock
from gateway.queries.overview import overview
from gateway.store.redis import Store
from tests.stories.providers import addressed, providers
from tests.stories.test_api import free_port
from tests.stories.test_ledger import caught_up, configured, gateway, keeper, opened
from tests.stories.world import World, reminder

PEOPLE, CAP = 150, 2


async def wipe(world: World) -> None:
    """FLUSHALL, as far as this story's own keys go: other stories share the server."""
    script = "for _, key in ipairs(redis.call('KEYS', ARGV[1])) do redis.call('DEL', key) end"
    await world.redis.eval(script, 0, f"{world.prefix}:*")


async def rebuilt(world: World) -> str:
    status, said = await gateway("rebuild", "--config", str(world.config_file))
    assert status == 0, said
    return said


async def still(taken: Any, seconds: float = 1.5) -> int:
    """How many were taken, once no send can be under way any more."""
    count = -1
    while count != (count := taken()):  # noqa: ASYNC110 - workers of other processes
        await asyncio.sleep(seconds)
    return count


async def test_nothing_goes_until_the_rebuild_then_no_cap_is_broken_and_nothing_goes_twice(world: World) -> None:
    jobs = [
        addressed(number, ["sms"]) | {"recipient": addressed(number % PEOPLE, ["sms"])["recipient"]}
        for number in range(PEOPLE * 4)
    ]
    async with providers(world.folder, fault=0.05, seed=2, delay=0.02) as fakes:
        world_policy = world.policy(CAP, "{rolling: P7D}", "drop")
        web = {"public_url": "http://127.0.0.1:9"}
        configured(world, {"sms": fakes.channels(rate=100)["sms"]}, policies=world_policy, web=web)
        async with world.workers(2), keeper(world):
            await world.put(*jobs)
            async with asyncio.timeout(30):
                while len(fakes.twilio.log) < 100:  # noqa: ASYNC110 - workers of other processes
                    await asyncio.sleep(0.02)
            await wipe(world)
            before = await still(lambda: len(fakes.twilio.log))
            assert before < PEOPLE * CAP * 0.9, "the wipe came too late to try anything"
            await world.put(*jobs)  # the producers, who were not answered, enqueue all of it again
            assert await still(lambda: len(fakes.twilio.log)) == before, (
                "something was sent on a store that had forgotten"
            )
            await rebuilt(world)
            async with asyncio.timeout(60):
                await accounted(world, jobs)
            names = Counter(record["reference"] for record in fakes.twilio.log)
            assert max(names.values()) == 1
            people = Counter(record["To"] for record in fakes.twilio.log)
            assert len(people) > PEOPLE * 0.9, "a refusal takes some out"
            assert max(people.values()) <= CAP


async def accounted(world: World, jobs: list[dict[str, Any]]) -> None:
    """Until the ledger knows every job and none of them can still go out."""
    ends = "delivered", "undelivered", "failed", "suppressed", "rejected", "sent", "in_doubt"
    while True:
        await caught_up(world)
        async with opened(world) as books:
            now = await overview(books, None, 0)
        if now.books.accepted == len(jobs) and set(now.books.standing) <= set(ends):
            assert now.books.difference == 0
            return
        await asyncio.sleep(0.2)


async def test_what_people_said_and_what_waits_is_brought_back(world: World) -> None:
    """A stop, a consent, a pause, a job in the schedule, an opted-out address: all of it from the ledger alone."""
    configured(world, policies=world.policy(1, "{rolling: P7D}"))
    async with world.worker("worker", "ledger"):
        await world.put(reminder("sent", "a"), reminder("ended", "b"))
        await world.receipts.ended("sent", "ended")
        await world.put(reminder("waits", "a"))
        await world.receipts.until(lambda: bool(world.receipts.job("waits")))
        await world.command("stop", recipient_id="c", reason="cease")
        await world.emptied()
        await world.contact("c", event="unanswered")  # keeps the file for some time at least, which is for ever already
        await world.command("pause", channel="email")
        await world.contact("d", event="conversation")
        await world.emptied()
        await caught_up(world)
    waits = await world.redis.zrange(world.keys.schedule, 0, -1)
    control = {k: v for k, v in (await world.redis.hgetall(world.keys.control)).items() if k not in (b"epoch", b"v")}
    before = {key: await world.redis.hgetall(key) for key in await named(world, "person:*")}
    await wipe(world)
    await rebuilt(world)
    after = {key: await world.redis.hgetall(key) for key in await named(world, "person:*")}
    assert await world.redis.pttl(world.keys.person("default", "c")) == -1, "a stop is kept for ever"
    assert {key: without_version(file) for key, file in after.items()} == {
        key: without_version(file) for key, file in before.items()
    }
    assert await world.redis.zrange(world.keys.schedule, 0, -1) == waits
    assert len(waits) == 1
    back = await world.redis.hgetall(world.keys.control)
    assert {k: v for k, v in back.items() if k not in (b"epoch", b"v")} == control
    async with world.worker("worker", "ledger"):
        again = [reminder("sent", "a"), reminder("ended", "b"), reminder("no", "c"), reminder("later", "d")]
        held = reminder("held", "e", channels=["email"], recipient={"email": "e@example.com"})
        await world.put(*again, held)
        await world.emptied()
        told = await statuses(world)
    assert told["no"][-1] == "suppressed"
    assert told["later"][-1] == "deferred", "the conversation of before counts"
    assert told["held"][-1] == "deferred"
    assert told["sent"].count("sent") == 1, "a job of before went out again"


async def test_an_order_that_comes_while_the_store_is_lost_is_carried_out_once_it_is_back(world: World) -> None:
    """A resume would find nothing to lift, and be put away as done."""
    configured(world)
    async with world.worker("worker", "ledger"):
        await world.command("stop", recipient_id="c", reason="cease")
        await world.emptied()
        await caught_up(world)
        await wipe(world)
        await world.command("resume", recipient_id="c")
        await asyncio.sleep(1.5)
        assert await world.redis.xlen(world.keys.commands) == 1, "it waits"
        await rebuilt(world)
        await world.emptied()
        await world.put(reminder("again", "c"))
        await world.receipts.ended("again")
        assert world.receipts.statuses("again")[-1] == "delivered"


async def statuses(world: World) -> dict[str, list[str]]:
    """By job, what was told: each receipt once, whoever told it again."""
    rows = await world.redis.xrange(world.keys.receipts)
    seen = {told["id"]: told for _, fields in rows for told in [json.loads(fields[b"receipt"])]}
    found: dict[str, list[str]] = {}
    for told in seen.values():
        found.setdefault(told["job_id"], []).append(told["status"])
    return found


async def named(world: World, pattern: str) -> list[bytes]:
    return sorted([key async for key in world.redis.scan_iter(f"{world.prefix}:{pattern}", count=5000)])


def without_version(file: dict[bytes, bytes]) -> dict[bytes, Any]:
    return {name: json.loads(value) if value[:1] == b"{" else value for name, value in file.items() if name != b"v"}


async def test_a_send_that_was_under_way_is_in_doubt_and_never_repeated(world: World) -> None:
    """The worker dies with the store: nobody knows whether its request arrived."""
    async with providers(world.folder, delay=3.0) as fakes:
        web = {"public_url": "http://127.0.0.1:9"}
        configured(world, {"sms": fakes.channels()["sms"]}, web=web)
        async with keeper(world):
            async with world.worker() as worker:
                await world.put(addressed(1, ["sms"]))
                async with asyncio.timeout(10):
                    while fakes.twilio.seen == 0:  # noqa: ASYNC110 - a worker of another process
                        await asyncio.sleep(0.02)
                await caught_up(world)
                await worker.kill()
            await wipe(world)
            said = await rebuilt(world)
            assert "1 sends were under way" in said
            async with world.worker():
                await world.put(addressed(1, ["sms"]))
                await world.emptied()
                assert (await statuses(world))["j1"] == ["in_doubt"]
        assert fakes.twilio.seen == 1


async def test_the_gate_says_why_it_is_shut(world: World) -> None:
    port = free_port()
    configured(world, web={"port": port})
    async with world.worker("worker", "ledger", "web"), aiohttp.ClientSession() as session:
        await world.put(reminder("a"))
        await world.receipts.ended("a")
        await caught_up(world)
        await wipe(world)
        async with asyncio.timeout(10):
            while (told := await ready(session, port))[0] != 503:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert "gateway rebuild" in told[1]
        await rebuilt(world)
        async with asyncio.timeout(10):
            while (await ready(session, port))[0] != 200:  # noqa: ASYNC110
                await asyncio.sleep(0.05)


async def ready(session: aiohttp.ClientSession, port: int) -> tuple[int, str]:
    async with session.get(f"http://127.0.0.1:{port}/readyz") as answer:
        return answer.status, await answer.text()


async def test_a_store_that_is_whole_is_not_rebuilt(world: World) -> None:
    configured(world)
    async with world.worker("worker", "ledger"):
        await world.put(reminder("a"))
        await world.receipts.ended("a")
        await caught_up(world)
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("gateway")), "rebuild", "--config", str(world.config_file),
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, said = await process.communicate()
    assert process.returncode == 1
    assert b"holds what it held" in said


async def test_another_store_than_the_ledgers_is_told_apart(world: World) -> None:
    configured(world)
    async with world.worker("worker", "ledger"):
        await world.put(reminder("a"))
        await world.receipts.ended("a")
        await caught_up(world)
    store = Store(world.redis, world.keys)
    await world.redis.hset(world.keys.control, "epoch", "another")
    async with opened(world) as books:
        assert await open_gate(store, books, SystemClock()) is Gate.FOREIGN
    port = free_port()
    configured(world, web={"port": port})
    async with world.worker("worker", "web", "ledger"), aiohttp.ClientSession() as session:
        await world.put(reminder("b"))
        async with asyncio.timeout(10):
            while "another one" not in (await ready(session, port))[1]:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.05)
        await world.receipts.settle()
        assert world.receipts.job("b") == [], "sent on a store of which the ledger knows nothing"


@pytest.mark.parametrize("count", [2, 8])
async def test_processes_that_start_at_once_open_a_new_store_under_one_name(world: World, count: int) -> None:
    configured(world)
    store = Store(world.redis, world.keys)
    async with opened(world) as books:
        gates = await asyncio.gather(*(open_gate(store, books, SystemClock()) for _ in range(count)))
        assert set(gates) == {Gate.OPEN}
        first = await epoch_of(store)
        assert await open_gate(store, books, SystemClock()) is Gate.OPEN
        assert await epoch_of(store) == first


async def test_a_ledger_that_cannot_be_had_delays_nobody_on_a_store_that_was_opened(world: World) -> None:
    configured(world)
    async with world.worker("worker", "ledger"):
        await world.put(reminder("a"))
        await world.receipts.ended("a")
        await caught_up(world)
    port = free_port()
    world.configure(ledger={"url": "postgresql://nobody@127.0.0.1:1/none"}, web={"port": port})
    async with world.worker("worker", "web"), aiohttp.ClientSession() as session:
        await world.put(reminder("b"))
        await world.receipts.ended("b")
        assert (await ready(session, port))[0] == 200


async def test_a_new_store_is_not_opened_while_nobody_can_tell_that_it_is_new(world: World) -> None:
    port = free_port()
    world.configure(ledger={"url": "postgresql://nobody@127.0.0.1:1/none"}, web={"port": port})
    async with world.worker("worker", "web"), aiohttp.ClientSession() as session:
        await world.put(reminder("b"))
        async with asyncio.timeout(10):
            while (await ready(session, port))[0] != 503:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.05)
        await world.receipts.settle()
        assert world.receipts.all == []
