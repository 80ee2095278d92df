"""Brings entries into the hand of one worker, and answers for them while they are there."""

import asyncio

import structlog

from gateway.domain.clock import Clock
from gateway.pipeline.bells import Bells
from gateway.pipeline.hand import Hand
from gateway.pipeline.line import Context
from gateway.pipeline.metrics import Metrics
from gateway.store.keys import LANES, Lane
from gateway.store.redis import StoreError
from gateway.store.streams import Entry, Inbox

SHARES: dict[Lane, int] = {"high": 8, "normal": 3, "bulk": 1}
"""of each batch, while several lanes have a backlog"""
LOOK_AHEAD_S = 0.1
"""How often the reader looks past a full channel for jobs of the others."""
IDLE_S = 1.0
SWEEP_S = 4.0
SWEEPS_AT_ONCE = 5
"""steps of a sweep that finds something: all that one worker can have had in hand"""
ANYBODY_MS = 3_600_000

log = structlog.get_logger("gateway.worker")


class Reader:
    """Reads the lanes while there is use in it. `read` and `sweep` run side by side."""

    def __init__(
        self, inbox: Inbox, hand: Hand, context: Context, clock: Clock, metrics: Metrics, bells: Bells, batch: int
    ) -> None:
        self.inbox, self.hand, self.context, self.clock, self.metrics = inbox, hand, context, clock, metrics
        self.bells = bells
        self._batch = batch
        self._hot: dict[Lane, bool] = dict.fromkeys(LANES, True)

    async def read(self) -> None:
        """Entries in: those of a former life first, then what is new, high before normal before bulk."""
        await self.bells.patiently(self._take_up_pending)
        while not self.bells.stopping.is_set():
            if self.hand.satisfied:
                await self._wait_for_room()
                if len(self.hand.incoming) >= self._batch:
                    continue
            try:
                entries = await self.inbox.take(self._counts()) or await self.inbox.wait(IDLE_S)
            except (StoreError, OSError) as error:
                await self.bells.trouble("read", error)
                continue
            self._accept(entries)

    async def _wait_for_room(self) -> None:
        """Until the walk has taken enough off the hand; where other channels stand idle behind a full one, not for
        long: then the walk looks past it."""
        desks, now = self.context.house.desks, self.clock.now()
        idle = any(desks.room(channel, now) > 0 and not self.hand.waits_for(channel) for channel in desks.of)
        try:
            async with asyncio.timeout(LOOK_AHEAD_S if idle else None):
                while self.hand.satisfied and not self.bells.stopping.is_set():
                    self.bells.room.clear()
                    await self.bells.room.wait()
        except TimeoutError:
            self.hand.past_full = True
            self.bells.work.set()

    async def _take_up_pending(self) -> None:
        self._accept(await self.inbox.pending())

    def _accept(self, entries: list[Entry]) -> None:
        if entries:
            got: dict[str, int] = {}
            for entry in entries:
                got[entry.stream] = got.get(entry.stream, 0) + 1
            for stream, count in got.items():
                self.metrics.entries.add(stream, n=count)
            self.hand.accept(entries)
            self.bells.work.set()
        self._hot = {lane: any(e.stream == self.context.keys.lanes[lane] for e in entries) for lane in LANES}

    def _counts(self) -> dict[str, int]:
        """How many to take of each lane: its share among those with a backlog, a look at the others."""
        total = sum(SHARES[lane] for lane in LANES if self._hot[lane])
        return {
            self.context.keys.lanes[lane]: max(1, self._batch * SHARES[lane] // total) if self._hot[lane] else 1
            for lane in LANES
        }

    async def sweep(self) -> None:
        """Says what is still held here, and takes over what others no longer hold."""
        while True:
            try:
                for _ in range(SWEEPS_AT_ONCE):
                    found = await self.inbox.take_over()
                    self._accept_late(found)
                    if not found:
                        break
                await asyncio.sleep(SWEEP_S)
                await self.inbox.keep([(entry.stream, entry.id) for entry in self.hand.entries.values()])
            except (StoreError, OSError) as error:
                await self.bells.trouble("sweep", error)

    def _accept_late(self, entries: list[Entry]) -> None:
        if not self.bells.stopping.is_set() and entries:
            log.info("taken_over", count=len(entries))
            self.hand.accept(entries)
            self.bells.work.set()

    async def hand_over(self) -> None:
        """What was read and not begun may be taken by anybody at once."""
        held = [(entry.stream, entry.id) for entry in self.hand.entries.values()]
        if held:
            await self.inbox.keep(held, idle_ms=ANYBODY_MS)
