"""A provider described in the configuration: the contract, what its request says, and whom its callbacks are from."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels import catalogue
from channels.contract import Accepted, Callback, InDoubt, Listener, Message, ProviderReceipt, Refused, Unavailable
from channels.description import filled
from channels.fakes.http import FakeHouse
from tests.channels.contract import NOW, SECRET, House, Rig, WireContract, dead_port, message, once

WORDS = {"refuse": "BAD_NUMBER", "later": "QUOTA", "unreadable": "garbage"}
DESCRIPTION: dict[str, Any] = {
    "name": "house", "kind": "http",
    "auth": {"type": "bearer", "token": SECRET},
    "body": {"to": "{to}", "text": "{text}", "ref": "{reference}"},
    "accepted": {"status": [202], "id": "/message/id"},
    "refused": {
        "status": [422], "code": "/error/code", "message": "/error/text", "later": ["QUOTA"],
        "address": ["BAD_NUMBER"], "opted_out": ["STOPPED"],
    },
    "callback": {
        "signature": {"header": "X-Signature", "prefix": "sha256=", "secrets": ["new", "old"]},
        "reference": "/ref", "id": "/message/id", "status": "/state", "code": "/error",
        "delivered": ["DONE"], "undelivered": ["LOST"], "sent": ["ON_ITS_WAY"], "address": ["E_DEAD"],
        "opted_out": ["E_STOP"],
    },
}  # fmt: skip


@pytest.fixture
async def fake() -> AsyncIterator[FakeHouse]:
    async with FakeHouse(token=SECRET).serve() as fake:
        yield fake


@pytest.fixture
def rig(fake: FakeHouse) -> Rig:
    return Rig(
        channel="sms",
        settings=DESCRIPTION | {"url": f"{fake.url}/v2/send"},
        message=message,
        play=lambda deed: fake.script.append(WORDS.get(deed, deed)),
        taken=lambda: len(fake.log),
        house=House(),
        stray={"url": f"http://127.0.0.1:{dead_port()}/v2/send"},
    )


class TestContract(WireContract):
    async def test_its_facts_are_those_of_its_kind(self, rig: Rig) -> None:
        """What is true of it is what its description says."""
        facts = rig.build().facts
        assert (facts.receipts, facts.by_message_id, facts.idempotency, facts.bounds_delivery) == (
            True,
            False,
            None,
            False,
        )
        assert not rig.build(receipts="none").facts.receipts
        timed = rig.build(
            body=DESCRIPTION["body"] | {"ttl": "{ttl_s}"}, idempotency={"header": "I", "window": 60}
        ).facts
        assert timed.bounds_delivery
        assert timed.idempotency is not None
        assert (timed.idempotency.carried, timed.idempotency.window_s) == ("I", 60)


async def test_a_request_says_what_the_description_says(rig: Rig, fake: FakeHouse) -> None:
    body = {
        "to": "{to}", "text": "{text}", "ref": "{reference}", "ttl": "{ttl_s}", "until": "{expires_at}", "fixed": 7,
        "who": ["{tenant}/{recipient_id}", {"lang": "{locale}"}],
    }  # fmt: skip
    await once(rig, body=body, headers={"X-Client": "gateway"}, idempotency={"header": "Idempotency-Key", "window": 60})
    [sent] = fake.log
    assert (sent["ttl"], sent["until"], sent["fixed"]) == (3600, NOW // 1000 + 3600, 7)
    assert sent["who"] == ["default/cust-1", {"lang": "zh-CN"}]
    assert sent["headers"]["X-Client"] == "gateway"
    assert sent["headers"]["Idempotency-Key"] == message().reference == sent["ref"]


async def test_a_form_is_posted_as_one(rig: Rig, fake: FakeHouse) -> None:
    assert isinstance(await once(rig, format="form"), InDoubt), "the fake reads JSON alone, and answers 500"


@given(st.text(), st.text())
def test_what_is_said_is_never_read_as_a_placeholder(text: str, job: str) -> None:
    sent: Message = message(text=text + "{reference}{to}", job_id=job)
    made = filled({"a": "{text}", "b": "x {text} {job_id}"}, sent, NOW)
    assert made == {"a": sent.text, "b": f"x {sent.text} {job}"}


@pytest.mark.parametrize(("deed", "opted_out"), [("STOPPED", True), ("SOMETHING_NEW", False)])
async def test_a_listed_refusal_is_final(rig: Rig, fake: FakeHouse, deed: str, opted_out: bool) -> None:
    fake.script.append(deed)
    seen = await once(rig)
    assert isinstance(seen, Refused)
    assert (seen.code, seen.address, seen.opted_out) == (deed, False, opted_out)


@pytest.mark.parametrize("deed", ["400", "404", "500", "200", "301"])
async def test_an_answer_that_stands_nowhere_proves_nothing(rig: Rig, fake: FakeHouse, deed: str) -> None:
    fake.script.append(deed)
    assert isinstance(await once(rig), InDoubt)
    assert fake.seen == 1


async def test_without_a_pointer_the_message_is_named_by_our_reference(rig: Rig) -> None:
    assert await once(rig, accepted={"status": [202]}) == Accepted(message().reference)


async def test_a_window_that_is_over_sends_nothing(rig: Rig, fake: FakeHouse) -> None:
    rig.message = lambda **_: message(expires_at=NOW + 999)
    assert isinstance(await once(rig), Unavailable)
    assert fake.seen == 0


def heard(rig: Rig, body: bytes, signature: str, **changes: Any) -> Any:
    stamp = changes.pop("stamp", None)
    provider = rig.build(**changes)
    assert isinstance(provider, Listener)
    headers = {"x-signature": signature} | ({"x-timestamp": stamp} if stamp is not None else {})
    return provider.hear(Callback(url="https://x", reference=None, headers=headers, body=body, at=NOW))


def sign(body: bytes, secret: str = "new") -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


async def test_reports_are_read_as_they_are_described(rig: Rig) -> None:
    rows = [
        {"ref": "r1", "state": "DONE"}, {"ref": "r2", "state": "LOST", "error": "E_DEAD"}, {"ref": "r3", "state": "??"},
        {"ref": "r4", "state": "ON_ITS_WAY"}, {"ref": "r5", "state": "DONE", "error": "E_STOP"}, 7,
    ]  # fmt: skip
    body = json.dumps(rows).encode()
    for secret in ("new", "old"):
        found = (await heard(rig, body, sign(body, secret))).reports
        assert [(one.reference, one.status, one.address, one.opted_out) for one in found] == [
            ("r1", "delivered", False, False), ("r2", "undelivered", True, False), ("r3", "unknown", False, False),
            ("r4", "sent", False, False), ("r5", "delivered", False, True),
        ]  # fmt: skip
    single = b'{"ref": "r1", "state": "DONE"}'
    [one] = (await heard(rig, single, sign(single))).reports
    assert isinstance(one, ProviderReceipt)


async def test_only_what_a_live_secret_signed_is_believed(rig: Rig) -> None:
    body = b'[{"ref": "r1", "state": "DONE"}]'
    for signature in (
        "",
        sign(body, "wrong"),
        sign(body)[:-1],
        sign(body + b" "),
        sign(body).removeprefix("sha256="),
        "é",
    ):
        assert await heard(rig, body, signature) is None


async def test_a_stamped_callback_is_believed_for_as_long_as_is_said(rig: Rig) -> None:
    stamped = {"callback": DESCRIPTION["callback"] | {"signature": DESCRIPTION["callback"]["signature"] | {
        "timestamp": "X-Timestamp", "within": 300}}}  # fmt: skip
    body = b'[{"ref": "r1", "state": "DONE"}]'

    def at(seconds: int) -> Any:
        stamp = str(NOW // 1000 + seconds)
        return heard(rig, body, sign(stamp.encode() + b"." + body), stamp=stamp, **stamped)

    assert await at(0) is not None
    assert await at(-300) is not None
    assert await at(-301) is None
    assert await at(301) is None
    assert await heard(rig, body, sign(b"." + body), stamp="", **stamped) is None
    assert await heard(rig, body, sign(body), **stamped) is None


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"body": {"to": "{to}", "text": "{txet}"}}, "body"),
        ({"body": {"to": "{to}"}}, "body"),
        ({"auth": {"type": "basic", "username": "me"}}, "auth"),
        ({"auth": {"type": "secret"}}, "auth"),
        ({"callback": None, "receipts": "callback"}, "callback"),
        ({"callback": DESCRIPTION["callback"] | {"reference": None, "id": None}}, "callback"),
        ({"callback": DESCRIPTION["callback"] | {"colour": "red"}}, "callback"),
        ({"refused": {"status": [202]}}, "refused"),
        ({"accepted": {"id": "message/id"}}, "accepted"),
        ({"url": "sms.internal/send"}, "url"),
    ],
)
def test_each_mistake_names_its_key(rig: Rig, changes: dict[str, Any], key: str) -> None:
    found = catalogue.faults("sms", rig.settings | changes)
    assert key in {fault.key for fault in found}, found
    assert all(SECRET not in fault.message for fault in found)
