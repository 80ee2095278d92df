"""Runs the line: reads entries, walks them in batches, hands the claims to flight, wakes what is due.

Memory is bounded by what may be in hand, whatever the backlog. Nothing here decides anything about a person.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import assert_never

import msgspec
import structlog

from gateway.domain.clock import Clock
from gateway.domain.errors import Fault
from gateway.pipeline.changes import change_for
from gateway.pipeline.deadletter import dead_letter
from gateway.pipeline.errand import Errand, Go, Hold, Move, Rest, Skip, Unobserved, Unsure
from gateway.pipeline.flights import Flights
from gateway.pipeline.hand import Hand
from gateway.pipeline.line import Context, look_at, pauses_of
from gateway.pipeline.metrics import Metrics
from gateway.pipeline.policies import Policies, PolicyError
from gateway.pipeline.retry import Backoff
from gateway.store.keys import LANES, Lane
from gateway.store.redis import FILE_CHANGED, GUARD_CHANGED, RECORD_CHANGED, WRITTEN, Change, Store, StoreError
from gateway.store.streams import Entry, Inbox
from gateway.store.tasks import end

SHARES: dict[Lane, int] = {"high": 8, "normal": 3, "bulk": 1}
"""of each batch, while several lanes have a backlog"""
LOOK_AHEAD_S = 0.1
"""How often the reader looks past a full channel for jobs of the others."""
RETRY_S = 0.02
"""How soon jobs in hand are looked at again when only time will make room for them."""
IDLE_S = 1.0
SWEEP_S = 4.0
SWEEPS_AT_ONCE = 5
"""steps of a sweep that finds something: all that one worker can have had in hand"""
MOVE_MOST = 500
MOVE_EVERY_S = 0.25
STORE_PAUSE_S = 0.5
UNSURE_S = 5.0
ANYBODY_MS = 3_600_000
_RACES = {RECORD_CHANGED: "record", FILE_CHANGED: "person", GUARD_CHANGED: "control"}

log = structlog.get_logger("gateway.worker")


class Worker:
    """One consumer of the lanes. `run` returns when `stop` was called and everything in flight is settled."""

    def __init__(
        self, store: Store, inbox: Inbox, context: Context, policies: Policies, clock: Clock, metrics: Metrics,
        backoff: Backoff, batch: int,
    ) -> None:  # fmt: skip
        self.store, self.inbox, self.context, self.clock, self.metrics = store, inbox, context, clock, metrics
        self.policies = policies
        self.hand = Hand(context.keys, batch)
        self.flights = Flights(store, context, clock, metrics, backoff, self._settled)
        self.troubled: str | None = None
        self._batch = batch
        self._stopping = asyncio.Event()
        self._work = asyncio.Event()
        self._room = asyncio.Event()
        self._hot: dict[Lane, bool] = dict.fromkeys(LANES, True)

    def stop(self) -> None:
        """No new claim from here on."""
        self._stopping.set()
        self._work.set()
        self._room.set()

    async def run(self) -> None:
        """Works until `stop`; hands over at the end what was read and not begun."""
        await self._patiently(self.inbox.prepare)
        async with asyncio.TaskGroup() as group:  # whichever of them fails, the process ends and others take over
            servants = [group.create_task(act()) for act in (self.flights.settle_for_ever, self._move, self._sweep)]
            await asyncio.wait([group.create_task(self._read()), group.create_task(self._walk())])
            await self.flights.drained()
            await self._hand_over()
            await end(*servants)

    async def _read(self) -> None:
        """Entries in: those of a former life first, then what is new, high before normal before bulk."""
        await self._patiently(self._take_up_pending)
        while not self._stopping.is_set():
            if self.hand.satisfied:
                await self._wait_for_room()
                if len(self.hand.incoming) >= self._batch:
                    continue
            try:
                entries = await self.inbox.take(self._counts()) or await self.inbox.wait(IDLE_S)
            except (StoreError, OSError) as error:
                await self._trouble("read", error)
                continue
            self._accept(entries)

    async def _wait_for_room(self) -> None:
        """Until the walk has taken enough off the hand; where other channels stand idle behind a full one, not for
        long: then the walk looks past it."""
        desks, now = self.context.house.desks, self.clock.now()
        idle = any(desks.room(channel, now) > 0 and not self.hand.waits_for(channel) for channel in desks.of)
        try:
            async with asyncio.timeout(LOOK_AHEAD_S if idle else None):
                while self.hand.satisfied and not self._stopping.is_set():
                    self._room.clear()
                    await self._room.wait()
        except TimeoutError:
            self.hand.past_full = True
            self._work.set()

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
            self._work.set()
        self._hot = {lane: any(e.stream == self.context.keys.lanes[lane] for e in entries) for lane in LANES}

    def _counts(self) -> dict[str, int]:
        """How many to take of each lane: its share among those with a backlog, a look at the others."""
        total = sum(SHARES[lane] for lane in LANES if self._hot[lane])
        return {
            self.context.keys.lanes[lane]: max(1, self._batch * SHARES[lane] // total) if self._hot[lane] else 1
            for lane in LANES
        }

    async def _walk(self) -> None:
        """Batches down the line, until told to stop."""
        while not self._stopping.is_set():
            try:
                await self._lease()
                batch = self.hand.gather(self.context.house.desks, self.clock.now())
                self._room.set()
                if batch or self.hand.faulty:
                    moved = await self._step(batch)
                    self.troubled = None
                    if not moved:  # there is room, but not for them: at a provider that is paused, or not theirs
                        await asyncio.sleep(RETRY_S)
                else:
                    await self._pause()
            except PolicyError as error:
                log.error("policy_unreadable", faults=error.faults)
                self.troubled = error.faults[0]
                await asyncio.sleep(STORE_PAUSE_S)
            except (StoreError, OSError) as error:
                await self._trouble("walk", error)

    async def _pause(self) -> None:
        """Until there is something to do; briefly where a rate or a breaker will change the picture by itself."""
        self._work.clear()
        if self._stopping.is_set():  # it was told while the rates were asked for, and the word is cleared now
            return
        if any(self.hand.held.values()):
            asyncio.get_running_loop().call_later(RETRY_S, self._work.set)
        await self._work.wait()

    async def _step(self, batch: list[Errand]) -> bool:
        """One batch: observe, look, commit; whether any of it came on. When the store fails, every slot is given back
        and all is done anew."""
        now = self.clock.now()
        moves: list[Move] = []
        faulty, self.hand.faulty = self.hand.faulty, []
        try:
            guard = None
            if batch:
                sight = await self.store.observe([errand.ask for errand in batch])
                await self._follow(sight.policy)
                guard, pauses = sight.version, pauses_of(sight)
                for errand, seen in zip(batch, sight.seen, strict=True):
                    moves.append(look_at(errand, seen, pauses, now, self.context))
            changes = [self._change(errand, move) for errand, move in zip(batch, moves, strict=True)]
            changes += [dead_letter(entry, fault, now, self.context.keys) for entry, fault in faulty]
            written = [change for change in changes if change is not None]
            answers = iter(await self.store.commit(written, guard) if written else ())
        except (StoreError, OSError, PolicyError):
            for move in moves:
                if isinstance(move, Go):
                    move.desk.give_back()
            self.hand.faulty = faulty + self.hand.faulty
            self.hand.again.extendleft(reversed(batch))
            raise
        results = [WRITTEN if change is None else next(answers) for change in changes]
        for errand, move, result in zip(batch, moves, results, strict=False):
            self._moved(errand, move, result)
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

    def _moved(self, errand: Errand, move: Move, result: int) -> None:
        """What follows once a move is written, or was not because somebody was faster."""
        if result != WRITTEN:
            self.metrics.conflicts.add(_RACES[result])
            if isinstance(move, Go):
                move.desk.give_back()
            self.hand.again.append(errand)
            return
        match move:
            case Go():
                errand.inherited = False
                self.metrics.told(move.receipts)
                self.flights.launch(errand, move)
            case Rest(again=again):
                errand.inherited = False
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
        self._work.set()

    def _later(self, errand: Errand, why: str) -> None:
        """What cannot be known now is asked again; nothing is sent meanwhile."""
        log.error("unsure", why=why, lane=errand.member.lane)

        def again() -> None:
            self.hand.again.append(errand)
            self._work.set()

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
                await self._trouble("move", error)
                continue
            if known is not None and version != known:
                self.hand.recall()
                self._work.set()
            known = version
            if moved < MOVE_MOST:
                wait = MOVE_EVERY_S if following is None else (following - self.clock.now()) / 1000
                await asyncio.sleep(min(MOVE_EVERY_S, max(0.01, wait)))

    async def _sweep(self) -> None:
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
                await self._trouble("sweep", error)

    def _accept_late(self, entries: list[Entry]) -> None:
        if not self._stopping.is_set() and entries:
            log.info("taken_over", count=len(entries))
            self.hand.accept(entries)
            self._work.set()

    async def _hand_over(self) -> None:
        """What was read and not begun may be taken by anybody at once."""
        held = [(entry.stream, entry.id) for entry in self.hand.entries.values()]
        if held:
            await self.inbox.keep(held, idle_ms=ANYBODY_MS)

    async def _patiently(self, act: Callable[[], Awaitable[None]]) -> None:
        """Tries until the store answers: started in any order, the worker waits for it."""
        while not self._stopping.is_set():
            try:
                await act()
            except (StoreError, OSError) as error:
                await self._trouble("start", error)
            else:
                return

    async def _trouble(self, what: str, error: Exception) -> None:
        self.troubled = f"the store cannot be had: {type(error).__name__}"
        self.metrics.store_errors.add(what)
        log.warning("store_trouble", what=what, error=type(error).__name__)
        await asyncio.sleep(STORE_PAUSE_S)
