"""One worker under measurement: drains what is queued, then prints its CPU per message and its memory as JSON.

`python -m benchmarks.worker CONFIG COUNT`
"""

import asyncio
import json
import os
import resource
import sys
import time
from pathlib import Path

import uvloop

from gateway import app, logs
from gateway.books import books_of
from gateway.config import Config, load
from gateway.domain.clock import SystemClock
from gateway.pipeline.metrics import Metrics


async def measure(config: Config, count: int) -> dict[str, float]:
    words, metrics, clock, stop = app.read_words(config), Metrics(), SystemClock(), asyncio.Event()
    async with books_of(config) as books, app.plant(config, config.redis.url, words, metrics, clock, books) as plant:
        running = asyncio.create_task(app.run_plant(plant, config, clock, metrics, stop))
        cpu, began = time.process_time(), time.monotonic()
        lanes = list(plant.store.keys.lanes.values())
        while await plant.store.redis.zcard(plant.store.keys.schedule) or sum(
            [await plant.store.redis.xlen(lane) for lane in lanes]
        ):
            await asyncio.sleep(0.05)
        cpu, took = time.process_time() - cpu, time.monotonic() - began
        stop.set()
        await running
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"us": cpu / count * 1e6, "per_second": count / took, "peak_mib": peak}


if __name__ == "__main__":
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    logs.set_up("warning")
    configuration = load(Path(sys.argv[1]), os.environ)
    assert isinstance(configuration, Config), configuration
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(measure(configuration, int(sys.argv[2])))))
