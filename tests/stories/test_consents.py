"""What a person agreed to: a state that policies name, for as long as it is not withdrawn."""

import json
from pathlib import Path
from typing import Any

from tests.stories.test_commands_and_contacts import within_a_second
from tests.stories.world import ShiftedClock, World, next_day_at, reminder


async def test_a_consent_is_a_state_that_a_policy_may_name(world: World) -> None:
    folder = world.policy()
    file = folder / "house.yaml"
    file.write_text(file.read_text() + CARE)
    world.configure(policies=folder)
    async with world.inside():
        await world.command("consent", recipient_id="li", state="hardship")
        await world.emptied()
        await world.put(reminder("a", "li"), reminder("b", "xu"))
        await world.receipts.ended("a", "b")
        assert world.receipts.statuses("a") == ["suppressed"]
        assert world.receipts.last("a")["reason"]["rule"] == "house.care"
        assert world.receipts.statuses("b") == ["sent", "delivered"]


async def waived(world: World, name: str, **given: Any) -> bool:
    """Whether a job goes out in the hours that only a night_consent opens."""
    await world.emptied()
    await world.put(reminder(name, "li", **given))
    await world.receipts.until(lambda: bool(world.receipts.job(name)))
    return world.receipts.statuses(name)[0] == "sent"


async def test_a_consent_is_withdrawn_by_a_resume_of_its_word_and_may_be_given_again(world: World) -> None:
    world.configure(policies=at_night(world))
    async with world.inside(ShiftedClock.at(next_day_at(1, 0, 0))):
        assert not await waived(world, "before")
        await world.command("consent", recipient_id="li", state="night_consent")
        await world.receipts.ended("before")
        assert await waived(world, "agreed")
        await world.command("resume", recipient_id="li")
        await world.command("resume", recipient_id="li", reason="cease")
        await world.command("resume", recipient_id="li", reason="night_consent", channel="sms")
        await world.command("resume", recipient_id="xu", reason="night_consent")
        assert await waived(world, "still"), "none of these withdraws it"
        await world.command("resume", recipient_id="li", reason="night_consent")
        assert not await waived(world, "withdrawn")
        await world.command("consent", recipient_id="li", state="night_consent", channel="sms")
        await world.receipts.ended("withdrawn")
        assert await waived(world, "again"), "it is given again, for one channel"
        await world.command("resume", recipient_id="li", reason="night_consent", channel="sms")
        assert not await waived(world, "over")


async def test_a_consent_of_the_release_before_holds_and_may_be_withdrawn(world: World) -> None:
    world.configure(policies=at_night(world))
    given = {"v": "3", "s:consent:7-7": json.dumps({"state": "night_consent", "from": 0, "recipient": "li"})}
    await world.redis.hset(world.keys.person("default", "li"), mapping=given)
    async with world.inside(ShiftedClock.at(next_day_at(1, 0, 0))):
        assert await waived(world, "a")
        await world.command("resume", recipient_id="li", reason="night_consent")
        assert not await waived(world, "b")


async def test_what_waits_is_judged_anew_when_a_consent_is_withdrawn(world: World) -> None:
    """It would have gone in the next night, when the limit of today is over; now it waits for the morning after."""
    world.configure(policies=at_night(world, most=1))
    async with world.inside(ShiftedClock.at(next_day_at(1, 0, 0))):
        await world.command("consent", recipient_id="li", state="night_consent")
        await world.contact("li")
        assert not await waived(world, "a", recipient={"time_zone": "Etc/UTC"})
        assert "T01:00" in world.receipts.last("a")["reason"]["until"]
        await world.command("resume", recipient_id="li", reason="night_consent")
        await within_a_second(world, lambda: "T08:00" in world.receipts.last("a")["reason"]["until"])


def at_night(world: World, most: int = 1000) -> Path:
    folder = world.policy(most, hours="08:00-21:00")
    file = folder / "house.yaml"
    file.write_text(file.read_text() + "    waived_by: [night_consent]\n")
    return folder


CARE = """
  - id: house.care
    kind: stop
    force: house
    source: "the story"
    status: verified
    states: [hardship]
    match: [recipient]
"""
