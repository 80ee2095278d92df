"""Cases in which one job once ended or stopped a worker, or a contact was lost: each with the real store."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
import redis

from gateway.domain.clock import format_instant
from gateway.pipeline import flights, line
from gateway.pipeline.files import write_contact
from gateway.policy.facts import PastContact
from gateway.store.redis import Ask, Change, Sight, Store
from tests.stories.providers import addressed, providers
from tests.stories.world import World, reminder


async def test_a_claim_of_which_the_answer_was_lost_counts_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The claim that was written is taken back before the job is judged: its contact neither blocks the job itself, nor
    is the contact of the claim that follows lost with it."""
    world.configure(policies=world.policy(most=1))
    commit, lost = Store.commit, 0

    async def losing(store: Store, changes: Sequence[Change], guard: int | None = None) -> list[int]:
        nonlocal lost
        answer = await commit(store, changes, guard)
        if guard is not None and not lost:
            lost += 1
            raise redis.TimeoutError("the answer was lost")
        return answer

    monkeypatch.setattr(Store, "commit", losing)
    async with world.inside():
        await world.put(reminder("first", "bob"))
        await world.receipts.ended("first")
        await world.put(reminder("second", "bob"))
        await world.receipts.until(lambda: world.receipts.statuses("second") == ["deferred"])
    assert lost == 1
    assert world.receipts.statuses("first") == ["sent", "delivered"]


async def test_a_file_with_thousands_of_outdated_contacts_is_pruned(world: World) -> None:
    long_ago = world.clock.now() - 66 * 24 * 3_600_000
    fields = dict(
        write_contact(
            f"x:{number}", PastContact(at=long_ago - number, channel="call", event="answered", recipient="busy")
        )
        for number in range(9000)
    )
    key = world.keys.person("default", "busy")
    await world.redis.hset(key, mapping=fields | {"v": "9000"})
    async with world.inside():
        await world.put(reminder("one", "busy"), *[reminder(f"other-{number}") for number in range(5)])
        await world.receipts.ended("one", *[f"other-{number}" for number in range(5)])
    assert await world.redis.hlen(key) == 2


async def test_many_calls_at_once_are_all_handed_over(world: World) -> None:
    """More at once than there are connections to the store: they wait for one, none is in doubt."""
    world.configure({"call": [{"name": "calls", "kind": "call"}]})
    names = [f"call-{number}" for number in range(200)]
    async with world.inside():
        await world.put(*[reminder(name, channels=["call"]) for name in names])
        await world.receipts.ended(*names)
    assert world.receipts.count() == {"sent": 200}


async def test_a_mistake_of_ours_costs_one_job_its_turn_and_the_others_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    weigh = line.assess

    def faulty(view: Any, *rest: Any) -> Any:
        if view.reminder.id == "cursed":
            raise ZeroDivisionError
        return weigh(view, *rest)

    monkeypatch.setattr(line, "assess", faulty)
    async with world.inside():
        await world.put(reminder("before"), reminder("cursed"), reminder("after"))
        await world.receipts.ended("before", "after")
    assert await world.backlog() == 1


async def test_who_waits_for_the_second_channel_does_not_wait_for_the_first(world: World) -> None:
    """Text messages are forbidden to these people, and the provider of texts is stuck: mail goes on."""
    box = {"kind": "sandbox", "concurrency": 1, "receipt_ms": 5}
    world.configure(
        {"sms": [box | {"name": "s", "latency_ms": 5000}], "email": [box | {"name": "e", "latency_ms": 200}]}
    )
    names = [f"mail-{number}" for number in range(4)]
    async with world.inside():
        for name in names:
            await world.command("stop", recipient_id=name, reason="opted_out", channel="sms")
        await asyncio.sleep(0.6)
        for name in names:
            mail = {"email": f"{name}@example.com"}
            await world.put(reminder(name, name, channels=["sms", "email"], recipient=mail))
        await asyncio.sleep(0.1)
        await world.put(reminder("text"))
        await world.receipts.ended(*names, seconds=4)


async def test_a_contact_that_names_no_household_finds_the_one_that_a_contact_named(world: World) -> None:
    async with world.inside():
        await world.contact("ann", household="home")
        await world.contact("ann")
        async with asyncio.timeout(5):
            while await world.redis.hlen(world.keys.household("default", "home")) < 3:  # noqa: ASYNC110
                await asyncio.sleep(0.02)


async def test_messages_whose_time_is_too_short_do_not_close_the_provider_to_others(world: World) -> None:
    """Twilio takes no message for less than six seconds; that nobody asked it is no sign that it is down."""
    async with providers(world.folder) as fakes:
        world.configure(fakes.channels())
        soon = format_instant(world.clock.now() + 5000)
        async with world.inside():
            await world.put(*[addressed(number, ["sms"], expires_at=soon) for number in range(30)])
            await world.receipts.until(lambda: world.receipts.count()["deferred"] >= 30)
            await world.put(addressed(1000, ["sms"]))
            await world.receipts.ended("j1000")
    assert world.receipts.statuses("j1000") == ["sent"]


async def test_jobs_that_wait_while_another_provider_is_paused_cost_little(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The paused one has room, but not for them; the other gives its messages by the second."""
    box = {"kind": "sandbox"}
    world.configure({"sms": [box | {"name": "paused"}, box | {"name": "slow", "rate": 2}]})
    observe, looks = Store.observe, 0

    async def counting(store: Store, asks: Sequence[Ask]) -> Sight:
        nonlocal looks
        looks += 1
        return await observe(store, asks)

    monkeypatch.setattr(Store, "observe", counting)
    async with world.inside():
        await world.command("pause", provider="paused")
        await asyncio.sleep(0.5)
        await world.put(*[reminder(f"job-{number}") for number in range(60)])
        await asyncio.sleep(2.0)
    assert looks < 200


async def test_a_worker_that_lags_costs_no_job_its_attempts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A claim too old for its send to begin is as if it had never been: after a dozen of them a job was given up."""
    world.configure(retry={"first": "10ms", "most": "10ms"})
    monkeypatch.setattr(flights, "LATE_MS", -1)
    async with world.inside():
        await world.put(reminder("one"))
        await asyncio.sleep(1.0)
        monkeypatch.setattr(flights, "LATE_MS", 1000)
        await world.receipts.ended("one")
    assert world.receipts.statuses("one") == ["sent", "delivered"]
    assert world.receipts.last("one")["attempt"] == 1
