"""A worker as a process, from a configuration file: what `gateway run --role worker` is."""

import asyncio
import os
import sys
from pathlib import Path

from gateway.app import plant, read_words, run_plant, stop_on_signals, store_url
from gateway.config import Config, load
from gateway.domain.clock import SystemClock
from gateway.pipeline.metrics import Metrics


async def work(path: Path) -> None:
    config = load(path, os.environ)
    assert isinstance(config, Config), config
    stop, metrics, clock = asyncio.Event(), Metrics(), SystemClock()
    stop_on_signals(stop)
    async with store_url(config) as url, plant(config, url, read_words(config), metrics, clock) as running:
        await run_plant(running, config, clock, metrics, stop)


if __name__ == "__main__":
    asyncio.run(work(Path(sys.argv[1])))
