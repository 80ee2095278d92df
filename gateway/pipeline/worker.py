"""Runs the line: walks what is in hand in batches, hands the claims to flight, wakes what is due.

Memory is bounded by what may be in hand, whatever the backlog. Nothing here decides anything about a person.
"""

import asyncio
from typing import assert_never

import msgspec
import structlog

from gateway.domain.clock import Clock, Instant
from gateway.domain.errors import Fault
from gateway.pipeline.bells import STORE_PAUSE_S, Bells
from gateway.pipeline.changes import change_for
from gateway.pipeline.deadletter import dead_letter
from gateway.pipeline.errand import Errand, Go, Hold, Move, Rest, Skip, Unobserved, Unsure
from gateway.pipeline.flights import Flights
from gateway.pipeline.hand import Hand
from gateway.pipeline.line import Context, look_at, pauses_of
from gateway.pipeline.metrics import Metrics
from gateway.pipeline.policies import Policies, PolicyError
from gateway.pipeline.reader import Reader
from gateway.pipeline.retry import Backoff
from gateway.store.redis import (
    FILE_CHANGED,
    GUARD_CHANGED,
    RECORD_CHANGED,
    WRITTEN,
    Change,
    Store,
    StoreError,
    StoreLost,
)
from gateway.store.streams import Entry, Inbox
from gateway.store.tasks import end

RETRY_S = 0.02
"""How soon jobs in hand are looked at again when only time will make room for them."""
MOVE_MOST = 500
MOVE_EVERY_S = 0.25
UNSURE_S = 5.0
_RACES = {RECORD_CHANGED: "record", FILE_CHANGED: "person", GUARD_CHANGED: "control"}

log = structlog.get_logger("gateway.worker")


class Worker:
    """One consumer of the lanes. `run` returns when `stop` was called and everything in flight is settled."""

    def __init__(
        self, store: Store, inbox: Inbox, context: Context, policies: Policies, clock: Clock, metrics: Metrics,
        backoff: Backoff, batch: int,
    ) -> None:  # fmt: skip
        self.store, self.context, self.clock, self.metrics = store, context, clock, metrics
        self.policies = policies
        self.hand = Hand(context.keys, batch)
        self.flights = Flights(store, context, clock, metrics, backoff, self._settled)
        self.bells = Bells(metrics)
        self.reader = Reader(inbox, self.hand, context, clock, metrics, self.bells, batch)

    @property
    def troubled(self) -> str | None:
        """Why no work should be given to it now."""
        return self.bells.troubled

    def stop(self) -> None:
        """No new claim from here on."""
        self.bells.stop()

    async def run(self) -> None:
        """Works until `stop`; hands over at the end what was read and not begun."""
        await self.bells.patiently(self.reader.inbox.prepare)
        async with asyncio.TaskGroup() as group:  # whichever of them fails, the process ends and others take over
            servants = [
                group.create_task(act()) for act in (self.flights.settle_for_ever, self._move, self.reader.sweep)
            ]
            hands = [group.create_task(self.reader.read()), group.create_task(self._walk())]
            try:
                await asyncio.wait(hands)
                await self.flights.drained()
                await self.reader.hand_over()
            finally:  # a task group cancels what it holds once, and that may be swallowed
                await end(*servants, *hands)

    async def _walk(self) -> None:
        """Batches down the line, until told to stop."""
        while not self.bells.stopping.is_set():
            try:
                await self._lease()
                batch = self.hand.gather(self.context.house.desks, self.clock.now())
                self.bells.room.set()
                if batch or self.hand.faulty:
                    moved = await self._step(batch)
                    self.bells.troubled = None
                    if not moved:  # there is room, but not for them: at a provider that is paused, or not theirs
                        await asyncio.sleep(RETRY_S)
                else:
                    await self._pause()
            except PolicyError as error:
                log.error("policy_unreadable", faults=error.faults)
                self.bells.troubled = error.faults[0]
                await asyncio.sleep(STORE_PAUSE_S)
            except (StoreError, OSError) as error:
                await self.bells.trouble("walk", error)

    async def _pause(self) -> None:
        """Until there is something to do; briefly where a rate or a breaker will change the picture by itself."""
        self.bells.work.clear()
        if self.bells.stopping.is_set():  # it was told while the rates were asked for, and the word is cleared now
            return
        if any(self.hand.held.values()):
            asyncio.get_running_loop().call_later(RETRY_S, self.bells.work.set)
        await self.bells.work.wait()

    async def _step(self, batch: list[Errand]) -> bool:
        """One batch: observe, look, commit; whether any of it came on. When the store fails, every slot is given back
        and all is done anew."""
        now = self.clock.now()
        moves: list[Move] = []
        faulty, self.hand.faulty = self.hand.faulty, []
        try:
            sight = None
            if batch:
                sight = await self.store.observe([errand.ask for errand in batch])
                if sight.epoch is None or self.store.barred:
                    raise StoreLost
                await self._follow(sight.policy)
                pauses = pauses_of(sight)
                for errand, seen in zip(batch, sight.seen, strict=True):
                    moves.append(look_at(errand, seen, pauses, now, self.context))
            changes = [self._change(errand, move) for errand, move in zip(batch, moves, strict=True)]
            changes += [dead_letter(entry, fault, now, self.context.keys) for entry, fault in faulty]
            written = [change for change in changes if change is not None]
            answers = iter(await self.store.commit(written, sight) if written else ())
        except (StoreError, OSError, PolicyError):
            for move in moves:
                if isinstance(move, Go):
                    move.desk.give_back()
            self.hand.faulty = faulty + self.hand.faulty
            self.hand.again.extendleft(reversed(batch))
            raise
        results = [WRITTEN if change is None else next(answers) for change in changes]
        for errand, move, result in zip(batch, moves, results, strict=False):
            self._moved(errand, move, result, now)
        for (entry, fault), result in zip(faulty, results[len(batch) :], strict=True):
            self._buried(entry, fault, result)
        return bool(faulty) or not all(isinstance(move, Hold) for move in moves)

    async def _follow(self, name: str | None) -> None:
        """From here on the published policy judges. A store that has lost it will be given it again."""
        house = self.context.house
        if name is not None and name != house.policy.published:
            self.context.house = msgspec.structs.replace(house, policy=await self.policies.adopt(name))

    def _change(self, errand: Errand, move: Move) -> Change | None:
        match move:
            case Rest() | Go():
                return change_for(errand, move, self.context)
            case Skip.DUPLICATE | Skip.LOST:
                return Change(ack=errand.place)
            case Skip.NOT_OURS | Hold() | Unobserved() | Unsure():
                return None
            case _:
                assert_never(move)

    def _moved(self, errand: Errand, move: Move, result: int, began: Instant) -> None:
        """What follows once a move is written, or was not because somebody was faster."""
        if result != WRITTEN:
            self.metrics.conflicts.add(_RACES[result])
            if isinstance(move, Go):
                move.desk.give_back()
            self.hand.again.append(errand)
            return
        if self.context.traces is not None and isinstance(move, Rest | Go):
            self.context.traces.looked(errand, move.receipts, errand.seen is None, began, self.clock.now())
        match move:
            case Go():
                errand.inherited = False
                self.metrics.told(move.receipts)
                self.flights.launch(errand, move)
            case Rest(again=again, asks=asks):
                errand.inherited = False
                for attempt in asks:
                    self.flights.ask(errand, attempt)
                self.metrics.told(move.receipts)
                self._settled(errand, again)
            case Skip.DUPLICATE:
                self.metrics.duplicates.add(errand.member.lane)
                self.hand.put_away(errand.entry)
            case Skip.LOST:
                log.warning("lost_record", lane=errand.member.lane)
                self.hand.put_away(errand.entry)
            case Skip.NOT_OURS:
                self.hand.put_away(errand.entry)
            case Hold(channel=channel):
                self.hand.hold(errand, channel)
            case Unobserved():
                self.hand.again.append(errand)
            case Unsure(why=why):
                self._later(errand, why)
            case _:
                assert_never(move)

    def _buried(self, entry: Entry, fault: Fault, result: int) -> None:
        if result == WRITTEN:
            self.hand.put_away(entry)
            self.metrics.dead.add(entry.stream)
        else:
            self.hand.faulty.append((entry, fault))

    def _settled(self, errand: Errand, again: bool) -> None:
        if again:
            self.hand.again.append(errand)
        else:
            self.hand.put_away(errand.entry)
        self.bells.work.set()

    def _later(self, errand: Errand, why: str) -> None:
        """What cannot be known now is asked again; nothing is sent meanwhile."""
        log.error("unsure", why=why, lane=errand.member.lane)

        def again() -> None:
            self.hand.again.append(errand)
            self.bells.work.set()

        asyncio.get_running_loop().call_later(UNSURE_S, again)

    async def _lease(self) -> None:
        """Messages of the rates that hold over all workers, for the desks that have somebody waiting."""
        now = self.clock.now()
        for desk in self.context.house.desks:
            waiting = self.hand.waits_for(desk.channel) + len(self.hand.incoming) + len(self.hand.again)
            if desk.rate is not None and waiting and desk.wants_tokens(now):
                granted, _ = await self.store.lease(desk.name, desk.rate, min(desk.free, waiting))
                desk.granted(granted, self.clock.now())

    async def _move(self) -> None:
        """What is due goes back to its lane; after an order, what is in hand is looked at again at once."""
        known: int | None = None
        while True:
            try:
                moved, following, version = await self.store.due(self.clock.now(), MOVE_MOST)
            except (StoreError, OSError) as error:
                await self.bells.trouble("move", error)
                continue
            if known is not None and version != known:
                self.hand.recall()
                self.bells.work.set()
            known = version
            if moved < MOVE_MOST:
                wait = MOVE_EVERY_S if following is None else (following - self.clock.now()) / 1000
                await asyncio.sleep(min(MOVE_EVERY_S, max(0.01, wait)))
