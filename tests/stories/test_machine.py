"""What operators are told of providers and of what the gateway stands on: what the ledger and the store hold."""

import sqlite3
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from gateway.books import anchors_of
from gateway.domain.clock import SystemClock
from gateway.queries.gauges import engine
from gateway.store.redis import Store
from tests.stories.test_api import answering, free_port
from tests.stories.test_api_views import KEYS, ROLES, Desk
from tests.stories.test_ledger import caught_up, configured, opened
from tests.stories.world import World, reminder


@pytest.fixture
async def desk(world: World) -> AsyncIterator[Desk]:
    port = free_port()
    everything = {**KEYS[0], "id": "all", "roles": [*ROLES], "tenants": ["*"]}
    ledger = {"url": f"sqlite:///{world.folder}/ledger.db"}
    world.configure(web={"port": port, "keys": [*KEYS, everything]}, ledger=ledger)
    async with world.worker("worker", "web", "ledger"), aiohttp.ClientSession() as session:
        await answering(session, port)
        yield Desk(world, f"http://127.0.0.1:{port}", session)


async def test_errors_of_a_provider_are_grouped_and_lead_to_one_of_their_jobs(desk: Desk) -> None:
    world = desk.world
    ends = {"good": "10", "refused": "01", "doubtful": "03", "lost": "04"}
    jobs = {f"{name}{n}": f"+4917012345{end}" for name, end in ends.items() for n in range(3)}
    await world.put(*[reminder(name, tenant="cards", recipient={"phone": to}) for name, to in jobs.items()])
    await world.receipts.until(lambda: all(map(world.receipts.job, jobs)))
    await world.receipts.settle()
    await caught_up(world)
    status, [row] = await desk.ask("/v1/providers", "auditor")
    assert status == 200
    with sqlite3.connect(world.folder / "ledger.db") as ledger:
        held = ledger.execute("SELECT state, count(*) FROM messages GROUP BY state").fetchall()
        wrong = ledger.execute(
            "SELECT m.state, m.code, j.reason, count(*) FROM messages m JOIN jobs j USING (job)"
            " WHERE m.state NOT IN ('delivered', 'sent', 'open') GROUP BY 1, 2, 3"
        ).fetchall()
        answers = ledger.execute(
            "SELECT min(e.at) - c.at FROM messages m JOIN entries c USING (seq)"
            " JOIN entries e ON e.job = m.job AND e.seq > m.seq WHERE m.state != 'in_doubt' GROUP BY m.reference"
        ).fetchall()
    assert row["states"] == dict(held)
    assert sorted((one["state"], one["code"], one["reason"], one["messages"]) for one in row["errors"]) == sorted(wrong)
    assert {one["reason"] for one in row["errors"]} == {"refused", "undelivered", "in_doubt"}
    for one in row["errors"]:
        assert one["messages"] == 3
        assert one["id"] in jobs
        assert one["first"] <= one["last"]
        status, _ = await desk.ask(
            f"/v1/messages/{one['tenant']}/{one['recipient_id']}/{one['id']}/timeline", "auditor"
        )
        assert status == 200
    assert row["answer"]["of"] == 9  # of three nobody knows
    assert 0 <= row["answer"]["p50_ms"] <= row["answer"]["p99_ms"] < 60_000
    took = sorted(took for (took,) in answers)
    assert (row["answer"]["p50_ms"], row["answer"]["p99_ms"]) == (took[4], took[8])
    assert row["report"]["of"] == 6
    assert row["report"]["p50_ms"] <= row["report"]["p95_ms"] <= row["report"]["p99_ms"]
    status, [without] = await desk.ask("/v1/providers", "admin")
    assert status == 200
    assert [one["messages"] for one in without["errors"]] == [one["messages"] for one in row["errors"]]
    assert {(one["recipient_id"], one["id"]) for one in without["errors"]} == {(None, None)}, "sees no people"
    assert await desk.ask("/v1/providers", "loans") == (200, [])


async def test_the_engine_room_tells_what_the_store_and_the_ledger_are(desk: Desk) -> None:
    status, told = await desk.ask("/v1/engine", "ops")
    assert status == 200
    lines = {line["name"]: line for line in told["lines"]}
    info = await desk.world.redis.info()
    number = info.get("valkey_version") or info["redis_version"]
    assert number in lines["store"]["value"]
    assert lines["appendfsync"]["state"] == "good"
    assert lines["workers"]["value"].startswith("1 · ")
    assert lines["workers"]["state"] == lines["written"]["state"] == lines["skew"]["state"] == "good"
    assert " / 5 · " in lines["scripts"]["value"]
    assert lines["ledger"]["value"].startswith("SQLite")
    assert lines["revision"]["value"] == "0003_figures"
    assert lines[f"disk {desk.world.folder}"]["value"].endswith("%")
    assert {f"pending {stream}" for stream in desk.world.keys.inbound} <= lines.keys()
    assert lines["anchor"]["state"] == "good"
    await desk.world.redis.xgroup_create(desk.world.keys.receipts, "core system", id="0", mkstream=True)
    await desk.world.put(reminder("one", tenant="cards"))
    await desk.world.receipts.ended("one")
    _, told = await desk.ask("/v1/engine", "auditor")
    [line] = [line for line in told["lines"] if line["name"] == f"readers {desk.world.keys.receipts}/core system"]
    assert (line["value"], line["state"]) == ("0 · 2", "plain")
    await desk.world.redis.config_set("appendfsync", "everysec")
    try:
        _, told = await desk.ask("/v1/engine", "ops")
    finally:
        await desk.world.redis.config_set("appendfsync", "always")
    assert told["lines"][0] == {
        "name": "appendfsync", "value": "everysec", "state": "bad", "advice": "not_durable"
    }  # fmt: skip
    status, _ = await desk.ask("/v1/engine", "producer")
    assert status == 403


async def test_the_engine_room_is_there_while_the_store_is_not(world: World) -> None:
    class Away:
        def __getattr__(self, name: str) -> Any:
            raise ConnectionError(name)

    configured(world)
    async with opened(world) as books:
        store = Store(world.redis, world.keys)
        store.redis = Away()  # type: ignore[assignment]
        told = await engine(store, books, anchors_of(world.config(), books), SystemClock())
    lines = {line.name: (line.state, line.advice) for line in told.lines}
    assert told.lines[0].name == "store"
    assert lines["store"] == ("bad", "store_away")
    assert lines["ledger"] == ("plain", None)
    assert "workers" not in lines
