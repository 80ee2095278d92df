"""Twilio: the contract, its codes, what a request says, and its callbacks."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from multidict import MultiDict
from twilio.request_validator import RequestValidator

from channels import catalogue
from channels.contract import Accepted, InDoubt, PushTarget, Refused, Unavailable
from channels.fakes.twilio import FakeTwilio
from channels.http import Answer
from channels.sms.twilio import DELIVERY_CODES, ERROR_CODES, MOST_VALIDITY_S, Twilio, outcome
from tests.channels.contract import NOW, SECRET, House, Rig, WireContract, dead_port, message, once, soon

WORDS = {"refuse": "21211", "later": "429", "unreadable": "garbage"}


@pytest.fixture
async def fake() -> AsyncIterator[FakeTwilio]:
    async with FakeTwilio(token=SECRET).serve() as fake:
        yield fake


@pytest.fixture
async def rig(fake: FakeTwilio) -> Rig:
    settings = {
        "name": "twilio-main", "kind": "twilio", "account_sid": "AC1", "auth_token": SECRET, "from": "+15005550006",
        "base_url": fake.url,
    }  # fmt: skip
    return Rig(
        channel="sms",
        settings=settings,
        message=message,
        play=lambda deed: fake.script.append(WORDS.get(deed, deed)),
        taken=lambda: len(fake.log),
        house=House(),
        stray={"base_url": f"http://127.0.0.1:{dead_port()}"},
    )


class TestContract(WireContract):
    pass


async def test_a_request_names_sender_window_and_its_own_callback(rig: Rig, fake: FakeTwilio) -> None:
    await once(rig)
    sent = fake.log[0]
    assert (sent["To"], sent["From"], sent["Body"]) == ("+8613800138000", "+15005550006", message().text)
    assert sent["StatusCallback"] == "https://notify.example.com/webhooks/twilio-main/abcdefghijklmnopqrstuvwxyz"
    assert sent["ValidityPeriod"] == "3600"
    assert "MessagingServiceSid" not in sent


async def test_a_messaging_service_may_stand_for_a_number(rig: Rig, fake: FakeTwilio) -> None:
    del rig.settings["from"]
    assert [fault.key for fault in catalogue.faults("sms", rig.settings)] == ["from"]
    await once(rig, messaging_service_sid="MG1")
    assert fake.log[0]["MessagingServiceSid"] == "MG1"


@pytest.mark.parametrize(("left_ms", "validity"), [(6_000, 6), (6_999, 6), (10**9, MOST_VALIDITY_S)])
async def test_the_validity_is_what_is_left_of_the_window(
    rig: Rig, fake: FakeTwilio, left_ms: int, validity: int
) -> None:
    rig.message = lambda **_: message(expires_at=NOW + left_ms)
    await once(rig)
    assert fake.log[0]["ValidityPeriod"] == str(validity)


async def test_a_window_about_to_close_sends_nothing(rig: Rig, fake: FakeTwilio) -> None:
    rig.message = lambda **_: message(expires_at=NOW + 5_999)
    assert isinstance(await once(rig), Unavailable)
    assert fake.seen == 0


async def test_without_a_public_url_no_callback_is_asked_for_or_waited_for(rig: Rig, fake: FakeTwilio) -> None:
    rig.house.public_url = None
    assert isinstance(await once(rig), Accepted)
    assert "StatusCallback" not in fake.log[0]
    assert not rig.build().facts.receipts


async def test_a_push_token_is_no_phone_number(rig: Rig) -> None:
    rig.message = lambda **_: message(to=PushTarget("fcm", "t"))
    assert (await once(rig)) == Refused("no_number", "a text message needs a phone number", address=True)


async def test_come_back_later_says_when(rig: Rig, fake: FakeTwilio) -> None:
    for deed, header, wait in (("429", "7", 7.0), ("503", None, None)):
        fake.script.append(deed)
        fake.retry_after = header
        seen = await once(rig)
        assert isinstance(seen, Unavailable)
        assert seen.retry_after == wait


@pytest.mark.parametrize("deed", ["301", "500", "502", "504", "half", "not-http"])
async def test_answers_that_prove_nothing_are_in_doubt(rig: Rig, fake: FakeTwilio, deed: str) -> None:
    fake.script.append(deed)
    assert isinstance(await once(rig), InDoubt)
    assert fake.seen == 1, "a redirect was followed or the request repeated"


async def test_a_wrong_credential_burns_no_reminder(rig: Rig) -> None:
    seen = await once(rig, auth_token="wrong")
    assert isinstance(seen, Unavailable)
    assert "auth_token" in seen.message


@pytest.mark.parametrize("code", sorted(ERROR_CODES))
def test_every_code_in_the_table_is_certain(code: int) -> None:
    seen = outcome(Answer(400, {}, b'{"code": %d, "message": "x", "status": 400}' % code))
    assert isinstance(seen, Refused | Unavailable)
    assert seen.code == str(code)


def test_stop_is_told_apart_from_a_bad_number() -> None:
    stop = outcome(Answer(400, {}, b'{"code": 21610}'))
    assert isinstance(stop, Refused)
    assert (stop.opted_out, stop.address) == (True, False)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, b'{"code": 29999, "message": "new"}', Refused),  # Twilio's own document: its API refused
        (403, b'{"code": 29999}', Unavailable),  # ours to mend
        (400, b'{"message": "no code"}', InDoubt),
        (400, b"<html>a proxy spoke</html>", InDoubt),
        (413, b"", InDoubt),
        (201, b'{"status": "queued"}', InDoubt),
        (201, b'{"sid": 7}', InDoubt),
        (201, b'{"sid": "\xff"}', InDoubt),
    ],
)
def test_what_is_not_in_the_table_is_judged_by_who_spoke(status: int, body: bytes, kind: type) -> None:
    assert isinstance(outcome(Answer(status, {}, body)), kind)


@pytest.mark.parametrize("environment", ["TWILIO_REGION", "TWILIO_EDGE"])
async def test_the_environment_sends_us_nowhere_else(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, environment: str
) -> None:
    monkeypatch.setenv(environment, "elsewhere")
    assert isinstance(await once(rig), Accepted)


class TestCallbacks:
    URL = "https://notify.example.com/webhooks/twilio-main/abc"
    FORM = {"MessageSid": "SM1", "MessageStatus": "delivered"}  # noqa: RUF012

    @pytest.fixture
    def provider(self, rig: Rig) -> Twilio:
        provider = rig.build()
        assert isinstance(provider, Twilio)
        return provider

    def test_a_true_signature_passes_and_nothing_else(self, provider: Twilio) -> None:
        signature = RequestValidator(SECRET).compute_signature(self.URL, self.FORM)
        assert provider.verify(self.URL, self.FORM, signature)
        assert provider.verify(self.URL, MultiDict(self.FORM), signature)
        assert not provider.verify(self.URL, self.FORM | {"MessageStatus": "failed"}, signature)
        assert not provider.verify(self.URL + "d", self.FORM, signature)

    @pytest.mark.parametrize("signature", [None, "", "x", "é", "\ud800"])
    def test_a_missing_or_odd_signature_is_false_and_no_error(self, provider: Twilio, signature: str | None) -> None:
        assert not provider.verify(self.URL, self.FORM, signature)

    @pytest.mark.parametrize("params", ["a body", {"To": "\ud800"}])
    def test_an_odd_body_is_false_and_no_error(self, provider: Twilio, params: Any) -> None:
        assert not provider.verify(self.URL, params, "x")
        assert not provider.verify("https://host:port/", self.FORM, "x")

    @pytest.mark.parametrize(
        ("status", "meaning"),
        [
            ("queued", "sent"), ("sent", "sent"), ("delivered", "delivered"), ("read", "delivered"),
            ("undelivered", "undelivered"), ("failed", "undelivered"), ("a new word", "unknown"),
        ],
    )  # fmt: skip
    def test_a_status_is_translated(self, provider: Twilio, status: str, meaning: str) -> None:
        receipt = provider.receipt("ref", {"MessageSid": "SM1", "MessageStatus": status}, 5)
        assert (receipt.status, receipt.reference, receipt.message_id, receipt.at) == (meaning, "ref", "SM1", 5)
        assert receipt.code is None

    def test_a_code_comes_with_words_also_an_unknown_one(self, provider: Twilio) -> None:
        form = {"SmsSid": "SM1", "SmsStatus": "undelivered", "ErrorCode": "30003"}
        assert provider.receipt(None, form, 5).message == DELIVERY_CODES["30003"]
        assert provider.receipt(None, form | {"ErrorCode": "39999"}, 5).message == "Twilio error 39999"

    async def test_the_fake_signs_as_twilio_does(self, rig: Rig, fake: FakeTwilio, provider: Twilio) -> None:
        fake.callbacks = ("sent", "delivered")
        fake.callback_base = ("https://notify.example.com", f"http://127.0.0.1:{dead_port()}")
        await once(rig)
        await soon(lambda: len(fake.reports) == 2)
        url, form, signature, _ = fake.reports[0]
        assert provider.verify(url, form, signature)
