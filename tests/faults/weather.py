"""Bad weather between a worker and its store: the one wrapper of a campaign, around a real store."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import redis.asyncio as redis

from gateway.app import Plant
from gateway.store.redis import Ask, Change, Sight, Store


@dataclass(frozen=True, kw_only=True)
class Weather:
    """Shares of all calls."""

    refused: float = 0.03
    """a commit that never arrives"""
    unanswered: float = 0.03
    """a commit that is written, and whose answer is lost: the worker cannot tell it from the other"""
    slow: float = 0.1
    """a commit whose answer comes late, so that others overtake"""
    stale: float = 0.1
    """an observation that is old when it comes"""
    late_s: float = 0.02
    """how late, at most"""
    blind: float = 0.02
    """an observation that fails"""


class FaultyStore(Store):
    """A real store whose calls fail by lot. `injected` counts the faults; `write` is where a planted bug goes."""

    def __init__(self, real: Store, weather: Weather, lots: random.Random, injected: Counter[str]) -> None:
        super().__init__(real.redis, real.keys)
        self.weather, self.lots, self.injected = weather, lots, injected

    async def observe(self, asks: Sequence[Ask]) -> Sight:
        if self.lots.random() < self.weather.blind:
            self.injected["blind"] += 1
            raise redis.ConnectionError("the question never arrived")
        sight = await super().observe(asks)
        await self._dawdle("stale", self.weather.stale)
        return sight

    async def commit(self, changes: Sequence[Change], guard: int | None = None) -> list[int]:
        lot = self.lots.random()
        if lot < self.weather.refused:
            self.injected["refused"] += 1
            raise redis.ConnectionError("the write never arrived")
        answers = await self.write(changes, guard)
        if lot < self.weather.refused + self.weather.unanswered:
            self.injected["unanswered"] += 1
            raise redis.TimeoutError("it is written, and the answer was lost")
        await self._dawdle("slow", self.weather.slow)
        return answers

    async def write(self, changes: Sequence[Change], guard: int | None) -> list[int]:
        return await super().commit(changes, guard)

    async def _dawdle(self, what: str, share: float) -> None:
        if self.lots.random() < share:
            self.injected[what] += 1
            await asyncio.sleep(self.lots.random() * self.weather.late_s)


def expose(plant: Plant, store: Store) -> None:
    """Puts everything of a worker that reads or writes facts behind another door to the same store."""
    plant.worker.store = plant.worker.flights.store = store
    plant.intake.store = plant.intake.reports.store = store
