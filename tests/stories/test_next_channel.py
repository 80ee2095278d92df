"""The next channel follows a refusal, an undelivered message or a silence, and never a mere guess."""

import asyncio
from typing import Any

import msgspec
import pytest

from channels.contract import ProviderReceipt, Reply
from gateway.domain.clock import format_instant
from tests.stories.world import World, reminder

SILENT, DOUBTFUL, DEAD = "+491701234505", "+491701234503", "+491701234501"
"""Phones whose last digits tell the sandbox what to do."""
EMAIL = "alex@example.com"


def job(name: str, phone: str, **given: Any) -> dict[str, Any]:
    return reminder(name, channels=["sms", "email"], recipient={"phone": phone, "email": EMAIL}, **given)


def story(world: World, name: str) -> list[tuple[str, str | None, bool]]:
    return [(one["status"], one["channel"], one["final"]) for one in world.receipts.job(name)]


async def test_a_silence_is_followed_by_the_next_channel_and_one_end(world: World) -> None:
    world.configure(fallback_after={"sms": "1s"})
    async with world.inside():
        await world.put(job("a", SILENT))
        await world.receipts.ended("a")
        await world.receipts.settle(0.5)
    assert story(world, "a") == [("sent", "sms", False), ("sent", "email", False), ("delivered", "email", True)]


async def test_who_was_reached_after_all_is_not_written_to_again(world: World) -> None:
    """The report comes while the next channel waits: somebody has paused it."""
    world.configure(fallback_after={"sms": "500ms"})
    async with world.inside():
        await world.command("pause", channel="email")
        await world.put(job("a", SILENT))
        await world.receipts.until(lambda: "deferred" in world.receipts.statuses("a"))
        [reference] = [
            key.decode().rpartition(":")[2] async for key in world.redis.scan_iter(f"{world.prefix}:reference:*")
        ]
        late = ProviderReceipt(provider="box-sms", reference=reference, status="delivered", at=world.clock.now())
        await world.redis.xadd(world.keys.callbacks, {"report": msgspec.json.encode(late)})
        await world.receipts.ended("a")
        await world.command("unpause", channel="email")
        await world.receipts.settle(0.5)
    assert story(world, "a") == [
        ("sent", "sms", False), ("deferred", "email", False), ("delivered", "sms", True),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("counts", "end"), [('"*.sent"', "delivered"), ("sms.sent", "presumed_sent")], ids=["both count", "one counts"]
)
async def test_a_doubt_is_followed_only_where_a_limit_counts_both(world: World, counts: str, end: str) -> None:
    policy = world.policy(5, counts=counts)
    world.configure(fallback_after={"sms": "500ms"}, policies=policy, horizons={"receipts": "2s"})
    async with world.inside():
        await world.put(job("a", DOUBTFUL))
        await world.receipts.ended("a")
        await world.receipts.settle(0.5)
    assert world.receipts.statuses("a")[0] == "in_doubt"
    assert world.receipts.last("a")["status"] == end
    assert ("email" in [one["channel"] for one in world.receipts.job("a")]) == (end == "delivered")


async def test_a_doubt_that_fills_the_limit_is_followed_by_nothing(world: World) -> None:
    world.configure(fallback_after={"sms": "500ms"}, policies=world.policy(1), horizons={"receipts": "2s"})
    async with world.inside():
        await world.put(job("a", DOUBTFUL, expires_at=format_instant(world.clock.now() + 60_000)))
        await world.receipts.ended("a")
    assert world.receipts.last("a")["status"] == "presumed_sent"
    assert "email" not in [one["channel"] for one in world.receipts.job("a") if one["status"] == "sent"]


async def test_where_the_next_channel_is_forbidden_the_first_is_waited_for(world: World) -> None:
    world.configure(fallback_after={"sms": "500ms"}, horizons={"receipts": "2s"})
    async with world.inside():
        await world.command("stop", recipient_id="p-a", reason="opted_out", channel="email")
        await asyncio.sleep(1)
        await world.put(job("a", SILENT))
        await world.receipts.ended("a")
    assert story(world, "a") == [("sent", "sms", False), ("presumed_sent", "sms", True)]


async def test_a_number_that_takes_no_texts_may_be_called_and_an_opt_out_outlives_a_dead_address(world: World) -> None:
    world.configure({"sms": [{"name": "box-sms", "kind": "sandbox"}], "call": [{"name": "calls", "kind": "call"}]})
    async with world.inside() as plant:
        await world.put(reminder("a", channels=["sms", "call"], recipient={"phone": DEAD}))
        await world.receipts.ended("a")
        reply = Reply(provider="box-sms", id="1", channel="sms", sender=DEAD, text="STOP", at=world.clock.now())
        await plant.lent.report(reply)
        await world.put(reminder("b", channels=["sms", "call"], recipient={"phone": DEAD}))
        await world.receipts.ended("b")
        await world.command("resume", recipient_id="p-b", address=DEAD, reason="dead_address")
        await asyncio.sleep(1)
        await world.put(reminder("c", channels=["call"], recipient={"phone": DEAD}))
        await world.receipts.ended("c")
    assert story(world, "a") == [("sent", "call", True)]
    assert [world.receipts.last(name)["reason"]["code"] for name in ("b", "c")] == ["stopped", "opted_out"]


async def test_a_dead_address_is_not_written_to_again_by_anybody_and_the_next_channel_is(world: World) -> None:
    world.configure()
    async with world.inside() as plant:
        await world.put(job("a", DEAD))
        await world.receipts.ended("a")
        await world.put(job("b", DEAD), reminder("c", recipient={"phone": DEAD}))
        await world.receipts.ended("b", "c")
        assert [m.job_id for m in plant.desks.by_name["box-sms"].provider.messages] == []
        [last] = world.receipts.job("c")
        assert (last["status"], last["reason"]["code"], last["reason"]["provider_code"]) == (
            "suppressed", "stopped", "sandbox_address",
        )  # fmt: skip
        await world.command("resume", recipient_id="p-c", address=DEAD)
        await asyncio.sleep(1)
        await world.put(reminder("d", recipient={"phone": DEAD}))
        await world.receipts.ended("d")
    assert [story(world, name)[-1][:2] for name in ("a", "b")] == [("delivered", "email")] * 2
    assert world.receipts.statuses("d") == ["failed"], "it was written to again, and refused again"
