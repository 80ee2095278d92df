"""Reports that name a message only by its provider's id, and come before anybody here knows that id."""

import asyncio

import msgspec

from channels.contract import ProviderReceipt
from gateway.domain.clock import DAY
from gateway.pipeline.orphans import adopt, keep, owners
from gateway.store.redis import Store
from tests.stories.world import World, reminder


def early(message_id: str, at: int, status: str = "delivered") -> ProviderReceipt:
    return ProviderReceipt(provider="box-sms", reference=None, message_id=message_id, status=status, at=at)  # type: ignore[arg-type]


async def told(world: World, receipt: ProviderReceipt, times: int = 1) -> None:
    for _ in range(times):
        await world.redis.xadd(world.keys.callbacks, {"report": msgspec.json.encode(receipt)})


async def test_an_early_report_is_kept_until_its_message_is_known(world: World) -> None:
    """The name of the message is written as a provider's answer to the send writes it, seconds after the report."""
    world.configure({"sms": [{"name": "box-sms", "kind": "sandbox", "receipt_ms": 600_000}]})
    async with world.inside():
        now = world.clock.now()
        await told(world, early("m-1", now), times=20)
        await told(world, early("m-2", now))
        await world.put(reminder("a"))
        await world.receipts.until(lambda: world.receipts.statuses("a") == ["sent"])
        await world.emptied()
        assert await world.redis.zcard(world.keys.orphans) == 2, "the same report twenty times is one"
        [reference] = [
            key.decode().rpartition(":")[2] async for key in world.redis.scan_iter(f"{world.prefix}:reference:*")
        ]
        await world.redis.set(world.keys.message("box-sms", "m-1"), reference)
        await world.receipts.ended("a")
        await world.emptied()
        assert await world.redis.zcard(world.keys.orphans) == 1
    assert world.receipts.statuses("a") == ["sent", "delivered"]


async def test_an_orphan_that_nobody_claims_is_let_go_after_the_horizon_and_no_sooner(world: World) -> None:
    store, now = Store(world.redis, world.keys), world.clock.now()
    orphans = [early(f"m-{n}", now - n * DAY // 100) for n in range(1200)]
    await keep(store, orphans)
    await keep(store, orphans)
    assert await adopt(store, now - 3 * DAY) == 1200 - 301
    assert await world.redis.zcard(world.keys.orphans) == 301
    assert await adopt(store, now - 3 * DAY) == 0
    assert (await owners(store, orphans[:2]))[0] == (orphans[0], None)


async def test_a_report_with_a_word_that_nobody_knows_moves_nothing_and_is_counted(world: World) -> None:
    world.configure({"sms": [{"name": "box-sms", "kind": "sandbox", "receipt_ms": 600_000}]})
    async with world.inside() as plant:
        await world.put(reminder("a"))
        await world.receipts.until(lambda: world.receipts.statuses("a") == ["sent"])
        [reference] = [
            key.decode().rpartition(":")[2] async for key in world.redis.scan_iter(f"{world.prefix}:reference:*")
        ]
        odd = msgspec.structs.replace(early("x", world.clock.now(), "unknown"), reference=reference)
        await told(world, odd, times=3)
        await world.emptied()
        await asyncio.sleep(0.1)
        counted = plant.worker.metrics.registry.get_sample_value(
            "gateway_provider_reports_total", {"provider": "box-sms", "status": "unknown"}
        )
    assert counted == 3
    assert world.receipts.statuses("a") == ["sent"]
