"""Amazon SES: the contract, the published signature, and events that only SNS can have told."""

import base64
import json
from collections.abc import AsyncIterator
from email import message_from_string
from typing import Any
from urllib.parse import urlsplit

import pytest

from channels.contract import Callback, InDoubt, Listener, Message, ProviderReceipt, Refused, Unavailable
from channels.email.ses import ERRORS, authorization, outcome
from channels.fakes.ses import TOPIC, FakeSes
from channels.http import Answer
from tests.channels.contract import NOW, SECRET, House, Rig, WireContract, dead_port, message, once

WORDS = {"refuse": "MessageRejected", "later": "TooManyRequestsException", "unreadable": "garbage"}


def mail(**changes: Any) -> Message:
    return message(**({"channel": "email", "to": "li@example.com"} | changes))


@pytest.fixture
async def fake() -> AsyncIterator[FakeSes]:
    async with FakeSes(secret=SECRET).serve() as fake:
        yield fake


@pytest.fixture
def rig(fake: FakeSes) -> Rig:
    return Rig(
        channel="email",
        settings={"name": "ses", "kind": "ses", "region": "eu-central-1", "access_key_id": "AKID",
                  "secret_access_key": SECRET, "from": "Bank <notice@example.com>", "topic_arn": TOPIC,
                  "base_url": fake.url, "sns_host": urlsplit(fake.url).netloc},
        message=mail,
        play=lambda deed: fake.script.append(WORDS.get(deed, deed)),
        taken=lambda: len(fake.log),
        house=House(),
        stray={"base_url": f"http://127.0.0.1:{dead_port()}"},
    )  # fmt: skip


class TestContract(WireContract):
    async def test_a_documented_refusal_is_final(self, rig: Rig) -> None:
        """None of its errors is about the address: that comes back as a bounce."""
        rig.play("refuse")
        seen = await once(rig)
        assert isinstance(seen, Refused)
        assert not seen.address
        assert rig.taken() == 0


def test_the_signature_is_that_of_the_published_example() -> None:
    headers = {
        "content-type": "application/x-www-form-urlencoded; charset=utf-8", "host": "iam.amazonaws.com",
        "x-amz-date": "20150830T123600Z",
    }  # fmt: skip
    by = ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "us-east-1", "iam")
    given = authorization("GET", "/", {"Action": "ListUsers", "Version": "2010-05-08"}, headers, b"", by)
    assert given.endswith("Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7")


async def test_the_email_is_the_one_that_was_written(rig: Rig, fake: FakeSes) -> None:
    await once(rig)
    [sent] = fake.log
    read = message_from_string(sent["raw"])
    assert (sent["to"], read["To"], read["Subject"]) == ("li@example.com", "li@example.com", "A reminder")
    assert sent["reference"] == message().reference


@pytest.mark.parametrize("name", sorted(ERRORS))
def test_every_error_in_the_table_is_certain(name: str) -> None:
    header = Answer(400, {"x-amzn-ErrorType": f"{name}:http://x"}, b"{}")
    document = Answer(400, {}, json.dumps({"__type": f"com.amazonaws.ses#{name}"}).encode())
    for answer in (header, document):
        seen = outcome(answer)
        assert isinstance(seen, Refused | Unavailable)
        assert seen.code == name


@pytest.mark.parametrize(("status", "body"), [(200, b""), (200, b"{}"), (400, b"{}"), (400, b"<html>"), (403, b"{}")])
def test_what_proves_nothing_is_in_doubt(status: int, body: bytes) -> None:
    assert isinstance(outcome(Answer(status, {}, body)), InDoubt)


async def test_a_wrong_secret_burns_no_reminder(rig: Rig) -> None:
    seen = await once(rig, secret_access_key="wrong")
    assert isinstance(seen, Unavailable)
    assert "secret_access_key" in seen.message


def heard(rig: Rig, notice: Any, **changes: Any) -> Any:
    provider = rig.build(**changes)
    assert isinstance(provider, Listener)
    raw = notice if isinstance(notice, bytes) else json.dumps(notice).encode()
    return provider.hear(Callback(url="https://x", reference=None, headers={}, body=raw, at=NOW))


def bounce(kind: str, subtype: str) -> dict[str, Any]:
    who = {"emailAddress": "li@example.com", "status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1 no such user"}
    return {"bounce": {"bounceType": kind, "bounceSubType": subtype, "bouncedRecipients": [who]}}


@pytest.mark.parametrize(
    ("kind", "parts", "expected"),
    [
        ("Delivery", {}, ("delivered", False, False)),
        ("Bounce", bounce("Permanent", "General"), ("undelivered", True, False)),
        ("Bounce", bounce("Permanent", "ContentRejected"), ("undelivered", False, False)),
        ("Bounce", bounce("Transient", "MailboxFull"), ("undelivered", False, False)),
        ("Complaint", {"complaint": {"complaintFeedbackType": "abuse"}}, ("delivered", False, True)),
        ("DeliveryDelay", {}, ("sent", False, False)),
        ("Reject", {"reject": {"reason": "Bad content"}}, ("undelivered", False, False)),
        ("SomethingNew", {}, ("unknown", False, False)),
    ],
)
@pytest.mark.parametrize("version", ["1", "2"])
async def test_events_tell_what_became_of_a_message(
    rig: Rig, fake: FakeSes, kind: str, parts: dict[str, Any], expected: Any, version: str
) -> None:
    [told] = (await heard(rig, fake.notice(fake.event(kind, "r1", **parts), version=version))).reports
    assert isinstance(told, ProviderReceipt)
    assert (told.status, told.address, told.opted_out) == expected
    assert (told.reference, told.message_id) == ("r1", "ses-0")


async def test_a_subscription_is_confirmed_at_snss_own_address_alone(rig: Rig, fake: FakeSes) -> None:
    assert (await heard(rig, fake.notice("please", "SubscriptionConfirmation"))).reports == ()
    assert fake.confirmed == 1
    assert await heard(rig, fake.notice("x", "SubscriptionConfirmation", SubscribeURL="https://evil.example/")) is None
    assert fake.confirmed == 1


async def test_what_sns_did_not_sign_for_our_topic_is_not_believed(rig: Rig, fake: FakeSes) -> None:
    event = fake.event("Delivery", "r1")
    forged = [
        fake.notice(event, Message=fake.event("Bounce", "r1")),
        fake.notice(event, TopicArn="arn:aws:sns:eu-central-1:2:other"),
        fake.notice(event, Signature=base64.b64encode(b"x" * 256).decode()),
        fake.notice(event, Signature="é"),
        fake.notice(event, SigningCertURL="https://evil.example/SimpleNotificationService.pem"),
        fake.notice(event, SigningCertURL="https://sns.eu-central-1.amazonaws.com.evil.example/x.pem"),
        fake.notice(event, SigningCertURL=f"{fake.url}/confirm"),
        fake.notice(event, SigningCertURL="file:///etc/passwd.pem"),
        fake.notice(event, Type="UnsubscribeConfirmation"),
        {}, b"", b"\xff", b"[]",
    ]  # fmt: skip
    for notice in forged:
        assert await heard(rig, notice) is None, notice
    assert await heard(rig, fake.notice(event), topic_arn=None) is None


async def test_a_certificate_is_fetched_once_and_where_it_cannot_be_had_sns_comes_again(
    rig: Rig, fake: FakeSes
) -> None:
    provider = rig.build()
    assert isinstance(provider, Listener)
    raw = json.dumps(fake.notice(fake.event("Delivery", "r1"))).encode()
    for _ in range(3):
        assert await provider.hear(Callback(url="https://x", reference=None, headers={}, body=raw, at=NOW)) is not None
    assert fake.fetched == 1
    port = dead_port()
    away = fake.notice(fake.event("Delivery", "r1"), SigningCertURL=f"http://127.0.0.1:{port}/x.pem")
    with pytest.raises(OSError, match="did not give"):
        await heard(rig, away, sns_host=f"127.0.0.1:{port}")
