"""A send of which nobody knows what became: its provider is asked, where it can be, and what it says ends the doubt."""

from channels.fakes.alibaba import FakeAlibaba
from gateway.domain.job import INQUIRIES_MS
from tests.stories.world import ShiftedClock, World, reminder


async def test_a_doubt_is_ended_by_what_the_provider_knows_and_by_nothing_that_it_does_not(world: World) -> None:
    fake, clock = FakeAlibaba(), ShiftedClock()
    async with fake.serve():
        [registered] = fake.entry(world.folder)["templates"]
        entry = fake.entry(world.folder) | {"templates": [registered | {"sign": "Example Bank"}]}
        world.configure({"sms": [entry]}, horizons={"receipts": "30d"})
        person = {"locale": "zh-CN", "time_zone": "Asia/Shanghai", "phone": "+8613800138000"}
        async with world.inside(clock):
            fake.script.extend(["took-reset", "reset"])
            await world.put(reminder("taken", "li", recipient=person))
            await world.receipts.until(lambda: world.receipts.statuses("taken") == ["in_doubt"])
            await world.put(reminder("lost", "wang", recipient=person | {"phone": "+8613900139000"}))
            await world.receipts.until(lambda: world.receipts.statuses("lost") == ["in_doubt"])
            for wait in INQUIRIES_MS:
                clock.shift += wait
                await world.receipts.settle(1)
    assert world.receipts.statuses("taken") == ["in_doubt", "delivered"]
    assert world.receipts.statuses("lost") == ["in_doubt"], "absence proves nothing"
    assert len(fake.log) == 1
    asked = fake.seen
    assert asked == 2, "an inquiry is no send"
