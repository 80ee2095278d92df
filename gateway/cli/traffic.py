"""The traffic of a demo that stays: reminders, replies, and a provider that browns out for a minute."""

import asyncio
import random

from channels.contract import InDoubt, Outcome, Reply, Unavailable
from gateway.app import Plant
from gateway.cli.debtors import PLACES, SEED, Debtor, debtor, debtors, reminder
from gateway.cli.practice import practised
from gateway.domain.clock import DAY, HOUR, Clock
from gateway.domain.walltime import wall

EVERY_S = 2.5
"""between two feeds, each of a few reminders"""
FIRST_BROWN_OUT_S, BROWN_OUT_S, CALM_S = 60.0, 60.0, 480.0
FAULTY = "south-sms"
DOWN: Outcome = Unavailable("503", "the provider is down for a minute", retry_after=5.0)
LOST: Outcome = InDoubt("timeout", "the answer never came")
FRESH = 6_000
"""number of the first debtor who was not there during the month"""
SAID = ("STOP", "I lost my job last month. Can we talk about it?")


class Traffic:
    """What comes in and what goes wrong while somebody looks."""

    def __init__(self, plant: Plant, clock: Clock) -> None:
        self._plant, self._clock, self._lots = plant, clock, random.Random(SEED)
        self._known, self._next = debtors(), FRESH

    async def run(self) -> None:
        """Until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._feed())
            group.create_task(self._brown_outs())
            group.create_task(self._replies())

    async def _feed(self) -> None:
        keys, redis = self._plant.store.keys, self._plant.store.redis
        while True:
            for _ in range(self._lots.randint(1, 3)):
                event = reminder(self._somebody(), self._lots.choice((1, 3, 5, 8, 12, 20)), self._clock.now())
                await redis.xadd(keys.lanes[event.lane], {event.kind: event.body})
            await asyncio.sleep(EVERY_S)

    def _somebody(self) -> Debtor:
        """Mostly somebody new, best where it is day; now and then one who has heard of us before."""
        if self._lots.random() < 0.3:
            return self._lots.choice(self._known)
        day = [place for place in PLACES if 8 * HOUR <= wall(place.zone, self._clock.now()) % DAY < 20 * HOUR]
        places = day if day and self._lots.random() < 0.85 else list(PLACES)
        self._next += 1
        return debtor(self._lots.choice(places), self._next, self._lots)

    async def _brown_outs(self) -> None:
        """One provider of two fails for a minute: the other takes over, and what had left already is in doubt."""
        faulty = [provider for name, _, provider in practised(self._plant.desks) if name == FAULTY]
        await asyncio.sleep(FIRST_BROWN_OUT_S)
        while True:
            for answer, seconds in ((LOST, EVERY_S), (DOWN, BROWN_OUT_S), (None, CALM_S)):
                for provider in faulty:
                    provider.drill = answer
                await asyncio.sleep(seconds)

    async def _replies(self) -> None:
        """Two people write back: one says STOP, one says something that only people understand."""
        for number, text in enumerate(SAID):
            sender, now = await self._written_to(number), self._clock.now()
            reply = Reply(
                provider="north-sms", id=f"reply-{number}", channel="sms", sender=sender, text=text, at=now
            )  # fmt: skip
            await self._plant.lent.report(reply)

    async def _written_to(self, number: int) -> str:
        """The telephone of somebody who was sent a text message lately."""
        while True:
            found = [
                message.to
                for _, channel, provider in practised(self._plant.desks)
                for message in provider.messages
                if channel == "sms" and isinstance(message.to, str)
            ]
            if len(set(found)) > number:
                return list(dict.fromkeys(found))[number]
            await asyncio.sleep(EVERY_S)
