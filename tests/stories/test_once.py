"""One job, one send; one cap, that many contacts: whoever races for them."""

import asyncio
import json
from collections import Counter

import pytest

from gateway.store.keys import LANES
from tests.stories.providers import address, addressed, providers
from tests.stories.world import World


async def test_a_job_that_is_enqueued_three_times_on_three_lanes_at_once_is_sent_once(world: World) -> None:
    jobs = [addressed(number, ["sms"]) for number in range(150)]
    async with providers(world.folder, delay=0.02) as fakes:
        world.configure(fakes.channels())
        async with world.workers(2):
            await asyncio.gather(*[world.put(*jobs, lane=lane) for lane in LANES])
            await world.receipts.ended(*[job["id"] for job in jobs])
            await world.emptied()
            await world.put(*jobs[:20], lane="high")
            await world.emptied()
            await world.receipts.settle()
        taken = fakes.taken()["sms"]
    assert taken == Counter(address(job, "sms") for job in jobs)
    assert all(world.receipts.statuses(job["id"]) == ["sent"] for job in jobs)


async def test_the_same_id_for_another_person_or_tenant_is_another_job(world: World) -> None:
    jobs = [addressed(10, ["sms"]), addressed(20, ["sms"], id="j10"), addressed(10, ["sms"], tenant="other")]
    async with world.inside() as plant:
        for job in jobs:
            await world.redis.xadd(world.keys.lanes["normal"], {"job": json.dumps(job)})
        await world.emptied()
        box = plant.desks.by_name["box-sms"].provider
        assert len(box.messages) == 3  # type: ignore[attr-defined]


@pytest.mark.parametrize("otherwise", ["defer", "drop"])
async def test_four_workers_racing_on_fifty_people_never_pass_a_cap_of_three(world: World, otherwise: str) -> None:
    people, each, most = 50, 10, 3
    jobs = [addressed(person, ["sms"], id=f"j{person}-{number}") for number in range(each) for person in range(people)]
    async with providers(world.folder, delay=0.01) as fakes:
        world.configure(fakes.channels(), policies=world.policy(most, otherwise=otherwise))
        async with world.workers(4):
            await asyncio.gather(*[world.put(*jobs[third::3], lane=lane) for third, lane in enumerate(LANES)])
            await world.receipts.until(lambda: all(world.receipts.job(job["id"]) for job in jobs), 40)
            await world.emptied()
            await world.receipts.settle()
        assert set(fakes.taken()["sms"].values()) == {most}
        assert len(fakes.taken()["sms"]) == people
    told = Counter((r["status"], (r["reason"] or {}).get("code")) for r in world.receipts.all)
    told.pop(("deferred", "backoff"), None)  # a claim that a busy machine left lying for a second is given back
    refused = ("deferred" if otherwise == "defer" else "suppressed", "limit")
    assert told == {("sent", None): people * most, refused: people * (each - most)}


@pytest.mark.parametrize("named", [5, 2, 0], ids=["by-all-jobs", "by-some", "by-none"])
async def test_four_workers_racing_on_a_household_share_its_cap(world: World, named: int) -> None:
    """Of five jobs for each person some name the household, the others find it in the person's file."""
    policy = world.policy(3, otherwise="drop")
    file = policy / "house.yaml"
    file.write_text(file.read_text().replace("scope: [recipient]", "scope: [household]"))
    jobs = [addressed(person, ["sms"], id=f"j{person}-{number}") for number in range(5) for person in range(20)]
    homes = {job["recipient"]["id"]: f"h{int(job['recipient']['id'][1:]) // 2}" for job in jobs}
    for job in jobs[: 20 * named]:
        job["recipient"]["household"] = homes[job["recipient"]["id"]]
    async with providers(world.folder, delay=0.01) as fakes:
        world.configure(fakes.channels(), policies=policy)
        async with world.workers(4):
            for person, home in homes.items():
                await world.contact(person, household=home, event="not_connected")
            await world.emptied()
            await world.put(*jobs)
            await world.receipts.ended(*[job["id"] for job in jobs], seconds=40)
        per_house: Counter[int] = Counter()
        for phone, count in fakes.taken()["sms"].items():
            per_house[int(phone[-8:]) // 2] += count
    assert per_house == dict.fromkeys(range(10), 3)
