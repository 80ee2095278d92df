"""Web Push: the contract, what a push service reads, and where nothing is ever sent."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from channels import catalogue
from channels.contract import Accepted, Message, PushTarget, Refused, Unavailable
from channels.fakes.webpush import FakeWebPush
from channels.http import Answer
from channels.push.webpush import STATUSES, outcome
from tests.channels.contract import NOW, House, Rig, WireContract, dead_port, message, once

WORDS = {"refuse": "410", "later": "429", "unreadable": "half"}


@pytest.fixture
async def fake() -> AsyncIterator[FakeWebPush]:
    async with FakeWebPush().serve() as fake:
        yield fake


@pytest.fixture
def rig(fake: FakeWebPush, tmp_path: Path) -> Rig:
    return Rig(
        channel="push",
        settings={"name": "browsers", "kind": "webpush", "private_key_file": fake.vapid(tmp_path),
                  "subject": "mailto:ops@example.com", "services": [urlsplit(fake.url).netloc, "127.0.0.1"]},
        message=lambda **changes: message(
            **({"channel": "push", "to": PushTarget("webpush", fake.subscription())} | changes)
        ),
        play=lambda deed: fake.script.append(WORDS.get(deed, deed)),
        taken=lambda: len(fake.log),
        house=House(),
    )  # fmt: skip


class TestContract(WireContract):
    async def test_a_refused_connection_is_surely_not_sent(self, rig: Rig) -> None:
        """The address is the subscription's, so it is there that nobody listens."""
        port = dead_port()
        stray = {"endpoint": f"http://127.0.0.1:{port}/push/s1", "keys": rig.message().to.token["keys"]}  # type: ignore[union-attr,index]
        rig.message = lambda **_: message(channel="push", to=PushTarget("webpush", stray))
        assert isinstance(await once(rig, services=[f"127.0.0.1:{port}"]), Unavailable)

    @pytest.mark.parametrize("deed", ["reset", "took-reset"])
    async def test_a_broken_answer_is_in_doubt_and_never_sent_again(self, rig: Rig, deed: str) -> None:
        """A 201 has no body, so there is none that could not be read."""
        await super().test_a_broken_answer_is_in_doubt_and_never_sent_again(rig, deed)

    async def test_takes_a_message_and_says_under_which_name(self, rig: Rig) -> None:
        outcome = await once(rig)
        assert outcome == Accepted(message().reference)
        assert rig.taken() == 1


async def test_the_browser_reads_what_was_written(rig: Rig, fake: FakeWebPush) -> None:
    await once(rig)
    [seen] = fake.log
    assert seen["message"] == {
        "title": "A reminder", "body": message().text, "data": {"reference": message().reference},
    }  # fmt: skip
    assert seen["ttl"] == "3600"
    assert len(seen["topic"]) == 32


@pytest.mark.parametrize(
    "token",
    [
        "just text", {}, {"endpoint": 7}, {"endpoint": "https://evil.example/x", "keys": {}},
        {"endpoint": "https://fcm.googleapis.com.evil.example/x"}, {"endpoint": "https://user@127.0.0.1:1/x"},
        {"endpoint": "http://10.0.0.1/x"}, {"endpoint": "https://127.0.0.1:99999/x"}, {"endpoint": "ftp://127.0.0.1/x"},
    ],
)  # fmt: skip
async def test_an_endpoint_that_is_no_push_services_gets_no_connection(rig: Rig, fake: FakeWebPush, token: Any) -> None:
    rig.message = lambda **_: message(channel="push", to=PushTarget("webpush", token))
    assert isinstance(await once(rig), Refused)
    assert fake.seen == 0


@pytest.mark.parametrize(
    "keys", [None, {}, {"p256dh": "x"}, {"p256dh": "AAAA", "auth": "AAAA"}, {"p256dh": 7, "auth": []}, "text"]
)
async def test_keys_that_are_none_are_the_subscriptions_fault(rig: Rig, fake: FakeWebPush, keys: Any) -> None:
    token = fake.subscription() | {"keys": keys}
    rig.message = lambda **_: message(channel="push", to=PushTarget("webpush", token))
    seen = await once(rig)
    assert isinstance(seen, Refused)
    assert seen.address
    assert fake.seen == 0


async def test_a_message_that_is_too_large_is_refused_before_it_is_sent(rig: Rig, fake: FakeWebPush) -> None:
    def large(**_: Any) -> Message:
        return message(channel="push", to=PushTarget("webpush", fake.subscription()), text="长" * 1400)

    rig.message = large
    seen = await once(rig)
    assert isinstance(seen, Refused)
    assert (seen.code, seen.address, fake.seen) == ("too_large", False, 0)


async def test_a_subscription_that_has_expired_is_not_used_again(rig: Rig, fake: FakeWebPush) -> None:
    fake.expired.add("s1")
    seen = await once(rig)
    assert isinstance(seen, Refused)
    assert seen.address


async def test_one_signature_serves_many_pushes_and_is_made_anew_in_time(rig: Rig, fake: FakeWebPush) -> None:
    provider = rig.build()
    await provider.start()
    for _ in range(3):
        await provider.send(rig.message(), 5)
    first = dict(provider._signed)  # type: ignore[attr-defined]
    rig.house.time = NOW + 7 * 3_600_000
    await provider.send(rig.message(expires_at=NOW + 9 * 3_600_000), 5)
    assert len(first) == 1
    assert provider._signed != first  # type: ignore[attr-defined]
    assert len(fake.log) == 4
    await provider.close()


@pytest.mark.parametrize("status", sorted(STATUSES))
def test_every_status_in_the_table_is_certain(status: int) -> None:
    assert isinstance(outcome(Answer(status, {}, b""), "r"), Refused | Unavailable)


def test_a_key_that_is_none_is_a_fault(rig: Rig, tmp_path: Path) -> None:
    path = tmp_path / "not.pem"
    path.write_text("not a key at all")
    for file in (str(path), str(tmp_path / "missing.pem")):
        [fault] = catalogue.faults("push", rig.settings | {"private_key_file": file})
        assert fault.key == "private_key_file"
