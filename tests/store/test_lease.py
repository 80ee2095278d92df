"""The rate of a provider, on the real server's own clock."""

from gateway.store.redis import Store
from tests.stories.world import World


async def test_a_clock_that_was_put_back_stops_nobody(world: World) -> None:
    """What was granted before stands an hour ahead of the clock now; the rate holds from now on."""
    store = Store(world.redis, world.keys)
    seconds, _ = await world.redis.time()
    await world.redis.set(world.keys.rate("box"), (seconds + 3600) * 1_000_000)
    granted, wait = await store.lease("box", 100.0, 5)
    assert granted == 0
    assert wait <= 0.06
