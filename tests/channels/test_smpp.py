"""SMPP: the contract, texts in their parts, what each status means, receipts that are kept before they are answered."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smpp34 import DeliverSm, Tlv

from channels.contract import Accepted, InDoubt, ProviderReceipt, Refused, Reply, Unavailable
from channels.fakes.smpp import FakeSmsc
from channels.sms.smpp import STATUSES, outcome, report_of
from channels.sms.smpp_session import Pdu
from channels.sms.smpp_text import BASIC, ESCAPE, EXTENSION, parts_of, text_of
from gateway.rendering.segments import segments
from tests.channels.contract import NOW, House, Rig, WireContract, dead_port, message, once, soon

WORDS = {"refuse": "0x0B", "later": "0x58", "unreadable": "garbage"}
SECRET8 = "hush-hus"


@pytest.fixture
async def fake() -> AsyncIterator[FakeSmsc]:
    async with FakeSmsc(password=SECRET8).serve() as fake:
        yield fake


@pytest.fixture
def rig(fake: FakeSmsc) -> Rig:
    return Rig(
        channel="sms",
        settings={"name": "smsc", "kind": "smpp", "host": "127.0.0.1", "port": fake.port, "system_id": "bank",
                  "password": SECRET8, "from": "10690", "window": 64},
        message=message,
        play=lambda deed: fake.script.append(WORDS.get(deed, deed)),
        taken=lambda: len(fake.log),
        house=House(),
        stray={"port": dead_port()},
    )  # fmt: skip


class TestContract(WireContract):
    pass


gsm = st.text(st.sampled_from(BASIC.replace(chr(ESCAPE), "") + "".join(EXTENSION)), max_size=500)


@given(st.one_of(gsm, st.text(st.characters(exclude_categories=["Cs"]), max_size=300)), st.integers(0, 255))
def test_the_parts_say_the_text_and_fit(text: str, number: int) -> None:
    cut = parts_of(text, number)
    many = len(cut.parts) > 1
    assert "".join(text_of(part, cut.data_coding, many) for part in cut.parts) == text
    assert all(len(part) <= (159 if cut.data_coding == 0 else 140) for part in cut.parts) or not many
    assert len(cut.parts[0]) <= 160


@given(gsm)
def test_there_are_as_many_parts_as_the_gateway_counts(text: str) -> None:
    assert len(parts_of(text, 0).parts) == segments(text).segments


async def test_a_long_text_arrives_whole_and_its_receipt_is_asked_for_once(rig: Rig, fake: FakeSmsc) -> None:
    long = "您的账单已逾期，请尽快还款。😀" * 12
    rig.message = lambda **_: message(text=long)
    seen = await once(rig)
    [sent] = fake.log
    assert sent["text"] == long
    assert isinstance(seen, Accepted)
    assert seen.message_id == f"m{len(fake.submits)}"
    assert [pdu.registered_delivery for pdu in fake.submits] == [0] * (len(fake.submits) - 1) + [1]
    assert len(fake.submits) == 3
    assert (sent["to"], sent["from"]) == ("8613800138000", "10690")
    assert sent["validity"].endswith("000+")


@pytest.mark.parametrize(
    ("deeds", "kind"), [(["0x0B"], Refused), (["ok", "0x58"], InDoubt), (["ok", "ok", "reset"], InDoubt)]
)
async def test_a_message_that_was_partly_taken_is_in_doubt(
    rig: Rig, fake: FakeSmsc, deeds: list[str], kind: Any
) -> None:
    rig.message = lambda **_: message(text="长" * 150)
    fake.script.extend(deeds)
    assert isinstance(await once(rig), kind)


@pytest.mark.parametrize("status", sorted(STATUSES))
def test_every_status_in_the_table_is_certain_and_no_other_is(status: int) -> None:
    assert isinstance(outcome(Pdu(0x80000004, status, b""), taken=0), Refused | Unavailable)
    assert isinstance(outcome(Pdu(0x80000004, status, b""), taken=1), InDoubt)
    assert isinstance(outcome(Pdu(0x80000004, 0x08, b""), taken=0), InDoubt), "a system error may come after the taking"
    assert isinstance(outcome(Pdu(0x80000004, 0x45, b""), taken=0), InDoubt)


async def test_a_wrong_password_burns_no_reminder(rig: Rig, fake: FakeSmsc) -> None:
    seen = await once(rig, password="wrong")
    assert isinstance(seen, Unavailable)
    assert "password" in seen.message
    assert fake.log == []


async def test_a_receipt_is_answered_once_it_is_kept_and_comes_again_where_it_is_not(rig: Rig, fake: FakeSmsc) -> None:
    told: list[Any] = []
    fake.receipts = "DELIVRD"

    class Shaky(House):
        async def report(self, receipt: Any) -> None:
            told.append(receipt)
            if len(told) == 1:
                raise ConnectionError

    rig.house = Shaky()
    provider = rig.build()
    await provider.start()
    sent = await provider.send(rig.message(), 5)
    await soon(lambda: fake.acks == [0x64])
    await fake.deliver(b"id:m1 sub:001 dlvrd:001 stat:DELIVRD err:000", esm_class=4)
    await soon(lambda: fake.acks == [0x64, 0])
    await provider.close()
    assert isinstance(sent, Accepted)
    assert [(one.message_id, one.status, one.reference) for one in told] == [(sent.message_id, "delivered", None)] * 2


async def test_what_a_person_writes_is_a_reply(rig: Rig, fake: FakeSmsc) -> None:
    provider = rig.build()
    await provider.start()
    await soon(lambda: fake.binds == 1)
    await fake.deliver(b"STOP")
    await soon(lambda: rig.house.receipts)
    await provider.close()
    [reply] = rig.house.receipts
    assert isinstance(reply, Reply)
    assert (reply.sender, reply.text) == ("+8613800138000", "STOP")


async def test_it_binds_again_by_itself_after_the_connection_is_lost(rig: Rig, fake: FakeSmsc) -> None:
    provider = rig.build()
    await provider.start()
    await soon(lambda: fake.binds == 1)
    fake.cut()
    await soon(lambda: fake.binds == 2)
    await fake.deliver(b"hello")
    await soon(lambda: rig.house.receipts)
    await provider.close()


async def test_many_share_the_window(rig: Rig, fake: FakeSmsc) -> None:
    fake.delay = 0.002
    provider = rig.build(window=4)
    await provider.start()
    seen = await asyncio.gather(*(provider.send(message(reference=f"r{n}"), 10) for n in range(60)))
    await provider.close()
    assert len({one.message_id for one in seen if isinstance(one, Accepted)}) == len(fake.log) == 60
    assert fake.binds == 1


def receipt(text: bytes, tlvs: list[Tlv] | None = None, ids: Any = "same") -> Any:
    pdu = DeliverSm("8613800138000", "10690", text, esm_class=4, tlvs=tlvs or [])
    return report_of(pdu, "smsc", NOW, ids)


@pytest.mark.parametrize(
    ("word", "status"),
    [("DELIVRD", "delivered"), ("UNDELIV", "undelivered"), ("EXPIRED", "undelivered"), ("REJECTD", "undelivered"),
     ("ACCEPTD", "sent"), ("ENROUTE", "sent"), ("UNKNOWN", "unknown"), ("SOMEWORD", "unknown")],
)  # fmt: skip
def test_the_words_of_receipts(word: str, status: str) -> None:
    told = receipt(f"id:0A sub:001 dlvrd:000 submit date:2611 done date:2611 stat:{word} err:069 text:x".encode())
    assert isinstance(told, ProviderReceipt)
    assert (told.message_id, told.status) == ("0A", status)
    assert told.code == ("069" if status == "undelivered" else None)


def test_receipts_in_optional_parameters_and_in_another_base() -> None:
    told = receipt(b"", [Tlv(0x001E, b"255\0"), Tlv(0x0427, b"\x02")])
    assert (told.message_id, told.status) == ("255", "delivered")
    assert receipt(b"id:FF stat:DELIVRD", ids="hex").message_id == "255"
    assert receipt(b"id:255 stat:DELIVRD", ids="decimal").message_id == "FF"
    assert receipt(b"id:zz stat:DELIVRD", ids="hex").message_id == "zz"
    assert receipt(b"no receipt at all").status == "unknown"
