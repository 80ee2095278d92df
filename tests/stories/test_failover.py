"""A provider dies under load: the next takes over, the first comes back by a canary, and nobody is written to twice."""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from aiohttp import web

from channels.contract import Accepted, Facts, Idempotency, InDoubt, Message, Outcome, Unavailable
from channels.fakes.smtp import FakeSmtp
from channels.fakes.twilio import FakeTwilio
from tests.stories.providers import addressed
from tests.stories.world import World, reminder, twice

SLOTS = 16
TAKES_OVER_S = 5.0


class Timed(FakeTwilio):
    """Knows when each message was taken, and of each request when it came and how many were then under way."""

    def __init__(self, delay: float) -> None:
        super().__init__()
        self.delay = delay
        self.arrivals: list[tuple[float, int, int]] = []
        """of each request: when, how many under way with it, how many answered before"""
        self.flying = self.answered = 0

    def taken(self, record: dict[str, Any]) -> None:
        super().taken(record | {"at": asyncio.get_running_loop().time()})

    async def answer(
        self, request: web.Request, record: dict[str, Any], accepted: tuple[int, Any]
    ) -> web.StreamResponse:
        self.flying += 1
        self.arrivals.append((asyncio.get_running_loop().time(), self.flying, self.answered))
        try:
            return await super().answer(request, record, accepted)
        finally:
            self.flying -= 1
            self.answered += 1


class Town:
    """Two providers of text messages with servers that can be shut and opened, and a stream of jobs for them."""

    def __init__(self, world: World, a: Timed, b: Timed) -> None:
        self.world, self.a, self.b = world, a, b
        self.jobs: list[dict[str, Any]] = []
        self._doors: dict[Timed, AsyncExitStack] = {}

    async def open(self, fake: Timed) -> None:
        port = int(fake.url.rpartition(":")[2]) if fake.url else 0
        self._doors[fake] = AsyncExitStack()
        await self._doors[fake].enter_async_context(fake.serve(port))

    async def shut(self, fake: Timed) -> None:
        await self._doors.pop(fake).aclose()

    async def close(self) -> None:
        for fake in list(self._doors):
            await self.shut(fake)

    def entry(self, fake: Timed, name: str, **more: Any) -> dict[str, Any]:
        return {
            "name": name, "kind": "twilio", "account_sid": "AC1", "auth_token": "secret", "from": "+15005550006",
            "base_url": fake.url, "receipts": "none", "concurrency": SLOTS, "timeout": 2, **more,
        }  # fmt: skip

    async def under_load(self, done: Callable[[], bool], most: int = 6_000, seconds: float = 40.0) -> None:
        """Keeps some hundreds of jobs waiting until `done`."""
        async with asyncio.timeout(seconds):
            while not done():
                if len(self.jobs) - len(self.a.log) - len(self.b.log) < 300 and len(self.jobs) < most:
                    more = [addressed(n, ["sms"]) for n in range(len(self.jobs), len(self.jobs) + 200)]
                    self.jobs += more
                    await self.world.put(*more)
                await self.world.receipts.read(20)

    async def all_told(self) -> dict[str, list[str]]:
        """What was told of each job, once each is sent or in doubt."""
        left = {job["id"] for job in self.jobs}

        def done() -> bool:
            told = self.world.receipts.statuses
            left.difference_update([name for name in left if {"sent", "in_doubt"} & set(told(name))])
            return not left

        await self.world.receipts.until(done, 60)
        await self.world.receipts.settle()
        return {job["id"]: self.world.receipts.statuses(job["id"]) for job in self.jobs}

    def nothing_twice(self) -> Counter[str]:
        taken = Counter(record["To"] for record in (*self.a.log, *self.b.log))
        assert not twice(taken.elements())
        return taken


def now() -> float:
    return asyncio.get_running_loop().time()


@pytest.mark.parametrize("death", ["503", "refused", "hang"])
async def test_when_a_dies_under_load_b_takes_over_and_a_comes_back_by_a_canary_and_nothing_is_sent_twice(
    world: World, death: str
) -> None:
    town = Town(world, Timed(0.03), Timed(0.03))
    a, b = town.a, town.b
    await town.open(a)
    await town.open(b)
    world.configure({"sms": [town.entry(a, "a"), town.entry(b, "b")]})
    try:
        async with world.worker() as worker:
            await town.under_load(lambda: len(a.log) >= 500)
            before = len(b.log)
            died = now()
            if death == "refused":
                await town.shut(a)
            else:
                a.rule = lambda record: death
            await town.under_load(lambda: len(b.log) >= before + 500)
            assert b.log[before + 100]["at"] - died < TAKES_OVER_S
            asked = len(a.arrivals)
            await town.under_load(lambda: now() - died > 4)
            assert len(a.arrivals) - asked <= 10, "a provider that is down is asked by canaries alone"
            a.rule = None
            if death == "refused":
                await town.open(a)
            back, answered = len(a.arrivals), a.answered
            came = len(a.log)
            await town.under_load(lambda: len(a.log) >= came + 300)
            for _, flying, over in a.arrivals[back : back + 2 * SLOTS]:
                assert flying <= over - answered + 1 or flying <= 1
            told = await town.all_told()
            assert await worker.end() == 0
    finally:
        await town.close()
    taken = town.nothing_twice()
    doubtful = [job for job in town.jobs if "in_doubt" in told[job["id"]]]
    others = {record["To"] for record in b.log}
    if death == "hang":
        assert 0 < len(doubtful) <= SLOTS + 10
        assert not others & {job["recipient"]["phone"] for job in doubtful}, "a doubt was handed on to B"
    assert len(taken) + len([job for job in doubtful if not taken[job["recipient"]["phone"]]]) == len(town.jobs)
    assert sum(told[job["id"]].count("sent") for job in town.jobs) == len(taken) - len(
        [job for job in doubtful if taken[job["recipient"]["phone"]]]
    )
    assert len(town.jobs) >= 1_500


async def test_a_provider_that_falls_silent_while_little_goes_out_is_not_waited_for_until_its_sends_time_out(
    world: World,
) -> None:
    town = Town(world, Timed(0.01), Timed(0.01))
    a, b = town.a, town.b
    await town.open(a)
    await town.open(b)
    world.configure({"sms": [town.entry(f, n, concurrency=64, timeout=8) for f, n in ((a, "a"), (b, "b"))]})
    try:
        async with world.worker() as worker:
            await town.under_load(lambda: len(a.log) + len(b.log) == 200, most=200)
            a.rule = lambda record: "hang"
            before, fell = len(b.log), now()
            while now() - fell < 7:
                town.jobs += (more := [addressed(n, ["sms"]) for n in range(len(town.jobs), len(town.jobs) + 2)])
                await world.put(*more)
                await asyncio.sleep(0.25)
            told = await town.all_told()
            assert await worker.end() == 0
    finally:
        await town.close()
    taken = town.nothing_twice()
    assert b.log[before]["at"] - fell < TAKES_OVER_S
    doubtful = [job for job in town.jobs if "in_doubt" in told[job["id"]]]
    assert 4 <= len(doubtful) <= 40
    assert len(taken) + len(doubtful) == len(town.jobs)


async def test_a_provider_that_leaves_too_many_in_doubt_is_left_alone_and_none_of_them_is_sent_by_the_other(
    world: World,
) -> None:
    town = Town(world, Timed(0.01), Timed(0.01))
    a, b = town.a, town.b
    await town.open(a)
    await town.open(b)
    a.rule = lambda record: "took-reset" if a.seen % 3 == 0 else "ok"
    world.configure({"sms": [town.entry(a, "a"), town.entry(b, "b")]})
    try:
        async with world.worker() as worker:
            await town.under_load(lambda: len(b.log) >= 500)
            told = await town.all_told()
            assert "doubt_budget_spent" in worker.noise.read_text()
            assert await worker.end() == 0
    finally:
        await town.close()
    town.nothing_twice()
    doubtful = {job["recipient"]["phone"] for job in town.jobs if told[job["id"]] == ["in_doubt"]}
    assert 20 < len(doubtful) <= 21 + SLOTS
    assert doubtful <= {record["To"] for record in a.log}
    assert not doubtful & {record["To"] for record in b.log}


@pytest.mark.alone
async def test_while_every_provider_of_sms_is_dead_email_flows_as_before_and_the_sms_wait_and_resume_by_themselves(
    world: World,
) -> None:
    town, relay = Town(world, Timed(0.01), Timed(0.01)), FakeSmtp()
    await town.open(town.a)
    await town.open(town.b)
    relay.delay = 0.01
    async with relay.serve():
        world.configure({
            "sms": [town.entry(town.a, "a"), town.entry(town.b, "b")],
            "email": [{"name": "relay", "kind": "smtp", "host": "127.0.0.1", "port": relay.port, "tls": "none",
                       "from": "Example Bank <notice@example.com>", "connections": 8}],
        })  # fmt: skip
        try:
            async with world.workers(2) as workers:
                alive = await mails(world, relay, 0)
                town.a.rule = town.b.rule = lambda record: "503"
                dead = await mails(world, relay, 2)
                dead = min(dead, await mails(world, relay, 4))
                assert dead <= alive / 0.7, f"{alive:.2f} s before, {dead:.2f} s while the others were dead"
                waiting = [job for (_, _), job in world.jobs.items() if job["channels"] == ["sms"]][600:]
                await world.receipts.until(lambda: all(waits(world, job) for job in waiting))
                town.a.rule = town.b.rule = None
                await world.receipts.ended(*[job["id"] for job in world.jobs.values()], seconds=60)
                await world.emptied()
                assert [await worker.end() for worker in workers] == [0, 0]
        finally:
            await town.close()
    town.nothing_twice()
    assert len(town.a.log) + len(town.b.log) == 1_800
    assert world.receipts.count()["sent"] == len(world.jobs) == 3_600


async def mails(world: World, relay: FakeSmtp, batch: int) -> float:
    """Puts 600 of either channel on the lane, mixed; the seconds until the last mail of them was taken."""
    jobs = [addressed(batch * 1_000 + n, ["sms", "email"][n % 2 : n % 2 + 1]) for n in range(1_200)]
    wanted, began = len(relay.log) + 600, now()
    await world.put(*jobs)
    async with asyncio.timeout(40):
        while len(relay.log) < wanted:
            await world.receipts.read(10)
    return now() - began


def waits(world: World, job: dict[str, Any]) -> bool:
    told = world.receipts.job(job["id"])
    return bool(told) and told[-1]["status"] == "deferred" and told[-1]["reason"]["code"] == "provider_down"


class Scripted:
    """A provider whose first answers are given, and which accepts from then on."""

    def __init__(self, name: str, same: Idempotency | None, *answers: Outcome) -> None:
        self.name, self.facts = name, Facts(kind="scripted", channel="sms", receipts=False, idempotency=same)
        self.answers, self.asked = list(answers), list[str]()

    async def start(self) -> None: ...

    async def send(self, message: Message, timeout: float) -> Outcome:
        self.asked.append(message.reference)
        return self.answers.pop(0) if self.answers else Accepted(f"id-{len(self.asked)}")

    async def close(self) -> None: ...


KEY = Idempotency(carried="Idempotency-Key", window_s=3600)
LOST, BUSY = InDoubt("broken", "the connection broke"), Unavailable("http_503", "come back later")


@pytest.mark.parametrize(
    ("same", "answers", "asked", "told"),
    [
        (None, [LOST], 1, ["in_doubt"]),
        (KEY, [LOST], 2, ["sent"]),
        (KEY, [LOST, BUSY, BUSY], 3, ["in_doubt"]),
        (KEY, [LOST, LOST, LOST], 3, ["in_doubt"]),
        (None, [BUSY, LOST], 2, ["in_doubt"]),
    ],
    ids=["no key", "repeated", "busy afterwards proves nothing", "never more than three", "no key after a busy one"],
)
async def test_a_doubt_is_repeated_only_where_the_provider_knows_the_message_again_and_nowhere_else(
    world: World, same: Idempotency | None, answers: list[Outcome], asked: int, told: list[str]
) -> None:
    world.configure({"sms": [{"name": n, "kind": "sandbox", "receipt_ms": 1} for n in ("first", "second")]})
    async with world.inside() as plant:
        first, second = Scripted("first", same, *answers), Scripted("second", same)
        plant.desks.by_name["first"].provider = first
        plant.desks.by_name["second"].provider = second
        await world.put(reminder("a"))
        await world.receipts.until(lambda: world.receipts.statuses("a") != [])
        await world.receipts.settle()
    assert world.receipts.statuses("a") == told
    assert len(first.asked) == asked
    assert len(set(first.asked)) == 1
    assert second.asked == []
