"""The one door to Redis: what is committed is committed whole, by whoever saw the latest, or not at all."""

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest

from gateway.store.keys import PAUSED, Keys, Member, parse_member, select_account, select_job, select_person
from gateway.store.redis import (
    FILE_CHANGED,
    GUARD_CHANGED,
    RECORD_CHANGED,
    WRITTEN,
    Ask,
    Change,
    FileWrite,
    RecordWrite,
    Store,
    connected,
)

NOW = 1_800_000_000_000
LI = Ask("t", "li", "job", "acc")


@pytest.fixture
async def store(valkey: str) -> AsyncIterator[Store]:
    async with connected(valkey, f"s{uuid.uuid4().hex[:8]}") as made:
        yield made
        async for key in made.redis.scan_iter(f"{made.keys.prefix}:*"):
            await made.redis.unlink(key)


def member(job: str = "job", recipient: str = "li", account: str | None = "acc") -> Member:
    return Member("normal", "t", recipient, account, None, job)


def record(store: Store, seen: str | None, write: str | None, job: str = "job") -> RecordWrite:
    return RecordWrite(store.keys.job("t", "li", job), seen, write, 60_000)


async def see(store: Store) -> tuple[str | None, dict[bytes, bytes]]:
    seen = (await store.observe([LI])).seen[0]
    return seen.record, dict(zip(seen.person[::2], seen.person[1::2], strict=True))


async def test_a_change_is_written_whole(store: Store) -> None:
    keys = store.keys
    await store.redis.xgroup_create(keys.lanes["normal"], "gateway", "0", mkstream=True)
    entry = await store.redis.xadd(keys.lanes["normal"], {"job": "{}"})
    await store.redis.xreadgroup("gateway", "me", {keys.lanes["normal"]: ">"})
    change = Change(
        record=record(store, None, "one"),
        files=[FileWrite(keys.person("t", "li"), 0, ("c:1", "x"), (), 60_000)],
        outputs=[(keys.receipts, "receipt", "1"), (keys.receipts, "receipt", "2")],
        schedule=(str(member()), NOW),
        selectors=[select_job("t", "job")],
        ack=(keys.lanes["normal"], entry.decode()),
        puts=[(keys.reference("ref"), "it", 60_000)],
    )
    assert await store.commit([change]) == [WRITTEN]
    assert await see(store) == ("one", {b"v": b"1", b"c:1": b"x"})
    assert [fields for _, fields in await store.redis.xrange(keys.receipts)] == [{b"receipt": b"1"}, {b"receipt": b"2"}]
    assert await store.redis.zscore(keys.schedule, str(member())) == NOW
    assert await store.redis.xlen(keys.lanes["normal"]) == 0
    assert (await store.redis.xpending(keys.lanes["normal"], "gateway"))["pending"] == 0
    assert await store.redis.get(keys.reference("ref")) == b"it"


async def test_who_saw_an_older_record_or_file_writes_nothing_at_all(store: Store) -> None:
    person = store.keys.person("t", "li")
    assert await store.commit([Change(record=record(store, None, "one"), files=[FileWrite(person, 0, ("c:1", "x"))])])

    def late(seen: str | None, version: int) -> Change:
        return Change(
            record=record(store, seen, "two"), files=[FileWrite(person, version, ("c:2", "y"))],
            outputs=[(store.keys.receipts, "receipt", "1")], schedule=(str(member()), NOW),
        )  # fmt: skip

    assert await store.commit([late(None, 1)]) == [RECORD_CHANGED]
    assert await store.commit([late("one", 0)]) == [FILE_CHANGED]
    assert await see(store) == ("one", {b"v": b"1", b"c:1": b"x"})
    assert await store.redis.exists(store.keys.receipts, store.keys.schedule) == 0
    assert await store.commit([late("one", 1)]) == [WRITTEN]
    assert (await see(store))[0] == "two"


async def test_each_change_of_a_batch_stands_for_itself_and_sees_those_before_it(store: Store) -> None:
    changes = [
        Change(record=record(store, None, "one")),
        Change(record=record(store, None, "two")),
        Change(record=record(store, "one", "three")),
        Change(record=record(store, None, "other", job="another")),
    ]
    assert await store.commit(changes) == [WRITTEN, RECORD_CHANGED, WRITTEN, WRITTEN]
    assert (await see(store))[0] == "three"


async def test_a_command_that_came_since_the_observation_lets_nothing_of_the_batch_through(store: Store) -> None:
    sight = await store.observe([LI])
    await store.commit([Change(files=[FileWrite(store.keys.control, -1, ("p:x", "{}"))])])
    changes = [Change(record=record(store, None, "one")), Change(record=record(store, None, "one", job="another"))]
    assert await store.commit(changes, sight) == [GUARD_CHANGED, GUARD_CHANGED]
    assert (await see(store))[0] is None
    sight = await store.observe([LI])
    assert sight.pauses == (b"{}",)
    assert await store.commit(changes, sight) == [WRITTEN, WRITTEN]


async def test_twenty_who_race_for_one_file_write_one_after_the_other_and_lose_nothing(
    valkey: str, store: Store
) -> None:
    async def racer(number: int) -> None:
        async with connected(valkey, store.keys.prefix) as own:
            while True:
                _, file = await see(own)
                seen = int(file.get(b"v", 0))
                write = FileWrite(own.keys.person("t", "li"), seen, (f"c:{number}", str(seen)))
                if (await own.commit([Change(files=[write])]))[0] == WRITTEN:
                    return

    async with asyncio.timeout(20):
        await asyncio.gather(*[racer(number) for number in range(20)])
    _, file = await see(store)
    assert sorted(int(value) for name, value in file.items() if name != b"v") == list(range(20))


async def test_a_file_that_is_kept_for_ever_stays_so_when_a_contact_is_taken_back(store: Store) -> None:
    person = store.keys.person("t", "li")
    await store.commit([Change(files=[FileWrite(person, 0, ("s:stop", "x"), (), 0)])])
    await store.commit([Change(files=[FileWrite(person, -1, (), ("c:1",), -60_000)])])
    assert await store.redis.pttl(person) == -1
    other = store.keys.person("t", "xu")
    await store.commit([Change(files=[FileWrite(other, -1, ("c:1", "x"), (), -60_000)])])
    assert 0 < await store.redis.pttl(other) <= 60_000


async def test_what_is_due_goes_to_its_lane_once_and_in_order_whoever_moves_it(valkey: str, store: Store) -> None:
    members = [str(member(f"j{number:04d}")) for number in range(1500)]
    await store.redis.zadd(store.keys.schedule, {name: NOW + index for index, name in enumerate(members)})
    moved, following, _ = await store.due(NOW - 1, 500)
    assert (moved, following) == (0, NOW)

    async def mover() -> int:
        async with connected(valkey, store.keys.prefix) as own:
            total = 0
            while count := (await own.due(NOW + 10_000, 100))[0]:
                total += count
            return total

    assert sum(await asyncio.gather(*[mover() for _ in range(3)])) == len(members)
    rows = await store.redis.xrange(store.keys.lanes["normal"])
    assert [fields[b"wake"].decode() for _, fields in rows] == members
    assert await store.due(NOW + 10_000, 100) == (0, None, 0)


async def test_a_job_goes_back_to_the_lane_that_it_came_from_and_leaves_the_index(store: Store) -> None:
    odd = Member("bulk", "t", "li", None, "house", "a-b%c[d]")
    change = Change(
        schedule=(str(odd), NOW), selectors=[select_job("t", odd.job), select_person("t", "li"), PAUSED]
    )  # fmt: skip
    await store.commit([change])
    assert await store.redis.zcard(store.keys.waiting) == 3
    await store.due(NOW, 10)
    assert await store.redis.zcard(store.keys.waiting) == 0
    ((_, fields),) = await store.redis.xrange(store.keys.lanes["bulk"])
    assert parse_member(fields[b"wake"].decode()) == odd


async def test_a_command_wakes_exactly_those_whom_it_names(store: Store) -> None:
    people = {"li": ["1", "2"], "li2": ["3"], "xu": ["4"]}
    for recipient, jobs in people.items():
        for job in jobs:
            one = member(job, recipient, account=f"acc{job}")
            selectors = [select_job("t", job), select_person("t", recipient), select_account("t", f"acc{job}")]
            await store.commit([Change(schedule=(str(one), NOW + 99_000), selectors=selectors)])
    assert await store.wake(select_person("t", "li"), NOW) == 2
    assert (await store.due(NOW, 10))[0] == 2
    assert await store.wake(select_account("t", "acc4"), NOW) == 1
    assert await store.wake(select_job("t", "3"), NOW) == 1
    assert await store.wake(select_job("other", "3"), NOW) == 0
    assert (await store.due(NOW, 10))[0] == 2


async def test_a_thousand_waiting_jobs_are_woken_by_one_command(store: Store) -> None:
    changes = [Change(schedule=(str(member(f"j{number}")), NOW + 99_000), selectors=[PAUSED]) for number in range(1200)]
    await store.commit(changes)
    assert await store.wake(PAUSED, NOW) == 1200
    assert (await store.due(NOW, 5000))[0] == 1200


async def test_a_cancel_is_seen_by_whatever_it_names(store: Store) -> None:
    for selector, at in ((select_account("t", "acc"), 5), (select_person("t", "li"), 9)):
        await store.commit([Change(files=[FileWrite(store.keys.cancels, -1, (selector, str(at)))])])
    sight = await store.observe([LI, Ask("t", "xu", "job2"), Ask("other", "li", "job", "acc")])
    assert [seen.cancelled for seen in sight.seen] == [9, None, None]


async def test_a_rate_holds_over_all_workers_together(valkey: str, store: Store) -> None:
    async def worker() -> int:
        async with connected(valkey, store.keys.prefix) as own:
            return sum([(await own.lease("twilio", 100, 50))[0] for _ in range(20)])

    granted = sum(await asyncio.gather(*[worker() for _ in range(4)]))
    assert 5 <= granted <= 60, "a burst of 50 ms, and what the second allows"
    granted, wait = await store.lease("twilio", 100, 50)
    assert granted <= 5
    assert wait <= 0.06


async def test_a_rate_below_one_a_second_still_grants_one(store: Store) -> None:
    assert (await store.lease("slow", 0.1, 5))[0] == 1
    granted, wait = await store.lease("slow", 0.1, 5)
    assert (granted, 9 < wait <= 10) == (0, True)


async def test_the_scripts_come_back_by_themselves_after_the_server_forgot_them(store: Store) -> None:
    for _ in range(3):
        await store.redis.script_flush()
        await store.observe([LI])
        await store.redis.script_flush()
        assert await store.commit([Change(files=[FileWrite(store.keys.person("t", "li"), -1, ("c:1", "x"))])])
        await store.redis.script_flush()
        await store.due(NOW, 1)
        await store.wake(PAUSED, NOW)
        await store.lease("p", 1, 1)


@pytest.mark.parametrize("names", [("a/b", "c"), ("a", "b/c"), ("a%2Fb", "c"), ("a:b", "c/d")])
async def test_two_pairs_of_names_never_make_one_key(names: tuple[str, str]) -> None:
    keys = Keys("g")
    others = {("a", "b", "c"), ("x", "y", "z")}
    made = {keys.person(*names), *(keys.person(a, f"{b}/{c}") for a, b, c in others)}
    assert len(made) == 1 + len(others) - (names == ("a", "b/c"))
