"""Somebody says stop: from the moment at which whoever brought it is answered, nothing is claimed for that address."""

import asyncio
import json
import random
from typing import Any

import aiohttp
from twilio.request_validator import RequestValidator

from channels.contract import Reply
from channels.fakes.twilio import FakeTwilio
from gateway.domain.clock import format_instant
from gateway.pipeline.files import read_file
from gateway.pipeline.replies import take_reply
from gateway.store.redis import Store
from tests.stories.test_receipts_come_back import PUBLIC, free_port, web_role
from tests.stories.world import ShiftedClock, World, reminder

PHONE = "+491701234500"
ENTRY = {"name": "main", "kind": "twilio", "account_sid": "AC1", "auth_token": "secret", "from": "+15005550006"}
RACES = 10_000


async def say(address: str, text: str, sender: str = PHONE, sid: str = "SM-in-1") -> int:
    """An inbound message as the provider brings it; the status that it is answered with."""
    form = {"MessageSid": sid, "SmsStatus": "received", "From": sender, "To": "+15005550006", "Body": text}
    signature = RequestValidator("secret").compute_signature(f"{PUBLIC}/webhooks/main", form)
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{address}/webhooks/main", data=form, headers={"X-Twilio-Signature": signature}) as answer,
    ):
        return answer.status


async def contacts(world: World, person: str) -> list[Any]:
    found: Any = await world.redis.hgetall(world.keys.person("default", person))
    return list(read_file([part for item in found.items() for part in item]).contacts)


async def replies(world: World) -> list[dict[str, Any]]:
    return [json.loads(fields[b"reply"]) for _, fields in await world.redis.xrange(world.keys.replies)]


async def test_after_a_stop_none_of_five_hundred_jobs_is_claimed(world: World) -> None:
    """Some wait in the schedule, some in the line, some are on the wire; another person's job has the same phone."""
    twilio, port = FakeTwilio(), free_port()
    async with twilio.serve():
        twilio.delay = 0.02
        entry = ENTRY | {"base_url": twilio.url, "receipts": "none", "concurrency": 4}
        world.configure({"sms": [entry]}, web={"port": port, "public_url": PUBLIC})
        async with web_role(world, port) as address, world.worker(), world.worker():
            now = [reminder(f"now-{n}", "li") for n in range(250)]
            soon = format_instant(world.clock.now() + 5_000)
            later = [reminder(f"later-{n}", "li", not_before=soon) for n in range(249)]
            await world.put(*now, *later)
            while len(twilio.log) < 20:  # noqa: ASYNC110 - what other processes do
                await asyncio.sleep(0.01)
            assert await say(address, "Stop please") == 204
            answered = world.clock.now()
            await world.put(reminder("another", "wang"))
            await world.receipts.ended(*[job["id"] for job in (*now, *later)], "another", seconds=60)
            sent = [contact.at for contact in await contacts(world, "li") if contact.direction == "outbound"]
            assert max(sent) <= answered
            assert 20 <= len(sent) == len(twilio.log) < 250
            ends = world.receipts.count()
            assert ends["suppressed"] == 500 - len(sent)
            assert {r["reason"]["code"] for r in world.receipts.all if r["status"] == "suppressed"} == {"opted_out"}
            [read] = await replies(world)
            assert (read["recipient_id"], read["meaning"], read["text"]) == ("li", "stop", "Stop please")
            heard = [contact for contact in await contacts(world, "li") if contact.direction == "inbound"]
            assert len(heard) == 1

            # Said again, by START, by another: nothing is lifted but by an officer's word.
            assert await say(address, "Stop please") == 204
            assert await say(address, "START", sid="SM-in-2") == 204
            await world.put(reminder("after", "li"))
            await world.receipts.ended("after")
            assert world.receipts.statuses("after") == ["suppressed"]
            assert [one["meaning"] for one in await replies(world)] == ["stop", "opt_in"]
            await world.command("resume", recipient_id="li", reason="opted_out", address=PHONE)
            await asyncio.sleep(1)
            await world.put(reminder("lifted", "li"))
            await world.receipts.ended("lifted")
            assert world.receipts.statuses("lifted") == ["sent"]


async def test_what_is_not_a_stop_goes_to_a_person_and_stops_nothing(world: World) -> None:
    twilio, port = FakeTwilio(), free_port()
    async with twilio.serve():
        entry = ENTRY | {"base_url": twilio.url, "receipts": "none"}
        world.configure({"sms": [entry]}, web={"port": port, "public_url": PUBLIC})
        async with web_role(world, port) as address, world.worker():
            await world.put(reminder("first", "li", account="card-1"))
            await world.receipts.ended("first")
            assert await say(address, "I have paid already", sid="a") == 204
            assert await say(address, "Who are you?", sender="+4930123456", sid="b") == 204
            await world.put(reminder("second", "li"))
            await world.receipts.ended("second")
    assert world.receipts.statuses("second") == ["sent"]
    known, unknown = await replies(world)
    assert (known["account"], known["job_id"], known["meaning"]) == ("card-1", "first", "unclear")
    assert (unknown["recipient_id"], unknown["address"]) == (None, "+4930123456")


async def test_a_refusal_because_of_a_stop_that_the_provider_took_stops_the_address(world: World) -> None:
    twilio = FakeTwilio()
    async with twilio.serve():
        world.configure({"sms": [ENTRY | {"base_url": twilio.url, "receipts": "none"}]})
        async with world.worker():
            twilio.script.append("21610")
            await world.put(reminder("first", "li"))
            await world.receipts.ended("first")
            await world.put(reminder("second", "li"), reminder("third", "wang"))
            await world.receipts.ended("second", "third")
    assert world.receipts.statuses("first") == ["failed"]
    assert [world.receipts.last(name)["reason"]["code"] for name in ("second", "third")] == ["opted_out"] * 2
    assert twilio.log == []


async def test_a_stop_holds_at_once_also_for_a_worker_whose_clock_is_behind(world: World) -> None:
    world.configure({"sms": [{"name": "null", "kind": "null"}]})
    store = Store(world.redis, world.keys)
    reply = Reply(provider="x", id="1", channel="sms", sender=PHONE, text="STOP", at=world.clock.now())
    await take_reply(store, reply, world.clock.now())
    async with world.inside(ShiftedClock(-60_000)):
        await world.put(reminder("a", "li"))
        await world.receipts.ended("a")
    assert world.receipts.statuses("a") == ["suppressed"]


async def test_ten_thousand_races_between_a_stop_and_a_claim(world: World) -> None:
    """Workers go through the jobs while persons say stop, at moments drawn by lot; who was claimed by then stays the
    same for ever."""
    world.configure({"sms": [{"name": "null", "kind": "null", "concurrency": 64}]})
    lots = random.Random(4)
    phones = [f"+49171{n:07d}" for n in range(RACES)]
    jobs = [
        reminder(f"j{n}-{turn}", f"p{n}", recipient={"phone": phone})
        for turn in range(2)
        for n, phone in enumerate(phones)
    ]
    answered: dict[int, int] = {}
    """by person, the messages claimed when the stop was answered"""
    store = Store(world.redis, world.keys)
    async with world.worker():  # a process of its own: on one loop nothing would come between two of its steps

        async def stop(persons: list[int]) -> None:
            for n in persons:
                reply = Reply(
                    provider="x", id=str(n), channel="sms", sender=phones[n], text="STOP", at=world.clock.now()
                )
                assert await take_reply(store, reply, world.clock.now()) == "stop"
                answered[n] = await claimed(world, f"p{n}")
                await asyncio.sleep(0)

        order = list(range(RACES))
        lots.shuffle(order)
        feeding = asyncio.create_task(feed(world, jobs))
        await asyncio.gather(*(stop(order[lane::4]) for lane in range(4)), feeding)
        await world.emptied(120)
    assert [n for n in range(RACES) if await claimed(world, f"p{n}") != answered[n]] == []
    assert RACES / 20 < sum(answered.values()) < RACES * 2 * 19 / 20, "one side was always first, so nothing raced"


async def claimed(world: World, person: str) -> int:
    return len([contact for contact in await contacts(world, person) if contact.direction == "outbound"])


async def feed(world: World, jobs: list[dict[str, Any]]) -> None:
    for first in range(0, len(jobs), 500):
        await world.put(*jobs[first : first + 500])
        await asyncio.sleep(0.05)
