"""What people order and what happened elsewhere: in force within a second, also for jobs that wait."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from gateway.app import Plant
from gateway.domain.clock import DAY, format_instant
from tests.stories.world import World, reminder

TOMORROW = 24 * 3_600_000


def later(world: World) -> str:
    return format_instant(world.clock.now() + TOMORROW)


async def within_a_second(world: World, done: Callable[[], bool]) -> None:
    """The contract's second, and a little for the reading of it."""
    await world.receipts.until(done, 1.3)


async def waiting(world: World, *jobs: dict[str, Any]) -> None:
    """Puts jobs that wait for tomorrow, and waits until they do."""
    await world.put(*[{"not_before": later(world)} | job for job in jobs])
    await world.receipts.until(lambda: all(world.receipts.statuses(job["id"]) == ["deferred"] for job in jobs))


def told(world: World, status: str, *names: str) -> Callable[[], bool]:
    return lambda: all(world.receipts.statuses(name)[-1:] == [status] for name in names)


@pytest.mark.parametrize(
    ("selector", "hit"),
    [
        ({"job_id": "a"}, {"a"}),
        ({"account": "acc"}, {"a", "b"}),
        ({"recipient_id": "li"}, {"a", "c"}),
    ],
    ids=["job", "account", "person"],
)
async def test_a_cancel_ends_what_waits_within_a_second_and_nothing_else(
    world: World, selector: dict[str, str], hit: set[str]
) -> None:
    async with world.inside():
        await waiting(
            world, reminder("a", "li", account="acc"), reminder("b", "xu", account="acc"), reminder("c", "li"),
            reminder("d", "xu"), reminder("a2", "li", tenant="other", account="acc"),
        )  # fmt: skip
        await world.command("cancel", **selector)
        await within_a_second(world, told(world, "cancelled", *hit))
        await world.receipts.settle()
        assert {name for name in ("a", "b", "c", "d", "a2") if world.receipts.statuses(name)[-1] == "cancelled"} == hit
        assert world.receipts.last("a")["final"] is ("a" in hit)


async def test_a_job_enqueued_after_a_cancel_is_sent(world: World) -> None:
    async with world.inside():
        await world.command("cancel", recipient_id="li")
        await world.emptied()
        await world.put(reminder("new", "li"))
        await world.receipts.ended("new")
        assert world.receipts.statuses("new") == ["sent", "delivered"]


async def test_a_cancel_ends_jobs_that_queue_behind_a_slow_provider_within_a_second(world: World) -> None:
    slow = [{"name": "slow", "kind": "sandbox", "latency_ms": 3000, "concurrency": 2, "receipt_ms": 300}]
    world.configure({"sms": slow})
    names = [f"q{number}" for number in range(300)]
    async with world.inside():
        await world.put(*[reminder(name, account="acc") for name in names])
        await asyncio.sleep(0.5)
        await world.command("cancel", account="acc")
        await within_a_second(world, lambda: world.receipts.count()["cancelled"] >= len(names) - 2)
        await world.receipts.ended(*names)
        assert world.receipts.count()["sent"] == 2, "what was with the provider is not cancelled"


async def test_a_cancel_that_is_said_twice_does_no_more_than_once(world: World) -> None:
    async with world.inside():
        await waiting(world, reminder("a", "li"))
        for _ in range(2):
            await world.command("cancel", job_id="a", id="the-same")
        await world.receipts.ended("a")
        await world.emptied()
        await world.receipts.settle()
        assert world.receipts.statuses("a") == ["deferred", "cancelled"]


# Stops: what is forbidden, and what is not.

BOTH = reminder("x", "li", channels=["sms", "email"], account="acc", recipient={"email": "li10@example.com"})


@pytest.mark.parametrize(
    ("stop", "job", "status", "code", "channel"),
    [
        ({"reason": "opted_out"}, {}, "suppressed", "opted_out", None),
        ({"reason": "opted_out", "channel": "sms"}, {}, "sent", None, "email"),
        ({"reason": "opted_out", "address": "+491701234500"}, {}, "sent", None, "email"),
        ({"reason": "opted_out", "channel": "sms"}, {"channels": ["sms"]}, "suppressed", "opted_out", "sms"),
        ({"reason": "cease", "channel": "sms"}, {}, "suppressed", "stopped", None),
        ({"reason": "dispute", "account": "acc"}, {}, "suppressed", "stopped", None),
        ({"reason": "dispute", "account": "another"}, {}, "sent", None, "sms"),
        ({"reason": "bankruptcy"}, {"purpose": "legal"}, "suppressed", "stopped", None),
    ],
)
async def test_a_stop_forbids_what_its_reason_says(
    world: World, stop: dict[str, str], job: dict[str, Any], status: str, code: str | None, channel: str | None
) -> None:
    async with world.inside():
        await world.command("stop", recipient_id="li", **stop)
        await world.emptied()
        await world.put(BOTH | job)
        await world.receipts.until(lambda: bool(world.receipts.job("x")))
        first = world.receipts.job("x")[0]
        assert first["status"] == status
        assert first["channel"] == channel
        assert code is None or first["reason"]["code"] == code


async def test_a_stop_ends_what_already_waits_within_a_second(world: World) -> None:
    async with world.inside():
        await world.command("pause", channel="sms")
        await world.emptied()
        await world.put(reminder("a", "li", account="acc"), reminder("b", "li", account="other"), reminder("c", "xu"))
        await world.receipts.until(lambda: len(world.receipts.all) == 3)
        await world.command("stop", recipient_id="li", reason="attorney", account="acc")
        await within_a_second(world, told(world, "suppressed", "a"))
        await world.receipts.settle()
        assert world.receipts.last("a")["reason"]["code"] == "stopped"
        assert world.receipts.statuses("b") == world.receipts.statuses("c") == ["deferred"]


async def test_a_stop_forbids_what_waits_for_its_time(world: World) -> None:
    async with world.inside():
        await world.put(reminder("a", "li", not_before=format_instant(world.clock.now() + 1500)))
        await world.receipts.until(told(world, "deferred", "a"))
        await world.command("stop", recipient_id="li", reason="deceased")
        await world.receipts.until(told(world, "suppressed", "a"))
        assert world.receipts.statuses("a") == ["deferred", "suppressed"]


async def test_a_resume_lifts_the_stops_with_the_same_selectors_and_no_others(world: World) -> None:
    async with world.inside():
        await world.command("stop", recipient_id="li", reason="cease")
        await world.command("stop", recipient_id="li", reason="dispute", account="acc")
        await world.emptied()
        await world.command("resume", recipient_id="li")
        await world.emptied()
        await world.put(reminder("free", "li", account="another"), reminder("held", "li", account="acc"))
        await world.receipts.ended("free", "held")
        assert world.receipts.statuses("free") == ["sent", "delivered"]
        assert world.receipts.statuses("held") == ["suppressed"]
        await world.command("resume", recipient_id="li", account="acc", reason="dispute")
        await world.emptied()
        await world.put(reminder("again", "li", account="acc"))
        await world.receipts.ended("again")
        assert world.receipts.statuses("again") == ["sent", "delivered"]


async def test_a_stop_that_is_over_forbids_nothing_any_more(world: World) -> None:
    async with world.inside():
        until = format_instant(world.clock.now() + 1500)
        await world.command("stop", recipient_id="li", reason="moratorium", until=until)
        await world.emptied()
        await world.put(reminder("early", "li"))
        await world.receipts.ended("early")
        assert world.receipts.statuses("early") == ["suppressed"]
        await asyncio.sleep(1.6)
        await world.put(reminder("late", "li"))
        await world.receipts.ended("late")
        assert world.receipts.statuses("late") == ["sent", "delivered"]


# The kill switch.


@pytest.mark.parametrize(
    "selectors",
    [{}, {"channel": "sms"}, {"tenant": "default"}, {"provider": "box-sms"}, {"template": "overdue_reminder"}],
    ids=["everything", "channel", "tenant", "provider", "template"],
)
async def test_what_is_paused_waits_and_nothing_is_lost(world: World, selectors: dict[str, str]) -> None:
    names = [f"p{number}" for number in range(40)]
    async with world.inside():
        await world.command("pause", **selectors)
        await world.emptied()
        await world.put(*[reminder(name) for name in names])
        await world.receipts.until(told(world, "deferred", *names))
        for name in names:
            reason = world.receipts.last(name)["reason"]
            assert (reason["code"], reason["until"]) == ("paused", None)
        await world.receipts.settle()
        assert world.receipts.count() == {"deferred": len(names)}
        await world.command("unpause", **selectors)
        await within_a_second(world, lambda: world.receipts.count()["sent"] == len(names))
        await world.receipts.ended(*names)


async def test_a_pause_holds_nobody_else(world: World) -> None:
    async with world.inside():
        for selectors in (
            {"channel": "email"},
            {"tenant": "other"},
            {"provider": "box-push"},
            {"template": "final_notice"},
        ):
            await world.command("pause", **selectors)
        await world.emptied()
        await world.put(reminder("a"))
        await world.receipts.ended("a")
        assert world.receipts.statuses("a") == ["sent", "delivered"]


async def test_a_pause_holds_what_queues_within_a_second(world: World) -> None:
    slow = [{"name": "slow", "kind": "sandbox", "latency_ms": 100, "concurrency": 4, "receipt_ms": 1}]
    world.configure({"sms": slow})
    names = [f"q{number}" for number in range(160)]
    async with world.inside() as plant:
        await world.put(*[reminder(name) for name in names])
        await world.receipts.until(lambda: world.receipts.count()["sent"] > 20)
        await world.command("pause")
        await asyncio.sleep(1)
        sent = len(messages(plant, "slow"))
        await asyncio.sleep(1)
        assert len(messages(plant, "slow")) == sent < len(names)
        await world.command("unpause")
        await world.receipts.ended(*names, seconds=30)
        assert (
            len({message.job_id for message in messages(plant, "slow")}) == len(messages(plant, "slow")) == len(names)
        )


def messages(plant: Plant, desk: str) -> Any:
    return plant.desks.by_name[desk].provider.messages  # type: ignore[attr-defined]


# Contacts from outside.


async def test_a_contact_from_outside_counts_against_the_cap(world: World) -> None:
    world.configure(policies=world.policy(2))
    async with world.inside():
        await world.contact("li")
        await world.contact("li", channel="letter", event="sent")
        await world.contact("xu")
        await world.emptied()
        await world.put(reminder("a", "li"), reminder("b", "xu"))
        await world.receipts.until(lambda: len(world.receipts.all) >= 3)
        assert world.receipts.statuses("a") == ["deferred"]
        assert world.receipts.last("a")["reason"]["code"] == "limit"
        assert world.receipts.last("a")["reason"]["rule"] == "house.cap"
        assert world.receipts.statuses("b")[0] == "sent"


async def test_the_same_contact_told_twice_counts_once(world: World) -> None:
    world.configure(policies=world.policy(2))
    async with world.inside():
        for _ in range(3):
            await world.contact("li", id="call-77120")
        await world.emptied()
        await world.put(reminder("a", "li"))
        await world.receipts.ended("a")
        assert world.receipts.statuses("a") == ["sent", "delivered"]


async def test_a_contact_counts_from_its_own_time_and_not_from_when_it_was_told(world: World) -> None:
    world.configure(policies=world.policy(1))
    async with world.inside():
        await world.contact("li", at=format_instant(world.clock.now() - 2 * DAY))
        await world.contact("li", at=format_instant(world.clock.now() - 41 * DAY))
        await world.contact("li", event="not_connected")
        await world.emptied()
        await world.put(reminder("a", "li"))
        await world.receipts.ended("a")
        assert world.receipts.statuses("a") == ["sent", "delivered"]


async def test_the_outcome_of_a_call_replaces_the_placeholder_that_it_was_handed_over_with(world: World) -> None:
    world.configure({"call": [{"name": "calls", "kind": "call"}]}, policies=world.policy(1))
    async with world.inside():
        await world.put(reminder("first", "li", channels=["call"]))
        await world.receipts.until(lambda: bool(world.receipts.job("first")))
        assert world.receipts.statuses("first") == ["sent"]
        assert await world.redis.xlen(world.keys.calls) == 1
        await world.put(reminder("second", "li", channels=["call"]))
        await world.receipts.until(lambda: bool(world.receipts.job("second")))
        assert world.receipts.last("second")["reason"]["code"] == "limit", "a call handed over counts as one"
        await world.contact("li", event="not_connected", job_id="first")
        await world.emptied()
        await world.put(reminder("third", "li", channels=["call"]))
        await world.receipts.until(lambda: bool(world.receipts.job("third")))
        assert world.receipts.statuses("third") == ["sent"], "a call that did not connect counts for nothing"


async def test_a_contact_finds_the_household_that_a_waiting_job_named(world: World) -> None:
    """One of the household is called while the other's reminder waits; the limit that they share is used up."""
    folder = world.policy(1)
    pack = folder / "house.yaml"
    pack.write_text(pack.read_text().replace("scope: [recipient]", "scope: [household]"))
    world.configure(policies=folder)
    async with world.inside():
        await world.command("pause")
        await world.emptied()
        await world.put(reminder("a", "li", recipient={"household": "h1"}))
        await world.receipts.until(lambda: world.receipts.count()["deferred"] == 1)
        await world.contact("li")
        await world.emptied()
        await world.command("unpause")
        await world.put(reminder("b", "han", recipient={"household": "h1"}))
        await world.receipts.until(lambda: world.receipts.count()["deferred"] >= 3)
        assert world.receipts.last("a")["reason"]["code"] == "limit"
        assert world.receipts.last("b")["reason"]["code"] == "limit"
