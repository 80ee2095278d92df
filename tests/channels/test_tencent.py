"""Tencent Cloud SMS: the contract, the published signatures, its codes, receipts and replies."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from channels import catalogue
from channels.contract import (
    Accepted,
    Callback,
    InDoubt,
    Listener,
    Outcome,
    ProviderReceipt,
    Refused,
    Reply,
    Unavailable,
)
from channels.fakes.tencent import FakeTencent
from channels.http import Answer
from channels.sms.tencent import ERROR_CODES, authorization, outcome
from tests.channels.contract import NOW, SECRET, House, Rig, WireContract, dead_port, message, once

WORDS = {
    "refuse": "InvalidParameterValue.IncorrectPhoneNumber", "later": "LimitExceeded.DeliveryFrequencyLimit",
    "unreadable": "garbage",
}  # fmt: skip
TEMPLATE = {"code": "1110", "sign": "示例银行", "text": "{1}, {2} are due."}
WORD = "a-long-secret-word"
PUBLISHED = b'{"Limit": 1, "Filters": [{"Values": ["\\u672a\\u547d\\u540d"], "Name": "instance-name"}]}'


@pytest.fixture
async def fake() -> AsyncIterator[FakeTencent]:
    async with FakeTencent(key=SECRET).serve() as fake:
        yield fake


@pytest.fixture
def rig(fake: FakeTencent) -> Rig:
    return Rig(
        channel="sms",
        settings={"name": "tencent", "kind": "tencent", "secret_id": "ID1", "secret_key": SECRET, "app_id": "1400",
                  "templates": [TEMPLATE], "callback_secret": WORD, "base_url": fake.url},
        message=message,
        play=lambda deed: fake.script.append(WORDS.get(deed, deed)),
        taken=lambda: len(fake.log),
        house=House(),
        stray={"base_url": f"http://127.0.0.1:{dead_port()}"},
    )  # fmt: skip


class TestContract(WireContract):
    pass


@pytest.mark.parametrize(
    ("stars", "signature"),
    [
        ("*******", "2230eefd229f582d8b1b891af7107b91597240707d778ab3738f756258d7652c"),
        ("EXAMPLE", "72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168"),
    ],
)
def test_the_signature_is_that_of_the_published_examples(stars: str, signature: str) -> None:
    """The documentation has shown the example with both endings of the credentials."""
    headers = {"content-type": "application/json; charset=utf-8", "host": "cvm.tencentcloudapi.com"}
    given = authorization(
        "cvm",
        headers,
        PUBLISHED,
        1551113065,
        f"AKIDz8krbsJ5yKBZQpn74WFkmLPx3{stars}",
        f"Gu5t9xGARNpq86cd98joQYCN3{stars}",
    )
    assert given.endswith(f"Signature={signature}")


async def test_a_request_says_by_which_template_what_is_said(rig: Rig, fake: FakeTencent) -> None:
    await once(rig)
    [sent] = fake.log
    assert sent["PhoneNumberSet"] == ["+8613800138000"]
    assert (sent["SignName"], sent["TemplateId"], sent["SmsSdkAppId"]) == ("示例银行", "1110", "1400")
    assert sent["TemplateParamSet"] == ["李雷", "1280.50 CNY"]
    assert sent["SessionContext"] == message().reference


async def test_a_wrong_key_burns_no_reminder(rig: Rig) -> None:
    seen = await once(rig, secret_key="wrong")
    assert isinstance(seen, Unavailable)
    assert "secret_key" in seen.message


def said(code: str, whole: bool = False, now: int = NOW) -> Outcome:
    status = {"SendStatusSet": [{"Code": code}]}
    body = {"Response": {"Error": {"Code": code, "Message": ""}} if whole else status}
    return outcome(Answer(200, {}, json.dumps(body).encode()), now)


@pytest.mark.parametrize("code", sorted(ERROR_CODES))
@pytest.mark.parametrize("whole", [True, False])
def test_every_code_in_the_table_means_what_its_row_says(code: str, whole: bool) -> None:
    named = code.replace("*", "Something")
    seen = said(named, whole)
    assert not isinstance(seen, Accepted)
    assert isinstance(seen, InDoubt) is (ERROR_CODES[code][0] == "doubt")
    assert seen.code == named


@pytest.mark.parametrize(
    "code",
    ["InternalError", "InternalError.Timeout", "InternalError.SendAndRecvFail", "InternalError.UnknownError",
     "InternalError.ParseBackendResponseFail"],
)  # fmt: skip
def test_a_provider_that_lost_the_answer_of_the_carrier_leaves_a_doubt(code: str) -> None:
    """It asked the carrier and did not hear: whoever sends again may send twice."""
    assert isinstance(said(code), InDoubt)
    assert isinstance(said(code, whole=True), InDoubt)


@pytest.mark.parametrize(
    "code",
    ["InternalError.SigVerificationFail", "InternalError.RequestTimeException", "FailedOperation.JsonParseFail",
     "InvalidAction", "IpNotInWhitelist", "LimitExceeded", "ResourceInsufficient", "NoSuchVersion"],
)  # fmt: skip
def test_our_own_set_up_burns_no_reminder(code: str) -> None:
    assert isinstance(said(code), Unavailable)
    assert isinstance(said(code, whole=True), Unavailable)


@pytest.mark.parametrize(
    "code",
    ["InvalidParameterValue.ProhibitedUseUrlInTemplateParameter", "InvalidParameter.DirtyWordFound",
     "UnsupportedOperation.UnsupportedRegion", "SomethingNew"],
)  # fmt: skip
def test_what_no_waiting_mends_is_final_and_no_fault_of_the_number(code: str) -> None:
    seen = said(code)
    assert isinstance(seen, Refused)
    assert (seen.address, seen.opted_out) == (False, False)


@pytest.mark.parametrize("code", ["PhoneNumberDailyLimit", "AppDailyLimit", "PhoneNumberSameContentDailyLimit"])
def test_a_daily_limit_waits_for_midnight_in_china(code: str) -> None:
    noon = 1_795_406_400_000  # 2026-11-23T04:00:00Z, noon in China
    seen = said(f"LimitExceeded.{code}", now=noon)
    assert isinstance(seen, Unavailable)
    assert seen.retry_after == 12 * 3600


def test_a_blacklisted_number_has_opted_out() -> None:
    seen = said("FailedOperation.PhoneNumberInBlacklist")
    assert isinstance(seen, Refused)
    assert (seen.opted_out, seen.address) == (True, False)


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b'{"Response": {}}', b'{"Response": {"SendStatusSet": [{"Code": "Ok"}]}}', b"\xff",
     b'{"Response": {"SendStatusSet": [{"Code": ""}]}}'],
)  # fmt: skip
def test_what_proves_nothing_is_in_doubt(body: bytes) -> None:
    assert isinstance(outcome(Answer(200, {}, body), NOW), InDoubt)


def heard(rig: Rig, body: Any, secret: str | None = WORD) -> Any:
    provider = rig.build()
    assert isinstance(provider, Listener)
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return provider.hear(Callback(url="https://x", reference=secret, headers={}, body=raw, at=NOW))


ROW = {"user_receive_time": "2026-11-23 12:00:03", "nationcode": "86", "mobile": "13800138000",
       "report_status": "SUCCESS", "errmsg": "DELIVRD", "sid": "2640:1"}  # fmt: skip
WRITTEN = {"extend": "1", "mobile": "13800138000", "nationcode": "86", "sign": "x", "text": "TD", "time": 1457336869}


async def test_receipts_name_the_message_by_its_serial_number(rig: Rig) -> None:
    sent = await once(rig)
    assert isinstance(sent, Accepted)
    found = await heard(rig, [ROW | {"sid": sent.message_id}, ROW | {"report_status": "ODD"}])
    assert json.loads(found.answer) == {"result": 0, "errmsg": "OK"}
    first, second = found.reports
    assert isinstance(first, ProviderReceipt)
    assert (first.reference, first.message_id, first.status, first.at) == (
        None, sent.message_id, "delivered", 1_795_406_403_000,
    )  # fmt: skip
    assert second.status == "unknown"
    assert rig.build().facts.by_message_id


@pytest.mark.parametrize(
    ("code", "address", "opted_out"),
    [
        ("MK:0001", True, False),
        ("UNDELIV", False, False),  # an unknown number, or a phone that is switched off: nobody knows which
        ("MI:0013", False, False),
        ("MX:0012", False, True),
        ("A:NEW", False, False),
    ],
)
async def test_a_failed_receipt_says_no_more_than_its_code_does(
    rig: Rig, code: str, address: bool, opted_out: bool
) -> None:
    [told] = (await heard(rig, [ROW | {"report_status": "FAIL", "errmsg": code}])).reports
    assert (told.status, told.code, told.address, told.opted_out) == ("undelivered", code, address, opted_out)


async def test_replies_come_from_a_number_in_e164_at_their_own_time(rig: Rig) -> None:
    [reply] = (await heard(rig, WRITTEN)).reports
    assert isinstance(reply, Reply)
    assert (reply.sender, reply.text, reply.at) == ("+8613800138000", "TD", 1_457_336_869_000)


@pytest.mark.parametrize("time", [None, "soon", -1, 10**18, 1.5])
async def test_a_reply_with_an_odd_time_is_heard_all_the_same(rig: Rig, time: Any) -> None:
    [reply] = (await heard(rig, WRITTEN | {"time": time})).reports
    assert (reply.text, reply.at) == ("TD", NOW)


async def test_two_replies_of_one_second_are_two_and_one_that_comes_again_is_one(rig: Rig) -> None:
    """Replies have no name here, and a house takes each name once: a STOP must not pass for the words before it."""
    first, stop, again = (await heard(rig, [WRITTEN | {"text": "hello"}, WRITTEN, WRITTEN])).reports
    assert first.id != stop.id
    assert stop.id == again.id


async def test_an_element_that_cannot_be_read_takes_none_of_the_others_with_it(rig: Rig) -> None:
    found = await heard(rig, [ROW | {"sid": 7}, 7, {}, {"text": "from nobody"}, WRITTEN, ROW])
    assert [type(report) for report in found.reports] == [Reply, ProviderReceipt]


DEEP = b'[{"x": ' + b"[" * 9000 + b"]" * 9000 + b"}]"


@pytest.mark.parametrize("body", [b"", b"\xff", b"{}", b"7", b"[7]", b'[{"mobile": 7}]', DEEP])
async def test_what_cannot_be_read_reports_nothing(rig: Rig, body: bytes) -> None:
    assert (await heard(rig, body)).reports == ()


@pytest.mark.parametrize("secret", [None, "", "wrong", WORD[:-1]])
async def test_a_callback_without_the_secret_is_not_believed(rig: Rig, secret: str | None) -> None:
    assert await heard(rig, [], secret) is None


def test_without_a_secret_or_an_address_no_receipts_are_waited_for(rig: Rig) -> None:
    settings = {key: value for key, value in rig.settings.items() if key != "callback_secret"}
    assert not catalogue.build("sms", settings, rig.house.lend()).facts.receipts
    rig.house.public_url = None
    assert not rig.build().facts.receipts


def test_parameters_that_are_not_numbered_are_a_fault(rig: Rig) -> None:
    bad = rig.settings | {"templates": [TEMPLATE | {"text": "{1} and {3}"}]}
    [fault] = catalogue.faults("sms", bad)
    assert fault.key == "templates"
