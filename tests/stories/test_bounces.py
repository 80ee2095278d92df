"""What a real Postfix sends back: each end as the right receipt, and no second word to a dead mailbox."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_string
from email.message import Message
from typing import Any

import aiohttp

from channels.fakes.smtp import FakeSmtp
from tests.peers.npm import free_port
from tests.stories.postfix import postfix
from tests.stories.test_receipts_come_back import free_port as web_port
from tests.stories.test_receipts_come_back import web_role
from tests.stories.world import WorkerProcess, World, reminder, start_worker

SECRETS = ["a secret of sixteen"]


def mail(name: str, address: str) -> dict[str, Any]:
    return reminder(name, channels=["email"], recipient={"email": address})


def relay(port: int, **more: Any) -> dict[str, Any]:
    return {"name": "relay", "kind": "smtp", "host": "127.0.0.1", "port": port, "tls": "none",
            "from": "Example Bank <notice@gw.test>", **more}  # fmt: skip


@asynccontextmanager
async def bounces_role(world: World) -> AsyncIterator[WorkerProcess]:
    """A process that takes bounces in and does nothing else."""
    process = await start_worker(world.config_file, ("bounces",), None)
    try:
        yield process
    finally:
        await process.kill()


async def connected(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    async with asyncio.timeout(15):
        while True:
            try:
                return await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)


async def test_real_bounces_end_as_the_right_receipts_and_a_dead_mailbox_is_not_written_to_again(world: World) -> None:
    port = free_port()
    async with postfix(port) as far:
        bounces = {"host": "127.0.0.1", "port": port, "protocol": "lmtp", "secrets": SECRETS}
        entry = relay(far.port, bounces="b@bounces.gw.test", dsn=True)
        world.configure({"email": [entry]}, bounces=bounces)
        async with world.worker("worker", "bounces"):
            await world.put(mail("good", "li@ok.test"), mail("hard", "gone@hard.test"), mail("soft", "full@soft.test"),
                            mail("content", "wang@content.test"), mail("abroad", "李雷@hard.test"))  # fmt: skip
            await world.receipts.ended("good", "hard", "soft", "content", "abroad", seconds=60)
            await world.put(mail("again", "GONE@hard.test"), mail("later", "full@soft.test"),
                            mail("still", "李雷@hard.test"))  # fmt: skip
            await world.receipts.ended("again", "later", "still", seconds=60)
    names = ("good", "hard", "soft", "content", "abroad", "again", "later", "still")
    ends = {name: world.receipts.last(name) for name in names}
    assert {name: end["status"] for name, end in ends.items()} == {
        "good": "delivered", "hard": "undelivered", "soft": "undelivered", "content": "undelivered",
        "abroad": "undelivered", "again": "suppressed", "later": "undelivered", "still": "suppressed",
    }  # fmt: skip
    codes = [ends[name]["reason"]["provider_code"] for name in ("hard", "soft", "content", "abroad")]
    assert codes == ["5.1.1", "4.7.1", "5.7.1", "5.1.1"]
    assert (ends["again"]["reason"]["code"], ends["again"]["reason"]["provider_code"]) == ("stopped", "5.1.1")
    assert far.asked.count("gone@hard.test") == far.asked.count("李雷@hard.test") == 1
    assert far.inbox == ["li@ok.test"]


async def test_a_bounce_after_the_end_stops_the_mailbox_all_the_same(world: World) -> None:
    """Without reports of delivery a relay's 250 is the end: a later bounce gives no receipt, but is learned from. It
    may come to another process than the one that sends."""
    port = free_port()
    async with postfix(port) as far:
        bounces = {"host": "127.0.0.1", "port": port, "protocol": "lmtp", "secrets": SECRETS}
        world.configure({"email": [relay(far.port, bounces="b@bounces.gw.test")]}, bounces=bounces)
        async with bounces_role(world), world.worker("worker"):
            await world.put(mail("first", "gone@hard.test"))
            await world.receipts.ended("first")
            async with asyncio.timeout(30):
                while not await world.redis.hlen(world.keys.stopped):  # noqa: ASYNC110 - what another process does
                    await asyncio.sleep(0.1)
            await world.put(mail("second", "gone@hard.test"))
            await world.receipts.ended("second")
    assert world.receipts.statuses("first") == ["sent"]
    assert world.receipts.statuses("second") == ["suppressed"]


async def test_a_mail_server_that_stays_connected_does_not_hold_up_a_drain(world: World) -> None:
    port = free_port()
    entry = relay(free_port(), bounces="b@bounces.gw.test")
    world.configure({"email": [entry]}, bounces={"host": "127.0.0.1", "port": port, "secrets": SECRETS})
    async with bounces_role(world) as process:
        reader, writer = await connected(port)
        assert (await reader.readline()).startswith(b"220")
        assert await process.end() == 0
        writer.close()


def read(raw: bytes) -> Message:
    return message_from_string(raw.decode())


async def test_one_click_ends_the_emails_to_an_address_and_a_look_at_the_page_does_not(world: World) -> None:
    port = web_port()
    async with FakeSmtp().serve() as smtp:
        web = {"port": port, "public_url": "https://notify.example.com", "secrets": SECRETS}
        world.configure({"email": [relay(smtp.port)]}, web=web)
        async with web_role(world, port) as address, world.worker():
            await world.put(mail("first", "li@example.com"))
            await world.receipts.ended("first")
            sent = read(smtp.log[0].content)
            assert sent["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
            link = re.sub(r"[<>\s]", "", sent["List-Unsubscribe"]).replace("https://notify.example.com", address)
            async with aiohttp.ClientSession() as session:
                async with session.get(link) as page:
                    assert page.status == 200
                await world.put(mail("second", "li@example.com"))
                await world.receipts.ended("second")
                async with session.post(link, data={"List-Unsubscribe": "One-Click"}) as done:
                    assert done.status == 200
            await world.put(mail("third", "Li@example.com"))
            await world.receipts.ended("third")
    assert [world.receipts.statuses(name) for name in ("first", "second", "third")] == [
        ["sent"],
        ["sent"],
        ["suppressed"],
    ]
    assert world.receipts.last("third")["reason"]["code"] == "opted_out"
    assert len(smtp.log) == 2
