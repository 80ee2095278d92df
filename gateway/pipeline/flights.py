"""Sends under way: each claim is followed by its one send, and what lands is settled in handfuls."""

import asyncio
from collections import deque
from collections.abc import Callable

import msgspec
import structlog

from channels.contract import InDoubt, Inquirer, Inquiry, Message, Outcome, Unavailable
from gateway.domain.clock import SECOND, Clock
from gateway.domain.job import Attempt, begin
from gateway.pipeline.desks import Desk
from gateway.pipeline.errand import Errand, Go, address_of, read_record
from gateway.pipeline.line import Context
from gateway.pipeline.metrics import Metrics
from gateway.pipeline.retry import Backoff, quickly
from gateway.pipeline.settling import LATE, Landed, settled
from gateway.store.redis import WRITTEN, Store, StoreError, StoreLost

LATE_MS = 1_000
"""A claim that is older when its turn comes is given back: a contact's time is that of its claim."""
HANDFUL_S = 0.002
STORE_PAUSE_S = 0.2

log = structlog.get_logger("gateway.flights")


class Flights:
    """`done` is called with each errand that was settled, and whether it goes on at once."""

    def __init__(
        self, store: Store, context: Context, clock: Clock, metrics: Metrics, backoff: Backoff,
        done: Callable[[Errand, bool], None],
    ) -> None:  # fmt: skip
        self.store, self.context, self.clock, self.metrics, self.backoff = store, context, clock, metrics, backoff
        self._done = done
        self._tasks: set[asyncio.Task[None]] = set()
        self._landed: deque[Landed] = deque()
        self._news = asyncio.Event()
        self._settled = asyncio.Event()

    def launch(self, errand: Errand, go: Go) -> None:
        """Sends what was claimed. The slot was taken with the claim."""
        errand.seen = errand.wrote
        self.context.flying.add(go.attempt.reference)
        task = asyncio.create_task(self._fly(errand, go.attempt, go.desk, go.message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _fly(self, errand: Errand, attempt: Attempt, desk: Desk, message: Message) -> None:
        began = self.clock.now()
        outcome = await self._attempt(attempt, desk, message)
        now = self.clock.now()
        if isinstance(outcome, InDoubt):
            desk.doubted(now)
        self.metrics.outcomes.add(desk.name, type(outcome).__name__)
        self.metrics.took(desk.name, (now - began) / 1000)
        if self.context.traces is not None:
            self.context.traces.sent(errand, attempt, outcome, began, now)
        self._landed.append(Landed(errand, attempt, desk, outcome))
        self._news.set()

    async def _attempt(self, attempt: Attempt, desk: Desk, message: Message) -> Outcome:
        same = desk.provider.facts.idempotency
        within = LATE_MS if same is None else min(LATE_MS, same.window_s * SECOND)

        def in_time() -> bool:
            now = self.clock.now()
            return now - attempt.at <= within and now < message.expires_at

        def again() -> bool:
            return in_time() and not desk.down(self.clock.now())

        if not in_time():
            return Unavailable(LATE, "the claim was a second old before its send could begin")
        return await quickly(lambda: self._send(desk, message), again, idempotent=same is not None)

    async def _send(self, desk: Desk, message: Message) -> Outcome:
        """One request, of which the desk learns whatever the attempt comes to."""
        began = self.clock.now()
        try:
            outcome = await desk.provider.send(message, desk.timeout)
        except Exception as error:  # noqa: BLE001 - a bug in a provider must not lose the claim: nobody knows what left
            log.error("provider_failed", provider=desk.name, error=type(error).__name__)
            outcome = InDoubt("provider_bug", f"the provider's adapter failed with {type(error).__name__}")
        now = self.clock.now()
        desk.learn(outcome, now, now - began)
        return outcome

    def ask(self, errand: Errand, attempt: Attempt) -> None:
        """Asks the provider of a doubtful send what became of it; the answer is taken in as a report."""
        desk = self.context.house.desks.by_name.get(attempt.provider)
        to = None if errand.reminder is None else address_of(errand.reminder, attempt)
        if desk is not None and isinstance(desk.provider, Inquirer) and to is not None:
            inquiry = Inquiry(reference=attempt.reference, to=to, at=attempt.at)
            task = asyncio.create_task(self._ask(desk.provider, inquiry, desk))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _ask(self, provider: Inquirer, inquiry: Inquiry, desk: Desk) -> None:
        try:
            told = await provider.look_up(inquiry, desk.timeout)
            if told is not None:
                await self.store.redis.xadd(self.context.keys.callbacks, {"report": msgspec.json.encode(told)})
        except Exception as error:  # noqa: BLE001 - an inquiry that fails is made again later, and costs nothing else
            log.warning("inquiry_failed", provider=desk.name, error=type(error).__name__)

    async def settle_for_ever(self) -> None:
        """Keeps every answer, in handfuls, in whatever order they come; ends only when it is cancelled."""
        while True:
            await self._news.wait()
            await asyncio.sleep(HANDFUL_S)
            self._news.clear()
            handful = list(self._landed)
            self._landed.clear()
            try:
                await self._settle(handful)
            except StoreError as error:
                self.metrics.store_errors.add("settle")
                log.warning("settle_failed", error=type(error).__name__, kept=len(handful))
                kept = [landed for landed in handful if self._open(landed)]
                for landed in kept:
                    landed.doubted = True
                self._landed.extendleft(reversed(kept))
                await asyncio.sleep(STORE_PAUSE_S)
                self._news.set()

    async def drained(self) -> None:
        """Returns when every send has landed and is kept."""
        while self.context.flying:
            self._settled.clear()
            await self._settled.wait()

    def _open(self, landed: Landed) -> bool:
        return landed.attempt.reference in self.context.flying

    async def _settle(self, handful: list[Landed]) -> None:
        left = handful
        if doubted := [landed for landed in handful if landed.doubted]:
            await self._see_again(doubted)
        while left:
            now = self.clock.now()
            made = [settled(landed, now, self.context, self.backoff) for landed in left]
            results = await self.store.commit([settlement.change for settlement in made])
            lost: list[Landed] = []
            for landed, settlement, result in zip(left, made, results, strict=True):
                if result == WRITTEN:
                    self.metrics.told(settlement.receipts)
                    self._finish(landed, settlement.again)
                else:
                    lost.append(landed)
            if lost:
                self.metrics.conflicts.add("settle", n=len(lost))
                await self._see_again(lost)
            left = lost

    def _finish(self, landed: Landed, again: bool) -> None:
        self.context.flying.discard(landed.attempt.reference)
        landed.desk.give_back()
        self._done(landed.errand, again)
        self._settled.set()

    async def _see_again(self, lost: list[Landed]) -> None:
        """Somebody changed the record meanwhile (a receipt came before the answer, another took the job for orphaned,
        or our own write went through and its answer was lost): what we know is told to the record as it is now."""
        sight = await self.store.observe([landed.errand.ask for landed in lost])
        if sight.epoch is None:  # what is known here is told to the record that the rebuild brings back
            raise StoreLost
        for landed, seen in zip(lost, sight.seen, strict=True):
            errand = landed.errand
            errand.seen, landed.doubted = seen.record, False
            if seen.record is not None:
                errand.job = read_record(seen.record)
            elif errand.reminder is not None:
                errand.job = begin(errand.reminder, errand.raw, errand.key, errand.entry.accepted_ms)
