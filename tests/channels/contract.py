"""What every provider promises, as tests to inherit: a provider's own test is a rig, and what only it can do."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from channels import catalogue
from channels.contract import (
    Accepted,
    Channel,
    InDoubt,
    Message,
    Outcome,
    Provider,
    Refused,
    Report,
    Surroundings,
    Unavailable,
)

NOW = 1_795_000_000_000
SECRET = "hush-hush-hush"


@dataclass
class House:
    """A house that lends its surroundings and keeps what it is given."""

    public_url: str | None = "https://notify.example.com"
    calls: list[bytes] = field(default_factory=list)
    receipts: list[Report] = field(default_factory=list)
    trouble: Exception | None = None
    time: int = NOW

    async def hand_over(self, task: bytes) -> str:
        if self.trouble:
            raise self.trouble
        self.calls.append(task)
        return f"{len(self.calls)}-0"

    async def report(self, receipt: Report) -> None:
        self.receipts.append(receipt)

    def lend(self) -> Surroundings:
        return Surroundings(
            public_url=self.public_url, hand_over=self.hand_over, report=self.report, now=lambda: self.time
        )


@dataclass
class Rig:
    """One provider before its fake.

    `play(deed)` scripts the next answer; `taken()` counts what the fake took, None where nobody counts.
    """

    channel: Channel
    settings: dict[str, Any]
    message: Callable[..., Message]
    play: Callable[[str], None]
    taken: Callable[[], int | None]
    house: House
    stray: dict[str, Any] = field(default_factory=dict)
    """Settings that aim at a port where nobody listens."""
    built: list[Any] = field(default_factory=list)

    def build(self, **changes: Any) -> Provider:
        self.built.append(catalogue.build(self.channel, self.settings | changes, self.house.lend()))
        return cast(Provider, self.built[-1])


def message(**changes: Any) -> Message:
    values: dict[str, Any] = {
        "reference": "abcdefghijklmnopqrstuvwxyz", "channel": "sms", "to": "+8613800138000",
        "text": "李雷, 1280.50 CNY are due.", "title": "A reminder", "locale": "zh-CN", "admitted_at": NOW,
        "expires_at": NOW + 3_600_000, "job_id": "job-1", "tenant": "default", "recipient_id": "cust-1",
        "account": "card-1", "template": "overdue_reminder", "template_version": "sha256:1",
    }  # fmt: skip
    return Message(**(values | changes))


def dead_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


async def once(rig: Rig, send_timeout: float = 5.0, **changes: Any) -> Outcome:
    """Builds, starts, sends one message, closes."""
    provider = rig.build(**changes)
    await provider.start()
    try:
        return await provider.send(rig.message(), send_timeout)
    finally:
        await provider.close()


async def soon(condition: Callable[[], Any], limit: float = 3.0) -> None:
    async with asyncio.timeout(limit):
        while not condition():  # noqa: ASYNC110 - the condition is a count at a fake
            await asyncio.sleep(0.005)


class ChannelContract:
    """Needs a fixture `rig`."""

    async def test_takes_a_message_and_says_under_which_name(self, rig: Rig) -> None:
        outcome = await once(rig)
        assert isinstance(outcome, Accepted), outcome
        assert outcome.message_id
        assert rig.taken() in (1, None)

    async def test_takes_many_at_once_each_exactly_once(self, rig: Rig) -> None:
        provider = rig.build()
        await provider.start()
        outcomes = await asyncio.gather(
            *(
                provider.send(rig.message(reference=f"abcdefghijklmnopqrstuvwx{n:02}", job_id=f"j{n}"), 10)
                for n in range(40)
            )
        )
        await provider.close()
        assert all(isinstance(outcome, Accepted) for outcome in outcomes)
        assert len({outcome.message_id for outcome in outcomes if isinstance(outcome, Accepted)}) == 40
        assert rig.taken() in (40, None)

    async def test_an_entry_has_no_fault_and_names_each_it_has(self, rig: Rig) -> None:
        assert catalogue.faults(rig.channel, rig.settings) == []
        bad = {key: value for key, value in rig.settings.items() if key != "name"} | {"surprise": 1, "rate": -1}
        found = catalogue.faults(rig.channel, bad)
        assert {fault.key for fault in found} == {"name", "surprise", "rate"}
        assert all(fault.key in fault.message for fault in found)

    async def test_no_secret_is_ever_shown(self, rig: Rig) -> None:
        provider = rig.build()
        kind = catalogue.kind_of(rig.settings["kind"])
        shown = repr(provider) + repr(vars(provider)) + repr(catalogue.common(rig.settings)) + repr(kind)
        assert SECRET not in shown

    async def test_its_facts_are_those_of_its_kind(self, rig: Rig) -> None:
        facts = catalogue.kind_of(rig.settings["kind"]).facts
        assert rig.build().facts == facts
        assert not rig.build(receipts="none").facts.receipts
        assert rig.build(receipts="callback").facts.receipts

    async def test_closes_twice_and_without_a_start(self, rig: Rig) -> None:
        provider = rig.build()
        await provider.close()
        await provider.start()
        await provider.close()
        await provider.close()


class WireContract(ChannelContract):
    """For those that speak over a wire. Deeds: refuse, later, reset, hang, took-reset, took-hang, unreadable."""

    async def test_a_documented_refusal_is_final(self, rig: Rig) -> None:
        rig.play("refuse")
        outcome = await once(rig)
        assert isinstance(outcome, Refused), outcome
        assert outcome.address
        assert rig.taken() == 0

    async def test_come_back_later_is_surely_not_sent(self, rig: Rig) -> None:
        rig.play("later")
        outcome = await once(rig)
        assert isinstance(outcome, Unavailable), outcome
        assert rig.taken() == 0

    async def test_a_refused_connection_is_surely_not_sent(self, rig: Rig) -> None:
        outcome = await once(rig, **rig.stray)
        assert isinstance(outcome, Unavailable), outcome

    @pytest.mark.parametrize("deed", ["reset", "took-reset", "unreadable"])
    async def test_a_broken_answer_is_in_doubt_and_never_sent_again(self, rig: Rig, deed: str) -> None:
        rig.play(deed)
        outcome = await once(rig)
        assert isinstance(outcome, InDoubt), outcome
        assert rig.taken() == (0 if deed == "reset" else 1)

    @pytest.mark.parametrize("deed", ["hang", "took-hang"])
    async def test_silence_is_in_doubt_within_the_time_allowed(self, rig: Rig, deed: str) -> None:
        rig.play(deed)
        async with asyncio.timeout(20):  # it would be silent for ever
            outcome = await once(rig, 1.0)
        assert isinstance(outcome, InDoubt), outcome
        assert rig.taken() == (0 if deed == "hang" else 1)

    async def test_the_next_message_after_every_fault_goes_through(self, rig: Rig) -> None:
        provider = rig.build()
        await provider.start()
        for deed in ("refuse", "later", "reset", "hang", "unreadable"):
            rig.play(deed)
            assert not isinstance(await provider.send(rig.message(), 0.4), Accepted)
            taken = rig.taken()
            assert isinstance(await provider.send(rig.message(), 5), Accepted), deed
            assert rig.taken() == (taken or 0) + 1
        await provider.close()

    async def test_a_caller_who_gives_up_leaves_nothing_behind(self, rig: Rig) -> None:
        provider = rig.build()
        await provider.start()
        rig.play("hang")
        waiting: asyncio.Task[Any] = asyncio.ensure_future(_as_coroutine(provider.send(rig.message(), 5)))
        await asyncio.sleep(0.1)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert waiting.cancelled()
        assert isinstance(await provider.send(rig.message(), 5), Accepted)
        await provider.close()


async def _as_coroutine(sending: Awaitable[Outcome]) -> Outcome:
    return await sending
