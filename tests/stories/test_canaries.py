"""Two hundred values that tell of people, sent through everything: none comes out where no person may be found."""

import asyncio
import contextlib
import hashlib
import json
from collections.abc import Mapping
from email import message_from_bytes
from typing import Any
from urllib.parse import quote, quote_plus

import aiohttp

from gateway.bookkeeping.erasure import Erased, Person, erase
from gateway.domain.clock import DAY, SystemClock
from gateway.queries.trail import trail_of
from gateway.store.redis import Store
from tests.peers.collector import collecting
from tests.stories.providers import Providers, providers
from tests.stories.test_api import answering, free_port
from tests.stories.test_evidence import gateway
from tests.stories.test_ledger import caught_up, opened
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
    channels = [["sms"], ["email"], ["push"], ["push", "sms", "email"], ["call"]][n % 5]
    more = {"not_before": "2099-01-01T00:00:00Z"} if kind == "waits" else {}
    return reminder(f"j{n}", f"p{n}", channels=channels, params=params, recipient=recipient, **more)


async def test_no_canary_is_found_where_no_person_may_be_and_none_anywhere_after_an_erasure(world: World) -> None:
    port = free_port()
    kinds = ["sent", "sent", "rejected", "waits"]
    jobs = [job(n, kinds[n % 7 % 4]) for n in range(PEOPLE)]
    async with collecting() as collector, providers(world.folder) as outside, aiohttp.ClientSession() as session:
        channels = outside.channels(receipts="callback") | {"call": [{"name": "calls", "kind": "call"}]}
        world.configure(
            channels, web={"port": port, "keys": [KEY], "public_url": "https://gateway.example", "secrets": ["s" * 16]},
            ledger={"url": f"sqlite:///{world.folder}/ledger.db", "least": {}}, log={"level": "debug"},
            telemetry={"endpoint": collector.url},
        )  # fmt: skip
        async with world.worker("worker", "web", "ledger") as worker:
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
            assert outside.total > PEOPLE / 3
            links = addresses(outside)
            assert any("/webhooks/" in link for link in links)
            assert any("/u/" in link for link in links)
            assert await worker.end() == 0
    assert len(collector.spans) > PEOPLE
    absent({"traces": collector.raw, "links": "\n".join(links).encode(), **files(world)})
    absent({place: text.encode() for place, text in shown.items()})

    kept = await stored(world)
    assert any(value.encode() in kept for value in VALUES), "what is found nowhere cannot be erased"
    async with opened(world) as books:
        store = Store(world.redis, world.keys, journaled=True)
        now = SystemClock().now() + DAY
        for n in range(PEOPLE):
            person = Person(tenant="default", recipient=f"p{n}", who="dpo", why="Article 17")
            assert isinstance(await erase(books, store, person, {}, now), Erased)
        trails = [await trail_of(books, "default", f"p{n}", f"j{n}") for n in range(PEOPLE)]
        assert trails == [None] * PEOPLE
    absent({"the store": await stored(world), **files(world)})
    assert (await gateway("ledger", "verify", "--config", str(world.config_file), "--deep"))[0] == 0


VALUES = [value for n in range(PEOPLE) for value in canaries(n).values()]
assert len(set(VALUES)) == 200


def absent(places: Mapping[str, bytes]) -> None:
    """No canary stands in any of them, plain, escaped as JSON does, or as a URL does."""
    assert places
    for place, data in places.items():
        for value in VALUES:
            for form in (value, json.dumps(value)[1:-1], quote(value, safe=""), quote_plus(value)):
                assert form.encode() not in data, (place, value)


def files(world: World) -> dict[str, bytes]:
    """Logs, the ledger and all that stands beside it."""
    found = {file.name: file.read_bytes() for file in world.folder.rglob("*") if file.is_file()}
    assert any(name.startswith("worker-") for name in found)
    assert any("ledger" in name for name in found)
    return found


def addresses(outside: Providers) -> list[str]:
    """Every address of ours that providers and mailboxes were given."""
    calls = [record["StatusCallback"] for record in outside.twilio.log]
    mails = [message_from_bytes(mail.content)["List-Unsubscribe"] for mail in outside.smtp.log]
    return [*calls, *[str(mail) for mail in mails if mail]]


async def stored(world: World) -> bytes:
    """All that the store holds, under whatever key."""
    found = b""
    async for key in world.redis.scan_iter(f"{world.prefix}:*", count=5000):
        match (await world.redis.type(key)).decode():
            case "string":
                value = await world.redis.get(key)
            case "hash":
                value = await world.redis.hgetall(key)
            case "zset":
                value = await world.redis.zrange(key, 0, -1, withscores=True)
            case "stream":
                value = await world.redis.xrange(key)
            case "set":
                value = await world.redis.smembers(key)
            case "list":
                value = await world.redis.lrange(key, 0, -1)
            case other:
                raise AssertionError(other)
        found += repr((key, value)).encode()
    return found


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
