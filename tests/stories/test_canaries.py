"""Two hundred values that tell of people, sent through everything: none comes out where no person may be found."""

import asyncio
import contextlib
import hashlib
import json
from typing import Any

import aiohttp

from tests.stories.test_api import answering, free_port
from tests.stories.test_ledger import caught_up
from tests.stories.world import PARAMS, World, reminder

PEOPLE = 40
SECRET = "s3cret"
KEY = {
    "id": "all", "sha256": hashlib.sha256(SECRET.encode()).hexdigest(), "tenants": ["*"],
    "roles": ["producer", "ops", "compliance", "auditor", "admin"],
}  # fmt: skip
MASKED = (
    "/metrics", "/v1/overview?days=1", "/v1/lanes", "/v1/providers", "/v1/switches", "/v1/ledger/head",
    "/v1/ledger/proof/2", "/v1/dead-letters",
)  # fmt: skip


def canaries(n: int) -> dict[str, str]:
    """Five of one person."""
    return {
        "name": f"Kanari Vogel{n:03d}", "phone": f"+4917055{n:06d}", "email": f"kanari.{n:03d}@vogel.example",
        "token": f"kanari-token-{n:03d}", "memo": f"kanari memo {n:03d}",
    }  # fmt: skip


def job(n: int, kind: str) -> dict[str, Any]:
    """One that goes, one that cannot be written, one that waits for ever, one in another language."""
    own = canaries(n)
    recipient = {
        "phone": own["phone"], "email": own["email"], "push": [{"provider": "fcm", "token": own["token"]}],
        "locale": "zh-CN" if n % 3 == 0 else "en",
    }  # fmt: skip
    params = {**PARAMS, "name": own["name"], "memo": own["memo"]}
    if kind == "rejected":
        params.pop("amount_due")
    channels = [["sms"], ["email"], ["push"], ["push", "sms", "email"]][n % 4]
    more = {"not_before": "2099-01-01T00:00:00Z"} if kind == "waits" else {}
    return reminder(f"j{n}", f"p{n}", channels=channels, params=params, recipient=recipient, **more)


async def test_no_canary_is_found_in_logs_metrics_figures_or_files(world: World) -> None:
    port = free_port()
    web, ledger = {"port": port, "keys": [KEY]}, {"url": f"sqlite:///{world.folder}/ledger.db"}
    world.configure(web=web, ledger=ledger, log={"level": "debug"})
    kinds = ["sent", "sent", "rejected", "waits"]
    jobs = [job(n, kinds[n % 7 % 4]) for n in range(PEOPLE)]
    async with world.worker("worker", "web", "ledger"), aiohttp.ClientSession() as session:
        await answering(session, port)
        await world.put(*jobs)
        for n in range(0, PEOPLE, 5):
            own = canaries(n)
            broken = {**jobs[n], "id": f"broken{n}", "recipient": {**jobs[n]["recipient"], "phone": own["name"]}}
            await world.redis.xadd(world.keys.lanes["normal"], {"job": json.dumps(broken)})
            await world.command("stop", recipient_id=f"p{n}", reason="opted_out", address=own["email"])
            await world.contact(f"p{n}", address=own["phone"], channel="call", event="answered")
        await world.receipts.until(lambda: all(world.receipts.job(f"j{n}") for n in range(PEOPLE)), 40)
        await world.emptied()
        await caught_up(world)
        shown = {path: await told(session, f"http://127.0.0.1:{port}{path}") for path in MASKED}
        shown["trail"] = await told(session, f"http://127.0.0.1:{port}/v1/messages/default/p0/j0/timeline")
        shown["stream"] = await streamed(session, f"http://127.0.0.1:{port}/v1/stream")
    values = [value for n in range(PEOPLE) for value in canaries(n).values()]
    assert len(values) == 200
    files = {file.name: file.read_bytes() for file in world.folder.rglob("*") if file.is_file()}
    assert any(name.startswith("worker-") for name in files)
    assert any("ledger" in name for name in files)
    for place, data in {**files, **{name: text.encode() for name, text in shown.items()}}.items():
        found = [value for value in values if value.encode() in data or json.dumps(value)[1:-1].encode() in data]
        assert found == [], (place, found[:3])


async def told(session: aiohttp.ClientSession, url: str) -> str:
    async with session.get(url, headers={"Authorization": f"Bearer all.{SECRET}"}) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.text()


async def streamed(session: aiohttp.ClientSession, url: str) -> str:
    """Everything that whoever watches from the beginning is shown in two seconds."""
    found = b""
    headers = {"Authorization": f"Bearer all.{SECRET}", "Last-Event-ID": "0"}
    async with session.get(url, headers=headers) as answer:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2):
                async for chunk in answer.content.iter_any():
                    found += chunk
    assert found.count(b"event:") > PEOPLE
    return found.decode()
