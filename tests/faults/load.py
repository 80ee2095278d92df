"""The load of a campaign's rounds, and how a round comes to rest and is written down for the checker."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gateway.store.keys import parse_member
from tests.faults.checker import History, Job, Verdict
from tests.stories.world import World, reminder

CAP, HOUSEHOLD_CAP, HOUSEHOLD_SIZE = 3, 4, 3
HOUSEHOLD_RULE = """
  - id: house.shared
    kind: cap
    force: house
    source: "the campaign"
    status: verified
    max: {most}
    within: {{rolling: PT24H}}
    counts: ["*.sent"]
    scope: [household]
    otherwise: defer
"""
ENDINGS = {"sms": ("00", "00", "00", "01", "02", "04", "07"), "email": ("50", "01", "04"), "push": ("50", "01", "04")}
"""of addresses; what a sandbox does with them stands in channels/README.md"""
REST_MS = 30_000
"""A world in which nothing is due so soon is at rest."""


def household(person: str) -> str:
    return f"h{int(person[1:]) // HOUSEHOLD_SIZE}"


def jobs_of(lots: random.Random, count: int, people: int) -> list[dict[str, Any]]:
    """Jobs of people who share households, each with addresses of its own, so that every send can be told apart."""
    jobs = []
    for number in range(count):
        person = f"p{lots.randrange(people)}"
        end = {channel: lots.choice(endings) for channel, endings in ENDINGS.items()}
        who = {
            "household": household(person), "phone": f"+49170{number:06d}{end['sms']}",
            "email": f"x{number:06d}{end['email']}@example.com",
            "push": [{"provider": "fcm", "token": f"t{number:06d}{end['push']}"}],
        }  # fmt: skip
        channels = lots.choice([["sms"], ["sms", "email"], ["push", "sms", "email"]])
        strategy = lots.choice(["first", "all"])
        account = f"a{number % 20}"
        given = {"channels": channels, "strategy": strategy, "account": account, "recipient": who}
        jobs.append(reminder(f"j{number}", person, **given))
    return jobs


def capped(world: World) -> Path:
    """Policies with a cap of a person and one of the household."""
    folder = world.policy(most=CAP)
    file = folder / "house.yaml"
    file.write_text(file.read_text() + HOUSEHOLD_RULE.format(most=HOUSEHOLD_CAP))
    return folder


def caps(jobs: Sequence[Mapping[str, Any]]) -> dict[str, tuple[dict[str, str], int]]:
    people = {job["recipient"]["id"] for job in jobs}
    return {
        "recipient": ({person: person for person in people}, CAP),
        "household": ({person: household(person) for person in people}, HOUSEHOLD_CAP),
    }


async def rest(world: World, verdict: Verdict, seconds: float, idle: Callable[[], bool] = lambda: True) -> None:
    """Until nothing is left to do and nothing is due soon. By the clock, not by a time-out: a client may swallow the
    cancellation that a time-out is."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while True:
        await read(world, verdict)
        due = await world.redis.zcount(world.keys.schedule, 0, world.clock.now() + REST_MS)
        if not due and not await world.backlog() and idle():
            return
        if loop.time() > end:
            break
        await asyncio.sleep(0.05)
    left = {stream: await world.redis.xlen(stream) for stream in world.keys.inbound}
    verdict.stuck.append(f"no rest within {seconds} s: {due} due, left {left}")


async def read(world: World, verdict: Verdict) -> None:
    """Reads what receipts are there; one against its contract is a violation, and the reading goes on."""
    while True:
        try:
            if not await world.receipts.read(1):
                return
        except AssertionError as error:
            verdict.ill_formed.append(str(error)[:300])


async def history(world: World, jobs: Sequence[dict[str, Any]], taken: Counter[Any], interrupted: int = 0) -> History:
    members = [parse_member(name.decode()) for name in await world.redis.zrange(world.keys.schedule, 0, -1)]
    told: Mapping[Job, Any] = {(recipient or "", job): r for (recipient, job), r in world.receipts.of.items()}
    return History(
        jobs=world.jobs, receipts=told, taken=taken, scheduled={(m.recipient, m.job) for m in members},
        caps=caps(jobs), interrupted=interrupted,
    )  # fmt: skip
