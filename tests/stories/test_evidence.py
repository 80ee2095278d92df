"""What is handed to a court, and what is taken away for ever: bundles, holds, erasures, the end of keeping."""

import asyncio
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from gateway.bookkeeping.retention import let_go
from gateway.books import anchors_of
from gateway.domain.clock import DAY, SystemClock
from gateway.ledger import verify_ledger
from gateway.ledger.read import check
from gateway.ledger.tables import acts, entries
from gateway.queries.search import Filter, search
from gateway.queries.trail import trail_of
from tests.stories.test_ledger import caught_up, keeper, opened
from tests.stories.world import World, reminder

NAME = "Quentin Kanarienvogel"
PHONE = "+491709988776"


async def gateway(*words: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("gateway")), *words, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def lived(world: World, **ledger: Any) -> None:
    """A person who was written to, and one besides."""
    url = f"sqlite:///{world.folder}/ledger.db"
    world.configure(ledger={"url": url, **ledger})
    params = {**reminder("x")["params"], "name": NAME}
    async with world.worker("worker", "ledger") as process:
        await world.put(
            reminder("j", "p", account="card-1", params=params, recipient={"phone": PHONE}), reminder("k", "q")
        )
        await world.receipts.ended("j", "k")
        await world.command("stop", recipient_id="p", reason="dispute")
        await world.emptied()
        await caught_up(world)
        await process.end()


async def exported(world: World, *words: str) -> Path:
    out = world.folder / "bundle.zip"
    async with keeper(world):
        status, said, error = await gateway(
            "ledger", "export", "--config", str(world.config_file), "--why", "case 12", "--out", str(out), *words
        )
    assert status == 0, error
    assert "anchored" not in said
    return out


def audited(bundle: Path, key: Path) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-I", "-S", verify_ledger.__file__, str(bundle), "--key", str(key)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


async def test_a_bundle_tells_all_of_one_person_and_is_verified_without_us(world: World) -> None:
    await lived(world)
    bundle = await exported(world, "--recipient", "p")
    key = world.folder / "ledger-public-key.txt"
    assert audited(bundle, key) == (0, "4 entries, 0 findings\n"), "three steps of the job, and the stop"
    with zipfile.ZipFile(bundle) as archive:
        words = archive.read("words.jsonl").decode()
        assert NAME in words
        assert PHONE in words
        page = archive.read("statement.html").decode()
        assert NAME in page
        assert "delivered" in page
        assert any(name.startswith("policies/house@") for name in archive.namelist())
    async with opened(world) as books:
        found = await search(books, None, Filter(account="card-1"), None, 10)
        assert [job.id for job in found.jobs] == ["j"]


FORGERIES = [
    ("words.jsonl", NAME, "Somebody Else"), ("entries.jsonl", "delivered", "failed"), ("proofs.jsonl", "left", "right"),
    ("statement.html", NAME, "Nobody"), ("manifest.json", '"tenant"', '"tenan"'),
]  # fmt: skip


async def test_a_bundle_that_was_changed_is_found_out(world: World) -> None:
    await lived(world)
    bundle = await exported(world, "--recipient", "p")
    with zipfile.ZipFile(bundle) as archive:
        files = {name: archive.read(name).decode() for name in archive.namelist()}
    for file, old, new in FORGERIES:
        assert old in files[file]
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as copy:
            for name, text in files.items():
                copy.writestr(name, text.replace(old, new) if name == file else text)
        bundle.write_bytes(out.getvalue())
        assert audited(bundle, world.folder / "ledger-public-key.txt")[0] == 1, file


async def test_a_bundle_of_an_account_or_a_period(world: World) -> None:
    await lived(world)
    bundle = await exported(world, "--account", "card-1")
    assert audited(bundle, world.folder / "ledger-public-key.txt") == (0, "3 entries, 0 findings\n")
    nothing = await gateway(
        "ledger",
        "export",
        "--config",
        str(world.config_file),
        "--why",
        "x",
        "--out",
        str(bundle),
        "--recipient",
        "nobody",
    )
    assert (nothing[0], nothing[2]) == (1, "there is no entry of that name\n")


async def test_an_erased_person_is_nowhere_any_more_and_the_chain_verifies(world: World) -> None:
    await lived(world, least={})
    before = await world.redis.exists(world.keys.person("default", "p"))
    assert before
    words = "ledger", "erase", "--config", str(world.config_file), "--recipient", "p", "--why", "Article 17"
    status, said, error = await gateway(*words)
    assert status == 0, error
    assert "nobody can open 4 entries" in said
    async with opened(world) as books:
        assert await trail_of(books, "default", "p", "j") is None
        assert await trail_of(books, "default", "q", "k") is not None
        assert (await search(books, None, Filter(job_id="j"), None, 10)).jobs == []
        assert [job.id for job in (await search(books, None, Filter(), None, 10)).jobs] in ([None, "k"], ["k", None])
    assert not await world.redis.exists(world.keys.person("default", "p"), world.keys.job("default", "p", "j"))
    assert (await gateway("ledger", "verify", "--config", str(world.config_file), "--deep"))[0] == 0
    again = await gateway(*words)
    assert again[0] == 1
    assert "erased before" in again[2]
    for file in world.folder.glob("*ledger*"):
        assert PHONE.encode() not in file.read_bytes()
        assert NAME.encode() not in file.read_bytes()


async def test_whoever_comes_again_after_an_erasure_is_somebody_new(world: World) -> None:
    """The role that keeps the books was running all the while, with the old key in memory."""
    world.configure(ledger={"url": f"sqlite:///{world.folder}/ledger.db", "least": {}})
    async with world.worker("worker", "ledger"):
        await world.put(reminder("j", "p"))
        await world.receipts.ended("j")
        await caught_up(world)
        words = "ledger", "erase", "--config", str(world.config_file), "--recipient", "p", "--why", "Article 17"
        assert (await gateway(*words))[0] == 0
        await acts_taken(world)
        await world.put(reminder("again", "p"))
        await world.receipts.ended("again")
        await caught_up(world)
    async with opened(world) as books:
        trail = await trail_of(books, "default", "p", "again")
        assert trail is not None
        assert trail.receipts == world.receipts.job("again")


async def acts_taken(world: World) -> None:
    """Until the chain holds what people did."""
    async with opened(world) as books, asyncio.timeout(10):
        while True:
            async with books.ledger.read() as connection:
                if not await connection.scalar(select(func.count()).select_from(acts).where(acts.c.seq.is_(None))):
                    return
            await asyncio.sleep(0.05)


async def test_nobody_is_erased_under_a_hold_or_before_the_time_and_the_refusal_stands_in_the_chain(
    world: World,
) -> None:
    await lived(world)
    config = "--config", str(world.config_file), "--recipient", "p", "--why"
    early = await gateway("ledger", "erase", *config, "please")
    assert early[0] == 1
    assert early[2].startswith("the evidence must be kept until ")
    world.configure(ledger={"url": f"sqlite:///{world.folder}/ledger.db", "least": {}})
    assert (await gateway("ledger", "hold", *config, "case 4711"))[0] == 0
    held = await gateway("ledger", "erase", *config, "please")
    assert (held[0], held[2]) == (1, "a legal hold is on the person: case 4711\n")
    assert (await gateway("ledger", "release", *config, "case closed"))[0] == 0
    assert (await gateway("ledger", "erase", *config, "please"))[0] == 0
    async with keeper(world):
        await acts_taken(world)
    async with opened(world) as books:
        report = await check(books.ledger, anchors_of(world.config(), books).paths, books.keyring.public)
        assert report.findings == []
        async with books.ledger.read() as connection:
            bodies = list(await connection.scalars(select(entries.c.body).where(entries.c.kind == "act")))
    assert [json.loads(body)["what"] for body in bodies] == [
        "erase_refused",
        "hold",
        "erase_refused",
        "release",
        "erase",
    ]


async def test_what_was_kept_long_enough_is_let_go_but_not_under_a_hold(world: World) -> None:
    await lived(world)
    later = SystemClock().now() + 100 * DAY
    async with opened(world) as books:
        held = await books.subjects.find("person", "default", "q")
        assert held is not None
        await books.subjects.hold(held.uid, "a court")
        assert await let_go(books, {"job": 200 * DAY}, later) == 0
        assert await let_go(books, {"job": 50 * DAY}, later) == 3, "the steps of the one who is not held"
        assert await let_go(books, {"job": 50 * DAY}, later) == 0
        report = await check(books.ledger, [], books.keyring.public)
        assert report.findings == [], "a retention is no tampering"
        trail = await trail_of(books, "default", "q", "k")
        assert trail is not None
        assert trail.lines[0].secret["said"]


async def test_keys_of_the_house_are_changed_and_everything_opens_as_before(world: World) -> None:
    await lived(world)
    status, _, error = await gateway("ledger", "rotate", "--config", str(world.config_file))
    assert status == 0, error
    async with opened(world) as books:
        assert books.keyring.version == 2
        trail = await trail_of(books, "default", "p", "j")
        assert trail is not None
        assert trail.lines[0].secret["said"]["to"] == PHONE


async def test_what_cannot_be_verified_is_told_in_a_line(world: World) -> None:
    await lived(world)
    bundle, key = await exported(world, "--recipient", "p"), world.folder / "ledger-public-key.txt"
    broken = world.folder / "broken.zip"
    members = {name: zipfile.ZipFile(bundle).read(name) for name in zipfile.ZipFile(bundle).namelist()}
    no_manifest = {name: data for name, data in members.items() if name != "manifest.json"}
    for given in (b"", b"PK\x03\x04 and no more", zipped(no_manifest), zipped({**members, "manifest.json": b"{}"})):
        broken.write_bytes(given)
        status, said = audited(broken, key)
        assert (status, "Traceback" in said) == (2, False), said
        assert said.splitlines()[-1].startswith("verify_ledger.py: error: ")
    broken.write_bytes(bundle.read_bytes())
    with zipfile.ZipFile(broken, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("statement.html", members["statement.html"])
    status, said = audited(broken, key)
    assert (status, "statement.html stands twice in the archive" in said) == (1, True)
    for missing in (bundle.with_name("none.zip"), bundle):
        status, said = audited(missing, key if missing != bundle else bundle.with_name("none.txt"))
        assert (status, "No such file or directory" in said, "Traceback" in said) == (2, True, False)


def zipped(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()
