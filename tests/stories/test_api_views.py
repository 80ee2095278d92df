"""What people and dashboards ask of the API: who sees what, in the clear or not, and that looking leaves a trace."""

import asyncio
import contextlib
import hashlib
import json
import sqlite3
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

from gateway.ledger.chain import climb
from tests.stories.test_api import House, answering, free_port
from tests.stories.test_ledger import caught_up
from tests.stories.world import World, reminder

SECRET = "s3cret"
ROLES = {"producer": ["cards"], "ops": ["*"], "compliance": ["cards"], "auditor": ["*"], "admin": ["*"]}
KEYS = [
    {"id": role, "sha256": hashlib.sha256(SECRET.encode()).hexdigest(), "roles": [role], "tenants": tenants}
    for role, tenants in ROLES.items()
] + [{"id": "loans", "sha256": hashlib.sha256(SECRET.encode()).hexdigest(), "roles": ["ops"], "tenants": ["loans"]}]
CANARY = "Quentin Kanarienvogel"


class Desk(House):
    async def ask(self, path: str, who: str, body: Any = None) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {who}.{SECRET}"}
        method = "GET" if body is None else "POST"
        async with self.session.request(method, self.base + path, json=body, headers=headers) as answer:
            return answer.status, await answer.json()


@pytest.fixture
async def desk(world: World) -> AsyncIterator[Desk]:
    port = free_port()
    ledger = {"url": f"sqlite:///{world.folder}/ledger.db"}
    world.configure(policies=world.policy(1), web={"port": port, "keys": KEYS}, ledger=ledger)
    async with world.worker("worker", "web", "ledger"), aiohttp.ClientSession() as session:
        await answering(session, port)
        yield Desk(world, f"http://127.0.0.1:{port}", session)


async def lived(desk: Desk) -> None:
    """A job that arrived, one that waits for the cap, one of another house."""
    world = desk.world
    params = {**reminder("x")["params"], "name": CANARY}
    await world.put(reminder("sent", "p", tenant="cards", account="card-1", params=params))
    await world.receipts.ended("sent")
    await world.put(reminder("waits", "p", tenant="cards"), reminder("loan", "q", tenant="loans"))
    await world.receipts.until(lambda: bool(world.receipts.job("waits")))
    await world.receipts.ended("loan")
    await caught_up(world)


async def test_jobs_are_found_by_what_is_known_of_them(desk: Desk) -> None:
    await lived(desk)

    async def ids(query: str, who: str = "auditor") -> list[str]:
        status, page = await desk.ask(f"/v1/messages?{query}", who)
        assert status == 200, page
        return sorted(job["id"] for job in page["jobs"])

    assert await ids("") == ["loan", "sent", "waits"]
    assert await ids("", "compliance") == ["sent", "waits"], "another house's jobs are not there"
    assert await ids("", "loans") == ["loan"]
    assert await ids("job_id=sent") == ["sent"]
    assert await ids("recipient_id=p") == ["sent", "waits"]
    assert await ids("recipient_id=p", "loans") == []
    assert await ids("account=card-1") == ["sent"]
    assert await ids(f"address={quote('+491701234500')}") == ["loan", "sent"]
    assert await ids("status=waiting") == ["waits"]
    assert await ids("reason=limit&rule=house.cap") == ["waits"]
    assert await ids("status=delivered&channel=email") == []
    message = (await desk.ask("/v1/reminders/cards/p/sent", "auditor"))[1]["messages"][0]["provider_message_id"]
    assert await ids(f"provider_message_id={message}") == ["sent"]


async def test_a_list_goes_on_where_it_ended(desk: Desk) -> None:
    await desk.world.put(*[reminder(f"j{n}", f"p{n}") for n in range(25)])
    await desk.world.receipts.ended(*[f"j{n}" for n in range(25)])
    await caught_up(desk.world)
    seen: list[str] = []
    cursor = ""
    while True:
        _, page = await desk.ask(f"/v1/messages?limit=10{cursor}", "ops")
        seen += [job["id"] for job in page["jobs"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
        await desk.world.put(reminder(f"late{len(seen)}", f"q{len(seen)}"))  # what comes in meanwhile moves nothing
        await desk.world.receipts.ended(f"late{len(seen)}")
        await caught_up(desk.world)
    assert sorted(seen) == sorted(f"j{n}" for n in range(25))
    assert (await desk.ask("/v1/messages?cursor=nonsense", "ops"))[0] == 422


async def test_a_trail_is_told_without_a_word_of_the_person_until_it_is_revealed_with_a_reason(desk: Desk) -> None:
    await lived(desk)
    status, told = await desk.ask("/v1/messages/cards/p/sent/timeline", "ops")
    assert status == 200
    assert [line["body"]["tracks"][0]["state"] for line in told["lines"]] == ["open", "sent", "ended"]
    assert CANARY not in json.dumps(told)
    assert "+49170" not in json.dumps(told)
    wanted = {"tenant": "cards", "recipient_id": "p", "id": "sent", "reason": "complaint 4711"}
    assert (await desk.ask("/v1/reveals", "ops", wanted))[0] == 403
    assert (await desk.ask("/v1/reveals", "loans", wanted))[0] == 403
    assert (await desk.ask("/v1/reveals", "compliance", {**wanted, "reason": ""}))[0] == 422
    status, revealed = await desk.ask("/v1/reveals", "compliance", wanted)
    assert status == 200
    assert CANARY in revealed["lines"][0]["secret"]["said"]["text"]
    await acts_in_chain(desk, [("compliance", "reveal", "complaint 4711")])


async def acts_in_chain(desk: Desk, wanted: list[tuple[str, str, str]]) -> None:
    """Until these acts stand in the chain, in this order."""
    found: list[tuple[str, str, str]] = []
    async with asyncio.timeout(10):
        while found != wanted:
            with contextlib.closing(sqlite3.connect(desk.world.folder / "ledger.db")) as db:
                rows = db.execute("SELECT body FROM entries WHERE kind = 'act' ORDER BY seq").fetchall()
            bodies = [json.loads(body) for (body,) in rows]
            found = [(body["who"], body["what"], json.loads(body["said"])["why"]) for body in bodies]
            await asyncio.sleep(0.05)


async def test_a_person_has_a_calendar(desk: Desk) -> None:
    await lived(desk)
    await desk.world.contact("p", tenant="cards", event="conversation", account="card-1")
    await desk.world.command("stop", tenant="cards", recipient_id="p", reason="dispute", account="card-9")
    await desk.world.emptied()
    await caught_up(desk.world)
    status, found = await desk.ask("/v1/people/cards/p/calendar", "compliance")
    assert status == 200
    assert [(day["channel"], day["event"]) for day in found["contacts"]] == [("sms", "sent"), ("call", "conversation")]
    assert [(state["state"], state["lifted_at"]) for state in found["states"]] == [("dispute", None)]
    assert [job["id"] for job in found["waiting"]] == ["waits"]
    assert (await desk.ask("/v1/people/cards/p/calendar?from=2000-01-01T00:00:00Z&to=2001-01-01T00:00:00Z", "ops"))[1][
        "contacts"
    ] == []
    assert (await desk.ask("/v1/people/cards/nobody/calendar", "ops"))[0] == 404
    assert (await desk.ask("/v1/people/cards/p/calendar?from=soon", "ops"))[0] == 422
    assert (await desk.ask("/v1/people/cards/p/calendar", "loans"))[0] == 403


async def test_what_waits_is_counted_by_lane_and_hour(desk: Desk) -> None:
    await lived(desk)
    status, found = await desk.ask("/v1/lanes", "ops")
    assert status == 200
    assert (found["scheduled"], found["journal"]) == (1, 0)
    assert [held["jobs"] for held in found["held"]] == [1]
    _, figures = await desk.ask("/v1/providers", "ops")
    [told] = figures
    assert (told["provider"], told["channel"], told["states"]) == ("box-sms", "sms", {"delivered": 2})
    _, books = await desk.ask("/v1/overview", "compliance")
    assert books["books"] == {"accepted": 2, "standing": {"delivered": 1, "waiting": 1}, "difference": 0}


async def test_an_entry_is_proven_by_its_way_to_a_signed_anchor(desk: Desk) -> None:
    await lived(desk)
    status, proof = await desk.ask("/v1/ledger/proof/2", "auditor")
    assert status == 200
    assert (proof["entry"]["seq"], proof["anchor"]) == (2, None), "not anchored yet"
    assert (await desk.ask("/v1/ledger/proof/99999", "auditor"))[0] == 404
    assert (await desk.ask("/v1/ledger/proof/x", "auditor"))[0] == 422
    _, head = await desk.ask("/v1/ledger/head", "ops")
    assert json.loads(head["head"])["seq"] >= 2


async def test_a_proof_leads_to_the_root_that_was_anchored(world: World) -> None:
    port = free_port()
    ledger = {"url": f"sqlite:///{world.folder}/ledger.db"}
    world.configure(web={"port": port, "keys": KEYS}, ledger=ledger)
    async with world.worker("worker", "ledger") as process:
        await world.put(*[reminder(f"j{n}", f"p{n}") for n in range(9)])
        await world.receipts.ended(*[f"j{n}" for n in range(9)])
        await caught_up(world)
        await process.end()
    async with world.worker("worker", "web", "ledger"), aiohttp.ClientSession() as session:
        await answering(session, port)
        desk = Desk(world, f"http://127.0.0.1:{port}", session)
        for seq in (1, 7, 20):
            _, proof = await desk.ask(f"/v1/ledger/proof/{seq}", "auditor")
            path = [(step["side"], bytes.fromhex(step["hash"])) for step in proof["path"]]
            root = climb(bytes.fromhex(proof["entry"]["hash"]), path).hex()
            assert root == json.loads(proof["anchor"])["root"]


async def test_dead_letters_are_listed_and_replayed_by_ops_and_it_is_written_down(desk: Desk) -> None:
    await desk.world.redis.xadd(desk.world.keys.lanes["normal"], {"job": '{"id": "broken"}'})
    async with asyncio.timeout(10):
        while not await desk.world.dead():  # noqa: ASYNC110 - another process buries it
            await asyncio.sleep(0.02)
    _, found = await desk.ask("/v1/dead-letters", "ops")
    [letter] = found["letters"]
    assert (found["total"], "template" in letter["error"]) == (1, True)
    assert (await desk.ask("/v1/dead-letters", "loans"))[0] == 403, "it may be of any house"
    wanted = {"ids": [letter["id"], "1-1"], "reason": "the producer mended it"}
    assert (await desk.ask("/v1/dead-letters/replay", "compliance", wanted))[0] == 403
    status, done = await desk.ask("/v1/dead-letters/replay", "ops", wanted)
    assert (status, done) == (200, {"replayed": [letter["id"]], "gone": ["1-1"], "refused": {}})
    assert (await desk.ask("/v1/dead-letters/replay", "ops", {**wanted, "ids": ["x"]}))[0] == 422
    await acts_in_chain(desk, [("ops", "replay_dead_letters", "the producer mended it")])


async def test_pauses_in_force_are_shown_to_those_they_concern(desk: Desk) -> None:
    await desk.world.command("pause", channel="sms", tenant="cards")
    await desk.world.command("pause", template="final_notice", tenant=None)
    await desk.world.emptied()
    _, found = await desk.ask("/v1/switches", "ops")
    assert sorted((one["tenant"], one["channel"], one["template"]) for one in found if one["tenant"]) == [
        ("cards", "sms", None)
    ]
    assert len(found) == 2
    _, theirs = await desk.ask("/v1/switches", "loans")
    assert [one["template"] for one in theirs] == ["final_notice"]


async def test_whoever_watches_sees_each_entry_and_misses_none_when_they_come_back(desk: Desk) -> None:
    headers = {"Authorization": f"Bearer compliance.{SECRET}"}
    first = asyncio.create_task(events(desk, headers, 3))
    await asyncio.sleep(0.7)
    await lived(desk)
    seen = await first
    assert {event["tenant"] for _, event in seen} == {"cards"}
    assert "Kanarienvogel" not in json.dumps(seen)
    await desk.world.put(reminder("more", "r", tenant="cards"))
    await desk.world.receipts.ended("more")
    await caught_up(desk.world)
    later = await events(desk, headers | {"Last-Event-ID": str(seen[-1][0])}, 3)
    numbers = [number for number, _ in [*seen, *later]]
    assert numbers == sorted(set(numbers))
    with contextlib.closing(sqlite3.connect(desk.world.folder / "ledger.db")) as db:
        wanted = [seq for (seq,) in db.execute("SELECT seq FROM entries WHERE tenant = 'cards' ORDER BY seq")]
    assert numbers == [number for number in wanted if number >= numbers[0]][: len(numbers)]
    async with desk.session.get(desk.base + "/v1/stream", headers={"Authorization": f"Bearer producer.{SECRET}"}) as no:
        assert no.status == 403


async def events(desk: Desk, headers: dict[str, str], count: int) -> list[tuple[int, Any]]:
    """So many events of the stream, by number."""
    found: list[tuple[int, Any]] = []
    number, kind = 0, ""
    async with asyncio.timeout(20), desk.session.get(desk.base + "/v1/stream", headers=headers) as answer:
        assert answer.content_type == "text/event-stream"
        async for line in answer.content:
            name, _, value = line.decode().strip().partition(": ")
            if name == "id":
                number = int(value)
            elif name == "event":
                kind = value
            elif name == "data" and kind != "beat":
                found.append((number, json.loads(value)))
                if len(found) == count:
                    break
    return found
