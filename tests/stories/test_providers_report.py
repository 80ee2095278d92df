"""Each provider's own receipts end the messages that went through it, whatever name it gives them and however early."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from channels.fakes.alibaba import FakeAlibaba
from channels.fakes.ses import TOPIC, FakeSes, post
from channels.fakes.smpp import FakeSmsc
from channels.fakes.tencent import FakeTencent
from tests.stories.test_receipts_come_back import PUBLIC, free_port, web_role
from tests.stories.world import World, reminder

WORD = "a-long-secret-word"
COUNT = 60


def job(number: int) -> dict[str, Any]:
    who = {
        "locale": "zh-CN",
        "time_zone": "Asia/Shanghai",
        "phone": f"+86138{number:08d}",
        "email": f"p{number}@example.com",
    }
    return reminder(f"j{number}", f"p{number}", recipient=who)


async def through(world: World, channel: str, entry: dict[str, Any], heard: Callable[[str], None]) -> None:
    """Sends them all; `heard` is told where callbacks go to."""
    port = free_port()
    world.configure({channel: [entry]}, web={"port": port, "public_url": PUBLIC})
    jobs = [job(number) | {"channels": [channel]} for number in range(COUNT)]
    async with web_role(world, port) as address, world.worker():
        heard(f"{address}/webhooks/{entry['name']}")
        await world.put(*jobs)
        await world.receipts.ended(*[one["id"] for one in jobs], seconds=40)
        await world.receipts.settle(0.3)


@pytest.mark.parametrize("make", [FakeAlibaba, FakeTencent], ids=["by our reference", "by its own number alone"])
async def test_callbacks_of_chinese_providers(world: World, make: Any) -> None:
    fake = make()
    async with fake.serve():
        entry = fake.entry(world.folder) | {"callback_secret": WORD}
        entry["templates"] = [entry["templates"][0] | {"sign": "Example Bank"}]

        def heard(address: str) -> None:
            fake.callback = f"{address}/{WORD}"

        await through(world, "sms", entry, heard)
    assert world.receipts.count()["delivered"] == COUNT
    assert {status for status, _ in fake.answers} == {200}
    assert await world.redis.zcard(world.keys.orphans) == 0


async def test_receipts_on_the_connection_of_an_smsc(world: World) -> None:
    fake = FakeSmsc()
    async with fake.serve():
        fake.receipts = "DELIVRD"
        await through(world, "sms", fake.entry(world.folder), lambda address: None)
    assert world.receipts.count()["delivered"] == COUNT
    assert set(fake.acks) == {0}


async def test_events_of_emails_that_were_bounced_or_complained_of(world: World) -> None:
    fake, tasks = FakeSes(), set()

    class Telling(list[Any]):
        """Posts an event for every email that was taken."""

        where = ""

        def append(self, record: Any) -> None:
            super().append(record)
            number = int(record["to"][1:].partition("@")[0])
            hard = {"bounce": {"bounceType": "Permanent", "bounceSubType": "General", "bouncedRecipients": []}}
            kind, parts = ("Bounce", hard) if number % 3 == 0 else ("Delivery", {})
            notice = fake.notice(fake.event(kind, record["reference"], **parts))
            task = asyncio.get_running_loop().create_task(post(self.where, notice))
            tasks.add(task)

    log = fake.log = Telling()
    async with fake.serve():
        entry = fake.entry(world.folder) | {"topic_arn": TOPIC}

        def heard(address: str) -> None:
            log.where = address

        await through(world, "email", entry, heard)
        assert {await task for task in tasks} == {204}
        async with world.worker():
            await world.put(
                job(0) | {"id": "again-0", "channels": ["email"]}, job(1) | {"id": "again-1", "channels": ["email"]}
            )
            await world.receipts.until(lambda: bool(world.receipts.job("again-0") and world.receipts.job("again-1")))
    assert world.receipts.count()["undelivered"] == COUNT // 3
    assert world.receipts.statuses("again-0") == ["suppressed"]
    assert world.receipts.statuses("again-1") == ["sent"]
