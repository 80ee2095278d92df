"""What Twilio reports comes back as receipts: through the door of another process, before the answer, twice, forged."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from channels.fakes.twilio import FakeTwilio
from tests.stories.world import World, reminder

PUBLIC = "https://notify.example.com"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def web_role(world: World, port: int) -> AsyncIterator[str]:
    """`gateway run --role web` as a process of its own, ready; its address."""
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("gateway"), "run", "--config", str(world.config_file), "--role", "web"
    )
    address = f"http://127.0.0.1:{port}"
    try:
        async with asyncio.timeout(15), aiohttp.ClientSession() as session:
            while True:
                try:
                    async with session.get(f"{address}/readyz") as answer:
                        if answer.status == 200:
                            break
                except aiohttp.ClientConnectionError:
                    pass
                await asyncio.sleep(0.05)
        yield address
    finally:
        process.terminate()
        await process.wait()


async def test_a_message_is_delivered_when_twilio_says_so_and_goes_on_when_it_says_that_it_was_not(
    world: World,
) -> None:
    twilio, port = FakeTwilio(), free_port()
    async with twilio.serve():
        entry = {"name": "main", "kind": "twilio", "account_sid": "AC1", "auth_token": "secret",
                 "from": "+15005550006", "base_url": twilio.url}  # fmt: skip
        box = {"name": "box", "kind": "sandbox", "receipt_ms": 20}
        world.configure({"sms": [entry], "email": [box]}, web={"port": port, "public_url": PUBLIC})
        async with web_role(world, port) as address, world.worker():
            twilio.callback_base = (PUBLIC, address)
            twilio.callback_delay = 0.3  # a report may overtake the answer to the send; that is another story
            twilio.callbacks = ("sent", "delivered", "delivered")
            await world.put(*[reminder(f"good-{n}") for n in range(20)])
            await world.receipts.until(lambda: world.receipts.count()["delivered"] == 20)
            assert all(world.receipts.statuses(f"good-{n}") == ["sent", "delivered"] for n in range(20))
            twilio.callbacks = ("undelivered",)
            await world.put(reminder("bad", channels=["sms", "email"], recipient={"email": "alex@example.com"}))
            await world.receipts.ended("bad")
            told = [(one["status"], one["channel"], one["final"]) for one in world.receipts.job("bad")]
            assert told == [
                ("sent", "sms", False), ("undelivered", "sms", False), ("sent", "email", False),
                ("delivered", "email", True),
            ]  # fmt: skip
        assert {status for *_, status in twilio.reports} == {204}


async def test_a_receipt_that_comes_instead_of_the_answer_lifts_the_doubt(world: World) -> None:
    twilio, port = FakeTwilio(), free_port()
    async with twilio.serve():
        entry = {"name": "main", "kind": "twilio", "account_sid": "AC1", "auth_token": "secret",
                 "from": "+15005550006", "base_url": twilio.url}  # fmt: skip
        world.configure({"sms": [entry]}, web={"port": port, "public_url": PUBLIC})
        async with web_role(world, port) as address, world.worker():
            twilio.callback_base = (PUBLIC, address)
            twilio.callbacks, twilio.callback_delay = ("delivered",), 0.5
            twilio.script.append("took-reset")
            await world.put(reminder("lost"))
            await world.receipts.until(lambda: world.receipts.statuses("lost") == ["in_doubt", "delivered"])
    assert len(twilio.log) == 1
