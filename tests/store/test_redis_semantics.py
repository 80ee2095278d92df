"""What Redis really does where one would guess wrong. If an upgrade changes one of these, it is seen here first."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from typing import NamedTuple

import pytest
import redis.asyncio as redis

from gateway.store.redis import client


class Stream(NamedTuple):
    redis: redis.Redis
    name: str

    async def filled(self, count: int, reader: str | None = None) -> list[bytes]:
        pipeline = self.redis.pipeline(transaction=False)
        for number in range(count):
            pipeline.xadd(self.name, {"n": number})
        ids = await pipeline.execute()
        await self.redis.xgroup_create(self.name, "g", "0", mkstream=True)
        if reader:
            await self.redis.xreadgroup("g", reader, {self.name: ">"}, count=count)
        return list(ids)


@pytest.fixture
async def stream(valkey: str) -> AsyncIterator[Stream]:
    connection = client(valkey)
    made = Stream(connection, f"x{uuid.uuid4().hex[:8]}")
    yield made
    await connection.unlink(made.name)
    await connection.aclose()


async def test_x1_a_sweep_that_always_begins_anew_never_comes_past_fresh_entries(stream: Stream) -> None:
    ids = await stream.filled(1000, "dead")
    await stream.redis.xclaim(stream.name, "g", "dead", 0, ids[500:], idle=60_000, justid=True)  # type: ignore[arg-type]
    claimed = 0
    for _ in range(50):
        claimed += len((await stream.redis.xautoclaim(stream.name, "g", "me", 30_000, "0-0", 10))[1])
    assert claimed == 0
    cursor: bytes | str = "0-0"
    for _ in range(60):
        cursor, rows, *_ = await stream.redis.xautoclaim(stream.name, "g", "me", 30_000, cursor, 10)
        claimed += len(rows)
    assert claimed == 500


async def test_x2_trimming_by_length_drops_what_is_pending_and_unread_without_a_word(stream: Stream) -> None:
    await stream.filled(100)
    await stream.redis.xreadgroup("g", "me", {stream.name: ">"}, count=30)
    await stream.redis.xadd(stream.name, {"n": 100}, maxlen=20, approximate=False)
    _, rows, deleted = await stream.redis.xautoclaim(stream.name, "g", "me", 0, "0-0", 1000)
    assert (len(rows), len(deleted)) == (0, 30)


async def test_x3_a_deleted_consumer_takes_its_pending_entries_with_it(stream: Stream) -> None:
    await stream.filled(10, "me")
    assert await stream.redis.xgroup_delconsumer(stream.name, "g", "me") == 10
    assert not await stream.redis.xreadgroup("g", "other", {stream.name: ">"}, count=10)
    assert not (await stream.redis.xautoclaim(stream.name, "g", "other", 0, "0-0", 10))[1]
    assert await stream.redis.xlen(stream.name) == 10


async def test_x6_a_group_that_is_made_at_the_end_does_not_see_what_waits(stream: Stream) -> None:
    await stream.filled(5)
    await stream.redis.xgroup_create(stream.name, "at-the-end", "$")
    assert not await stream.redis.xreadgroup("at-the-end", "me", {stream.name: ">"})
    await stream.redis.xgroup_create(stream.name, "at-the-beginning", "0")
    assert len((await stream.redis.xreadgroup("at-the-beginning", "me", {stream.name: ">"}))[0][1]) == 5


async def test_x7_a_lost_answer_makes_one_command_two_unless_the_clients_own_retries_are_off(stream: Stream) -> None:
    added = {}
    for name in ("theirs", "ours"):
        async with losing_answers(stream) as port:
            lossy = client(f"redis://127.0.0.1:{port}") if name == "ours" else redis.Redis(port=port, protocol=2)
            key = f"{stream.name}-{name}"
            with contextlib.suppress(redis.ConnectionError):
                await lossy.xadd(key, {"n": 1})
            added[name] = await stream.redis.xlen(key)
            await lossy.aclose()
            await stream.redis.unlink(key)
    assert added == {"theirs": 2, "ours": 1}


async def test_x8_a_read_that_is_cancelled_may_have_taken_entries_that_only_a_look_at_the_pending_finds(
    stream: Stream,
) -> None:
    await stream.filled(0)
    seen, total = 0, 60
    for number in range(total):
        reading = asyncio.create_task(stream.redis.xreadgroup("g", "me", {stream.name: ">"}, count=1, block=1000))
        await asyncio.sleep(0.001)
        await stream.redis.xadd(stream.name, {"n": number})
        for _ in range(number % 3):
            await asyncio.sleep(0)
        reading.cancel()
        (answer,) = await asyncio.gather(reading, return_exceptions=True)
        seen += bool(answer) and not isinstance(answer, BaseException)
    left = await stream.redis.xreadgroup("g", "me", {stream.name: "0"}, count=total)
    unread = await stream.redis.xreadgroup("g", "me", {stream.name: ">"}, count=total)
    pending = len(left[0][1]) if left else 0
    assert pending + (len(unread[0][1]) if unread else 0) == total
    assert pending >= seen


async def test_x13_a_mover_of_three_commands_moves_twice_where_a_script_moves_once(stream: Stream) -> None:
    names = {f"{number}": number for number in range(300)}
    schedule, lane = f"{stream.name}-z", f"{stream.name}-l"

    async def by_hand() -> None:
        for member in await stream.redis.zrangebyscore(schedule, "-inf", "+inf"):
            await stream.redis.xadd(lane, {"m": member})
            await stream.redis.zrem(schedule, member)

    await stream.redis.zadd(schedule, names)  # type: ignore[arg-type]
    await asyncio.gather(by_hand(), by_hand())
    assert await stream.redis.xlen(lane) > len(names)
    await stream.redis.unlink(schedule, lane)


class losing_answers:
    """A way to the server that passes everything on and swallows the first answer to an XADD, and the connection."""

    def __init__(self, stream: Stream) -> None:
        self._path = stream.redis.connection_pool.connection_kwargs["path"]
        self._lost = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        there, back = await asyncio.open_unix_connection(self._path)
        try:
            while data := await reader.read(65536):
                back.write(data)
                answer = await there.read(65536)
                if b"XADD" in data and not self._lost:
                    self._lost = True
                    break
                writer.write(answer)
        finally:
            writer.close()
            back.close()
