"""Commands that several processes take in at once, or late: what lifts never lifts what was ordered after it."""

import asyncio
from contextlib import AsyncExitStack

from gateway.store.keys import GROUP
from tests.stories.world import World, reminder


async def left(world: World) -> tuple[int, int]:
    """How many pauses, and how many stops of bob, are in force."""
    control = await world.redis.hkeys(world.keys.control)
    person = await world.redis.hkeys(world.keys.person("default", "bob"))
    return sum(name[:2] == b"p:" for name in control), sum(name[:2] == b"s:" for name in person)


async def test_what_is_lifted_at_once_is_lifted_however_many_take_it_in(world: World) -> None:
    """Three wait for commands; each reads one of them, and whoever lifts waits for whoever restrains."""
    async with AsyncExitStack() as stack:
        for _ in range(3):
            await stack.enter_async_context(world.inside())
        for _ in range(8):
            await asyncio.sleep(0.2)
            await asyncio.gather(world.command("pause", template="x"), world.command("unpause", template="x"))
            await asyncio.gather(
                world.command("stop", recipient_id="bob", reason="cease"),
                world.command("resume", recipient_id="bob", reason="cease"),
            )
        await world.emptied()
        assert await left(world) == (0, 0)


async def test_a_late_order_to_lift_leaves_what_was_ordered_after_it(world: World) -> None:
    """Its reader died with it and it is taken over seconds later: meanwhile the person said stop again."""
    await world.redis.xgroup_create(world.keys.commands, GROUP, id="0", mkstream=True)
    await world.command("resume", recipient_id="bob", reason="opted_out")
    await world.command("unpause", template="x")
    read = await world.redis.xreadgroup(GROUP, "dead", {world.keys.commands: ">"})
    await world.command("stop", recipient_id="bob", reason="opted_out")
    await world.command("pause", template="x")
    async with world.inside():
        await world.receipts.until(lambda: True)
        async with asyncio.timeout(5):
            while await left(world) != (1, 1):  # noqa: ASYNC110 - another task brings it about
                await asyncio.sleep(0.02)
        ids = [entry for entry, _ in read[0][1]]
        await world.redis.xclaim(world.keys.commands, GROUP, "dead", 0, ids, idle=60_000, justid=True)
        await world.emptied(seconds=10)
        assert await left(world) == (1, 1)
        await world.put(reminder("one", "bob"))
        await world.receipts.ended("one")
    assert world.receipts.statuses("one") == ["suppressed"]


async def test_an_order_to_lift_waits_for_older_orders_in_other_hands(world: World) -> None:
    """The pause that it lifts was read by a process that died, and comes after it."""
    await world.redis.xgroup_create(world.keys.commands, GROUP, id="0", mkstream=True)
    await world.command("pause", template="x")
    read = await world.redis.xreadgroup(GROUP, "dead", {world.keys.commands: ">"})
    await world.command("unpause", template="x")
    async with world.inside():
        await asyncio.sleep(0.5)
        assert await world.redis.xlen(world.keys.commands) == 2
        ids = [entry for entry, _ in read[0][1]]
        await world.redis.xclaim(world.keys.commands, GROUP, "dead", 0, ids, idle=60_000, justid=True)
        await world.emptied(seconds=10)
        assert await left(world) == (0, 0)


async def test_a_late_withdrawal_leaves_the_consent_that_was_given_after_it(world: World) -> None:
    await world.redis.xgroup_create(world.keys.commands, GROUP, id="0", mkstream=True)
    await world.command("consent", recipient_id="bob", state="night_consent")
    await world.command("resume", recipient_id="bob", reason="night_consent")
    read = await world.redis.xreadgroup(GROUP, "dead", {world.keys.commands: ">"})
    await world.command("consent", recipient_id="bob", state="night_consent", id="1-1:afterwards")
    async with world.inside():
        async with asyncio.timeout(5):
            while await left(world) != (0, 1):  # noqa: ASYNC110 - another task brings it about
                await asyncio.sleep(0.02)
        ids = [entry for entry, _ in read[0][1]]
        await world.redis.xclaim(world.keys.commands, GROUP, "dead", 0, ids, idle=60_000, justid=True)
        await world.emptied(seconds=10)
    names = await world.redis.hkeys(world.keys.person("default", "bob"))
    assert [name.decode().split(":", 3)[-1] for name in names if name[:2] == b"s:"] == ["1-1:afterwards"]
