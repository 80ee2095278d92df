"""Twelve days over two changes of the clock, at the provider: whatever races, nobody hears from us when they must not.

Four workers share a clock that stands still until the story moves it, and it moves only when nothing is in hand. What
the providers took is then judged once more, contact by contact, by code that shares nothing with the gateway's.
"""

import asyncio
import os
import random
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from gateway.domain.clock import HOUR, MINUTE, SECOND, Instant, parse_instant
from gateway.store.keys import LANES, parse_member
from tests.stories.clocked import SharedClock
from tests.stories.lawbook import PACKS, write_packs
from tests.stories.lawful import Contact, Home, Laws, edges, opened_lately, read_laws, violations
from tests.stories.people import ZONES, Person, account, job, people
from tests.stories.providers import Providers, providers
from tests.stories.witness import Witness
from tests.stories.world import World

SEED = int(os.environ.get("STORY_SEED", "3"))
PERSONS, JOBS, WORKERS = 200, 20_000, 4
START, END = parse_instant("2026-10-23T00:00:00Z"), parse_instant("2026-11-04T12:00:00Z")
CHANGES = [parse_instant(at) for at in ("2026-10-25T00:00:00Z", "2026-10-29T21:00:00Z", "2026-11-01T07:00:00Z")]
"""Beirut, Europe and Nuuk go back within hours of the first, Cairo at the second, America around the third."""
NEAR = 4 * HOUR
SOON = timedelta(minutes=5)
FEEDS, CALLING = 90, 120
"""How often jobs come in, many for a few persons at once, and how often agents call."""
EVENTS = ("unanswered", "unanswered", "voicemail", "answered", "conversation", "not_connected")


async def test_nobody_is_contacted_outside_a_window_or_over_a_cap(world: World) -> None:
    lots, everybody = random.Random(SEED), people(PERSONS)
    laws, homes = read_laws(write_packs(world.folder)), {person.id: person.home for person in everybody}
    world.clock = clock = SharedClock.standing_at(START, world.folder / "clock")
    witness = Witness(world)
    async with providers(world.folder) as fakes:
        refuse_some(fakes, lots)
        witness.watch(fakes)
        world.configure(fakes.channels(), policies=world.folder / "policies")
        async with world.workers(WORKERS, clock.file) as team:
            for step in plan(everybody, laws, lots):
                clock.move(step.at)
                await at_rest(world)
                await happen(step, witness, everybody, lots)
                await at_rest(world)
            assert [worker.process.returncode for worker in team] == [None] * WORKERS
    assert [*violations(witness.contacts, homes, laws)][:5] == []
    assert await world.dead() == []
    await every_job_has_one_end_or_waits(world, witness)
    what_was_told_as_sent_is_what_was_taken(world, witness)
    it_was_put_to_the_test(world, witness, laws, homes)


# What is done to the gateway.


class Step(NamedTuple):
    """The clock moves to `at`; then agents make calls, then jobs come in."""

    at: Instant
    calls: int
    jobs: range


def plan(everybody: list[Person], laws: Laws, lots: random.Random) -> list[Step]:
    moments = sorted(irregular(lots) | at_edges(everybody, laws, lots))
    early = [at for at in moments if at < END - 20 * HOUR]
    near = [at for at in early if near_a_change(at)]
    fed = Counter(lots.choices(lots.sample(early, FEEDS - FEEDS // 3) + lots.sample(near, FEEDS // 3), k=JOBS))
    calling = set(lots.sample(moments, CALLING))
    steps, number = [], 0
    for at in moments:
        steps.append(Step(at, lots.randint(1, 8) if at in calling else 0, range(number, number + fed[at])))
        number += fed[at]
    return steps


def irregular(lots: random.Random) -> set[Instant]:
    """Steps of seconds to hours, small ones near the changes."""
    moments, at = set(), START
    while (at := at + int(lots.uniform(SECOND, 30 * MINUTE if near_a_change(at) else 4 * HOUR))) < END:
        moments.add(at)
    return moments


def at_edges(everybody: list[Person], laws: Laws, lots: random.Random) -> set[Instant]:
    """Many of the edges of windows, a second before them, and a little later."""
    first, last = moment(START), moment(END)
    found = {round(at.timestamp() * 1000) for who in everybody for at in edges(who.home, laws, first, last)}
    chosen = [at for at in sorted(found) if lots.random() < (0.3 if near_a_change(at) else 0.12)]
    return {near for at in chosen for near in (at - SECOND, at, at + lots.randint(1, 240) * SECOND)}


def moment(at: Instant) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC)


def near_a_change(at: Instant) -> bool:
    return any(abs(at - change) < NEAR for change in CHANGES)


async def happen(step: Step, witness: Witness, everybody: list[Person], lots: random.Random) -> None:
    """Calls by agents, which are known before any job is looked at; then jobs, on all lanes at once and some of them
    twice, for a few persons, among whom are those whose clock shows an hour for the second time."""
    for _ in range(step.calls):
        whom = lots.choice(everybody)
        direction = "inbound" if lots.random() < 0.2 else "outbound"
        await witness.call(whom, lots.choice(EVENTS), account(whom, lots), direction)
    if step.calls:
        await at_rest(witness.world)
    if step.jobs:
        again = [who for who in everybody if any(shown_again(moment(step.at), zone) for zone in who.home.zones)]
        crowd = lots.sample(everybody, lots.randint(10, 60)) + again
        jobs = [job(number, lots.choice(crowd), step.at, lots) for number in step.jobs]
        repeated = lots.sample(jobs, len(jobs) // 30)
        await asyncio.gather(*[witness.put(jobs[third::3], lane) for third, lane in enumerate(LANES)])
        await witness.put(repeated, lots.choice(LANES))


async def at_rest(world: World) -> None:
    """Until nothing is due, and nothing on an inbound stream, where a job stands until its answer is kept. One look,
    because a job goes from one to the other and back."""
    async with asyncio.timeout(60):
        while True:
            pipeline = world.redis.pipeline(transaction=True)
            pipeline.zcount(world.keys.schedule, "-inf", world.clock.now())
            for stream in world.keys.inbound:
                pipeline.xlen(stream)
            if not any(await pipeline.execute()):
                return
            await world.receipts.read(10)


def refuse_some(fakes: Providers, lots: random.Random) -> None:
    """One in a hundred is refused for good: that was no contact, and the next channel is tried."""
    fakes.twilio.rule = lambda record: "21211" if lots.random() < 0.01 else "ok"
    fakes.fcm.rule = lambda record: "UNREGISTERED" if lots.random() < 0.01 else "ok"
    fakes.smtp.rule = lambda stage, value: "550 5.1.1 no" if stage == "RCPT" and lots.random() < 0.01 else None


# What must be true of it.


async def every_job_has_one_end_or_waits(world: World, witness: Witness) -> None:
    await world.receipts.settle(0.1)
    waiting = {parse_member(name.decode()).job for name in await world.redis.zrange(world.keys.schedule, 0, -1)}
    ended = {name for name, doc in witness.jobs.items() if has_ended(doc, world.receipts.job(name))}
    assert not ended & waiting
    assert ended | waiting == set(witness.jobs)
    assert len(witness.jobs) == JOBS


def has_ended(doc: dict[str, Any], told: list[dict[str, Any]]) -> bool:
    """One end; under `all` one for each channel, of which those that come to an unsent end at once share one."""
    ends = [receipt["channel"] for receipt in told if receipt["final"]]
    most = len(doc["channels"]) if doc["strategy"] == "all" else 1
    assert len(set(ends)) == len(ends) <= most, told
    assert None not in ends[:-1], told
    return len(ends) == most or None in ends


def what_was_told_as_sent_is_what_was_taken(world: World, witness: Witness) -> None:
    taken = Counter((contact.job, contact.channel) for contact in witness.ours)
    told = Counter((one["job_id"], one["channel"]) for one in world.receipts.all if one["status"] == "sent")
    assert taken == told
    assert set(taken.values()) == {1}


def it_was_put_to_the_test(world: World, witness: Witness, laws: Laws, homes: dict[str, Home]) -> None:
    """That nothing was broken says something only if much arrived, every rule held something up, and what waited for a
    window went soon after it opened."""
    told = Counter((one["status"], (one["reason"] or {}).get("code")) for one in world.receipts.all)
    rules = {(one["reason"] or {}).get("rule") for one in world.receipts.all}
    prompt = [one for one in witness.ours if opened_lately(one, SOON, homes[one.recipient], laws)]
    twice = [one for one in witness.ours if any(shown_again(one.at, zone) for zone in homes[one.recipient].zones)]
    print(
        f"seed {SEED}: {len(witness.ours)} arrived, {len(prompt)} soon after an opening, {len(twice)} in an hour that"
    )
    print(f"came twice; receipts: {told}")
    assert len(witness.ours) > 3000
    assert zones_of(witness.ours, homes) == ZONES
    assert told["deferred", "quiet_hours"] > 2000
    assert told["deferred", "limit"] > 5000
    assert told["suppressed", "limit"] > 1000
    assert {f"{code.lower()}.{name}" for code, pack in PACKS.items() for name in pack} <= rules
    assert len(prompt) > 250
    assert len(zones_of(prompt, homes)) > 20
    assert len(twice) > 5


def zones_of(contacts: Iterable[Contact], homes: dict[str, Home]) -> set[str]:
    return {zone for contact in contacts for zone in homes[contact.recipient].zones}


def shown_again(at: datetime, zone: str) -> bool:
    """Whether the clock had shown this time before, until it was put back."""
    return at.astimezone(ZoneInfo(zone)).fold == 1
