"""Alibaba Cloud SMS: the contract, the published signature, its codes, receipts and replies."""

import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from channels import catalogue
from channels.contract import (
    Callback,
    Heard,
    InDoubt,
    Inquirer,
    Inquiry,
    Listener,
    Message,
    Outcome,
    ProviderReceipt,
    Refused,
    Reply,
    Unavailable,
)
from channels.fakes.alibaba import FakeAlibaba
from channels.http import Answer
from channels.sms.alibaba import ERROR_CODES, authorization, canonical_query, outcome
from tests.channels.contract import NOW, SECRET, House, Rig, WireContract, dead_port, message, once

WORDS = {"refuse": "isv.MOBILE_NUMBER_ILLEGAL", "later": "isp.SYSTEM_ERROR", "unreadable": "garbage"}
TEMPLATE = {"code": "SMS_1", "sign": "示例银行", "text": "${name}, ${amount} are due."}
WORD = "a-long-secret-word"


@pytest.fixture
async def fake() -> AsyncIterator[FakeAlibaba]:
    async with FakeAlibaba(secret=SECRET).serve() as fake:
        yield fake


@pytest.fixture
def rig(fake: FakeAlibaba) -> Rig:
    return Rig(
        channel="sms",
        settings={"name": "aliyun", "kind": "alibaba", "access_key_id": "AK1", "access_key_secret": SECRET,
                  "templates": [TEMPLATE], "callback_secret": WORD, "base_url": fake.url},
        message=message,
        play=lambda deed: fake.script.append(WORDS.get(deed, deed)),
        taken=lambda: len(fake.log),
        house=House(),
        stray={"base_url": f"http://127.0.0.1:{dead_port()}"},
    )  # fmt: skip


class TestContract(WireContract):
    pass


def test_the_signature_is_that_of_the_published_example() -> None:
    headers = {
        "host": "ecs.cn-shanghai.aliyuncs.com", "x-acs-action": "RunInstances",
        "x-acs-content-sha256": hashlib.sha256(b"").hexdigest(), "x-acs-date": "2023-10-26T10:22:32Z",
        "x-acs-signature-nonce": "3156853299f313e23d1673dc12e1703d", "x-acs-version": "2014-05-26",
    }  # fmt: skip
    query = canonical_query(
        {"RegionId": "cn-shanghai", "ImageId": "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd"}
    )
    given = authorization("POST", "/", query, headers, "YourAccessKeyId", "YourAccessKeySecret")
    assert given.endswith("Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0")


async def test_a_request_says_by_which_template_what_is_said(rig: Rig, fake: FakeAlibaba) -> None:
    await once(rig)
    [sent] = fake.log
    assert (sent["PhoneNumbers"], sent["SignName"], sent["TemplateCode"]) == ("13800138000", "示例银行", "SMS_1")
    assert json.loads(sent["TemplateParam"]) == {"name": "李雷", "amount": "1280.50 CNY"}
    assert sent["OutId"] == message().reference


@pytest.mark.parametrize(
    ("changes", "kind", "code"),
    [
        ({"text": "something else"}, Unavailable, "unregistered_text"),
        ({"to": "+12125550100"}, Refused, "not_domestic"),
    ],
)
async def test_what_cannot_be_said_is_not_sent(
    rig: Rig, fake: FakeAlibaba, changes: dict[str, Any], kind: Any, code: str
) -> None:
    def changed(**_: Any) -> Message:
        return message(**changes)

    rig.message = changed
    seen = await once(rig)
    assert isinstance(seen, kind)
    assert seen.code == code
    assert fake.seen == 0


async def test_a_wrong_secret_burns_no_reminder(rig: Rig) -> None:
    seen = await once(rig, access_key_secret="wrong")
    assert isinstance(seen, Unavailable)
    assert "access_key_secret" in seen.message


def said(code: str, status: int = 200) -> Outcome:
    return outcome(Answer(status, {}, json.dumps({"Code": code}).encode()), NOW)


@pytest.mark.parametrize("code", sorted(ERROR_CODES))
def test_every_code_in_the_table_is_certain(code: str) -> None:
    seen = said(code)
    assert isinstance(seen, Refused | Unavailable)
    assert seen.code == code


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("isv.SOMETHING_NEW", 200, Refused),  # the message's own fault, as its name says
        ("InvalidSomething", 400, Unavailable),  # turned away before the service saw it: ours to mend
        ("isp.GATEWAY_ERROR", 200, InDoubt),  # one part of theirs lost another: nobody knows what was taken
        ("isp.NEW", 200, InDoubt),
        ("NEW", 200, InDoubt),
    ],
)
def test_a_code_that_is_new_is_judged_by_who_spoke(code: str, status: int, kind: type) -> None:
    assert isinstance(said(code, status), kind)


def test_whoever_unsubscribed_at_the_provider_has_opted_out() -> None:
    seen = said("isv.CUSTOMER_REFUSED")
    assert isinstance(seen, Refused)
    assert (seen.opted_out, seen.address) == (True, False)


@pytest.mark.parametrize("code", ["isv.SMS_SIGNATURE_ILLEGAL", "isv.PRODUCT_UNSUBSCRIBE"])
def test_our_own_set_up_burns_no_reminder(code: str) -> None:
    assert isinstance(said(code), Unavailable)


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"Code": "OK"}', b'{"Code": 7}', b"\xff"])
def test_what_proves_nothing_is_in_doubt(body: bytes) -> None:
    assert isinstance(outcome(Answer(200, {}, body), NOW), InDoubt)


def test_a_daily_limit_waits_for_midnight_in_china_and_a_monthly_one_for_the_first() -> None:
    noon = 1_795_406_400_000  # 2026-11-23T04:00:00Z, noon in China
    day = outcome(Answer(200, {}, b'{"Code": "isv.DAY_LIMIT_CONTROL"}'), noon)
    month = outcome(Answer(200, {}, b'{"Code": "isv.MONTH_LIMIT_CONTROL"}'), noon)
    assert isinstance(day, Unavailable)
    assert isinstance(month, Unavailable)
    assert (day.retry_after, month.retry_after) == (12 * 3600, 7.5 * 24 * 3600)


def heard(rig: Rig, body: Any, secret: str | None = WORD) -> Any:
    provider = rig.build()
    assert isinstance(provider, Listener)
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return provider.hear(Callback(url="https://x", reference=secret, headers={}, body=raw, at=NOW))


ROW = {"phone_number": "13800138000", "report_time": "2026-11-23 12:00:03", "success": True, "err_code": "DELIVERED",
       "err_msg": "-", "biz_id": "b1", "out_id": "r1"}  # fmt: skip


async def test_receipts_are_told_by_our_reference_in_chinas_time(rig: Rig) -> None:
    found = await heard(rig, [ROW, ROW | {"success": None, "out_id": "r2"}])
    assert isinstance(found, Heard)
    assert json.loads(found.answer)["code"] == 0
    first, second = found.reports
    assert isinstance(first, ProviderReceipt)
    assert (first.reference, first.status, first.at) == ("r1", "delivered", 1_795_406_403_000)
    assert isinstance(second, ProviderReceipt)
    assert second.status == "unknown"


@pytest.mark.parametrize(
    ("code", "status", "address", "opted_out"),
    [
        ("MK:0001", "undelivered", True, False),
        # Also said of a phone that is switched off or out of reach, which is no reason never to write to it again.
        ("MOBILE_NOT_ON_SERVICE", "undelivered", False, False),
        ("INVALID_NUMBER", "undelivered", False, False),
        ("MOBILE_IN_BLACK", "undelivered", False, True),
        ("USER_REJECT", "undelivered", False, True),
        ("A_NEW_WORD", "undelivered", False, False),
        # No carrier reported: that it did not arrive is not known, so no other channel may follow.
        ("REQUEST_SUCCESS", "sent", False, False),
    ],
)
async def test_a_failed_receipt_says_no_more_than_its_code_does(
    rig: Rig, fake: FakeAlibaba, code: str, status: str, address: bool, opted_out: bool
) -> None:
    [told] = (await heard(rig, [ROW | {"success": False, "err_code": code}])).reports
    assert (told.status, told.code, told.address, told.opted_out) == (status, code, address, opted_out)
    provider = rig.build()
    assert isinstance(provider, Inquirer)
    await provider.start()  # type: ignore[attr-defined]
    await provider.send(rig.message(), 5)  # type: ignore[attr-defined]
    fake.report_code = code
    found = await provider.look_up(Inquiry(reference=message().reference, to="+8613800138000", at=NOW), 5)
    await provider.close()  # type: ignore[attr-defined]
    assert found is not None
    assert (found.status, found.code, found.address, found.opted_out) == (status, code, address, opted_out)


async def test_an_element_that_cannot_be_read_takes_none_of_the_others_with_it(rig: Rig) -> None:
    stop = {"phone_number": "13800138000", "send_time": "2026-11-23 12:00:00", "content": "TD", "sequence_id": "9"}
    found = await heard(rig, [ROW | {"phone_number": 7}, 7, {}, {"content": "from nobody"}, stop, ROW])
    assert [type(report) for report in found.reports] == [Reply, ProviderReceipt]


async def test_replies_come_from_a_number_in_e164(rig: Rig) -> None:
    found = await heard(rig, [{"phone_number": "13800138000", "send_time": "2026-11-23 12:00:00", "content": "退订",
                               "sequence_id": 9}])  # fmt: skip
    [reply] = found.reports
    assert isinstance(reply, Reply)
    assert (reply.sender, reply.text, reply.id) == ("+8613800138000", "退订", "9")


@pytest.mark.parametrize("secret", [None, "", "wrong", WORD + "x", WORD[:-1]])
async def test_a_callback_without_the_secret_is_not_believed(rig: Rig, secret: str | None) -> None:
    assert await heard(rig, [], secret) is None


DEEP = b'[{"x": ' + b"[" * 9000 + b"]" * 9000 + b"}]"


@pytest.mark.parametrize("body", [b"", b"\xff", b"{}", b"7", b"[7]", b'[{"phone_number": 7}]', DEEP])
async def test_what_cannot_be_read_reports_nothing(rig: Rig, body: bytes) -> None:
    assert (await heard(rig, body)).reports == ()


async def test_what_became_of_a_doubtful_message_can_be_asked(rig: Rig, fake: FakeAlibaba) -> None:
    provider = rig.build()
    assert isinstance(provider, Inquirer)
    assert provider.facts.lookup  # type: ignore[attr-defined]
    await provider.start()
    asked = Inquiry(reference=message().reference, to="+8613800138000", at=NOW)
    assert await provider.look_up(asked, 5) is None, "nothing is known of it, which proves nothing"
    fake.script.append("took-reset")
    assert isinstance(await provider.send(rig.message(), 5), InDoubt)
    told = await provider.look_up(asked, 5)
    assert told is not None
    assert (told.reference, told.status, told.at) == (message().reference, "delivered", 1_795_406_403_000)
    assert await provider.look_up(Inquiry(reference="another", to="+8613800138000", at=NOW), 5) is None
    await provider.close()
    assert await provider.look_up(asked, 5) is None


async def test_a_message_is_asked_for_on_the_day_it_had_in_china(rig: Rig) -> None:
    rig.house.time = 1_795_449_600_000  # 2026-11-23T16:00:00Z, midnight in China
    provider = rig.build()
    assert isinstance(provider, Inquirer)
    await provider.start()  # type: ignore[attr-defined]
    await provider.send(rig.message(), 5)  # type: ignore[attr-defined]
    asked = Inquiry(reference=message().reference, to="+8613800138000", at=rig.house.time)
    assert await provider.look_up(asked, 5) is not None
    await provider.close()  # type: ignore[attr-defined]


def test_without_a_secret_no_receipts_are_waited_for(rig: Rig) -> None:
    settings = {key: value for key, value in rig.settings.items() if key != "callback_secret"}
    assert not catalogue.build("sms", settings, rig.house.lend()).facts.receipts
