"""What an SMSC tells by itself, read from an independent codec's bytes: receipts in every spelling, and replies."""

from typing import Any

import pytest
from smpp34 import DeliverSm, Tlv

from channels.contract import Accepted, ProviderReceipt
from channels.sms.smpp import outcome
from channels.sms.smpp_pdu import Answer, delivered_of
from channels.sms.smpp_report import report_of
from tests.channels.contract import NOW

SUBMIT_RESP = 0x80000004


def told(
    text: bytes, *, ids: Any = "same", esm_class: int = 4, tlvs: dict[int, bytes] | None = None, **more: Any
) -> Any:
    """What is reported of a deliver_sm that an independent codec wrote."""
    optional = [Tlv(tag, value) for tag, value in (tlvs or {}).items()]
    alphabet = more.pop("alphabet", "gsm7")
    pdu = DeliverSm("8613800138000", "10690", text, esm_class=esm_class, tlvs=optional, **more)
    return report_of(delivered_of(pdu.encode()), "smsc", NOW, ids, alphabet)


@pytest.mark.parametrize(
    ("word", "status"),
    [("DELIVRD", "delivered"), ("UNDELIV", "undelivered"), ("EXPIRED", "undelivered"), ("DELETED", "undelivered"),
     ("REJECTD", "undelivered"), ("ACCEPTD", "sent"), ("ENROUTE", "sent"), ("UNKNOWN", "unknown"),
     ("SOMEWORD", "unknown")],
)  # fmt: skip
def test_the_words_of_receipts(word: str, status: str) -> None:
    seen = told(f"id:0A sub:001 dlvrd:000 submit date:2611 done date:2611 stat:{word} err:069 text:x".encode())
    assert isinstance(seen, ProviderReceipt)
    assert (seen.message_id, seen.status) == ("0A", status)
    assert seen.code == ("069" if status == "undelivered" else None)


def test_what_a_receipt_quotes_of_the_message_is_not_believed() -> None:
    seen = told(b"id:7 sub:001 dlvrd:000 stat:UNDELIV err:012 text:Ref id:5 stat:DELIVRD err:000")
    assert (seen.message_id, seen.status, seen.code) == ("7", "undelivered", "012")


@pytest.mark.parametrize("name", ["a_b", "x@y", "$1", "5f0c-11{2}", "[7]"])
def test_the_id_in_a_receipt_is_read_as_ascii_whatever_the_alphabet(name: str) -> None:
    assert told(f"id:{name} stat:DELIVRD".encode()).message_id == name
    assert told(f"id:{name} stat:DELIVRD".encode(), data_coding=8).message_id == name
    assert told(f"id:{name} stat:DELIVRD".encode("utf-16-be"), data_coding=8).message_id == name


def test_receipts_in_optional_parameters() -> None:
    seen = told(b"", tlvs={0x001E: b"255\0", 0x0427: b"\x02"})
    assert (seen.message_id, seen.status) == ("255", "delivered")
    assert told(b"", tlvs={0x0424: b"id:77 stat:UNDELIV err:001"}).message_id == "77"
    odd = told(b"id:1 stat:ZUGESTELLT", tlvs={0x0427: b"\x02"})
    assert odd.status == "delivered"
    plain = told(b"", esm_class=0, tlvs={0x001E: b"9", 0x0427: b"\x05"})
    assert (plain.message_id, plain.status) == ("9", "undelivered"), "a receipt, though esm_class forgets to say so"
    nothing = told(b"no receipt at all")
    assert (nothing.message_id, nothing.status) == (None, "unknown")


def test_a_failed_attempt_is_no_end_as_long_as_the_smsc_goes_on() -> None:
    assert told(b"id:1 stat:UNDELIV err:001", esm_class=0x20).status == "sent"
    assert told(b"id:1 stat:DELIVRD err:000", esm_class=0x20).status == "delivered"


@pytest.mark.parametrize(
    ("ids", "answer", "receipt"), [("hex", "0255", "FF"), ("hex", "255", "00ff"), ("decimal", "00fF", "255")]
)
def test_an_id_in_another_base_is_the_same_one(ids: Any, answer: str, receipt: str) -> None:
    accepted = outcome(Answer(SUBMIT_RESP, 0, answer), taken=0, ids=ids)
    assert isinstance(accepted, Accepted)
    assert told(f"id:{receipt} stat:DELIVRD".encode(), ids=ids).message_id == accepted.message_id
    repeated = told(b"stat:DELIVRD", ids=ids, tlvs={0x001E: answer.encode() + b"\0"})
    assert repeated.message_id == accepted.message_id, "the optional parameter repeats the answer (5.3.2.12)"


def test_an_id_that_is_no_number_stays_as_it_is() -> None:
    assert told(b"id:zz stat:DELIVRD", ids="hex").message_id == "zz"


def test_what_people_write_in_every_alphabet() -> None:
    assert told("退订".encode("utf-16-be"), esm_class=0, data_coding=8).text == "退订"
    assert told(b"\x00\x1b\x65", esm_class=0).text == "@€"
    assert told("Ünal".encode("latin-1"), esm_class=0, alphabet="latin1").text == "Ünal"
    assert told("Ünal".encode("latin-1"), esm_class=0, data_coding=3).text == "Ünal"
    assert told(bytes((5, 0, 3, 1, 2, 1)) + b"STOP", esm_class=0x40).text == "STOP"
    assert told(b"", esm_class=0, tlvs={0x0424: b"STOP"}).text == "STOP"


def test_a_national_number_is_not_taken_for_one_of_another_country() -> None:
    assert told(b"STOP", esm_class=0, source_addr_ton=1).sender == "+8613800138000"
    assert told(b"STOP", esm_class=0, source_addr_ton=2).sender == "8613800138000"


def test_the_same_words_again_are_another_message() -> None:
    first, second = (told(b"STOP", esm_class=0, sequence_number=number) for number in (1, 2))
    assert first.id != second.id
