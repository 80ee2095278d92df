"""Tencent Cloud SMS: the contract, the published signatures, its codes, receipts and replies."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from channels import catalogue
from channels.contract import Accepted, Callback, InDoubt, Listener, ProviderReceipt, Refused, Reply, Unavailable
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


@pytest.mark.parametrize("code", sorted(ERROR_CODES))
@pytest.mark.parametrize("whole", [True, False])
def test_every_code_in_the_table_is_certain(code: str, whole: bool) -> None:
    code = code.replace("*", "Something")
    status = {"SendStatusSet": [{"Code": code}]}
    body = {"Response": {"Error": {"Code": code, "Message": ""}} if whole else status}
    seen = outcome(Answer(200, {}, json.dumps(body).encode()))
    assert isinstance(seen, Refused | Unavailable)
    assert seen.code == code


def test_a_blacklisted_number_has_opted_out() -> None:
    body = {"Response": {"SendStatusSet": [{"Code": "FailedOperation.PhoneNumberInBlacklist"}]}}
    seen = outcome(Answer(200, {}, json.dumps(body).encode()))
    assert isinstance(seen, Refused)
    assert (seen.opted_out, seen.address) == (True, False)


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b'{"Response": {}}', b'{"Response": {"SendStatusSet": [{"Code": "Ok"}]}}', b"\xff",
     b'{"Response": {"SendStatusSet": [{"Code": ""}]}}'],
)  # fmt: skip
def test_what_proves_nothing_is_in_doubt(body: bytes) -> None:
    assert isinstance(outcome(Answer(200, {}, body)), InDoubt)


def heard(rig: Rig, body: Any, secret: str | None = WORD) -> Any:
    provider = rig.build()
    assert isinstance(provider, Listener)
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return provider.hear(Callback(url="https://x", reference=secret, headers={}, body=raw, at=NOW))


async def test_receipts_name_the_message_by_its_serial_number(rig: Rig, fake: FakeTencent) -> None:
    sent = await once(rig)
    assert isinstance(sent, Accepted)
    row = {"user_receive_time": "2026-11-23 12:00:03", "nationcode": "86", "mobile": "13800138000",
           "report_status": "SUCCESS", "errmsg": "DELIVRD", "sid": sent.message_id}  # fmt: skip
    found = await heard(
        rig, [row, row | {"report_status": "FAIL", "errmsg": "MK:0001"}, row | {"report_status": "ODD"}]
    )
    assert json.loads(found.answer) == {"result": 0, "errmsg": "OK"}
    first, second, third = found.reports
    assert isinstance(first, ProviderReceipt)
    assert (first.reference, first.message_id, first.status, first.at) == (
        None, sent.message_id, "delivered", 1_795_406_403_000,
    )  # fmt: skip
    assert (second.status, second.address, third.status) == ("undelivered", True, "unknown")
    assert rig.build().facts.by_message_id


async def test_replies_come_from_a_number_in_e164(rig: Rig) -> None:
    row = {"extend": "1", "mobile": "13800138000", "nationcode": "86", "sign": "x", "text": "TD", "time": 1457336869}
    [reply] = (await heard(rig, row)).reports
    assert isinstance(reply, Reply)
    assert (reply.sender, reply.text) == ("+8613800138000", "TD")


@pytest.mark.parametrize("secret", [None, "", "wrong", WORD[:-1]])
async def test_a_callback_without_the_secret_is_not_believed(rig: Rig, secret: str | None) -> None:
    assert await heard(rig, [], secret) is None


def test_parameters_that_are_not_numbered_are_a_fault(rig: Rig) -> None:
    bad = rig.settings | {"templates": [TEMPLATE | {"text": "{1} and {3}"}]}
    [fault] = catalogue.faults("sms", bad)
    assert fault.key == "templates"
