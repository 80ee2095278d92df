"""A provider described in the configuration: the contract, what its request says, and whom its callbacks are from."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from channels import catalogue, settings
from channels.contract import (
    Accepted,
    Callback,
    Heard,
    InDoubt,
    Listener,
    Outcome,
    ProviderReceipt,
    PushTarget,
    Refused,
    Unavailable,
)
from channels.described import outcome
from channels.description import DescribedSettings
from channels.fakes.http import FakeHouse
from channels.http import Answer
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
    rig.message = lambda **_: message(text="50 % & more=今天 +1\n")
    body = DESCRIPTION["body"] | {"ttl": "{ttl_s}", "params": {"who": "{recipient_id}"}, "flash": False}
    assert isinstance(await once(rig, format="form", body=body), Accepted)
    [sent] = fake.log
    assert sent["headers"]["Content-Type"] == "application/x-www-form-urlencoded"
    assert (sent["to"], sent["text"]) == ("+8613800138000", "50 % & more=今天 +1\n")
    assert (sent["ttl"], sent["params"], sent["flash"]) == ("3600", '{"who":"cust-1"}', "false")


async def test_a_push_goes_to_its_token(rig: Rig, fake: FakeHouse) -> None:
    subscription = {"endpoint": "https://push.example/1", "keys": {"auth": "x"}}
    for token, inside in (("dGVzdA", "<dGVzdA>"), (subscription, f"<{msgspec.json.encode(subscription).decode()}>")):
        rig.message = lambda **_: message(to=PushTarget("webpush", token))  # noqa: B023 - sent within the turn
        assert isinstance(await once(rig, body=DESCRIPTION["body"] | {"in": "<{to}>"}), Accepted)
        assert (fake.log[-1]["to"], fake.log[-1]["in"]) == (token, inside)


async def test_the_same_message_carries_the_same_name_again(rig: Rig, fake: FakeHouse) -> None:
    """Only so may the line repeat a send in doubt; another message carries another name."""
    provider = rig.build(idempotency={"header": "Idempotency-Key", "window": 60})
    assert provider.facts.idempotency is not None
    await provider.start()
    fake.script.append("took-reset")
    again = message(reference="a" * 32)
    seen = [await provider.send(one, 5) for one in (again, again, message(reference="b" * 32))]
    await provider.close()
    assert [type(one) for one in seen] == [InDoubt, Accepted, Accepted]
    carried = provider.facts.idempotency.carried
    assert [one["headers"][carried] for one in fake.log] == ["a" * 32, "a" * 32, "b" * 32]


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


SAME: dict[str, Any] = {
    "accepted": {"status": [200], "id": "/id"},
    "refused": {"status": [200, 422], "code": "/code", "message": "/text", "final": ["17"], "later": ["QUOTA"]},
}
PLAIN: dict[str, Any] = {"refused": {"status": [400, 401], "later": ["http_401"]}}
CODED: dict[str, Any] = {"refused": {"status": [401, 422], "code": "/code", "later": ["http_401"]}}


@pytest.mark.parametrize(
    ("described", "status", "body", "expected"),
    [
        (SAME, 200, b'{"code": 0, "id": "H-1"}', Accepted("H-1")),
        (SAME, 200, b'{"code": 17, "text": "no", "id": "H-1"}', Refused("17", "no")),
        (SAME, 200, b'{"code": "QUOTA"}', Unavailable("QUOTA", "refused by the provider")),
        (SAME, 200, b'{"code": 18}', InDoubt),
        (SAME, 200, b"{}", InDoubt),
        (SAME, 200, b"<html>", InDoubt),
        (SAME, 422, b'{"code": 18, "text": "new"}', Refused("18", "new")),
        (PLAIN, 400, b"bad number", Refused("http_400", "refused by the provider")),
        (PLAIN, 401, b"", Unavailable("http_401", "refused by the provider")),
        (CODED, 401, b"<html>a proxy", Unavailable("http_401", "refused by the provider")),
        (CODED, 422, b'{"code": "NEW"}', Refused("NEW", "refused by the provider")),
        (CODED, 422, b"<html>a proxy", InDoubt),
        (CODED, 422, b'{"code": null}', InDoubt),
        (CODED, 422, b"[" * 60_000, InDoubt),
        (CODED, 403, b'{"code": "NEW"}', InDoubt),
        (CODED, 200, b"", InDoubt),
    ],
)
def test_what_an_answer_means(described: Any, status: int, body: bytes, expected: Any) -> None:
    """A code that is listed refuses, wherever a refusal may stand; one that is missing or new where an acceptance may
    stand proves nothing."""
    entry = DESCRIPTION | {"url": "https://x.example", "accepted": {"id": "/id"}} | described
    assert catalogue.faults("sms", entry) == []
    seen: Outcome = outcome(Answer(status, {}, body), settings.read(DescribedSettings, entry), "r")
    assert seen == expected if not isinstance(expected, type) else isinstance(seen, expected)


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
        {"ref": "r6", "state": "COMPLAINED", "error": "E_STOP"}, {"ref": "r7", "error": "E_DEAD"},
    ]  # fmt: skip
    body = json.dumps(rows).encode()
    for secret in ("new", "old"):
        found = (await heard(rig, body, sign(body, secret))).reports
        assert [(one.reference, one.status, one.address, one.opted_out) for one in found] == [
            ("r1", "delivered", False, False), ("r2", "undelivered", True, False), ("r3", "unknown", False, False),
            ("r4", "sent", False, False), ("r5", "delivered", False, True), ("r6", "unknown", False, True),
            ("r7", "undelivered", True, False),
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
        "\udcff",
    ):
        assert await heard(rig, body, signature) is None


@pytest.mark.parametrize("body", [b"", b"what?", b"7", b"[" * 60_000, b'{"ref": "\xff"}'])
async def test_what_is_signed_and_cannot_be_read_is_no_report(rig: Rig, body: bytes) -> None:
    assert await heard(rig, body, sign(body)) == Heard(())


async def test_a_signature_may_be_in_base64_and_of_another_kind(rig: Rig) -> None:
    body = b'{"ref": "r1", "state": "DONE"}'
    own = {"header": "X-Signature", "secrets": ["new"], "algorithm": "sha512", "encoding": "base64"}
    by = {"callback": DESCRIPTION["callback"] | {"signature": own}}
    signature = base64.b64encode(hmac.new(b"new", body, hashlib.sha512).digest()).decode()
    assert await heard(rig, body, signature, **by) is not None
    assert await heard(rig, body, sign(body), **by) is None


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
