"""The journal: every batch that was committed, as it was committed, until the ledger has it.

The script that writes a batch appends it, so that what the ledger takes in cannot differ from what the store holds. A
process remembers what it wrote until the ledger has taken it: if the store is lost meanwhile, it tells it once more.
"""

from collections import deque
from collections.abc import Iterator
from typing import Any

import msgspec
import redis.asyncio as redis
from msgspec import Struct

from gateway.store.keys import Keys

MOST_BYTES = 24 * 1024 * 1024
"""remembered by one process; what is older is forgotten, which happens only while the ledger is some seconds behind"""
_FIELDS = (b"batch", b"keys", b"written")

_unpack: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder()
_pack = msgspec.msgpack.Encoder().encode


class Written(Struct, frozen=True):
    """One batch: the journal's entry id, the script's own argument, its keys, and per change what became of it."""

    id: str
    batch: bytes
    keys: tuple[str, ...]
    answer: tuple[int, ...]


class Step(Struct, frozen=True, kw_only=True):
    """One change of a batch that was written, with names instead of positions; the fields are those of `Change`."""

    record: tuple[str, str | None, int] | None
    """key, text (None deletes it), ttl ms"""
    files: list[tuple[str, list[str], list[str], int]]
    """key, field and value …, fields dropped, ttl ms (0 for ever, negative: at least so long)"""
    outputs: list[tuple[str, ...]]
    """stream, field, value …"""
    schedule: tuple[str, int] | None
    """member, due ms or -1"""
    puts: list[tuple[str, str, int]]
    """key, value, ttl ms"""
    note: str | None


class Memory:
    """What this process wrote and the ledger may not have yet, oldest first."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_bytes
        self._held: deque[Written] = deque()
        self._bytes = 0

    def keep(self, written: Written) -> None:
        self._held.append(written)
        self._bytes += len(written.batch)
        while self._bytes > self._most:
            self._forget_first()

    def forget(self, before: str | None) -> None:
        """Lets go of what was written before the journal's oldest entry; of everything, for an empty journal."""
        limit = None if before is None else place(before)
        while self._held and (limit is None or place(self._held[0].id) < limit):
            self._forget_first()

    def __iter__(self) -> Iterator[Written]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)

    def _forget_first(self) -> None:
        self._bytes -= len(self._held.popleft().batch)


def place(entry_id: str) -> tuple[int, int]:
    """An entry id as numbers, in the order in which the entries were written."""
    ms, _, sequence = entry_id.partition("-")
    return int(ms), int(sequence or 0)


def steps(written: Written) -> list[Step]:
    """The changes of a batch that were written. Raises msgspec.DecodeError where it is no batch."""
    _, changes, _ = _unpack.decode(written.batch)
    keys = written.keys
    return [
        _step(change, keys) for change, answer in zip(changes, written.answer, strict=True) if answer == 1
    ]  # fmt: skip


def _step(change: list[Any], keys: tuple[str, ...]) -> Step:
    record, files, outputs, schedule, _, _, puts, _, note = change
    return Step(
        record=None if record is None else (keys[record[0] - 1], record[2] or None, record[3]),
        files=[(keys[at - 1], fields, drops, ttl) for at, _, fields, drops, ttl in files],
        outputs=[(keys[at - 1], *fields) for at, *fields in outputs],
        schedule=None if schedule is None else (schedule[1], schedule[2]),
        puts=[(keys[at - 1], value, ttl) for at, value, ttl in puts],
        note=note,
    )


async def read(connection: redis.Redis, keys: Keys, after: str, most: int, block_ms: int | None) -> list[Written]:
    """The batches written after an entry of the journal, oldest first. Raises StoreError."""
    rows: Any = await connection.xread({keys.journal: after}, count=most, block=block_ms)
    return [_written(entry, fields) for _, entries in rows or () for entry, fields in entries]


async def forget(connection: redis.Redis, keys: Keys, through: str) -> None:
    """Deletes what the ledger holds for good, up to and with an entry. Raises StoreError."""
    ms, sequence = place(through)
    await connection.xtrim(keys.journal, minid=f"{ms}-{sequence + 1}", approximate=False)


async def first(connection: redis.Redis, keys: Keys) -> str | None:
    """The oldest entry that the ledger has not taken yet, None if it has all. Raises StoreError."""
    rows: Any = await connection.xrange(keys.journal, count=1)
    return rows[0][0].decode() if rows else None


async def recall(connection: redis.Redis, keys: Keys, memory: Memory) -> int:
    """Tells a store that was lost what this process had written to it; how many batches. Raises StoreError."""
    held = list(memory)
    for start in range(0, len(held), 200):
        pipeline = connection.pipeline(transaction=False)
        for one in held[start : start + 200]:
            fields = {"id": one.id, "batch": one.batch, "keys": _pack(one.keys), "written": _pack(one.answer)}
            pipeline.xadd(keys.recalled, fields)  # type: ignore[arg-type]
        await pipeline.execute()
    return len(held)


async def recalled(connection: redis.Redis, keys: Keys) -> list[Written]:
    """What processes told of a lost store, each batch once, in the order in which it was written. Raises StoreError."""
    rows: Any = await connection.xrange(keys.recalled)
    found = {fields[b"id"]: _written(fields[b"id"], fields) for _, fields in rows}
    return sorted(found.values(), key=lambda one: place(one.id))


def _written(entry: bytes, fields: dict[bytes, bytes]) -> Written:
    batch, keys, answer = (fields.get(name, b"") for name in _FIELDS)
    return Written(entry.decode(), batch, tuple(_unpack.decode(keys)), tuple(_unpack.decode(answer)))
