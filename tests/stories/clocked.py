"""A worker process whose clock stands still until a story moves it: `python -m tests.stories.clocked CONFIG CLOCK`.

The story and all its workers read one clock, eight bytes of a file that they share in memory.
"""

import asyncio
import mmap
import os
import sys
from pathlib import Path

import uvloop

from gateway import logs
from gateway.app import plant, read_words, run_plant, stop_on_signals
from gateway.config import Config, load
from gateway.domain.clock import Instant
from gateway.pipeline.metrics import Metrics


class SharedClock:
    """The clock that a file shows. Whoever has it may move it, and it moves for everybody at once."""

    def __init__(self, file: Path) -> None:
        self.file = file
        with file.open("r+b") as opened:
            self._shown = memoryview(mmap.mmap(opened.fileno(), 8)).cast("q")

    @classmethod
    def standing_at(cls, instant: Instant, file: Path) -> "SharedClock":
        file.write_bytes(bytes(8))
        clock = cls(file)
        clock.move(instant)
        return clock

    def now(self) -> Instant:
        return self._shown[0]

    def move(self, instant: Instant) -> None:
        self._shown[0] = instant


async def work(config: Config, clock: SharedClock) -> None:
    """One worker by that clock until SIGTERM."""
    stop, metrics = asyncio.Event(), Metrics()
    stop_on_signals(stop)
    async with plant(config, config.redis.url, read_words(config), metrics, clock) as running:
        await run_plant(running, config, clock, metrics, stop)


def main(config_file: str, clock_file: str) -> None:
    config = load(Path(config_file), os.environ)
    assert isinstance(config, Config), config
    logs.set_up(config.log.level)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work(config, SharedClock(Path(clock_file))))


if __name__ == "__main__":
    main(*sys.argv[1:])
