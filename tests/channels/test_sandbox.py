"""The sandbox: every outcome by the last digits of the address, as its README says."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from channels.contract import Accepted, Channel, InDoubt, Message, Outcome, PushTarget, Refused, Unavailable
from channels.sandbox import DIGITS, ending
from tests.channels.contract import ChannelContract, House, Rig, message, soon

README = Path(__file__).parents[2] / "channels" / "README.md"
ADDRESSES: dict[Channel, Any] = {
    "sms": "+86138001380{}",
    "email": "li{}@example.com",
    "push": "token-{}",
    "call": "+86138001380{}",
}


def at(digits: str, channel: Channel = "sms", **changes: Any) -> Message:
    address = ADDRESSES[channel].format(digits)
    return message(channel=channel, to=PushTarget("fcm", address) if channel == "push" else address, **changes)


@pytest.fixture
def rig() -> Rig:
    played = Rig(
        channel="sms",
        settings={"name": "play", "kind": "sandbox", "receipt_ms": 10},
        message=lambda **changes: at("99", **changes),
        play=lambda _: None,
        taken=lambda: len(played.built[-1].messages),
        house=House(),
    )
    return played


class TestContract(ChannelContract):
    pass


async def play(rig: Rig, sent: Message) -> Outcome:
    box = rig.build()
    await box.start()
    outcome = await box.send(sent, 5)
    await asyncio.sleep(0.05)
    await box.close()
    return outcome


@pytest.mark.parametrize("channel", list(ADDRESSES))
@pytest.mark.parametrize(
    ("digits", "kind", "receipt"),
    [
        ("01", Refused, None), ("03", InDoubt, None), ("04", Accepted, "undelivered"), ("05", Accepted, None),
        ("06", Refused, None), ("07", InDoubt, "delivered"), ("08", Unavailable, None), ("99", Accepted, "delivered"),
        ("xy", Accepted, "delivered"),
    ],
)  # fmt: skip
async def test_the_last_digits_decide(rig: Rig, channel: Channel, digits: str, kind: type, receipt: str | None) -> None:
    assert isinstance(await play(rig, at(digits, channel)), kind)
    assert [found.status for found in rig.house.receipts] == ([receipt] if receipt else [])
    assert all(found.reference == message().reference for found in rig.house.receipts)
    assert rig.taken() == (0 if kind in (Refused, Unavailable) else 1)


async def test_the_second_try_of_the_same_job_gets_through(rig: Rig) -> None:
    box = rig.build()
    await box.start()
    assert isinstance(await box.send(at("02"), 5), Unavailable)
    assert isinstance(await box.send(at("02", job_id="another"), 5), Unavailable)
    assert isinstance(await box.send(at("02", reference="b" * 26), 5), Accepted)
    await soon(lambda: rig.house.receipts)
    await box.close()


async def test_a_refusal_says_whose_fault_it_is(rig: Rig) -> None:
    bad, gone = await play(rig, at("01")), await play(rig, at("06"))
    assert isinstance(bad, Refused)
    assert isinstance(gone, Refused)
    assert (bad.address, bad.opted_out, gone.address, gone.opted_out) == (True, False, False, True)


async def test_keeps_the_newest_only(rig: Rig) -> None:
    box = rig.build(keep=2)
    for number in range(3):
        await box.send(at("99", job_id=str(number)), 5)
    assert [kept.job_id for kept in box.messages] == ["1", "2"]  # type: ignore[attr-defined]


async def test_takes_its_time_and_no_more_than_allowed(rig: Rig) -> None:
    assert isinstance(await rig.build(latency_ms=20).send(at("99"), 5), Accepted)
    assert isinstance(await rig.build(latency_ms=5000).send(at("99"), 0.02), InDoubt)


async def test_a_receipt_waits_for_a_house_that_cannot_take_it(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("channels.sandbox.RETRY_REPORT_S", 0.01)
    house = rig.house
    taken, failures = house.report, [ConnectionError("store away"), RuntimeError("odd")]

    async def report(receipt: Any) -> None:
        if failures:
            raise failures.pop()
        await taken(receipt)

    house.report = report  # type: ignore[method-assign]
    box = rig.build()
    await box.start()
    await box.send(at("99"), 5)
    await soon(lambda: house.receipts)
    await box.close()


async def test_no_receipt_where_the_entry_says_none(rig: Rig) -> None:
    box = rig.build(receipts="none")
    await box.start()
    await box.send(at("99"), 5)
    await asyncio.sleep(0.04)
    await box.close()
    assert rig.house.receipts == []


def test_the_table_for_people_lists_the_same_digits() -> None:
    assert re.findall(r"^\| `(\d\d)` ", README.read_text(encoding="utf-8"), re.M) == sorted(DIGITS)


def test_an_ending_is_two_ascii_digits_or_none() -> None:
    assert ending(at("07", "email")) == "07"
    assert ending(message(to="+86٠١")) == ""
    assert ending(message(channel="push", to=PushTarget("webpush", {"endpoint": "https://push.example/04"}))) == "04"
    assert ending(message(channel="push", to=PushTarget("webpush", {}))) == ""
