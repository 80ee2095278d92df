"""The one door to the inbound streams: read, keep, take over, hand over. Nothing read is ever lost or held for ever.

The group is created at `0`, never at `$`, so that what was waiting is seen; a consumer is never deleted; a reader that
dies leaves its entries to whoever sweeps next.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import redis.asyncio as redis
from msgspec import Struct

from gateway.store.keys import GROUP

TAKEOVER_IDLE_MS = 12_000
"""An entry whose holder has not been heard of for so long is taken over; swept every few seconds, so within 30 s."""
SWEEP_COUNT = 200


class Entry(Struct, frozen=True):
    """One inbound entry in hand. `inherited` tells that somebody else may have begun with it."""

    stream: str
    id: bytes
    fields: Mapping[bytes, bytes]
    inherited: bool = False
    key: str = ""
    """stream and id, as one name"""

    @property
    def accepted_ms(self) -> int:
        """When the server took it, ms since the epoch."""
        return self.place[0]

    @property
    def place(self) -> tuple[int, int]:
        """Its place in the stream: what was written later has a larger one."""
        return place_of(self.id.decode())


async def walk(store: redis.Redis, stream: str) -> AsyncIterator[tuple[bytes, dict[bytes, bytes]]]:
    """What stands on a stream now, the oldest first; what arrives meanwhile is not among it. Raises StoreError."""
    newest: Any = await store.xrevrange(stream, count=1)
    after = "-"
    while newest:
        rows: Any = await store.xrange(stream, min=after, max=newest[0][0], count=SWEEP_COUNT)
        for row in rows:
            yield row
        if len(rows) < SWEEP_COUNT:
            return
        after = f"({rows[-1][0].decode()}"


def place_of(entry_id: str) -> tuple[int, int]:
    ms, _, sequence = entry_id.partition("-")
    return int(ms), int(sequence or 0)


def entry(stream: str, id_: bytes, fields: Mapping[bytes, bytes], inherited: bool = False) -> Entry:
    """An entry with its key."""
    return Entry(stream, id_, fields, inherited, f"{stream}/{id_.decode()}")


class Inbox:
    """Reads a set of streams as one consumer of the group. `blocking` waits, `quick` does everything else."""

    def __init__(self, quick: redis.Redis, blocking: redis.Redis, streams: Sequence[str], consumer: str) -> None:
        self.quick, self.blocking = quick, blocking
        self.streams, self.consumer = list(streams), consumer
        self._cursors: dict[str, Any] = dict.fromkeys(streams, b"0-0")

    async def prepare(self) -> None:
        """Creates the group where it is missing."""
        for stream in self.streams:
            try:
                await self.quick.xgroup_create(stream, GROUP, id="0", mkstream=True)
            except redis.ResponseError as error:
                if "BUSYGROUP" not in str(error):
                    raise

    async def wait(self, seconds: float) -> list[Entry]:
        """Waits for news on any of the streams; at most one entry of each, none when the time is over."""
        async with asyncio.timeout(seconds + 2):
            rows = await self._healing(
                self.blocking, dict.fromkeys(self.streams, ">"), count=1, block=max(1, int(seconds * 1000))
            )
        return _entries(rows)

    async def take(self, counts: Mapping[str, int]) -> list[Entry]:
        """Takes up to so many new entries of each stream, without waiting."""
        pipeline = self.quick.pipeline(transaction=False)
        for stream, count in counts.items():
            pipeline.xreadgroup(GROUP, self.consumer, {stream: ">"}, count=count)
        answers = await pipeline.execute(raise_on_error=False)
        for answer in answers:
            if isinstance(answer, redis.ResponseError) and "NOGROUP" in str(answer):
                await self.prepare()
            elif isinstance(answer, Exception):
                raise answer
        return [entry for answer in answers if isinstance(answer, list) for entry in _entries(answer)]

    async def pending(self) -> list[Entry]:
        """Everything that this consumer had read before and not settled: what a former life of it left."""
        left: list[Entry] = []
        for stream in self.streams:
            cursor = b"0"
            while rows := _entries(await self._healing(self.quick, {stream: cursor}, count=SWEEP_COUNT), True):
                left += rows
                cursor = rows[-1].id
        return [one for one in left if one.fields or not await self.forget(one)]

    async def take_over(self) -> list[Entry]:
        """One step of the sweep: entries of holders that fell silent, from where the last step ended."""
        found: list[Entry] = []
        for stream in self.streams:
            try:
                cursor, rows, *_ = await self.quick.xautoclaim(
                    stream, GROUP, self.consumer, TAKEOVER_IDLE_MS, self._cursors[stream], SWEEP_COUNT
                )
            except redis.ResponseError as error:
                if "NOGROUP" not in str(error):
                    raise
                await self.prepare()
                continue
            self._cursors[stream] = cursor
            found += [entry(stream, id_, fields, True) for id_, fields in rows if fields]
        return found

    async def first_in_line(self, entry: Entry) -> bool:
        """Whether all that was written before it has been settled, by whomever."""
        return not await self.quick.xpending_range(entry.stream, GROUP, "-", f"({entry.id.decode()}", 1)

    async def keep(self, held: Sequence[tuple[str, bytes]], idle_ms: int = 0) -> None:
        """Says of entries in hand that they are still held; with a large `idle_ms`, that anybody may take them now."""
        pipeline = self.quick.pipeline(transaction=False)
        for stream in self.streams:
            ids: list[Any] = [id_ for name, id_ in held if name == stream]
            if ids:
                pipeline.xclaim(stream, GROUP, self.consumer, 0, ids, idle=idle_ms, justid=True)
        await pipeline.execute()

    async def forget(self, entry: Entry) -> bool:
        """Acknowledges and deletes an entry that needs no other write."""
        pipeline = self.quick.pipeline(transaction=True)
        pipeline.xack(entry.stream, GROUP, entry.id)
        pipeline.xdel(entry.stream, entry.id)
        await pipeline.execute()
        return True

    async def _healing(self, on: redis.Redis, streams: dict[Any, Any], **options: Any) -> Any:
        """Reads as the group; makes it anew, at the beginning, where a restart or an eviction took it away."""
        try:
            return await on.xreadgroup(GROUP, self.consumer, streams, **options)
        except redis.ResponseError as error:
            if "NOGROUP" not in str(error):
                raise
            await self.prepare()
            return []


def _entries(rows: Any, inherited: bool = False) -> list[Entry]:
    return [
        entry(stream.decode(), id_, fields or {}, inherited)
        for stream, entries in rows or ()
        for id_, fields in entries
    ]
