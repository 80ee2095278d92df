"""The role `ledger`: follows the journal, writes it down for good, trims it, and tells how far behind it is."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress

import redis.asyncio as redis
import structlog
from prometheus_client import CollectorRegistry, Gauge
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from gateway.bookkeeping.gate import Gate, epoch_of, known, open_gate, shut
from gateway.bookkeeping.keeper import Books, take_in
from gateway.bookkeeping.proposals import publish_approved
from gateway.bookkeeping.retention import let_go
from gateway.domain.clock import Clock
from gateway.ledger.anchors import Anchors
from gateway.ledger.keyring import KeyringError
from gateway.ledger.tables import tallies
from gateway.store import journal
from gateway.store.redis import Store, StoreError
from gateway.store.tasks import end

MOST = 200
"""batches of the journal in one transaction"""
WAIT_MS = 200
TROUBLE_S = 1.0
MEASURE_S = 2.0
TIDY_S = 3_600.0
"""between two looks for what was kept long enough"""

log = structlog.get_logger("gateway.ledger")


class Bookkeeper:
    """Follows the journal of one store. `run` returns when `stop` was called."""

    def __init__(
        self, store: Store, blocking: redis.Redis, books: Books, anchors: Anchors, clock: Clock,
        registry: CollectorRegistry, most: Mapping[str, int],
    ) -> None:  # fmt: skip
        self.most = most
        self.store, self.blocking, self.books, self.anchors, self.clock = store, blocking, books, anchors, clock
        self.troubled: str | None = None
        self._stopping = False
        self._lag = Gauge("gateway_ledger_lag_entries", "Batches of the journal not taken in yet", registry=registry)
        self._age = Gauge("gateway_ledger_lag_seconds", "Age of the oldest of them", registry=registry)
        self._entries = Gauge("gateway_ledger_entries", "The number of the last entry", registry=registry)
        self._anchored = Gauge("gateway_ledger_anchor_age_seconds", "Since the last anchor", registry=registry)
        self._jobs = Gauge("gateway_ledger_jobs", "Jobs by where they stand", ["status"], registry=registry)
        self._shut = Gauge("gateway_ledger_gate_shut", "1 while nothing is sent: the store was lost", registry=registry)

    def stop(self) -> None:
        self._stopping = True

    async def run(self) -> None:
        """Until stopped; at the end what was written up to then is taken in, as far as the store answers."""
        watching = asyncio.create_task(self._watch())
        try:
            await self._follow()
        finally:
            await end(watching)
        await self._last()

    async def _follow(self) -> None:
        loop = asyncio.get_running_loop()
        counted, tidied = 0.0, loop.time() - TIDY_S
        await self._begin()
        while not self._stopping:
            try:
                busy = await self._turn()
                if loop.time() - counted > MEASURE_S or not busy:
                    await self._count()
                    counted = loop.time()
                if loop.time() > tidied + TIDY_S:
                    await let_go(self.books, self.most, self.clock.now())
                    tidied = loop.time()
            except (StoreError, SQLAlchemyError, KeyringError, OSError) as error:
                await self._trouble(error)

    async def _begin(self) -> None:
        while not self._stopping:
            try:
                await self.books.open()
                await self.anchors.begin()
                return
            except (SQLAlchemyError, KeyringError, OSError) as error:
                await self._trouble(error)

    async def _turn(self) -> bool:
        """One step; whether there was anything to do."""
        gate = await open_gate(self.store, self.books, self.clock)
        self._shut.set(gate is not Gate.OPEN)
        if gate is not Gate.OPEN:
            await self._stand_still(gate)
            return False
        self.troubled = None
        at = await known(self.books)
        if at is None:
            return False
        batches = await journal.read(self.blocking, self.store.keys, at.journal, MOST, WAIT_MS)
        if await epoch_of(self.store) != at.epoch:
            return False
        taken = await take_in(self.books, batches, self.clock)
        if taken.entries:
            self._entries.set(taken.entries[-1].seq)
            await self.anchors.after(taken.entries, self.clock.now())
            if any(entry.kind == "act" and '"what":"export"' in entry.body for entry in taken.entries):
                await self.anchors.anchor(self.clock.now())  # what goes out is to be proven
        else:
            await self.anchors.in_time(self.clock.now())
        if batches:
            await journal.forget(self.store.redis, self.store.keys, batches[-1].id)
        return bool(batches)

    async def _stand_still(self, gate: Gate) -> None:
        """A lost store: what it held last is told by the processes that wrote it, when it is rebuilt."""
        at = await known(self.books)
        if gate is Gate.LOST and at is not None and not at.shut:
            await shut(self.books)
        if self.troubled != gate.value:
            log.error("gate_shut", why=gate.value)
        self.troubled = gate.value
        await asyncio.sleep(TROUBLE_S)

    async def _watch(self) -> None:
        """How far behind the ledger is: told above all while it cannot be written, so by whoever does not write it."""
        while True:
            with suppress(StoreError, OSError):
                length = await self.store.redis.xlen(self.store.keys.journal)
                oldest = await journal.first(self.store.redis, self.store.keys)
                now = self.clock.now()
                self._lag.set(length)
                self._age.set(0 if oldest is None else max(0, now - journal.place(oldest)[0]) / 1000)
                self._anchored.set(self.anchors.age_s(now))
            await asyncio.sleep(MEASURE_S)

    async def _count(self) -> None:
        await publish_approved(self.books, self.store)
        async with self.books.ledger.read() as connection:
            sums = select(tallies.c.status, func.sum(tallies.c.n)).group_by(tallies.c.status)
            for status, n in await connection.execute(sums):
                self._jobs.labels(status).set(int(n))

    async def _last(self) -> None:
        try:
            while await self._turn():
                pass
            await self.anchors.anchor(self.clock.now())
        except (StoreError, SQLAlchemyError, KeyringError, OSError) as error:
            log.warning("ledger_trouble", what="stop", error=type(error).__name__)

    async def _trouble(self, error: Exception) -> None:
        self.troubled = f"the ledger cannot be written: {type(error).__name__}"
        log.warning("ledger_trouble", what="run", error=type(error).__name__)
        await asyncio.sleep(TROUBLE_S)
