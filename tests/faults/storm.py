"""The storm: workers whose store fails at every step, while entries, reports and orders race with their claims."""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from channels.contract import Provider
from gateway.app import Plant, Undrained
from gateway.store.tasks import end
from tests.faults.checker import Verdict, judge
from tests.faults.load import ENDINGS, capped, history, jobs_of, read, rest
from tests.faults.weather import FaultyStore, Weather, expose
from tests.stories.world import World

WORKERS = 3
GUSHES, GUSH_S = 5, 0.15
BATCH = 4
"""entries that a worker reads at once: so few that the jobs of one person fall to several workers"""
Wrap = Callable[[Provider], Provider]


async def storm(
    world: World, seed: int, count: int, *, workers: int = WORKERS, gushes: int = GUSHES, patience_s: float = 40,
    weather: Weather = Weather(), store: type[FaultyStore] = FaultyStore, wrap: Wrap | None = None,  # noqa: B008
) -> Verdict:  # fmt: skip
    """Workers in one process behind a store that fails; `gushes` are the portions in which the jobs come, `patience_s`
    is how long the world may take to come to rest. A planted bug comes as `store`, or as `wrap` around every provider.
    """
    lots, verdict = random.Random(seed), Verdict()
    box = {"kind": "sandbox", "receipt_ms": 5, "latency_ms": 8, "concurrency": 6, "keep": 100_000, "doubts": 100_000}
    world.configure(
        {channel: [{"name": f"box-{channel}", **box}] for channel in ENDINGS},
        policies=capped(world), retry={"first": "100ms", "most": "300ms"}, worker={"drain": "2s", "batch": BATCH},
        log={"level": "error"},
    )  # fmt: skip
    jobs = jobs_of(lots, count, max(9, count // 4))
    plants: list[Plant] = []
    try:
        async with contextlib.AsyncExitStack() as stack:
            for number in range(workers):
                plant = await stack.enter_async_context(world.inside())
                own = random.Random(f"{seed}/{number}")
                expose(plant, store(plant.store, weather, own, verdict.injected))
                for desk in plant.desks if wrap else ():
                    desk.provider = wrap(desk.provider)
                plants.append(plant)
            repeating = await stack.enter_async_context(repeats(world, random.Random(f"{seed}/reports")))
            await pour(world, lots, jobs, gushes, verdict)
            await rest(world, verdict, patience_s, lambda: not any(holds(plant) for plant in plants))
            verdict.injected["reports repeated"] = repeating[0]
            verdict.leaked += [left for plant in plants for left in holds(plant)]
            for plant in plants:  # all at once, not one after the other
                plant.worker.stop()
                plant.intake.stop()
    except (TimeoutError, Undrained, BaseExceptionGroup) as error:
        verdict.stuck.append(f"a worker did not end well: {error!r}")
    await read(world, verdict)
    sent = [m for plant in plants for desk in plant.desks for m in messages(desk.provider)]
    taken = Counter((message.recipient_id, message.job_id, str(message.channel)) for message in sent)
    return judge(await history(world, jobs, taken), verdict)


async def race(world: World, seed: int, count: int, **given: Any) -> Verdict:
    """A storm without a fault: everybody at once, and whatever they saw is old when they come to write. What goes wrong
    here goes wrong by a mistake, and a claim that compares no version passes its cap here, which it hardly does in a
    storm whose workers come one by one."""
    dawdling = Weather(refused=0, unanswered=0, blind=0, slow=0, stale=1, late_s=0.1)
    return await storm(world, seed, count, workers=2 * WORKERS, gushes=1, weather=dawdling, **given)


def messages(provider: Any) -> Sequence[Any]:
    """What a sandbox took; a desk that no job of ours goes to may be another kind's."""
    return getattr(provider, "messages", ())


async def pour(
    world: World, lots: random.Random, jobs: Sequence[dict[str, Any]], gushes: int, verdict: Verdict
) -> None:
    """Jobs in gushes, some of them again on other lanes, and orders that change what a claim stood on."""
    step = -(-len(jobs) // gushes)
    for begin in range(0, len(jobs), step):
        known = jobs[: begin + step]
        again = lots.sample(known, min(len(known), step // 3))
        await world.put(*jobs[begin : begin + step])
        await world.put(*again, lane=lots.choice(["high", "bulk"]))
        verdict.injected["entries repeated"] += len(again)
        match lots.randrange(4):
            case 0:
                await world.command("cancel", account=f"a{lots.randrange(20)}")
            case 1:
                await world.command("pause", channel="email")
                await world.command("unpause", channel="email")
            case 2:
                await world.command("stop", recipient_id=lots.choice(jobs)["recipient"]["id"], reason="opted_out")
        await asyncio.sleep(GUSH_S)


@contextlib.asynccontextmanager
async def repeats(world: World, lots: random.Random) -> AsyncIterator[list[int]]:
    """Reports some of what providers report a second time, as providers do; how often."""
    count, last = [0], "$"

    async def repeat() -> None:
        nonlocal last
        told: set[bytes] = set()
        while True:
            for _, entries in await world.redis.xread({world.keys.callbacks: last}, count=100, block=200):
                for name, fields in entries:
                    last = name
                    if fields[b"report"] not in told and lots.random() < 0.2:
                        told.add(fields[b"report"])
                        await world.redis.xadd(world.keys.callbacks, fields)
                        count[0] += 1

    task = asyncio.create_task(repeat())
    try:
        yield count
    finally:
        await end(task)


def holds(plant: Plant) -> list[str]:
    """What a worker has in hand: nothing, when it is at rest."""
    found = [f"{desk.name}: {desk.free} of {desk.slots} slots" for desk in plant.desks if desk.free != desk.slots]
    found += [f"{reference} is under way" for reference in plant.worker.context.flying]
    return found + [f"{name} is in hand" for name in plant.worker.hand.entries]
