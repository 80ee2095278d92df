"""APNs: the contract, what a device is told, and a server that goes away all the time."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from channels import catalogue
from channels.contract import Accepted, InDoubt, Message, PushTarget, Refused, Unavailable
from channels.fakes.apns import STATUS, FakeApns, server_context
from channels.push.apns import REASONS, name_of, outcome
from channels.push.h2_connection import Reply
from tests.channels.contract import NOW, House, Rig, WireContract, dead_port, message, once

WORDS = {"refuse": "Unregistered", "later": "TooManyRequests", "unreadable": "garbage"}
DEVICE = "ab" * 32


def push(**changes: Any) -> Message:
    return message(**({"channel": "push", "to": PushTarget("apns", DEVICE), "reference": f"{1:032x}"} | changes))


@pytest.fixture
async def fake() -> AsyncIterator[FakeApns]:
    async with FakeApns().serve() as fake:
        yield fake


@pytest.fixture
def rig(fake: FakeApns, tmp_path: Path) -> Rig:
    return Rig(
        channel="push",
        settings=fake.entry(tmp_path),
        message=push,
        play=lambda deed: fake.script.append(WORDS.get(deed, deed)),
        taken=lambda: len(fake.log),
        house=House(),
        stray={"base_url": f"https://127.0.0.1:{dead_port()}"},
    )


class TestContract(WireContract):
    pass


async def test_a_device_is_told_what_until_when_and_in_the_place_of_which(rig: Rig, fake: FakeApns) -> None:
    seen = await once(rig)
    assert seen == Accepted(name_of(push().reference))
    [sent] = fake.log
    assert sent["message"]["aps"]["alert"] == {"title": "A reminder", "body": message().text}
    head = sent["headers"]
    assert (head["apns-topic"], head["apns-push-type"], head["apns-priority"]) == ("com.example.bank", "alert", "10")
    assert head["apns-expiration"] == str(NOW // 1000 + 3600)
    assert len(head["apns-collapse-id"]) == 32


@pytest.mark.parametrize(
    "to", ["+861380", PushTarget("fcm", DEVICE), PushTarget("apns", "not hex"), PushTarget("apns", {})]
)
async def test_another_kind_of_address_is_refused(rig: Rig, fake: FakeApns, to: Any) -> None:
    rig.message = lambda **_: push(to=to)
    seen = await once(rig)
    assert isinstance(seen, Refused)
    assert seen.address
    assert fake.connections == 0


async def test_what_is_too_large_or_too_late_is_not_sent(rig: Rig, fake: FakeApns) -> None:
    rig.message = lambda **_: push(text="长" * 1400)
    assert isinstance(await once(rig), Refused)
    rig.message = lambda **_: push(expires_at=NOW + 999)
    assert isinstance(await once(rig), Unavailable)
    assert fake.connections == 0


@pytest.mark.parametrize("reason", sorted(REASONS))
def test_every_reason_in_the_table_is_certain(reason: str) -> None:
    seen, _ = outcome(Reply(STATUS.get(reason, 400), {}, b'{"reason": "%s"}' % reason.encode()))
    assert isinstance(seen, Refused | Unavailable)
    assert seen.code == reason


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [(400, b'{"reason": "New"}', Refused), (500, b'{"reason": "New"}', Unavailable), (500, b"", InDoubt),
     (200, b"", InDoubt), (302, b"<html>", InDoubt), (400, b'{"reason": 7}', InDoubt)],
)  # fmt: skip
def test_what_is_new_or_proves_nothing(status: int, body: bytes, kind: Any) -> None:
    assert isinstance(outcome(Reply(status, {}, body))[0], kind)


async def test_a_token_is_used_again_and_made_anew_in_time(rig: Rig, fake: FakeApns) -> None:
    provider = rig.build()
    await provider.start()
    for minutes in (0, 10, 39, 41, 42):
        rig.house.time = NOW + minutes * 60_000
        await provider.send(push(expires_at=NOW + 9e6), 5)
    rig.house.time = NOW + 70 * 60_000
    fake.script.append("ExpiredProviderToken")
    assert isinstance(await provider.send(push(expires_at=NOW + 9e6), 5), Accepted)
    fake.script.append("ExpiredProviderToken")
    assert isinstance(await provider.send(push(expires_at=NOW + 9e6), 5), Unavailable), "no sooner than APNs allows"
    await provider.close()
    tokens = [record["headers"]["authorization"] for record in fake.log]
    assert tokens[0] == tokens[1] == tokens[2] != tokens[3] == tokens[4] != tokens[5]


async def load(rig: Rig, count: int, seconds: float = 20.0) -> dict[str, Any]:
    provider = rig.build(concurrency=2000)
    await provider.start()
    references = [f"{n:032x}" for n in range(count)]
    outcomes = await asyncio.gather(*(provider.send(push(reference=r), seconds) for r in references))
    await provider.close()
    return dict(zip(references, outcomes, strict=True))


def held(outcomes: dict[str, Any], fake: FakeApns) -> Counter[str]:
    """None twice; whatever was accepted arrived, and whatever arrived was accepted or is told to be in doubt."""
    arrived = Counter(record["reference"] for record in fake.log)
    assert max(arrived.values()) == 1, "somebody was told twice"
    for reference, seen in outcomes.items():
        if isinstance(seen, Accepted):
            assert arrived[reference] == 1, "lost in silence"
        elif not isinstance(seen, InDoubt):
            assert arrived[reference] == 0, seen
    return Counter(type(seen).__name__ for seen in outcomes.values())


async def test_a_server_that_goes_away_after_every_fifty_requests_loses_no_push_and_doubles_none(
    rig: Rig, fake: FakeApns
) -> None:
    fake.goaway_every, fake.delay = 50, 0.001
    outcomes = await load(rig, 2000)
    assert held(outcomes, fake) == {"Accepted": 2000}
    assert fake.goaways >= 39


async def test_a_server_that_breaks_connections_leaves_honest_doubts(rig: Rig, fake: FakeApns) -> None:
    fake.cut_share, fake.delay, fake.streams, fake.first_streams = 0.01, 0.001, 20, 20
    kinds = held(await load(rig, 800), fake)
    assert kinds["InDoubt"] >= 4
    assert kinds["Accepted"] > 400


async def test_no_more_streams_are_opened_than_the_server_allows(rig: Rig, fake: FakeApns) -> None:
    fake.first_streams, fake.streams, fake.delay = 1, 100, 0.002
    assert held(await load(rig, 400), fake) == {"Accepted": 400}
    assert 1 < fake.most_at_once <= 100
    assert fake.connections == 1


async def test_who_waits_for_a_stream_in_vain_was_surely_not_sent(rig: Rig, fake: FakeApns) -> None:
    fake.first_streams = fake.streams = 1
    fake.script.append("hang")
    kinds = Counter(type(one).__name__ for one in (await load(rig, 3, 0.5)).values())
    assert kinds == {"InDoubt": 1, "Unavailable": 2}


async def test_who_waits_on_a_connection_that_goes_away_is_sent_on_the_next(rig: Rig, fake: FakeApns) -> None:
    fake.first_streams = fake.streams = 1
    fake.goaway_every = 1
    fake.script.append("hang")
    kinds = Counter(type(one).__name__ for one in (await load(rig, 5, 2)).values())
    assert kinds == {"InDoubt": 1, "Accepted": 4}, "a silent stream held up those behind it"


async def test_a_stream_that_was_refused_is_sent_again_and_arrives_once(rig: Rig, fake: FakeApns) -> None:
    fake.script.extend(["refused-stream"] * 30)
    assert held(await load(rig, 100), fake) == {"Accepted": 100}
    assert fake.answered["refused-stream"] == 30


async def test_a_server_that_refuses_every_stream_is_not_flooded(rig: Rig, fake: FakeApns) -> None:
    fake.script.extend(["refused-stream"] * 5_000)
    assert isinstance((await load(rig, 1, 1.0)).popitem()[1], Unavailable)
    assert 1 < fake.answered["refused-stream"] < 50


async def test_a_header_that_is_no_text_is_in_doubt_and_ends_only_its_connection(rig: Rig, fake: FakeApns) -> None:
    provider = rig.build()
    await provider.start()
    fake.script.append("bad-header")
    assert isinstance(await provider.send(push(), 5), InDoubt)
    assert isinstance(await provider.send(push(reference=f"{2:032x}"), 5), Accepted)
    await provider.close()
    assert len(fake.log) == 2


async def test_a_server_that_never_tells_its_settings_was_surely_sent_nothing(rig: Rig) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0, ssl=server_context()) as server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        assert isinstance(await once(rig, 0.4, base_url=url), Unavailable)


def test_a_key_or_an_authority_that_is_none_is_a_fault(rig: Rig, tmp_path: Path) -> None:
    (tmp_path / "none.pem").write_text("no key")
    for key, value in (
        ("key_file", "none.pem"),
        ("key_file", "missing"),
        ("ca_file", "missing"),
        ("ca_file", "none.pem"),
    ):
        [fault] = catalogue.faults("push", rig.settings | {key: str(tmp_path / value)})
        assert fault.key == key
