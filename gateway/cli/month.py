"""Plays a month before the demo starts: the real gateway by a clock that is moved on, from one thing to do to the next.

Nothing of it is invented afterwards: every look, send and receipt is the line's own. Only the times of the journal are
the store's, so that it is taken into the ledger here, each batch at the time that the moved clock showed.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

import msgspec
from msgspec import Struct

from gateway.app import Plant
from gateway.bookkeeping.keeper import Books, take_in
from gateway.cli.debtors import Event
from gateway.cli.practice import practised
from gateway.domain.clock import MINUTE, SECOND, Instant
from gateway.ledger.anchors import Anchors
from gateway.store import journal
from gateway.store.keys import GROUP

SPEED = 20
"""Seconds that pass on the moved clock in one second between two moves, so that what follows also comes later."""
LOOK_S = 0.002
PATIENCE_S = 60.0
AT_ONCE = 500


class MovedClock:
    """A clock that is set, and runs on from there faster than ours."""

    def __init__(self, at: Instant) -> None:
        self._at, self._since = at, time.monotonic()

    def now(self) -> Instant:
        return self._at + int((time.monotonic() - self._since) * SECOND * SPEED)

    def move(self, at: Instant) -> None:
        """To a later moment; an earlier one changes nothing."""
        self._at, self._since = max(at, self.now()), time.monotonic()


async def play(
    plant: Plant, clock: MovedClock, books: Books, anchors: Anchors, events: Sequence[Event], until: Instant,
    shown: Callable[[Instant], None],
) -> bool:  # fmt: skip
    """Everything that happened up to `until`; true. Raises TimeoutError where the gateway stands still."""
    player = _Player(plant, clock, books, anchors, shown)
    await player.begin()
    for at, together in groupby(events, key=lambda event: event.at):
        await player.wait_for(at)
        await player.put(list(together), at)
        await player.rest()
    await player.wait_for(until)
    await anchors.anchor(clock.now())
    return True


class _Player(Struct, frozen=True):
    plant: Plant
    clock: MovedClock
    books: Books
    anchors: Anchors
    shown: Callable[[Instant], None]

    async def begin(self) -> None:
        """Waits until the worker has opened its streams."""
        store = self.plant.store
        async with asyncio.timeout(PATIENCE_S):
            while await store.redis.exists(*store.keys.inbound) < len(store.keys.inbound):  # noqa: ASYNC110
                await asyncio.sleep(LOOK_S)

    async def wait_for(self, at: Instant) -> None:
        """Goes from one moment at which a job is looked at again to the next."""
        store = self.plant.store
        while True:
            due: Any = await store.redis.zrange(store.keys.schedule, 0, 0, withscores=True)
            if not due or (next_ := int(due[0][1]) + MINUTE) >= at:
                break
            self.clock.move(next_)
            await self.rest()
            self.shown(self.clock.now())
        self.clock.move(at)
        self.shown(at)

    async def put(self, events: list[Event], at: Instant) -> None:
        """The entry's id tells when a document was accepted, and a stream takes none before its newest: they are empty
        now, so each begins anew."""
        keys, pipe = self.plant.store.keys, self.plant.store.redis.pipeline(transaction=True)
        streams: dict[str, str] = {"contact": keys.contacts, "command": keys.commands}
        streams |= {str(lane): name for lane, name in keys.lanes.items()}
        for stream, some in groupby(sorted(events, key=lambda one: (one.stream, one)), key=lambda one: one.stream):
            pipe.delete(streams[stream])
            pipe.xgroup_create(streams[stream], GROUP, id="0", mkstream=True)
            for event in some:
                pipe.xadd(streams[stream], {event.kind: event.body}, id=f"{at}-*")
        await pipe.execute()

    async def rest(self) -> None:
        """Until nothing is due, in hand, or still to be reported; then the ledger has it."""
        store = self.plant.store
        providers = [provider for _, _, provider in practised(self.plant.desks)]
        async with asyncio.timeout(PATIENCE_S):
            while True:
                moved, _, _ = await store.due(self.clock.now(), AT_ONCE)
                pipe = store.redis.pipeline(transaction=True)
                for stream in store.keys.inbound:
                    pipe.xlen(stream)
                lengths = await pipe.execute()
                waiting = sum(provider.unreported for provider in providers)
                if not moved and not any(lengths) and not waiting:
                    break
                await asyncio.sleep(LOOK_S)
        await self._write_down()

    async def _write_down(self) -> None:
        store = self.plant.store
        batches = await journal.read(store.redis, store.keys, "0", AT_ONCE, None)
        if not batches:
            return
        at = self.clock.now()
        dated = [msgspec.structs.replace(one, id=f"{at}-{number}") for number, one in enumerate(batches, 1)]
        taken = await take_in(self.books, dated, self.clock)
        await self.anchors.after(taken.entries, at)
        await journal.forget(store.redis, store.keys, batches[-1].id)
