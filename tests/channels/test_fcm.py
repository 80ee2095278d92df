"""FCM: the contract, its codes, what a request says, and its access tokens."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from channels import catalogue
from channels.contract import Accepted, InDoubt, Message, PushTarget, Refused, Unavailable
from channels.fakes.fcm import FakeFcm
from channels.http import Answer
from channels.push.fcm import ERROR_CODES, outcome
from tests.channels.contract import NOW, House, Rig, WireContract, dead_port, message, once

WORDS = {"refuse": "UNREGISTERED", "later": "429", "unreadable": "garbage"}


def push(**changes: Any) -> Message:
    return message(**({"channel": "push", "to": PushTarget("fcm", "dGVzdA")} | changes))


@pytest.fixture
async def fake() -> AsyncIterator[FakeFcm]:
    async with FakeFcm().serve() as fake:
        yield fake


@pytest.fixture
async def rig(fake: FakeFcm, tmp_path: Path) -> Rig:
    return Rig(
        channel="push",
        settings={
            "name": "fcm", "kind": "fcm", "credentials": fake.credentials(tmp_path), "base_url": fake.url,
            "token_url": None,
        },
        message=push,
        play=lambda deed: fake.script.append(WORDS.get(deed, deed)),
        taken=lambda: len(fake.log),
        house=House(),
        stray={"base_url": f"http://127.0.0.1:{dead_port()}"},
    )  # fmt: skip


class TestContract(WireContract):
    pass


async def test_a_request_says_what_until_when_and_whose(rig: Rig, fake: FakeFcm) -> None:
    await once(rig)
    sent = fake.log[0]["message"]
    assert sent["notification"] == {"title": "A reminder", "body": message().text}
    assert sent["data"] == {"reference": message().reference}
    assert sent["android"]["ttl"] == "3600s"
    assert sent["apns"]["headers"]["apns-expiration"] == str(NOW // 1000 + 3600)


@pytest.mark.parametrize("to", ["+8613800138000", PushTarget("apns", "x"), PushTarget("fcm", {"endpoint": "x"})])
async def test_another_kind_of_address_is_refused(rig: Rig, fake: FakeFcm, to: Any) -> None:
    rig.message = lambda **_: push(to=to)
    seen = await once(rig)
    assert isinstance(seen, Refused)
    assert seen.address
    assert fake.seen == 0


async def test_an_expired_window_sends_nothing(rig: Rig, fake: FakeFcm) -> None:
    rig.message = lambda **_: push(expires_at=NOW + 999)
    assert isinstance(await once(rig), Unavailable)
    assert fake.seen == 0


@pytest.mark.parametrize(
    ("deed", "address"),
    [("UNREGISTERED", True), ("SENDER_ID_MISMATCH", False), ("INVALID_ARGUMENT", False), ("BAD_TOKEN", True)],
)
async def test_only_the_tokens_own_fault_costs_the_token(rig: Rig, fake: FakeFcm, deed: str, address: bool) -> None:
    fake.script.append(deed)
    seen = await once(rig)
    assert isinstance(seen, Refused)
    assert seen.address is address


@pytest.mark.parametrize(
    ("deed", "header", "wait"), [("429", None, 60.0), ("429", "30", 30.0), ("503", "1", 10.0), ("503", None, 10.0)]
)
async def test_waits_at_least_as_long_as_firebase_asks(
    rig: Rig, fake: FakeFcm, deed: str, header: str | None, wait: float
) -> None:
    fake.script.append(deed)
    fake.retry_after = header
    seen = await once(rig)
    assert isinstance(seen, Unavailable)
    assert seen.retry_after == wait


@pytest.mark.parametrize("deed", ["INTERNAL", "500", "301", "half"])
async def test_answers_that_prove_nothing_are_in_doubt(rig: Rig, fake: FakeFcm, deed: str) -> None:
    fake.script.append(deed)
    assert isinstance(await once(rig), InDoubt)
    assert fake.seen == 1


@pytest.mark.parametrize("deed", ["THIRD_PARTY_AUTH_ERROR", "403", "404"])
async def test_our_own_set_up_burns_no_reminder(rig: Rig, fake: FakeFcm, deed: str) -> None:
    fake.script.append(deed)
    assert isinstance(await once(rig), Unavailable)
    assert fake.granted == 1


@pytest.mark.parametrize("code", sorted(ERROR_CODES))
def test_every_code_in_the_table_is_certain(code: str) -> None:
    body = b'{"error": {"status": "%s", "details": []}}' % code.encode()
    assert isinstance(outcome(Answer(400, {}, body))[0], Refused | Unavailable)


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"error": {}}', b'{"name": 1}', b'"\xff"'])
def test_what_cannot_be_read_is_in_doubt(body: bytes) -> None:
    assert isinstance(outcome(Answer(400, {}, body))[0], InDoubt)
    assert isinstance(outcome(Answer(200, {}, body))[0], InDoubt)


class TestAccessTokens:
    async def test_many_sends_ask_for_one_token(self, rig: Rig, fake: FakeFcm) -> None:
        provider = rig.build()
        await provider.start()
        await asyncio.gather(*(provider.send(push(), 5) for _ in range(50)))
        assert (fake.granted, len(fake.log)) == (1, 50)
        rig.house.time += 3_479_000
        await provider.send(push(expires_at=NOW * 2), 5)
        assert fake.granted == 1
        rig.house.time += 2_000
        await provider.send(push(expires_at=NOW * 2), 5)
        await provider.close()
        assert fake.granted == 2, "renewed two minutes before its end"

    async def test_a_token_no_longer_taken_is_renewed_once(self, rig: Rig, fake: FakeFcm) -> None:
        provider = rig.build()
        await provider.start()
        await provider.send(push(), 5)
        fake.valid.clear()
        assert isinstance(await provider.send(push(), 5), Accepted)
        assert fake.granted == 2
        fake.script.extend(["401", "401"])
        assert isinstance(await provider.send(push(), 5), Unavailable)
        await provider.close()
        assert fake.granted == 3
        assert len(fake.log) == 2

    @pytest.mark.parametrize("status", [400, 401, 429, 500, 503])
    async def test_without_a_token_nothing_was_sent(self, rig: Rig, fake: FakeFcm, status: int) -> None:
        fake.grant = [status]
        assert isinstance(await once(rig), Unavailable)
        assert fake.seen == 0
        assert isinstance(await once(rig), Accepted)

    async def test_a_token_url_of_the_entry_goes_before_the_key_files(self, rig: Rig) -> None:
        seen = await once(rig, token_url=f"http://127.0.0.1:{dead_port()}/token")
        assert isinstance(seen, Unavailable)
        assert seen.code == "no_token"


@pytest.mark.parametrize("content", ["", "{}", '{"project_id": 1}', '{"project_id": "p"}', None])
def test_a_bad_key_file_is_a_fault_that_names_the_key(rig: Rig, tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "bad.json"
    if content is not None:
        path.write_text(content)
    found = catalogue.faults("push", rig.settings | {"credentials": str(path)})
    assert [fault.key for fault in found] == ["credentials"]


def test_a_broken_key_is_not_quoted(rig: Rig, tmp_path: Path) -> None:
    text = Path(rig.settings["credentials"]).read_text().replace("PRIVATE KEY-----\\n", "PRIVATE KEY-----\\nAAAA", 1)
    path = tmp_path / "broken.json"
    path.write_text(text)
    (fault,) = catalogue.faults("push", rig.settings | {"credentials": str(path)})
    assert "private_key" in fault.message
    assert "AAAA" not in fault.message
