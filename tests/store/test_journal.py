"""The journal: what was written stands there as it was written, and nothing else; and what a process remembers."""

from typing import Any

import pytest

from gateway.store.journal import Memory, Step, Written, first, forget, place, read, recall, recalled, steps
from gateway.store.redis import GUARD_CHANGED, RECORD_CHANGED, WRITTEN, Change, FileWrite, RecordWrite, Store
from tests.stories.world import World


@pytest.fixture
def store(world: World) -> Store:
    return Store(world.redis, world.keys)


def record(store: Store, seen: str | None, text: str) -> RecordWrite:
    return RecordWrite(store.keys.job("t", "p", "j"), seen, text, 60_000)


async def test_what_was_written_is_told_and_what_lost_a_race_is_not(store: Store) -> None:
    person = store.keys.person("t", "p")
    won = Change(
        record=record(store, None, "one"), files=[FileWrite(person, -1, ("c:1", "x"), ("c:0",), 5_000)],
        outputs=[(store.keys.receipts, "receipt", "{}")], schedule=("member", 7),
        puts=[(store.keys.order("t", "o"), "v", 9)],
        note='{"member":"m"}',
    )  # fmt: skip
    lost = Change(record=record(store, "another", "two"))
    assert await store.commit([won, lost]) == [WRITTEN, RECORD_CHANGED]
    [batch] = await read(store.redis, store.keys, "0-0", 10, None)
    assert steps(batch) == [
        Step(
            record=(store.keys.job("t", "p", "j"), "one", 60_000), files=[(person, ["c:1", "x"], ["c:0"], 5_000)],
            outputs=[(store.keys.receipts, "receipt", "{}")], schedule=("member", 7),
            puts=[(store.keys.order("t", "o"), "v", 9)], note='{"member":"m"}',
        )
    ]  # fmt: skip


async def test_what_says_nothing_is_not_told(store: Store) -> None:
    await store.commit([Change(ack=("stream", "1-1"))])
    assert await first(store.redis, store.keys) is None
    await store.commit([Change(note="{}")])
    assert await first(store.redis, store.keys) is not None
    silent = Store(store.redis, store.keys, journaled=False)
    length = await store.redis.xlen(store.keys.journal)
    await silent.commit([Change(files=[FileWrite(store.keys.control, -1, ("a", "b"))])])
    assert await store.redis.xlen(store.keys.journal) == length


async def test_nothing_is_written_on_a_store_that_forgot_its_epoch(store: Store) -> None:
    control = store.keys.control
    await store.commit([Change(files=[FileWrite(control, -1, ("epoch", "one"))])])
    sight = await store.observe([])
    assert sight.epoch == "one"
    await store.redis.delete(control)
    await store.redis.hset(control, mapping={"v": sight.version, "epoch": "two"})  # the same version, by chance
    assert await store.commit([Change(record=record(store, None, "one"))], sight) == [GUARD_CHANGED]
    assert await store.commit([Change(record=record(store, None, "one"))], await store.observe([])) == [WRITTEN]


async def test_a_lost_store_is_told_once_more_by_everybody_and_each_batch_counts_once(store: Store) -> None:
    for n in range(5):
        await store.commit([Change(note=f'{{"member":"{n}"}}')])
    written = list(store.memory)
    other = Memory()
    for one in written[2:]:
        other.keep(one)
    await store.redis.delete(store.keys.journal)
    assert await recall(store.redis, store.keys, other) == 3
    assert await recall(store.redis, store.keys, store.memory) == 5
    assert [one.id for one in await recalled(store.redis, store.keys)] == [one.id for one in written]


async def test_what_the_ledger_has_is_let_go(store: Store) -> None:
    for _ in range(3):
        await store.commit([Change(note="{}")])
    second = list(store.memory)[1]
    await forget(store.redis, store.keys, second.id)
    oldest = await first(store.redis, store.keys)
    assert oldest == list(store.memory)[2].id
    store.memory.forget(oldest)
    assert len(store.memory) == 1
    store.memory.forget(None)
    assert len(store.memory) == 0


def test_a_process_remembers_so_much_and_forgets_the_oldest() -> None:
    memory = Memory(most_bytes=100)
    for n in range(10):
        memory.keep(Written(f"{n}-0", b"x" * 30, (), ()))
    assert [one.id for one in memory] == ["7-0", "8-0", "9-0"]
    held: Any = sorted(["10-2", "9-11", "10-10"], key=place)
    assert held == ["9-11", "10-2", "10-10"]
