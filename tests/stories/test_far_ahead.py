"""What waits for weeks is still there when its time comes."""

from gateway.domain.clock import DAY
from tests.stories.world import World, reminder


async def test_a_report_on_one_channel_does_not_shorten_the_life_of_a_job_whose_other_channel_waits(
    world: World,
) -> None:
    """A record is kept for the idempotency horizon after the job is looked at again, not after its latest receipt."""
    world.configure(horizons={"idempotency": "10s"})
    async with world.inside():
        await world.command("pause", channel="email")
        await world.emptied()
        who = {"email": "li10@example.com"}
        await world.put(reminder("a", "li", channels=["sms", "email"], strategy="all", recipient=who))
        await world.receipts.until(lambda: world.receipts.count()["delivered"] == 1)
        await world.emptied()
        assert sorted(world.receipts.statuses("a")) == ["deferred", "delivered", "sent"]
        assert await world.redis.pttl(world.keys.job("default", "li", "a")) > 365 * DAY
        await world.command("unpause", channel="email")
        await world.receipts.ended("a")
