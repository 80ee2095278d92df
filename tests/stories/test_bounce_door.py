"""The role `bounces` as a process of its own: what it takes in, what it refuses, and what it asks to come again."""

import asyncio
import re
import signal
import smtplib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from channels.fakes.smtp import FakeSmtp
from tests.channels.contract import dead_port
from tests.channels.test_bounces import bounced, complaint
from tests.peers.npm import free_port
from tests.stories.test_bounces import SECRETS, mail, relay
from tests.stories.world import WorkerProcess, World, start_worker


@asynccontextmanager
async def door(world: World, port: int) -> AsyncIterator[WorkerProcess]:
    """`gateway run --role bounces`, once it listens."""
    process = await start_worker(world.config_file, ["bounces"])
    try:
        async with asyncio.timeout(15):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    break
                except ConnectionRefusedError:
                    await asyncio.sleep(0.05)
        writer.close()
        yield process
    finally:
        await process.kill()


async def bring(port: int, address: str, raw: bytes) -> int:
    """Brings one mail as a mail server would; the code of what refused it, or of its end."""

    def talk() -> int:
        with smtplib.SMTP("127.0.0.1", port, timeout=10) as line:
            line.ehlo_or_helo_if_needed()
            line.mail("")
            code, _ = line.rcpt(address)
            return code if code != 250 else line.data(raw)[0]

    return await asyncio.to_thread(talk)


async def test_a_bounce_and_a_complaint_reach_the_worker_and_a_forged_one_does_not(world: World) -> None:
    port = free_port()
    async with FakeSmtp().serve() as smtp:
        entry = relay(smtp.port, bounces="b@bounces.gw.test", dsn=True)
        world.configure({"email": [entry]}, bounces={"port": port, "protocol": "smtp", "secrets": SECRETS})
        async with world.worker(), door(world, port) as process:
            await world.put(
                mail("gone", "gone@example.com"), mail("angry", "angry@example.com"), mail("calm", "li@x.org")
            )
            await world.receipts.until(lambda: len(smtp.log) == 3)
            to = {sent.recipients[0]: sent.sender for sent in smtp.log}
            assert re.fullmatch(r"b\+[0-9a-f]{32}-[a-z2-7]{16}@bounces\.gw\.test", to["li@x.org"])
            forged = to["li@x.org"].replace("@", "a@")
            assert await bring(port, forged, bounced("failed", "5.1.1")) == 550
            assert await bring(port, "b@bounces.gw.test", bounced("failed", "5.1.1")) == 550
            assert await bring(port, to["gone@example.com"].upper(), bounced("failed", "5.1.1")) == 250
            assert await bring(port, to["angry@example.com"], complaint("abuse")) == 250
            await world.receipts.ended("gone", "angry")
            await world.put(mail("gone-again", "gone@example.com"), mail("angry-again", "angry@example.com"))
            await world.receipts.ended("gone-again", "angry-again")
            _, idle = await asyncio.open_connection("127.0.0.1", port)
            assert await process.end() == 0
            idle.close()
    assert world.receipts.last("gone")["status"] == "undelivered"
    assert world.receipts.last("angry")["status"] == "delivered"
    assert world.receipts.statuses("calm") == ["sent"]
    assert [world.receipts.last(name)["status"] for name in ("gone-again", "angry-again")] == [
        "suppressed",
        "suppressed",
    ]
    assert world.receipts.last("angry-again")["reason"]["code"] == "opted_out"
    assert len(smtp.log) == 3
    assert process.noise.read_bytes() == b""


async def test_a_bounce_that_cannot_be_kept_is_asked_to_come_again(world: World) -> None:
    port, own = free_port(), {"protocol": "smtp", "secrets": SECRETS}
    async with FakeSmtp().serve() as smtp:
        listed = {"email": [relay(smtp.port, bounces="b@bounces.gw.test", dsn=True)]}
        world.configure(listed, bounces=own | {"port": port})
        async with world.worker():
            await world.put(mail("gone", "gone@example.com"))
            await world.receipts.until(lambda: len(smtp.log) == 1)
            world.configure(listed, bounces=own | {"port": port}, redis={"url": f"redis://127.0.0.1:{dead_port()}/0"})
            async with door(world, port) as process:
                assert await bring(port, smtp.log[0].sender, bounced("failed", "5.1.1")) == 451
                process.signal(signal.SIGTERM)
            world.configure(listed, bounces=own | {"port": port})
            async with door(world, port):
                assert await bring(port, smtp.log[0].sender, bounced("failed", "5.1.1")) == 250
            await world.receipts.ended("gone")
    assert world.receipts.last("gone")["status"] == "undelivered"
