"""Who belongs together shares limits: also the jobs that name no household, for whom the person's file remembers it."""

from typing import Any

from gateway.domain.clock import format_instant
from gateway.store.keys import parse_member
from tests.stories.explained import channel, explained
from tests.stories.world import World, reminder


def shared_cap(world: World, most: int) -> None:
    """At most so many contacts a day with all of a household together."""
    folder = world.policy(most)
    pack = folder / "house.yaml"
    pack.write_text(pack.read_text().replace("scope: [recipient]", "scope: [household]"))
    world.configure(policies=folder)


async def know(world: World, household: str, *people: str) -> None:
    """Names a household with people, by contacts that count for nothing."""
    for person in people:
        await world.contact(person, household=household, event="not_connected")
    await world.emptied()


async def one(world: World, name: str, person: str, **given: Any) -> list[str]:
    """Puts a job and waits for its first word."""
    await world.put(reminder(name, person, **given))
    await world.receipts.until(lambda: bool(world.receipts.job(name)))
    return world.receipts.statuses(name)[:1]


def refused(world: World, name: str) -> bool:
    last = world.receipts.last(name)
    return (last["status"], (last["reason"] or {}).get("rule")) == ("deferred", "house.cap")


async def test_a_job_that_names_no_household_is_of_the_one_that_was_last_named_with_its_person(world: World) -> None:
    shared_cap(world, 2)
    at_home = {"recipient": {"household": "h1"}}
    async with world.inside():
        assert await one(world, "han", "han", **at_home) == ["sent"]
        await know(world, "h1", "li")
        assert await one(world, "li", "li") == ["sent"]
        await one(world, "han-again", "han", **at_home)
        assert refused(world, "han-again"), "what was sent to the wife counts for the husband"
        await one(world, "li-again", "li")
        assert refused(world, "li-again"), "and the limit that both have used up holds for her"
        assert await one(world, "xu", "xu") == ["sent"]
    document = (await explained(world, "li-again"))[2]
    assert channel(document)["decision"] == "defer"
    now = document["tracks"][0]["now"]["channels"][0]
    assert (now["decision"], now["blocked_by"]) == ("defer", ["house.cap"]), "whoever asks is told the same"


async def test_a_household_that_was_named_while_a_job_waited_is_found_when_it_is_woken(world: World) -> None:
    shared_cap(world, 2)
    async with world.inside():
        await know(world, "h1", "li")
        soon = format_instant(world.clock.now() + 1500)
        await world.put(reminder("li", "li", not_before=soon), reminder("xu", "xu", not_before=soon))
        await world.receipts.until(lambda: world.receipts.count()["deferred"] == 2)
        waiting = await world.redis.zrange(world.keys.schedule, 0, -1)
        assert {member.job: member.household for member in (parse_member(name.decode()) for name in waiting)} == {
            "li": "h1", "xu": None,
        }  # fmt: skip
        await know(world, "h2", "li", "xu")
        for number in range(2):
            await world.contact(f"other-{number}", household="h2")
        await world.receipts.until(lambda: refused(world, "li") and refused(world, "xu"))


async def test_the_household_that_a_job_names_goes_before_the_one_that_is_remembered(world: World) -> None:
    shared_cap(world, 1)
    async with world.inside():
        await know(world, "h1", "li")
        await world.contact("han", household="h1")
        await world.emptied()
        await one(world, "old", "li")
        assert refused(world, "old")
        assert await one(world, "moved", "li", recipient={"household": "h2"}) == ["sent"]
        await one(world, "after", "li")
        assert refused(world, "after"), "from then on it is the one that is remembered, and used up"
        await world.put(reminder("free", "han", recipient={"household": "h3"}))
        await world.receipts.ended("free")
