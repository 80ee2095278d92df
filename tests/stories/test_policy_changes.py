"""A pack is edited while two workers run: both judge by it within a second, and a mistake in it changes nothing."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from gateway.app import Unfit
from gateway.domain.clock import HOUR, parse_instant
from tests.stories.world import HOURS, OPEN_HOUSE, ShiftedClock, World, reminder

CLOSED = "03:00-03:01"
OPEN = "00:00-24:00"


def packs(world: World) -> Path:
    folder = world.folder / "packs"
    folder.mkdir()
    return folder


def write(folder: Path, hours: str, version: str, more: str = "") -> None:
    """Edits the pack in place, as an editor does: another file put in its stead."""
    text = OPEN_HOUSE.format(max=1000, within="{rolling: PT24H}", otherwise="defer", counts='"*.sent"')
    new = folder / ".house.new"
    new.write_text(text.replace("version: test.1", f"version: {version}") + HOURS.format(hours=hours) + more)
    new.replace(folder / "house.yaml")


async def statuses_of(world: World, name: str, count: int) -> set[tuple[str, str | None]]:
    """Sends `count` jobs at once, so that both workers get some; what became of them, with the policy that judged."""
    jobs = [reminder(f"{name}-{number}") for number in range(count)]
    await world.put(*jobs)
    names = [job["id"] for job in jobs]
    await world.receipts.until(lambda: all(world.receipts.job(name) for name in names))
    firsts = [world.receipts.job(name)[0] for name in names]
    return {(first["status"], first["policy"]) for first in firsts}


async def test_an_edited_pack_is_in_force_on_both_workers_within_a_second(world: World) -> None:
    folder = packs(world)
    write(folder, OPEN, "v1")
    world.configure(policies=folder)
    async with world.workers(2):
        assert await statuses_of(world, "open", 400) == {("sent", "house@v1")}
        write(folder, CLOSED, "v2")
        await asyncio.sleep(1)
        assert await statuses_of(world, "closed", 400) == {("deferred", "house@v2")}
        write(folder, OPEN, "v3")
        await asyncio.sleep(1)
        assert await statuses_of(world, "again", 400) == {("sent", "house@v3")}
        # What waited because of the rule that is gone does not wait for its hour.
        await world.receipts.ended(*[f"closed-{number}" for number in range(400)], seconds=10)
        assert world.receipts.last("closed-7")["policy"] == "house@v3"


async def test_a_broken_pack_changes_nothing_but_an_alarm_that_names_line_and_key(world: World) -> None:
    folder = packs(world)
    write(folder, OPEN, "v1")
    world.configure(policies=folder)
    async with world.workers(2) as workers:
        assert await statuses_of(world, "before", 50) == {("sent", "house@v1")}
        write(folder, "22:00", "v2")
        await asyncio.sleep(1)
        assert await statuses_of(world, "broken", 50) == {("sent", "house@v1")}
        alarms = [refusals(worker.noise) for worker in workers]
        assert all(len(told) == 1 for told in alarms), alarms
        lines = (folder / "house.yaml").read_text().splitlines()
        line = next(number for number, text in enumerate(lines, 1) if "22:00" in text)
        [fault] = alarms[0][0]["faults"]
        assert fault.startswith(f"{folder}/house.yaml:{line}: rule house.hours: hours.mon-sun: has '22:00'"), fault
        (folder / "house.yaml").write_text("code: [house")
        await asyncio.sleep(1)
        assert await statuses_of(world, "worse", 50) == {("sent", "house@v1")}
        assert "is not YAML" in refusals(workers[0].noise)[-1]["faults"][0]
        async with world.worker():  # one that starts now goes on with what is in force
            assert await statuses_of(world, "third", 50) == {("sent", "house@v1")}
        write(folder, CLOSED, "v3")
        await asyncio.sleep(1)
        assert await statuses_of(world, "mended", 50) == {("deferred", "house@v3")}


def refusals(noise: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in noise.read_text().splitlines() if line.startswith("{")]
    assert all(line["level"] == "error" for line in lines if line["event"] == "policy_refused")
    return [line for line in lines if line["event"] == "policy_refused"]


async def test_with_nothing_in_force_a_broken_pack_keeps_the_gateway_from_starting(world: World) -> None:
    folder = packs(world)
    (folder / "house.yaml").write_text("code: house\ntitel: x\n")
    world.configure(policies=folder)
    with pytest.raises(Unfit) as unfit:
        async with world.inside():
            pass
    assert any("house.yaml:2: titel: is an unknown key here" in fault for fault in unfit.value.faults)


async def test_the_same_version_for_another_text_gets_a_name_of_its_own_in_receipts(world: World) -> None:
    folder = packs(world)
    write(folder, OPEN, "v1")
    world.configure(policies=folder)
    async with world.worker():
        assert await statuses_of(world, "before", 5) == {("sent", "house@v1")}
        write(folder, CLOSED, "v1")
        await asyncio.sleep(1)
        [(status, policy)] = await statuses_of(world, "after", 5)
        assert status == "deferred"
        assert policy is not None
        assert policy.startswith("house@v1+")


async def test_a_store_that_lost_everything_is_given_the_policy_again(world: World) -> None:
    world.configure()
    async with world.inside() as plant:
        name = (await plant.store.observe([])).policy
        assert name is not None
        await world.redis.delete(world.keys.control, world.keys.policies, world.keys.packs)
        await asyncio.sleep(0.6)
        assert (await plant.store.observe([])).policy == name
        await world.put(reminder("a"))
        await world.receipts.ended("a")


async def test_a_rule_with_a_date_begins_at_its_instant_without_any_change(world: World) -> None:
    """`effective.from` is midnight in Berlin of a day that the clock reaches while the worker runs."""
    day, midnight = "2027-01-15", parse_instant("2027-01-14T23:00:00Z")
    later = HOURS.format(hours=CLOSED).replace("house.hours", "house.later")
    folder = packs(world)
    write(folder, OPEN, "v1", f"    effective: {{until: {day}}}\n{later}    effective: {{from: {day}}}\n")
    world.configure(policies=folder)
    clock = ShiftedClock.at(midnight - 3 * HOUR)
    async with world.inside(clock):
        await world.put(reminder("before"))
        await world.receipts.ended("before")
        assert world.receipts.statuses("before") == ["sent", "delivered"]
        clock.shift += 4 * HOUR
        await world.put(reminder("after"))
        await world.receipts.until(lambda: bool(world.receipts.job("after")))
        told = world.receipts.job("after")[0]
        assert (told["status"], told["reason"]["rule"]) == ("deferred", "house.later")


async def test_a_pack_that_is_still_being_written_is_left_alone(world: World) -> None:
    """The first half of a pack is a pack: one whose last rule is missing."""
    folder = packs(world)
    write(folder, CLOSED, "v1")
    whole = (folder / "house.yaml").read_text()
    world.configure(policies=folder)
    async with world.worker():
        assert await statuses_of(world, "before", 5) == {("deferred", "house@v1")}
        for turn in range(15):
            (folder / "house.yaml").write_text(whole[: whole.index("  - id: house.hours")] + f"# {turn}\n")
            await asyncio.sleep(0.1)
        (folder / "house.yaml").write_text(whole.replace("version: v1", "version: v2"))
        await asyncio.sleep(1)
        assert await statuses_of(world, "after", 5) == {("deferred", "house@v2")}
    assert len(await world.redis.hkeys(world.keys.packs)) == 2  # type: ignore[misc]
