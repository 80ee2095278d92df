"""The kill: worker processes that die under load, before providers that speak their real wire and often refuse."""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from tests.faults.checker import Verdict, judge
from tests.faults.load import ENDINGS, capped, history, jobs_of, read, rest
from tests.stories.providers import Providers, providers
from tests.stories.world import WorkerProcess, World

WORKERS, KILLS, SLOTS = 3, 3, 3
"""slots are those of one provider in one process: so much, times three providers, a kill may leave in doubt"""


async def kill(world: World, seed: int, count: int) -> Verdict:
    """Three processes, one of them killed under load and replaced, three times."""
    lots, verdict = random.Random(seed), Verdict()
    jobs = jobs_of(lots, count, max(9, count // 2))
    async with providers(world.folder, fault=0.1, seed=seed, delay=0.2) as fakes:
        world.configure(fakes.channels(concurrency=SLOTS), policies=capped(world))
        async with contextlib.AsyncExitStack() as stack:
            alive: list[WorkerProcess] = [await stack.enter_async_context(world.worker()) for _ in range(WORKERS)]
            await world.put(*jobs)
            for turn in range(1, KILLS + 1):
                await reach(world, fakes, turn * count // 8, verdict)
                victim = alive.pop(lots.randrange(len(alive)))
                await victim.kill()
                verdict.injected["killed"] += 1
                alive.append(await stack.enter_async_context(world.worker()))
            await world.put(*lots.sample(jobs, count // 10), lane="high")
            await rest(world, verdict, 60)
            for worker in alive:
                if status := await worker.end():
                    verdict.stuck.append(f"a worker ended with status {status}")
        taken = sends(fakes, jobs)
    await read(world, verdict)
    return judge(await history(world, jobs, taken, interrupted=KILLS * SLOTS * len(ENDINGS)), verdict)


async def reach(world: World, fakes: Providers, sent: int, verdict: Verdict) -> None:
    """Until so many messages were taken, so that a kill falls into the middle of sends; not for ever."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(10):
            while fakes.total < sent:  # noqa: ASYNC110 - what other processes do
                await asyncio.sleep(0.01)
    await read(world, verdict)


def sends(fakes: Providers, jobs: Sequence[Mapping[str, Any]]) -> Counter[tuple[str, str, str]]:
    """What the providers took, by job instead of by address."""
    owner: dict[tuple[str, str], tuple[str, str, str]] = {}
    for job in jobs:
        who = job["recipient"]
        for channel, to in (("sms", who["phone"]), ("email", who["email"]), ("push", who["push"][0]["token"])):
            owner[channel, to] = (who["id"], job["id"], channel)
    taken: Counter[tuple[str, str, str]] = Counter()
    for channel, counted in fakes.taken().items():
        for to, times in counted.items():
            taken[owner[channel, to]] += times
    return taken
