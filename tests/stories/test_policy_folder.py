"""What may happen to a folder of packs: files that vanish, shares not mounted, releases that are rolled back."""

import asyncio
from pathlib import Path

from gateway.pipeline.policies import LOOSER_S
from gateway.store.policies import Offer, Offered, name_of, publish
from tests.stories.test_policy_changes import CLOSED, OPEN, packs, refusals, statuses_of, write
from tests.stories.world import World, reminder


async def test_a_pack_that_vanishes_stays_in_force_and_everybody_is_told(world: World) -> None:
    folder = packs(world)
    write(folder, CLOSED, "v1")
    world.configure(policies=folder)
    async with world.workers(2) as workers:
        assert await statuses_of(world, "before", 20) == {("deferred", "house@v1")}
        (folder / "house.yaml").rename(folder / "house.bak")
        await asyncio.sleep(1)
        assert await statuses_of(world, "gone", 20) == {("deferred", "house@v1")}
        [told] = refusals(workers[0].noise)
        assert told["faults"] == [
            f"{folder}/house.yaml: is in force and not here any more; to withdraw it, leave it with `rules: []`"
        ]
        async with world.worker():
            assert await statuses_of(world, "started", 20) == {("deferred", "house@v1")}
        (folder / "house.bak").rename(folder / "house.yaml")
        await asyncio.sleep(1)
        assert len(refusals(workers[0].noise)) == 1


async def test_a_rule_is_taken_away_only_by_a_folder_that_has_come_to_rest(world: World) -> None:
    folder = packs(world)
    write(folder, CLOSED, "v1")
    whole = (folder / "house.yaml").read_text()
    world.configure(policies=folder)
    async with world.worker():
        assert await statuses_of(world, "before", 5) == {("deferred", "house@v1")}
        half = whole[: whole.index("  - id: house.hours")].replace("version: v1", "version: v2")
        (folder / "house.yaml").write_text(half)
        await asyncio.sleep(LOOSER_S / 2)
        assert await statuses_of(world, "half", 5) == {("deferred", "house@v1")}
        await asyncio.sleep(LOOSER_S)
        assert await statuses_of(world, "rested", 5) == {("sent", "house@v2")}


async def test_a_release_that_is_rolled_back_is_in_force(world: World) -> None:
    """As Kubernetes and deployers mount folders: a link that is set to another one, here back to an older one."""
    for number, hours in ((1, CLOSED), (2, OPEN)):
        release = world.folder / f"release-{number}"
        release.mkdir()
        write(release, hours, f"v{number}")
    link = world.folder / "current"
    link.symlink_to("release-1")
    world.configure(policies=link)
    async with world.worker():
        assert await statuses_of(world, "first", 5) == {("deferred", "house@v1")}
        flip(link, "release-2")
        await asyncio.sleep(1)
        assert await statuses_of(world, "second", 5) == {("sent", "house@v2")}
        flip(link, "release-1")
        await asyncio.sleep(1)
        assert await statuses_of(world, "back", 5) == {("deferred", "house@v1")}
    async with world.worker():
        assert await statuses_of(world, "restarted", 5) == {("deferred", "house@v1")}


def flip(link: Path, to: str) -> None:
    new = link.with_name("new")
    new.symlink_to(to)
    new.replace(link)


async def test_what_waits_is_woken_also_if_the_process_that_published_ended_before_it_could(world: World) -> None:
    folder, theirs = packs(world), world.folder / "theirs"
    theirs.mkdir()
    write(folder, CLOSED, "v1")
    world.configure(policies=folder)
    async with world.inside() as plant:
        await world.put(reminder("waits"))
        await world.receipts.until(lambda: world.receipts.statuses("waits") == ["deferred"])
        write(theirs, OPEN, "v2")
        texts = {"house": (theirs / "house.yaml").read_text()}
        offer = Offer(
            name=name_of(texts), texts=texts, labels={"house": "house@v2"}, path="elsewhere", age=1, at="", edited=True
        )
        assert await publish(plant.store, offer) == Offered.PUBLISHED
        await world.receipts.ended("waits", seconds=10)
    assert world.receipts.last("waits")["policy"] == "house@v2"


async def test_another_folder_named_by_the_configuration_takes_the_place_of_the_first(world: World) -> None:
    first, second = packs(world), world.folder / "others"
    second.mkdir()
    write(second, OPEN, "v2")
    await asyncio.sleep(0.05)
    write(first, CLOSED, "v1")
    world.configure(policies=first)
    async with world.worker():
        assert await statuses_of(world, "first", 5) == {("deferred", "house@v1")}
    world.configure(policies=second)
    async with world.worker():
        assert await statuses_of(world, "second", 5) == {("sent", "house@v2")}


async def test_a_file_that_is_no_pack_puts_nothing_in_force_and_a_lost_publication_comes_back(world: World) -> None:
    folder = packs(world)
    write(folder, CLOSED, "v1")
    world.configure(policies=folder)
    async with world.worker():
        control = await world.redis.hgetall(world.keys.control)  # type: ignore[misc]
        write(folder, OPEN, "v2")
        await asyncio.sleep(1)
        assert await statuses_of(world, "second", 5) == {("sent", "house@v2")}
        await world.redis.hset(world.keys.control, b"policy", control[b"policy"])  # type: ignore[misc]
        await asyncio.sleep(1)
        assert await statuses_of(world, "restored", 5) == {("sent", "house@v2")}
