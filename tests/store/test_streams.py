"""The inbound streams: nothing read is lost, whoever dies with it in hand."""

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest
import redis.asyncio as redis

from gateway.store import streams
from gateway.store.keys import GROUP, Keys
from gateway.store.redis import client
from gateway.store.seats import seat
from gateway.store.streams import TAKEOVER_IDLE_MS, Entry, Inbox


class Lane:
    """A stream of its own on the real server, and inboxes on it."""

    def __init__(self, url: str) -> None:
        self.url, self.name = url, f"l{uuid.uuid4().hex[:8]}:s"
        self.redis, self.blocking = client(url), client(url, blocking=True)

    def inbox(self, consumer: str) -> Inbox:
        return Inbox(self.redis, self.blocking, [self.name], consumer)

    async def add(self, count: int) -> list[bytes]:
        pipeline = self.redis.pipeline(transaction=False)
        for number in range(count):
            pipeline.xadd(self.name, {"job": str(number)})
        return list(await pipeline.execute())

    async def fall_silent(self, ids: list[bytes], consumer: str) -> None:
        """As if nobody had said of these for a while that they are held."""
        await self.redis.xclaim(self.name, GROUP, consumer, 0, ids, idle=TAKEOVER_IDLE_MS + 1000, justid=True)  # type: ignore[arg-type]


@pytest.fixture
async def lane(valkey: str) -> AsyncIterator[Lane]:
    made = Lane(valkey)
    try:
        yield made
    finally:
        await made.redis.unlink(made.name)
        await made.redis.aclose()
        await made.blocking.aclose()


def numbers(entries: list[Entry]) -> list[int]:
    return [int(entry.fields[b"job"]) for entry in entries]


async def test_what_was_waiting_before_the_group_was_made_is_read(lane: Lane) -> None:
    await lane.add(5)
    inbox = lane.inbox("a")
    await inbox.prepare()
    await inbox.prepare()
    assert numbers(await inbox.take({lane.name: 3})) == [0, 1, 2]
    assert numbers(await inbox.take({lane.name: 10})) == [3, 4]
    assert await inbox.take({lane.name: 10}) == []


async def test_waiting_ends_with_the_first_news_or_with_its_time(lane: Lane) -> None:
    inbox = lane.inbox("a")
    await inbox.prepare()
    assert await inbox.wait(0.05) == []
    waiting = asyncio.create_task(inbox.wait(10))
    await asyncio.sleep(0.05)
    await lane.add(1)
    async with asyncio.timeout(2):
        assert numbers(await waiting) == [0]


async def test_a_worker_that_starts_again_first_takes_up_what_its_former_life_left(lane: Lane) -> None:
    await lane.add(450)
    before = lane.inbox("a")
    await before.prepare()
    await before.take({lane.name: 450})
    left = await lane.inbox("a").pending()
    assert numbers(left) == list(range(450))
    assert all(entry.inherited for entry in left)
    assert await lane.inbox("b").pending() == []


async def test_an_entry_that_was_deleted_while_it_was_pending_is_forgotten(lane: Lane) -> None:
    ids = await lane.add(3)
    inbox = lane.inbox("a")
    await inbox.prepare()
    await inbox.take({lane.name: 3})
    await lane.redis.xdel(lane.name, ids[1])
    assert numbers(await lane.inbox("a").pending()) == [0, 2]
    assert (await lane.redis.xpending(lane.name, GROUP))["pending"] == 2


async def test_what_is_still_held_is_not_taken_over_and_what_fell_silent_is(lane: Lane) -> None:
    ids = await lane.add(4)
    dead, alive = lane.inbox("dead"), lane.inbox("alive")
    await dead.prepare()
    await dead.take({lane.name: 4})
    await lane.fall_silent(ids, "dead")
    await dead.keep([(lane.name, id_) for id_ in ids[:2]])
    found = await alive.take_over()
    assert numbers(found) == [2, 3]
    assert all(entry.inherited for entry in found)
    assert await alive.take_over() == []


async def test_what_is_handed_over_can_be_taken_at_once(lane: Lane) -> None:
    ids = await lane.add(3)
    leaving, staying = lane.inbox("leaving"), lane.inbox("staying")
    await leaving.prepare()
    await leaving.take({lane.name: 3})
    assert await staying.take_over() == []
    await leaving.keep([(lane.name, id_) for id_ in ids], idle_ms=3_600_000)
    assert numbers(await staying.take_over()) == [0, 1, 2]


async def test_five_hundred_fresh_entries_do_not_hide_five_hundred_that_fell_silent(lane: Lane) -> None:
    ids = await lane.add(1000)
    dead = lane.inbox("dead")
    await dead.prepare()
    await dead.take({lane.name: 1000})
    await lane.fall_silent(ids[500:], "dead")
    await dead.keep([(lane.name, id_) for id_ in ids[:500]])
    sweeper, found = lane.inbox("sweeper"), 0
    for _ in range(8):
        found += len(await sweeper.take_over())
    assert found == 500


async def test_a_stream_that_was_deleted_while_it_was_read_is_read_on_when_it_is_there_again(lane: Lane) -> None:
    inbox = lane.inbox("a")
    await inbox.prepare()
    for heal in (inbox.take({lane.name: 1}), inbox.wait(0.05), inbox.take_over(), inbox.pending()):
        await lane.redis.delete(lane.name)
        await heal
        await lane.add(1)
        assert numbers(await inbox.take({lane.name: 5})) == [0]


async def test_ten_readers_share_a_stream_and_nobody_reads_what_another_has(lane: Lane) -> None:
    await lane.inbox("x").prepare()
    await lane.add(2000)

    async def reader(name: str) -> list[int]:
        inbox, got = lane.inbox(name), []
        while entries := await inbox.take({lane.name: 37}):
            got += numbers(entries)
        return got

    shares = await asyncio.gather(*[reader(f"r{number}") for number in range(10)])
    assert sorted(number for share in shares for number in share) == list(range(2000))


async def test_names_are_given_again_so_that_a_thousand_lives_need_no_more_than_one(lane: Lane) -> None:
    keys = Keys(lane.name)
    names = set()
    for life in range(200):
        async with seat(lane.redis, keys, "host", f"token-{life}") as name:
            names.add(name)
    assert names == {"host-0"}
    async with seat(lane.redis, keys, "host", "a") as first, seat(lane.redis, keys, "host", "b") as second:
        assert (first, second) == ("host-0", "host-1")


async def test_who_takes_over_within_the_promised_time() -> None:
    from gateway.pipeline.reader import SWEEP_S

    assert TAKEOVER_IDLE_MS / 1000 + 2 * SWEEP_S < 30
    assert streams.SWEEP_COUNT >= 200


async def test_a_read_that_is_cancelled_leaves_no_answer_of_its_own_for_the_next(lane: Lane) -> None:
    """redis-py once gave one request's answer to another after a cancellation (redis-py #2624)."""
    for number in range(50):
        await lane.redis.set(f"{lane.name}:{number}", number)
    for round_ in range(60):
        task = asyncio.create_task(lane.redis.get(f"{lane.name}:{round_ % 50}"))
        for _ in range(round_ % 7):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    for number in range(50):
        assert await lane.redis.get(f"{lane.name}:{number}") == b"%d" % number
    await lane.redis.unlink(*[f"{lane.name}:{number}" for number in range(50)])


def test_no_client_repeats_a_command(valkey: str) -> None:
    for blocking in (False, True):
        made: redis.Redis = client(valkey, blocking=blocking)
        assert made.connection_pool.connection_kwargs["retry"]._retries == 0
