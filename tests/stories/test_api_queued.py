"""A job that nobody has looked at yet: told to whose it is by its names, however long the lane, to nobody else."""

import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
from yarl import URL

from gateway.queries.records import LOOK_THROUGH
from tests.stories.test_api import KEYS, SECRET, House, answering, free_port, job
from tests.stories.world import World, reminder, start_worker


@pytest.fixture
async def door(world: World) -> AsyncIterator[House]:
    """A process that only answers: what comes in stays on its lane."""
    port = free_port()
    world.configure(web={"port": port, "keys": KEYS})
    process = await start_worker(world.config_file, ("web",))
    try:
        async with aiohttp.ClientSession() as session:
            await answering(session, port)
            yield House(world, f"http://127.0.0.1:{port}", session)
    finally:
        await process.kill()


async def streamed(door: House, *jobs: dict[str, Any]) -> None:
    """Straight to the lane, as a collection system without HTTP does."""
    for one in jobs:
        await door.world.redis.xadd(door.world.keys.lanes["normal"], {"job": json.dumps(one)})


@pytest.mark.parametrize("by_http", [True, False], ids=["http", "stream"])
async def test_what_waits_on_a_lane_is_told_by_all_its_names_or_not_at_all(door: House, by_http: bool) -> None:
    if by_http:
        assert (await door.post("/v1/reminders", job("secret", person="p")))[0] == 202
    else:
        await streamed(door, job("secret", person="p"))
    status, told = await door.get("/v1/reminders/cards/p/secret")
    assert (status, told["state"], told["final"], told["source"]) == (200, "queued", False, "store")
    nobodys = await door.get("/v1/reminders/loans/p/nobodys", "loans")
    assert nobodys[0] == 404
    assert await door.get("/v1/reminders/loans/p/secret", "loans") == nobodys, "another house's job showed"
    assert (await door.get("/v1/reminders/cards/q/secret"))[0] == 404, "it is another person's"


@pytest.mark.parametrize("name", ["a{b}c", "a/b%2F?#:ü", "..", "%2e%2e", "李雷", "a+b", "'\"<>\\", "*", "x" * 128])
async def test_a_name_of_any_visible_characters_is_found_while_it_waits(door: House, name: str) -> None:
    assert (await door.post("/v1/reminders", job(name, person="p{1}")))[0] == 202
    await streamed(door, job(f"{name[:-1]}~", person="p{1}"))
    for one in (name, f"{name[:-1]}~"):
        path = quote(one, safe="").replace(".", "%2E")
        url = URL(f"{door.base}/v1/reminders/cards/p%7B1%7D/{path}", encoded=True)
        async with door.session.get(url, headers={"Authorization": f"Bearer cards.{SECRET}"}) as answer:
            assert (answer.status, (await answer.json()).get("id")) == (200, one)


async def test_however_long_the_lane_what_came_by_http_is_known(door: House) -> None:
    before = [reminder(f"b{n}", tenant="cards") for n in range(LOOK_THROUGH + 10)]
    pipeline = door.world.redis.pipeline(transaction=False)
    for one in before:
        pipeline.xadd(door.world.keys.lanes["normal"], {"job": json.dumps(one)})
    await pipeline.execute()
    assert (await door.post("/v1/reminders", job("last")))[0] == 202
    status, told = await door.get("/v1/reminders/cards/p-last/last")
    assert (status, told["state"]) == (200, "queued")


async def test_a_store_that_is_away_is_not_told_as_a_job_that_is_not_there(door: House) -> None:
    await door.post("/v1/reminders", job("there"))
    await door.world.redis.set(door.world.keys.job("cards", "p-odd", "odd"), "no record")
    status, told = await door.get("/v1/reminders/cards/p-odd/odd")
    assert status == 503, told
