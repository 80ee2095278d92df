"""Whoever means ill: bodies too large, too deep, too slow, again and again, of other houses; it costs them, not us."""

import asyncio
import contextlib
import io
import json
import random
from pathlib import Path
from typing import Any

import aiohttp

from tests.stories.test_api import KEYS, SECRET, answering, free_port
from tests.stories.world import World, reminder

MOST_MIB = 32


def resident_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


async def test_no_body_costs_more_than_itself(world: World) -> None:
    port = free_port()
    world.configure(web={"port": port, "keys": KEYS}, ledger={"url": f"sqlite:///{world.folder}/ledger.db"})
    base = f"http://127.0.0.1:{port}/v1/reminders"
    headers = {"Authorization": f"Bearer cards.{SECRET}", "Content-Type": "application/json"}
    wrong = {**headers, "Authorization": "Bearer cards.guess"}
    bodies = [
        b"[" + b" " * 1_100_000, b"[" * 500_000, b'{"a":' * 100_000, b"[" + b"1," * 400_000 + b"1]",
        json.dumps([{str(n): 1} for n in range(50_000)]).encode(), b'{"id":"' + b"x" * 900_000 + b'"}',
        b"\xff" * 900_000,
    ]  # fmt: skip
    async with world.worker("worker", "web", "ledger") as process, aiohttp.ClientSession() as session:
        await answering(session, port)
        async with session.post(base, json=reminder("warm", tenant="cards"), headers=headers) as answer:
            assert answer.status == 202
        before = resident_mib(process.process.pid)
        slow = [await asyncio.open_connection("127.0.0.1", port) for _ in range(60)]
        for _, writer in slow:
            writer.write(b"POST /v1/reminders HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n")
        for _ in range(3):
            for body in bodies:
                for given in (headers, wrong):
                    status = await post(session, base, body, given)
                    assert status is None or 400 <= status < 500, status
        grown = resident_mib(process.process.pid) - before
        for _, writer in slow:
            writer.close()
        assert grown < MOST_MIB, f"{grown:.0f} MiB more"
        async with session.post(base, json=reminder("after", tenant="cards"), headers=headers) as answer:
            assert answer.status == 202


async def post(session: aiohttp.ClientSession, url: str, body: bytes, headers: dict[str, str]) -> int | None:
    """The status, None where the server hung up on what was too large to be read."""
    with contextlib.suppress(aiohttp.ClientConnectionError):
        async with session.post(url, data=io.BytesIO(body), headers=headers) as answer:
            return answer.status
    return None


async def test_two_houses_fuzzed_against_each_other_never_see_each_other(world: World) -> None:
    """Every address with every name of the other house, by lot: what is theirs is refused or not there."""
    port = free_port()
    world.configure(web={"port": port, "keys": KEYS}, ledger={"url": f"sqlite:///{world.folder}/ledger.db"})
    base, lots = f"http://127.0.0.1:{port}", random.Random(4)
    mark = "only-of-the-cards"
    async with world.worker("worker", "web", "ledger"), aiohttp.ClientSession() as session:
        await answering(session, port)
        mine = {"Authorization": f"Bearer cards.{SECRET}"}
        theirs = {"Authorization": f"Bearer loans.{SECRET}"}
        jobs = [reminder(f"{mark}-{n}", f"p{n}", tenant="cards", account=f"{mark}-a") for n in range(5)]
        async with session.post(f"{base}/v1/reminders", json=jobs, headers=mine) as answer:
            assert answer.status == 202
        await world.receipts.ended(*[one["id"] for one in jobs])
        async with session.get(f"{base}/v1/reminders/cards/p0/{mark}-0", headers=mine) as answer:
            assert answer.status == 200, "they are there for whose they are"
        names = [
            "cards",
            "loans",
            "p0",
            "p1",
            "x",
            f"{mark}-0",
            f"{mark}-1",
            f"{mark}-a",
            "..",
            "%2e%2e",
            "*",
            "cards%00",
        ]
        seen: dict[tuple[int, str], int] = {}
        for _ in range(150):
            path = "/".join(lots.choice(names) for _ in range(lots.choice((2, 3, 3, 3, 4))))
            route = lots.choice(("/v1/reminders/", "/v1/messages/", "/v1/people/"))
            end = "/timeline" if route == "/v1/messages/" else "/calendar" if route == "/v1/people/" else ""
            async with session.get(f"{base}{route}{path}{end}", headers=theirs) as answer:
                text = await answer.text()
                assert answer.status in (403, 404, 405, 422), (path, answer.status)
                assert mark not in text
                seen[answer.status, route] = seen.get((answer.status, route), 0) + 1
        assert len(seen) > 3
        told: dict[str, Any] = {}
        for job in (f"{mark}-0", "nobodys"):  # the other house asks under its own name for a job that is not its own
            async with session.get(f"{base}/v1/reminders/loans/p0/{job}", headers=theirs) as answer:
                told[job] = (answer.status, await answer.json())
        assert told[f"{mark}-0"] == told["nobodys"]
