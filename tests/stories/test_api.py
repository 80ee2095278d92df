"""A collection system that speaks HTTP: reminders in, states out, on a real store with worker, web and ledger."""

import asyncio
import contextlib
import hashlib
import json
import socket
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
import pytest

from tests.stories.world import World, reminder, start_worker

SECRET = "s3cret-of-cards"
KEYS = [
    {"id": "cards", "sha256": hashlib.sha256(SECRET.encode()).hexdigest(), "roles": ["producer"], "tenants": ["cards"]},
    {"id": "loans", "sha256": hashlib.sha256(SECRET.encode()).hexdigest(), "roles": ["producer"], "tenants": ["loans"]},
]


class House:
    """A gateway that answers over HTTP, and who asks it."""

    def __init__(self, world: World, base: str, session: aiohttp.ClientSession) -> None:
        self.world, self.base, self.session = world, base, session

    async def post(
        self, path: str, body: Any, who: str = "cards", **headers: str
    ) -> tuple[int, Any, Mapping[str, str]]:
        given = {"Authorization": f"Bearer {who}.{SECRET}"} | {k.replace("_", "-"): v for k, v in headers.items()}
        async with self.session.post(self.base + path, json=body, headers=given) as answer:
            return answer.status, await answer.json(), answer.headers

    async def get(self, path: str, who: str = "cards") -> tuple[int, Any]:
        given = {"Authorization": f"Bearer {who}.{SECRET}"}
        async with self.session.get(self.base + path, headers=given) as answer:
            return answer.status, await answer.json()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


async def answering(session: aiohttp.ClientSession, port: int) -> None:
    """Until the process says that it is ready: its port is open before the house behind it is."""
    async with asyncio.timeout(20):
        while True:
            with contextlib.suppress(aiohttp.ClientError):
                async with session.get(f"http://127.0.0.1:{port}/readyz") as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(0.02)


@pytest.fixture
async def house(world: World) -> AsyncIterator[House]:
    port = free_port()
    policies = world.policy(1, hours="00:00-24:00")
    ledger = {"url": f"sqlite:///{world.folder}/ledger.db"}
    world.configure(policies=policies, web={"port": port, "keys": KEYS}, ledger=ledger)
    async with world.worker("worker", "web", "ledger"), aiohttp.ClientSession() as session:
        await answering(session, port)
        yield House(world, f"http://127.0.0.1:{port}", session)


def job(name: str, **given: Any) -> dict[str, Any]:
    return reminder(name, tenant="cards", **given)


async def test_a_reminder_comes_by_http_and_its_state_is_told_with_receipts_and_messages(house: House) -> None:
    status, told, _ = await house.post("/v1/reminders", [job("a", account="card-1"), job("b")])
    assert (status, told) == (202, {"accepted": [{"id": "a"}, {"id": "b"}]})
    await house.world.receipts.ended("a", "b")
    status, state = await house.get("/v1/reminders/cards/p-a/a")
    assert status == 200
    assert (state["state"], state["final"], state["account"], state["source"]) == (
        "delivered",
        True,
        "card-1",
        "ledger",
    )
    assert state["receipts"] == house.world.receipts.job("a")
    [message] = state["messages"]
    assert (message["channel"], message["provider"], message["state"]) == ("sms", "box-sms", "delivered")
    [decision] = state["decisions"]
    assert [channel["decision"] for channel in decision["channels"]] == ["allow"]


async def test_why_it_was_deferred_is_told_with_the_rules_figures(house: House) -> None:
    await house.post("/v1/reminders", [job("first", person="p"), job("second", person="p")])
    await house.world.receipts.until(lambda: bool(house.world.receipts.job("second")))
    _, state = await house.get("/v1/reminders/cards/p/second")
    assert (state["state"], state["final"]) == ("waiting", False)
    assert state["until"] == state["receipts"][0]["reason"]["until"]
    [finding] = state["decisions"][-1]["channels"][0]["findings"]
    assert (finding["rule"], finding["blocks"], finding["source"]) == ("house.cap", True, "the story")
    assert finding["figures"], "how many there were of how many"


async def test_one_fault_keeps_all_out(house: House) -> None:
    status, told, _ = await house.post("/v1/reminders", [job("good"), job("bad", channels=["fax"])])
    assert status == 422
    assert [(fault["index"], fault["field"]) for fault in told["errors"]] == [(1, "channels[0]")]
    status, _ = await house.get("/v1/reminders/cards/p-good/good")
    assert status == 404


async def test_the_same_request_again_is_answered_the_same_and_does_nothing(house: House) -> None:
    first = await house.post("/v1/reminders", [job("once")], Idempotency_Key="k")
    again = await house.post("/v1/reminders", [job("once")], Idempotency_Key="k")
    assert again[:2] == first[:2]
    assert again[2]["Idempotent-Replayed"] == "true"
    status, _, _ = await house.post("/v1/reminders", [job("other")], Idempotency_Key="k")
    assert status == 422
    status, _, _ = await house.post("/v1/reminders", [job("loan") | {"tenant": "loans"}], "loans", Idempotency_Key="k")
    assert status == 202, "another system's key of the same name is another key"
    await house.world.receipts.ended("once", "loan")
    await house.world.emptied()
    duplicates = [line for line in await _metrics(house) if line.startswith("gateway_duplicates_total{")]
    assert not duplicates, "it was not even enqueued"


async def test_a_refused_request_leaves_its_key_free(house: House) -> None:
    bad = await house.post("/v1/reminders", [job("x", channels=["fax"])], Idempotency_Key="k")
    good = await house.post("/v1/reminders", [job("x")], Idempotency_Key="k")
    assert (bad[0], good[0]) == (422, 202)


async def test_contacts_and_commands_act_as_on_the_streams(house: House) -> None:
    at = "2026-11-20T00:00:00Z"
    stop = {
        "type": "stop",
        "id": "s",
        "tenant": "cards",
        "recipient_id": "p-no",
        "reason": "cease",
        "at": at,
        "by": "x",
    }
    assert (await house.post("/v1/commands", stop))[0] == 202
    await house.world.emptied()
    await house.post("/v1/reminders", job("no"))
    await house.world.receipts.ended("no")
    assert house.world.receipts.statuses("no") == ["suppressed"]
    call = {"id": "c", "tenant": "cards", "recipient_id": "p", "channel": "call", "event": "answered", "at": at}
    assert (await house.post("/v1/contacts", [call]))[0] == 202


async def test_what_is_of_another_house_is_neither_written_nor_read(house: House) -> None:
    await house.post("/v1/reminders", job("secret", person="p"))
    await house.world.receipts.ended("secret")
    assert (await house.get("/v1/reminders/cards/p/secret", "loans"))[0] == 403
    theirs, nobodys = (
        await house.get("/v1/reminders/loans/p/secret", "loans"),
        await house.get("/v1/reminders/loans/p/x", "loans"),
    )
    assert theirs == nobodys, "what is another's is told apart from what is not there"
    assert theirs[0] == 404
    mixed = [job("m1"), job("m2") | {"tenant": "loans"}]
    assert (await house.post("/v1/reminders", mixed))[0] == 403
    pause = {"type": "pause", "id": "p", "at": "2026-11-20T00:00:00Z", "by": "x", "tenant": None}
    assert (await house.post("/v1/commands", pause))[0] == 403, "a pause of every tenant is not one system's to give"
    status, _ = await house.get("/v1/reminders/cards/p-m1/m1")
    assert status == 404


async def test_names_with_any_visible_character_are_found(house: House) -> None:
    odd = job("a/b%2F?#:ü", person="p/1")
    await house.post("/v1/reminders", odd)
    await house.world.receipts.ended("a/b%2F?#:ü")
    status, state = await house.get("/v1/reminders/cards/p%2F1/a%2Fb%252F%3F%23%3A%C3%BC")
    assert (status, state["id"]) == (200, "a/b%2F?#:ü")


async def test_a_store_that_is_away_is_told_and_nothing_is_lost_in_silence(house: House) -> None:
    await house.world.redis.config_set("maxmemory", 1)
    try:
        status, told, _ = await house.post("/v1/reminders", job("full"), Idempotency_Key="k")
    finally:
        await house.world.redis.config_set("maxmemory", 0)
    assert status == 503
    assert json.dumps(told)
    assert (await house.post("/v1/reminders", job("full"), Idempotency_Key="k"))[0] == 202


async def test_a_process_that_only_answers_takes_documents_in_before_anybody_else_has_started(world: World) -> None:
    port = free_port()
    world.configure(web={"port": port}, ledger={"url": f"sqlite:///{world.folder}/ledger.db"})
    process = await start_worker(world.config_file, ("web",))
    try:
        async with aiohttp.ClientSession() as session, asyncio.timeout(15):
            status = 0
            while status != 202:
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.post(f"http://127.0.0.1:{port}/v1/reminders", json=reminder("a")) as answer:
                        status = answer.status
                        assert status in (202, 503)
            async with session.get(f"http://127.0.0.1:{port}/v1/reminders/default/p-a/a") as answer:
                assert (answer.status, (await answer.json())["state"]) == (200, "queued")
    finally:
        await process.kill()
    async with world.worker("worker", "ledger"):
        await world.receipts.ended("a")


async def _metrics(house: House) -> list[str]:
    async with house.session.get(house.base + "/metrics") as answer:
        return (await answer.text()).splitlines()
