"""The call channel hands tasks over; the null provider takes everything."""

import asyncio
import json

import pytest

from channels.contract import InDoubt, PushTarget, Refused, Unavailable
from tests.channels.contract import ChannelContract, House, Rig, message, once


@pytest.fixture
def rig() -> Rig:
    house = House()
    return Rig(
        channel="call",
        settings={"name": "agents", "kind": "call"},
        message=lambda **changes: message(**({"channel": "call"} | changes)),
        play=lambda _: None,
        taken=lambda: len(house.calls),
        house=house,
    )


class TestContract(ChannelContract):
    pass


async def test_a_task_is_the_document_of_the_contract(rig: Rig) -> None:
    await once(rig)
    assert json.loads(rig.house.calls[0]) == {
        "job_id": "job-1",
        "tenant": "default",
        "recipient_id": "cust-1",
        "account": "card-1",
        "phone": "+8613800138000",
        "locale": "zh-CN",
        "script": message().text,
        "admitted_at": "2026-11-18T11:06:40.000Z",
        "call_before": "2026-11-18T12:06:40.000Z",
    }


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        (ConnectionRefusedError(), Unavailable),
        (ConnectionResetError(), InDoubt),
        (ConnectionError(), InDoubt),
        (TimeoutError(), InDoubt),
    ],
)
async def test_only_a_refused_connection_is_certain(rig: Rig, trouble: Exception, kind: type) -> None:
    rig.house.trouble = trouble
    assert isinstance(await once(rig), kind)


async def test_a_store_that_hangs_is_in_doubt_in_time(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(_: bytes) -> str:
        await asyncio.Event().wait()
        return ""

    monkeypatch.setattr(rig.house, "hand_over", hang)
    assert isinstance(await once(rig, 0.1), InDoubt)


async def test_a_push_token_cannot_be_called(rig: Rig) -> None:
    rig.message = lambda **_: message(channel="call", to=PushTarget("fcm", "t"))
    seen = await once(rig)
    assert isinstance(seen, Refused)
    assert seen.address
