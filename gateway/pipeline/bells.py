"""What the parts of one worker tell each other: there is work, there is room, it is time to end, the store is away."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from gateway.pipeline.metrics import Metrics
from gateway.store.redis import StoreError

STORE_PAUSE_S = 0.5

log = structlog.get_logger("gateway.worker")


class Bells:
    """`troubled` is why no work should be given to this process now, as a sentence; None while all is well."""

    def __init__(self, metrics: Metrics) -> None:
        self.metrics = metrics
        self.stopping = asyncio.Event()
        self.work = asyncio.Event()
        self.room = asyncio.Event()
        self.troubled: str | None = None

    def stop(self) -> None:
        """No new claim from here on."""
        self.stopping.set()
        self.work.set()
        self.room.set()

    async def patiently(self, act: Callable[[], Awaitable[None]]) -> None:
        """Tries until the store answers: started in any order, the worker waits for it."""
        while not self.stopping.is_set():
            try:
                await act()
            except (StoreError, OSError) as error:
                await self.trouble("start", error)
            else:
                return

    async def trouble(self, what: str, error: Exception) -> None:
        self.troubled = f"the store cannot be had: {type(error).__name__}"
        self.metrics.store_errors.add(what)
        log.warning("store_trouble", what=what, error=type(error).__name__)
        await asyncio.sleep(STORE_PAUSE_S)
