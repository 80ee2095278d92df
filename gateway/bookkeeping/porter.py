"""Minds the gate for a worker: opens that of a new store, and tells a lost one what this process had written to it."""

import asyncio

import structlog
from sqlalchemy.exc import SQLAlchemyError

from gateway.bookkeeping.gate import Gate, epoch_of, open_gate
from gateway.bookkeeping.keeper import Books
from gateway.domain.clock import Clock
from gateway.ledger.keyring import KeyringError
from gateway.store import journal
from gateway.store.redis import Store, StoreError

LOOK_S = 0.25
FORGET_EVERY = 4
"""looks"""

log = structlog.get_logger("gateway.gate")


class Porter:
    """`troubled` is why nothing is sent, as a sentence; None while the gate is open."""

    def __init__(self, store: Store, books: Books | None, clock: Clock) -> None:
        self.store, self.books, self.clock = store, books, clock
        self.troubled: str | None = None
        self._known: str | None = None

    async def run(self) -> None:
        """Until it is cancelled."""
        turn = 0
        while True:
            await self.look()
            if turn % FORGET_EVERY == 0 and self.troubled is None:
                await self._forget()
            turn += 1
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Whether the gate stands open; opens that of a new store."""
        try:
            if self._known is not None and await epoch_of(self.store) == self._known:
                self.troubled = None
                return
            await self._open()
        except StoreError as error:
            self._trouble(error)
        except (SQLAlchemyError, KeyringError, OSError) as error:  # a refused connection to PostgreSQL is an OSError
            await self._without_ledger(error)

    async def _without_ledger(self, error: Exception) -> None:
        """A ledger that cannot be had delays nobody: a store that names its epoch was opened once. One that names none
        may be new or lost, and only the ledger can tell."""
        try:
            self._known = await epoch_of(self.store)
        except (StoreError, OSError) as trouble:
            self._trouble(trouble)
            return
        if self._known is None:
            self._trouble(error)
        else:
            self.troubled = None
            log.warning("gate_trouble", error=type(error).__name__)

    def _trouble(self, error: Exception) -> None:
        self.troubled = f"the gate cannot be looked at: {type(error).__name__}"
        log.warning("gate_trouble", error=type(error).__name__)

    async def _open(self) -> None:
        if self.books is not None:
            await self.books.open()
        gate = await open_gate(self.store, self.books, self.clock)
        self.store.barred = gate is Gate.FOREIGN
        if gate is Gate.OPEN:
            self.troubled, self._known = None, await epoch_of(self.store)
            return
        if gate is Gate.LOST and self._known is not None:
            told = await journal.recall(self.store.redis, self.store.keys, self.store.memory)
            log.error("store_lost", count=told)
            self._known = None
        if self.troubled != gate.value:
            log.error("gate_shut", why=gate.value)
        self.troubled = gate.value

    async def _forget(self) -> None:
        try:
            oldest = await journal.first(self.store.redis, self.store.keys)
            if await epoch_of(self.store) == self._known:  # an empty journal of a lost store says nothing
                self.store.memory.forget(oldest)
        except (StoreError, OSError) as error:
            log.warning("store_trouble", what="journal", error=type(error).__name__)
