"""SMPP: the contract, texts in their parts, what each status means, receipts that are kept before they are answered."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smpp34 import DeliverSm

from channels import catalogue
from channels.contract import Accepted, InDoubt, ProviderReceipt, Refused, Reply, Unavailable
from channels.fakes.smpp import FakeSmsc
from channels.sms.smpp import STATUSES, outcome
from channels.sms.smpp_pdu import GENERIC_NACK, Answer
from channels.sms.smpp_text import BASIC, ESCAPE, EXTENSION, parts_of, text_of
from gateway.rendering.segments import segments
from tests.channels.contract import NOW, House, Rig, WireContract, dead_port, message, once, soon

WORDS = {"refuse": "0x0B", "later": "0x58", "unreadable": "garbage"}
SECRET8 = "hush-hus"
SUBMIT_RESP = 0x80000004


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
    async def test_no_secret_is_ever_shown(self, rig: Rig) -> None:
        provider = rig.build()
        shown = repr(provider) + repr(vars(provider)) + repr(catalogue.common(rig.settings))
        assert SECRET8 not in shown, "an SMPP password has at most eight characters, so that this is not the common one"


# Texts.

gsm = st.text(st.sampled_from(BASIC.replace(chr(ESCAPE), "") + "".join(EXTENSION)), max_size=500)
anything = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
HARD = "您的账单已逾期abcé Ä\n,.\u0301\u0302\u0654कि्षกำاه한글が\u3099😀👍🏽👨👩👧\u200d❤\ufe0f🇫🇷🇨🇳1\u20e3"
written = st.text(st.sampled_from(HARD), max_size=300)


@given(st.one_of(gsm, anything, written), st.integers(0, 255), st.sampled_from(["gsm7", "latin1", "ucs2"]))
def test_the_parts_say_the_text_and_fit(text: str, number: int, alphabet: Any) -> None:
    cut = parts_of(text, number, alphabet)
    assert "".join(text_of(part, cut.data_coding, cut.headed, alphabet) for part in cut.parts) == text
    most = 140 if cut.data_coding == 8 else 159 if cut.headed else 160
    assert max(map(len, cut.parts)) <= most
    if cut.headed:
        heads = [tuple(part[:6]) for part in cut.parts]
        assert heads == [(5, 0, 3, number, len(cut.parts), n + 1) for n in range(len(cut.parts))]


@given(st.one_of(gsm, written))
def test_the_parts_are_those_that_the_gateway_counts(text: str) -> None:
    cut, counted = parts_of(text, 0), segments(text)
    width = 2 if counted.encoding == "UCS-2" else 1
    sizes = [(len(part) - 6 * cut.headed) // width for part in cut.parts]
    assert (cut.data_coding == 8) == (width == 2)
    assert sizes == counted.units_per_segment


def test_a_default_alphabet_of_latin_1_is_written_so_and_cut_as_it_goes_on_the_air() -> None:
    short = parts_of("für Ünal [1]", 0, "latin1")
    assert (short.data_coding, short.parts) == (0, ("für Ünal [1]".encode("latin-1"),))
    assert [len(part) - 6 for part in parts_of("[" * 80 + "a", 0, "latin1").parts] == [76, 5], (
        "a bracket is two septets"
    )
    assert parts_of("1 €", 0, "latin1").data_coding == 8
    assert parts_of("ç", 0, "latin1").data_coding == 8, "Latin-1 has it, but no SMSC can put it on the air in septets"
    assert parts_of("plain", 0, "ucs2").data_coding == 8


async def test_a_long_text_arrives_whole_and_its_receipt_is_asked_for_once(rig: Rig, fake: FakeSmsc) -> None:
    long = "您的账单已逾期，请尽快还款。😀" * 12
    rig.message = lambda **_: message(text=long)
    seen = await once(rig)
    [sent] = fake.log
    assert sent["text"] == long
    assert isinstance(seen, Accepted)
    assert seen.message_id == f"m_{len(fake.submits)}"
    assert [pdu.registered_delivery for pdu in fake.submits] == [0] * (len(fake.submits) - 1) + [1]
    assert len(fake.submits) == 3
    assert (sent["to"], sent["from"]) == ("8613800138000", "10690")
    assert sent["validity"] == "261118120640000+", "an hour after NOW, in UTC"


async def test_no_receipt_is_asked_for_where_none_is_wanted(rig: Rig, fake: FakeSmsc) -> None:
    assert isinstance(await once(rig, receipts="none"), Accepted)
    assert [pdu.registered_delivery for pdu in fake.submits] == [0]


async def test_a_message_whose_window_is_over_is_not_sent(rig: Rig, fake: FakeSmsc) -> None:
    rig.message = lambda **_: message(expires_at=NOW + 500)
    seen = await once(rig)
    assert isinstance(seen, Unavailable)
    assert seen.code == "too_late"
    assert fake.submits == []


@pytest.mark.parametrize(
    ("sender", "said"),
    [("10690", ("10690", 3, 0)), ("+15005550006", ("15005550006", 1, 1)), ("Example Bk", ("Example Bk", 5, 0))],
)
async def test_the_kind_of_the_sender_follows_from_what_it_is(
    rig: Rig, fake: FakeSmsc, sender: str, said: tuple[str, int, int]
) -> None:
    assert isinstance(await once(rig, **{"from": sender}), Accepted)
    [pdu] = fake.submits
    assert (pdu.source_addr, pdu.source_addr_ton, pdu.source_addr_npi) == said
    assert (pdu.dest_addr_ton, pdu.dest_addr_npi) == (1, 1)


# What answers mean.


@pytest.mark.parametrize(
    ("deeds", "kind"),
    [
        (["0x0B"], Refused),
        (["0x58"], Unavailable),
        (["reset"], InDoubt),
        (["ok", "0x58"], InDoubt),
        (["ok", "0x0B"], InDoubt),
        (["ok", "ok", "reset"], InDoubt),
    ],
)
async def test_a_message_that_was_partly_taken_is_in_doubt(
    rig: Rig, fake: FakeSmsc, deeds: list[str], kind: Any
) -> None:
    rig.message = lambda **_: message(text="长" * 150)
    fake.script.extend(deeds)
    assert isinstance(await once(rig), kind)
    assert len(fake.submits) == len(deeds), "nothing follows the part that was not taken"


@pytest.mark.parametrize("status", sorted(STATUSES))
def test_every_status_in_the_table_is_certain_unless_a_part_was_taken(status: int) -> None:
    assert isinstance(outcome(Answer(SUBMIT_RESP, status), taken=0), Refused | Unavailable)
    assert isinstance(outcome(Answer(SUBMIT_RESP, status), taken=1), InDoubt)


@pytest.mark.parametrize("status", [0x08, 0x45, 0x64, 0xFE, 0xFF, 0x401])
def test_a_status_that_says_nothing_of_the_taking_is_in_doubt(status: int) -> None:
    assert isinstance(outcome(Answer(SUBMIT_RESP, status), taken=0), InDoubt)


def test_no_mistake_of_ours_kills_an_address_or_burns_a_reminder() -> None:
    answers = {status: outcome(Answer(SUBMIT_RESP, status), taken=0) for status in STATUSES}
    refused = {status: seen for status, seen in answers.items() if isinstance(seen, Refused)}
    assert refused.keys() == {0x01, 0x0B}
    assert [status for status, seen in refused.items() if seen.address] == [0x0B]


def test_an_answer_that_is_none_to_a_submit_is_no_acceptance() -> None:
    assert isinstance(outcome(Answer(GENERIC_NACK, 0, "x"), taken=0), InDoubt)
    assert isinstance(outcome(Answer(GENERIC_NACK, 0x03), taken=0), Unavailable)


async def test_the_handbook_of_a_carrier_precedes_the_table(rig: Rig, fake: FakeSmsc) -> None:
    book = {"0x401": "address", "0x45": "later", "0x58": "final"}
    fake.script.extend(["0x401", "0x45", "0x58"])
    provider = rig.build(statuses=book)
    await provider.start()
    first, second, third = [await provider.send(message(), 5) for _ in book]
    await provider.close()
    assert isinstance(first, Refused)
    assert first.address
    assert isinstance(second, Unavailable)
    assert isinstance(third, Refused)
    assert not third.address


# The connection.


async def test_a_wrong_password_burns_no_reminder_and_is_not_tried_without_end(rig: Rig, fake: FakeSmsc) -> None:
    provider = rig.build(password="wrong")
    await provider.start()
    seen = [await provider.send(message(), 5) for _ in range(200)]
    await provider.close()
    assert all(isinstance(one, Unavailable) and "password" in one.message for one in seen)
    assert all(isinstance(one, Unavailable) and one.retry_after for one in seen[1:])
    assert fake.log == []
    assert fake.binds < 10, "an SMSC locks an account that binds again and again"


async def test_an_smsc_that_is_lost_after_every_bind_is_left_in_peace(rig: Rig, fake: FakeSmsc) -> None:
    fake.fickle = True
    provider = rig.build()
    await provider.start()
    seen = [await provider.send(message(), 5) for _ in range(200)]
    await provider.close()
    assert all(isinstance(one, Unavailable | InDoubt) for one in seen)
    assert sum(isinstance(one, Unavailable) for one in seen) > 190
    assert 0 < fake.binds < 10


async def test_it_binds_again_by_itself_after_the_connection_is_lost(rig: Rig, fake: FakeSmsc) -> None:
    provider = rig.build()
    await provider.start()
    await soon(lambda: fake.binds == 1)
    fake.cut()
    await soon(lambda: fake.binds == 2)
    fake.deliver(b"hello")
    await soon(lambda: rig.house.receipts)
    await provider.close()


async def test_an_smsc_that_says_goodbye_is_bound_again(rig: Rig, fake: FakeSmsc) -> None:
    provider = rig.build()
    await provider.start()
    assert isinstance(await provider.send(message(), 5), Accepted)
    fake.leave()
    await soon(lambda: fake.binds == 2)
    assert isinstance(await provider.send(message(), 5), Accepted)
    await provider.close()


async def test_an_smsc_that_hangs_is_noticed_and_bound_again(rig: Rig, fake: FakeSmsc) -> None:
    provider = rig.build(enquire=0.1)
    await provider.start()
    await soon(lambda: fake.binds == 1)
    fake.deaf = True
    await soon(lambda: fake.binds == 2)
    await provider.close()


async def test_it_says_goodbye(rig: Rig, fake: FakeSmsc) -> None:
    assert isinstance(await once(rig), Accepted)
    assert fake.goodbyes == 1


async def test_no_more_wait_for_an_answer_than_the_window_holds(rig: Rig, fake: FakeSmsc) -> None:
    fake.delay = 0.005
    provider = rig.build(window=4)
    await provider.start()
    seen = await asyncio.gather(*(provider.send(message(reference=f"r{n}"), 10) for n in range(60)))
    await provider.close()
    assert len({one.message_id for one in seen if isinstance(one, Accepted)}) == len(fake.log) == 60
    assert fake.binds == 1
    assert fake.most_at_once == 4
    assert catalogue.common(rig.settings | {"window": 4}).concurrency == 4


async def test_who_waits_in_vain_for_room_in_the_window_was_surely_not_sent(rig: Rig, fake: FakeSmsc) -> None:
    provider = rig.build(window=1)
    await provider.start()
    await soon(lambda: fake.binds == 1)
    fake.script.append("hang")
    first = asyncio.ensure_future(provider.send(message(), 1.0))
    await soon(lambda: fake.submits)
    second = await provider.send(message(), 0.2)
    assert isinstance(second, Unavailable)
    assert isinstance(await first, InDoubt)
    await provider.close()
    assert len(fake.submits) == 1


def test_a_file_of_authorities_that_cannot_be_read_is_named(rig: Rig) -> None:
    [fault] = catalogue.faults("sms", rig.settings | {"tls": True, "ca_file": "/nowhere/ca.pem"})
    assert fault.key == "ca_file"
    [fault] = catalogue.faults("sms", rig.settings | {"statuses": {"69": "final"}})
    assert fault.key == "statuses"


async def test_with_tls_no_password_goes_out_in_the_clear(rig: Rig, fake: FakeSmsc) -> None:
    assert isinstance(await once(rig, tls=True), Unavailable)
    assert fake.binds == 0


# What the SMSC tells by itself.


async def test_a_receipt_is_answered_once_it_is_kept_and_comes_again_where_it_is_not(rig: Rig, fake: FakeSmsc) -> None:
    told: list[Any] = []

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
    fake.deliver(b"id:m_1 sub:001 dlvrd:001 stat:DELIVRD err:000", esm_class=4)
    await soon(lambda: fake.acks == [0x64, 0])
    await provider.close()
    assert isinstance(sent, Accepted)
    assert [(one.message_id, one.status, one.reference) for one in told] == [(sent.message_id, "delivered", None)] * 2


async def test_a_receipt_is_not_answered_while_it_is_being_kept(rig: Rig, fake: FakeSmsc) -> None:
    kept = asyncio.Event()

    class Slow(House):
        async def report(self, receipt: Any) -> None:
            await kept.wait()

    rig.house = Slow()
    provider = rig.build()
    await provider.start()
    assert isinstance(await provider.send(rig.message(), 5), Accepted)
    assert isinstance(await provider.send(rig.message(), 5), Accepted), "sends go on meanwhile"
    assert fake.acks == []
    kept.set()
    await soon(lambda: fake.acks == [0, 0])
    await provider.close()


async def test_what_a_person_writes_is_a_reply(rig: Rig, fake: FakeSmsc) -> None:
    provider = rig.build()
    await provider.start()
    await soon(lambda: fake.binds == 1)
    fake.deliver(b"STOP")
    await soon(lambda: fake.acks == [0])
    await provider.close()
    [reply] = rig.house.receipts
    assert isinstance(reply, Reply)
    assert (reply.sender, reply.text) == ("+8613800138000", "STOP")


async def test_what_cannot_be_read_is_answered_and_harms_nothing(rig: Rig, fake: FakeSmsc) -> None:
    provider = rig.build()
    await provider.start()
    await soon(lambda: fake.binds == 1)
    whole = DeliverSm("86138", "10690", b"x" * 40, sequence_number=9).encode()
    fake._writers[0].write((len(whole) - 30).to_bytes(4) + whole[4:-30])
    await soon(lambda: fake.acks == [0x65])
    assert isinstance(await provider.send(message(), 5), Accepted)
    await provider.close()
    assert [type(one) for one in rig.house.receipts] in ([], [ProviderReceipt])
