"""`gateway sandbox-provider`: a stranger's configuration sends to it as to the real thing."""

import asyncio
import signal
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from channels import catalogue
from channels.contract import Accepted, PushTarget
from channels.fakes.http import FakeHouse
from channels.fakes.webpush import FakeWebPush
from gateway.cli.sandbox_provider import kinds
from gateway.config import Config, load
from tests.channels.contract import House, message
from tests.stories.test_receipts_come_back import free_port, web_role
from tests.stories.world import World, reminder

TEXT = (
    "【示例银行】李雷您好，您应于2026年11月20日还款的¥1,280.50已逾期3天，请您尽快安排还款。"
    "如已还款请忽略本条；如有困难或疑问，请致电400-800-0000。拒收请回复T"
)
COMMAND = (str(Path(sys.executable).with_name("gateway")), "sandbox-provider")
ADDRESSES = {"sms": "+8613800138000", "email": "li@example.com", "push": PushTarget("fcm", "dGVzdA")}


async def started(*arguments: str) -> tuple[asyncio.subprocess.Process, str]:
    """The command, and what it printed before it began to serve."""
    process = await asyncio.create_subprocess_exec(*COMMAND, *arguments, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    told = b""
    async with asyncio.timeout(20):
        while b"kind:" not in told or not told.endswith(b"\n"):
            told += await process.stdout.read(4096)
    return process, told.decode()


def test_every_kind_that_sends_over_a_wire_has_one() -> None:
    assert set(kinds()) == set(catalogue.KINDS) - {"call", "sandbox", "null"}


@pytest.mark.parametrize("kind", sorted({"twilio", "alibaba", "tencent", "smpp", "smtp", "ses", "http", "fcm", "apns"}))
async def test_the_entry_that_it_prints_sends_to_it(kind: str, tmp_path: Path) -> None:
    process, told = await started(kind)
    file = tmp_path / "gateway.yaml"
    file.write_text(told)
    try:
        assert isinstance(load(file, {}), Config), load(file, {})
        [(channel, section)] = yaml.safe_load(told)["channels"].items()
        [entry] = section["providers"]
        assert catalogue.faults(channel, entry) == []
        provider = catalogue.build(channel, entry, House().lend())
        await provider.start()
        to: Any = PushTarget("apns", "ab" * 32) if kind == "apns" else ADDRESSES[channel]
        seen = await provider.send(message(channel=channel, to=to, text=TEXT), 10)
        await provider.close()
        assert isinstance(seen, Accepted), seen
        if "/__log" in told:
            async with aiohttp.ClientSession() as session, session.get(told.split()[4]) as log:
                assert message().reference in await log.text()
    finally:
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0


@pytest.mark.parametrize(
    ("kind", "statuses"), [("twilio", "queued,sent,delivered"), ("http", "SENT,DELIVERED")]
)  # fmt: skip
async def test_what_it_reports_twice_and_in_any_order_ends_the_messages(world: World, kind: str, statuses: str) -> None:
    port = free_port()
    public = f"http://127.0.0.1:{port}"
    own = ("--callback-url", f"{public}/webhooks/house") if kind == "http" else ()
    process, told = await started(kind, "--callbacks", statuses, "--callbacks-shuffled", "--seed", "7", *own)
    names = [f"j{number}" for number in range(30)]
    try:
        world.configure(
            {"sms": yaml.safe_load(told)["channels"]["sms"]["providers"]}, web={"port": port, "public_url": public}
        )
        async with web_role(world, port), world.worker():
            await world.put(*(reminder(name) for name in names))
            await world.receipts.ended(*names)
            await world.receipts.settle()
    finally:
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    ends = [[one for one in world.receipts.job(name) if one["final"]] for name in names]
    assert [[one["status"] for one in end] for end in ends] == [["delivered"]] * len(names)


def test_shuffled_reports_come_twice_and_not_as_they_happened() -> None:
    fake = FakeHouse(seed=7)
    assert fake.order("abc") == ["a", "b", "c"]
    fake.shuffled = True
    orders = [fake.order("abc") for _ in range(20)]
    assert all(sorted(order) == list("aabbcc") for order in orders)
    assert len({tuple(order) for order in orders}) > 10


async def test_what_a_person_writes_is_brought_to_the_webhook(world: World) -> None:
    port = free_port()
    public = f"http://127.0.0.1:{port}"
    process, told = await started("twilio")
    try:
        [entry] = yaml.safe_load(told)["channels"]["sms"]["providers"]
        world.configure({"sms": [entry | {"receipts": "none"}]}, web={"port": port, "public_url": public})
        async with web_role(world, port), world.worker(), aiohttp.ClientSession() as session:
            await world.put(reminder("first", "li"))
            await world.receipts.ended("first")
            text = {"from": reminder("x")["recipient"]["phone"], "body": "STOP", "to_url": f"{public}/webhooks/sms"}
            for asked, status in ((text, 204), (text | {"to_url": f"{public}/webhooks/nobody"}, 404)):
                async with session.post(f"{entry['base_url']}/__inbound", json=asked) as answer:
                    assert (await answer.json())["status"] == status
            async with session.post(f"{entry['base_url']}/__inbound", json=["from", "body", "to_url"]) as answer:
                assert answer.status == 400
            await world.put(reminder("second", "li"))
            await world.receipts.ended("second")
    finally:
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    assert world.receipts.last("second")["reason"]["code"] == "opted_out"


async def test_a_browsers_push_service_and_a_share_of_faults() -> None:
    process, told = await started("webpush", "--fault-rate", "1", "--seed", "3")
    process.send_signal(signal.SIGINT)
    assert await process.wait() == 0
    assert (
        catalogue.faults("push", yaml.safe_load(told)["channels"]["push"]["providers"][0])[0].key == "private_key_file"
    )
    assert FakeWebPush(1.0, 3).deed({}) != "ok"


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["nonsense"], "KIND"),
        (["twilio", "--fault-rate", "7"], "--fault-rate"),
        (["twilio", "--port", "65536"], "--port"),
        (["fcm", "--callbacks", "x"], "--callbacks"),
        (["fcm", "--callback-url", "http://127.0.0.1"], "--callback-url"),
        (["twilio", "--callbacks-shuffled"], "--callbacks"),
    ],
)
async def test_wrong_usage_is_one_line(arguments: list[str], word: str) -> None:
    process = await asyncio.create_subprocess_exec(*COMMAND, *arguments, stderr=asyncio.subprocess.PIPE)
    _, said = await process.communicate()
    assert process.returncode == 2
    assert word in said.decode()
    assert len(said.decode().splitlines()) == 1
