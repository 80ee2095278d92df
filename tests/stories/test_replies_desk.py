"""What people wrote back, on the desk: masked until somebody says why they read it, and marked once looked after."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from channels.contract import Reply
from gateway.domain.clock import SystemClock
from gateway.pipeline.replies import take_reply
from gateway.store.redis import Store
from tests.stories.test_api import answering, free_port
from tests.stories.test_api_views import KEYS, ROLES, SECRET, Desk
from tests.stories.test_ledger import caught_up
from tests.stories.world import World, reminder

PHONE = "+491701234510"
LOST_JOB = "I lost my job last month. Can we talk?"


@pytest.fixture
async def desk(world: World) -> AsyncIterator[Desk]:
    port = free_port()
    ledger = {"url": f"sqlite:///{world.folder}/ledger.db"}
    everything = {**KEYS[0], "id": "all", "roles": [*ROLES], "tenants": ["*"]}
    world.configure(web={"port": port, "keys": [*KEYS, everything]}, ledger=ledger)
    async with world.worker("worker", "web", "ledger"), aiohttp.ClientSession() as session:
        await answering(session, port)
        yield Desk(world, f"http://127.0.0.1:{port}", session)


async def wrote(desk: Desk, *texts: str, sender: str = PHONE) -> None:
    now = SystemClock().now()
    for number, text in enumerate(texts):
        reply = Reply(provider="sandbox", id=f"{sender}-{number}", channel="sms", sender=sender, text=text, at=now)
        await take_reply(Store(desk.world.redis, desk.world.keys, journaled=True), reply, now)
    await caught_up(desk.world)


async def test_a_reply_waits_for_a_person_who_says_why_they_read_it(desk: Desk) -> None:
    await desk.world.put(reminder("a", "ann", tenant="cards", recipient={"phone": PHONE}))
    await desk.world.receipts.ended("a")
    await wrote(desk, LOST_JOB, "STOP")
    await wrote(desk, "who is this?", sender="+491701234599")
    status, seen = await desk.ask("/v1/replies", "compliance")
    assert status == 200
    rows = seen["replies"]
    told = {(row["meaning"], row["recipient_id"]) for row in rows}
    assert told == {("unclear", "ann"), ("stop", "ann")}
    _, every = await desk.ask("/v1/replies", "all")
    [stranger] = [row for row in every["replies"] if row["recipient_id"] is None]
    asked = await desk.ask(f"/v1/replies/{stranger['seq']}/words", "all", {"reason": "who may that be"})
    assert asked == (200, {"sender": "+491701234599", "text": "who is this?"})
    assert LOST_JOB not in str(seen)
    assert PHONE not in str(seen)
    [row] = [row for row in rows if row["recipient_id"] == "ann" and row["meaning"] == "unclear"]
    path = f"/v1/replies/{row['seq']}"
    why = {"reason": "to answer what she wrote"}
    assert (await desk.ask(f"{path}/words", "ops", why))[0] == 403
    assert (await desk.ask(f"{path}/words", "compliance", {"reason": ""}))[0] == 422
    assert await desk.ask(f"{path}/words", "compliance", why) == (200, {"sender": PHONE, "text": LOST_JOB})
    async with desk.session.post(
        f"{desk.base}{path}/settled", json={"reason": "called her, an instalment plan was agreed"},
        headers={"Authorization": f"Bearer ops.{SECRET}"},
    ) as answer:  # fmt: skip
        assert answer.status == 204
    _, seen = await desk.ask("/v1/replies", "ops")
    [row] = [one for one in seen["replies"] if one["seq"] == row["seq"]]
    assert (row["settled"]["by"], row["settled"]["why"]) == ("ops", "called her, an instalment plan was agreed")
    _, acts = await desk.ask("/v1/acts", "auditor")
    assert {"read_reply", "settle_reply"} <= {act["what"] for act in acts["acts"]}
    assert LOST_JOB not in str(acts)
    assert (await desk.ask("/v1/replies/999999/words", "compliance", why))[0] == 404
    assert (await desk.ask("/v1/replies/nothing/words", "compliance", why))[0] == 422
    _, others = await desk.ask("/v1/replies", "loans")
    assert others["replies"] == []
    assert (await desk.ask(f"{path}/settled", "loans", why))[0] == 404


async def test_only_what_waits_is_listed_page_by_page(desk: Desk) -> None:
    """A stop is in force and waits for nobody; a wish to hear from us again lifts nothing, so somebody reads it."""
    await desk.world.put(reminder("a", "ann", tenant="cards", recipient={"phone": PHONE}))
    await desk.world.receipts.ended("a")
    await wrote(desk, *[text for n in range(5) for text in (f"question {n}", "STOP")], "START")

    async def waiting() -> list[int]:
        found, cursor = [], ""
        for _ in range(9):
            status, seen = await desk.ask(f"/v1/replies?waiting=true&limit=2{cursor}", "compliance")
            assert status == 200
            assert len(seen["replies"]) <= 2
            found += seen["replies"]
            if seen["next"] is None:
                break
            cursor = f"&cursor={seen['next']}"
        assert all(one["meaning"] != "stop" and one["settled"] is None for one in found)
        return [one["seq"] for one in found]

    before = await waiting()
    assert len(before) == len(set(before)) == 6
    assert before == sorted(before, reverse=True), "the newest first"
    async with desk.session.post(
        f"{desk.base}/v1/replies/{before[3]}/settled", json={"reason": "answered her by phone"},
        headers={"Authorization": f"Bearer ops.{SECRET}"},
    ) as answer:  # fmt: skip
        assert answer.status == 204
    assert await waiting() == [seq for seq in before if seq != before[3]]
    _, every = await desk.ask("/v1/replies?waiting=false", "compliance")
    assert len(every["replies"]) == 11
    assert (await desk.ask("/v1/replies?waiting=perhaps", "compliance"))[0] == 422
