"""The ledger beside a line that is shaken: what the provider took, what was told, and what is written down are one."""

import asyncio
import contextlib
import json
import os
import random
import re
import sqlite3
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest

from gateway.bookkeeping.audit import audit
from gateway.bookkeeping.keeper import Books
from gateway.books import anchors_of, books_of
from gateway.domain.clock import SystemClock
from gateway.ledger.read import check
from gateway.queries.overview import Overview, overview
from gateway.queries.trail import trail_of
from tests.stories.providers import addressed, providers
from tests.stories.test_api import free_port
from tests.stories.world import World, reminder, start_worker

JOBS = int(os.environ.get("STORY_JOBS", "300"))
"""20,000 for the long run"""


@asynccontextmanager
async def opened(world: World) -> AsyncIterator[Books]:
    async with books_of(world.config()) as books:
        assert books is not None
        await books.open()
        yield books


async def caught_up(world: World, seconds: float = 60.0) -> None:
    """Until the ledger has taken in all of the journal."""
    async with asyncio.timeout(seconds):
        while await world.redis.xlen(world.keys.journal):  # noqa: ASYNC110 - another process empties it
            await asyncio.sleep(0.02)


def configured(world: World, channels: dict[str, Any] | None = None, **more: Any) -> None:
    world.configure(channels, ledger={"url": f"sqlite:///{world.folder}/ledger.db"}, **more)


async def standing(world: World) -> Overview:
    async with opened(world) as books:
        return await overview(books, None, SystemClock().now() - 86_400_000)


@asynccontextmanager
async def keeper(world: World, *roles: str) -> AsyncIterator[Any]:
    process = await start_worker(world.config_file, roles or ("ledger",))
    try:
        yield process
    finally:
        await process.kill()


async def shaken(world: World, lots: random.Random, done: asyncio.Event) -> list[int]:
    """Two workers and a ledger, one of which is killed again and again; how often each was."""
    killed = [0, 0, 0]
    roles = ("worker",), ("worker",), ("ledger",)
    processes = [await start_worker(world.config_file, role) for role in roles]
    try:
        while not done.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(lots.uniform(0.7, 1.6)):
                    await done.wait()
            victim = lots.randrange(3)
            if not done.is_set():
                await processes[victim].kill()
                killed[victim] += 1
                processes[victim] = await start_worker(world.config_file, roles[victim])
        await caught_up(world)
        return killed
    finally:
        for process in processes:
            await process.kill()


async def test_provider_ledger_and_books_agree_to_the_unit_after_faults_and_kills(world: World) -> None:
    jobs = [addressed(number, ["sms"]) for number in range(JOBS)]
    done = asyncio.Event()
    async with providers(world.folder, fault=0.1, seed=3, delay=0.01) as fakes:
        web = {"public_url": "http://127.0.0.1:9"}  # so that every message bears its reference
        configured(world, {"sms": fakes.channels(rate=JOBS / 8)["sms"]}, web=web)
        shaking = asyncio.create_task(shaken(world, random.Random(5), done))
        await world.put(*jobs)
        samples: list[Overview] = []
        left = {job["id"] for job in jobs}
        async with opened(world) as books, asyncio.timeout(240):
            while left:
                await world.receipts.read(200)
                left = {n for n in left if not world.receipts.over(n) and "in_doubt" not in world.receipts.statuses(n)}
                samples.append(await overview(books, None, 0))
        await world.receipts.settle()
        done.set()
        killed = await shaking
        assert killed[0] + killed[1] >= 2, "no worker was killed, so nothing was tried"
        assert killed[2] >= 1
        assert all(sample.books.difference == 0 for sample in samples), "the books did not balance at some moment"
        assert len({str(sample.books.standing) for sample in samples}) > 5, "never looked at in the middle"
        await agree(world, jobs, Counter(record["reference"] for record in fakes.twilio.log))


async def agree(world: World, jobs: list[dict[str, Any]], taken: Counter[str]) -> None:
    """Provider log = ledger = receipts = API = metrics."""
    last = {job["id"]: world.receipts.last(job["id"])["status"] for job in jobs}
    async with opened(world) as books:
        now = await overview(books, None, 0)
        assert now.books.accepted == len(jobs)
        assert now.books.standing == dict(Counter(last.values()))
        assert now.books.difference == 0
        assert await audit(books) == []
        report = await check(books.ledger, anchors_of(world.config(), books).paths, books.keyring.public)
        assert report.findings == []
        for job in jobs[:: max(1, len(jobs) // 200)]:
            trail = await trail_of(books, "default", job["recipient"]["id"], job["id"])
            assert trail is not None
            assert trail.receipts == world.receipts.job(job["id"])
    with contextlib.closing(sqlite3.connect(world.folder / "ledger.db")) as db:
        states = dict(db.execute("SELECT reference, state FROM messages"))
        [[gaps]] = db.execute("SELECT max(seq) - count(*) FROM entries")
    assert gaps == 0
    assert max(taken.values()) == 1, "somebody was written to twice"
    surely = {reference for reference, state in states.items() if state == "sent"}
    perhaps = {reference for reference, state in states.items() if state == "in_doubt"}
    assert surely <= set(taken) <= surely | perhaps
    port = free_port()
    configured(world, world_channels(world), web={"port": port})
    async with keeper(world, "ledger", "web"), aiohttp.ClientSession() as session:
        told, metrics = await by_http(session, port)
    assert told["books"]["standing"] == now.books.standing
    assert metrics == now.books.standing


def world_channels(world: World) -> dict[str, Any]:
    return {channel: section.providers for channel, section in world.config().channels.items() if channel != "call"}


async def by_http(session: aiohttp.ClientSession, port: int) -> tuple[dict[str, Any], dict[str, int]]:
    """The overview as the API tells it, and the standings as Prometheus sees them."""
    pattern = re.compile(r'gateway_ledger_jobs\{status="(\w+)"\} (\S+)')
    async with asyncio.timeout(20):
        while True:
            with contextlib.suppress(aiohttp.ClientError):
                async with session.get(f"http://127.0.0.1:{port}/metrics") as answer:
                    found = {status: int(float(n)) for status, n in pattern.findall(await answer.text()) if float(n)}
                async with session.get(f"http://127.0.0.1:{port}/v1/overview?days=3650") as answer:
                    if found and answer.status == 200:
                        return await answer.json(), found
            await asyncio.sleep(0.1)


async def test_the_same_holds_on_postgresql(world: World, postgres: str) -> None:
    name = f"t{world.prefix}"
    admin = await asyncpg.connect(postgres)
    await admin.execute(f"CREATE DATABASE {name}")
    jobs = [reminder(f"j{n}", f"p{n}") for n in range(200)]
    try:
        world.configure(ledger={"url": postgres.replace("/postgres?", f"/{name}?")})
        async with world.worker("worker", "ledger"):
            await world.put(*jobs)
            await world.receipts.ended(*[job["id"] for job in jobs])
            await caught_up(world)
        async with opened(world) as books:
            now = await overview(books, None, 0)
            assert (now.books.standing, now.books.difference) == ({"delivered": len(jobs)}, 0)
            assert await audit(books) == []
            report = await check(books.ledger, anchors_of(world.config(), books).paths, books.keyring.public)
            assert (report.findings, report.entries > 3 * len(jobs)) == ([], True)
    finally:
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await admin.close()


async def test_a_ledger_that_is_killed_at_any_point_leaves_no_gap_and_no_double(world: World) -> None:
    configured(world)
    lots = random.Random(9)
    jobs = [reminder(f"j{n}", f"p{n}") for n in range(400)]
    async with world.worker():
        await world.put(*jobs)
        for _ in range(4):
            async with keeper(world):
                await asyncio.sleep(lots.uniform(0.3, 1.4))
        await world.receipts.ended(*[job["id"] for job in jobs])
        async with keeper(world):
            await caught_up(world)
        async with opened(world) as books:
            now = await overview(books, None, 0)
            assert (now.books.accepted, now.books.difference) == (len(jobs), 0)
            assert await audit(books) == []
            for job in jobs[::20]:
                trail = await trail_of(books, "default", job["recipient"]["id"], job["id"])
                assert trail is not None
                assert trail.receipts == world.receipts.job(job["id"])
                states = [line.body["tracks"][0]["state"] for line in trail.lines]
                assert states == ["open", "sent", "ended"], "a step is missing or stands there twice"


async def test_a_stopped_ledger_delays_nobody_and_misses_nothing(world: World) -> None:
    configured(world)
    jobs = [reminder(f"j{n}", f"p{n}") for n in range(50)]
    async with world.worker():
        await world.put(*jobs)
        await world.receipts.ended(*[job["id"] for job in jobs])
        assert await world.redis.xlen(world.keys.journal) > 0
        async with keeper(world):
            await caught_up(world)
    now = await standing(world)
    assert now.books.standing == {"delivered": len(jobs)}


async def test_a_ledger_that_cannot_be_written_tells_how_far_behind_it_is_and_delays_nobody(world: World) -> None:
    port = free_port()
    configured(world, web={"port": port})
    async with world.worker("worker", "web", "ledger"), aiohttp.ClientSession() as session:
        await world.put(reminder("before"))
        await world.receipts.ended("before")
        await caught_up(world)
        with contextlib.closing(sqlite3.connect(world.folder / "ledger.db", isolation_level=None)) as other:
            other.execute("begin immediate")
            await world.put(*[reminder(f"j{n}") for n in range(20)])
            await world.receipts.ended(*[f"j{n}" for n in range(20)])
            await behind(session, port, lambda entries, seconds: entries > 0 and seconds > 1)
            other.execute("rollback")
        await caught_up(world)
        await behind(session, port, lambda entries, seconds: entries == seconds == 0)
    async with opened(world) as books:
        assert (await audit(books)) == []


async def behind(session: aiohttp.ClientSession, port: int, wanted: Callable[[float, float], bool]) -> None:
    """Until the metrics say so."""
    async with asyncio.timeout(20):
        while True:
            async with session.get(f"http://127.0.0.1:{port}/metrics") as answer:
                lines = dict(line.rsplit(" ", 1) for line in (await answer.text()).splitlines() if line[0] != "#")
            names = "gateway_ledger_lag_entries", "gateway_ledger_lag_seconds"
            if wanted(*[float(lines[name]) for name in names]):
                return
            await asyncio.sleep(0.1)


async def test_what_is_over_is_due_no_more(world: World) -> None:
    configured(world)
    async with world.worker("worker", "ledger"):
        await world.put(reminder("j", "p", not_before="2099-01-01T00:00:00Z"))
        await world.receipts.until(lambda: bool(world.receipts.job("j")))
        await caught_up(world)
        assert jobs_due(world) == 1
        await world.command("cancel", recipient_id="p", job_id="j")
        await world.receipts.ended("j")
        await caught_up(world)
        assert jobs_due(world) == 0


def jobs_due(world: World) -> int:
    with contextlib.closing(sqlite3.connect(world.folder / "ledger.db")) as db:
        [[count]] = db.execute("SELECT count(*) FROM jobs WHERE due IS NOT NULL")
    return int(count)


async def test_what_was_said_to_whom_is_there_and_nowhere_in_the_clear(world: World) -> None:
    canaries = {"name": "Kanarienvogel Quentin", "phone": "+491709988776", "mail": "quentin.canary@example.com"}
    configured(world)
    job = reminder(
        "j", "p", account="kanari-account-77", recipient={"phone": canaries["phone"], "email": canaries["mail"]}
    )
    job["params"] = {**job["params"], "name": canaries["name"]}
    async with world.worker("worker", "ledger"):
        await world.put(job)
        await world.receipts.ended("j")
        await world.command("stop", recipient_id="p", reason="cease", address=canaries["phone"])
        await world.emptied()
        await caught_up(world)
    async with opened(world) as books:
        trail = await trail_of(books, "default", "p", "j")
        assert trail is not None
        [said] = [line.secret["said"] for line in trail.lines if "said" in line.secret]
        assert said["to"] == canaries["phone"]
        assert canaries["name"] in said["text"]
    for file in world.folder.glob("*ledger*"):
        data = file.read_bytes()
        for canary in (*canaries.values(), "kanari-account-77"):
            assert canary.encode() not in data, (file.name, canary)


async def test_every_text_that_judged_or_was_sent_from_is_kept_by_its_version(world: World) -> None:
    configured(world)
    async with world.worker("worker", "ledger"):
        await world.put(reminder("j", "p"))
        await world.receipts.ended("j")
        await caught_up(world)
    told = world.receipts.last("j")
    with contextlib.closing(sqlite3.connect(world.folder / "ledger.db")) as db:
        texts = {(kind, label): text for kind, label, text in db.execute("SELECT kind, label, text FROM versions")}
    sheet = json.loads(texts["template", told["template_version"]])
    assert (sheet["template"], sheet["channel"], sheet["locale"]) == (told["template"], "sms", told["locale"])
    assert "{{" in sheet["files"]["sms.txt"]
    assert texts["pack", told["policy"]] == (world.folder / "policies" / "house.yaml").read_text()


async def test_a_person_who_is_erased_is_gone_and_the_chain_still_verifies(world: World) -> None:
    configured(world)
    async with world.worker("worker", "ledger") as process:
        await world.put(reminder("j", "p"), reminder("k", "q"))
        await world.receipts.ended("j", "k")
        await caught_up(world)
        await process.end()
    async with opened(world) as books:
        subject = await books.subjects.find("person", "default", "p")
        assert subject is not None
        await books.subjects.destroy(subject.uid, SystemClock().now())
        assert await trail_of(books, "default", "p", "j") is None
        assert await trail_of(books, "default", "q", "k") is not None
        assert await books.subjects.sealers([subject.uid]) == {}
        report = await check(books.ledger, anchors_of(world.config(), books).paths, books.keyring.public)
        assert report.findings == []


@pytest.mark.parametrize(
    "edit", ["UPDATE jobs SET status = 'failed'", "DELETE FROM jobs", "UPDATE tallies SET n = n + 1"]
)
async def test_a_table_that_was_edited_by_hand_is_found_out(world: World, edit: str) -> None:
    configured(world)
    async with world.worker("worker", "ledger"):
        await world.put(reminder("j", "p"))
        await world.receipts.ended("j")
        await caught_up(world)
    async with opened(world) as books:
        assert await audit(books) == []
        with contextlib.closing(sqlite3.connect(world.folder / "ledger.db")) as db:
            db.execute(edit)
            db.commit()
        assert await audit(books) != []


async def test_the_command_tells_what_it_found(world: World, tmp_path: Path) -> None:
    configured(world)
    async with world.worker("worker", "ledger") as process:
        await world.put(reminder("j", "p"))
        await world.receipts.ended("j")
        await caught_up(world)
        await process.end()
    good = await gateway("ledger", "verify", "--config", str(world.config_file), "--deep", "--json")
    assert (good[0], json.loads(good[1])["findings"]) == (0, [])
    with contextlib.closing(sqlite3.connect(world.folder / "ledger.db")) as db:
        db.execute("UPDATE entries SET at = at + 1 WHERE seq = 2")
        db.commit()
    bad = await gateway("ledger", "verify", "--config", str(world.config_file))
    assert bad[0] == 1
    assert "2: entry 2 was changed" in bad[1]


async def gateway(*words: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("gateway")), *words, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode()
