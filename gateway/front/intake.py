"""Documents to the streams, and how a job stands: what collection systems ask of the API."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from gateway.bookkeeping.keeper import Books
from gateway.domain.clock import DAY, Clock
from gateway.front.behind import Behind, outage
from gateway.ledger.keyring import KeyringError
from gateway.queries.held_state import held_state
from gateway.queries.records import UnreadableRecord
from gateway.queries.state import ReminderState
from gateway.queries.trail import state_of, trail_of
from gateway.store.redis import Store, StoreError
from gateway.web.api.ports import Document, Kind, Lane, Remembered

REMEMBERED_MS = DAY
QUEUED_MS = DAY
"""for so long a job that came over HTTP is known before anybody has read it, wherever on its lane it stands"""
UNDER_WAY_MS = 60_000
"""after so long a request that never ended is taken for dead; its documents have ids of their own"""
CATCH_UP_S = 1.0
"""for so long the ledger is waited for, so that whoever just wrote can read"""
LOOK_S = 0.05

_remembered = msgspec.json.Decoder(Remembered)


class StoreIntake:
    """Writes to the streams as collection systems do."""

    def __init__(self, behind: Behind) -> None:
        self._behind = behind

    @property
    def store(self) -> Store:
        return self._behind.store

    @property
    def _client(self) -> Any:
        return self.store.redis

    async def remembered(self, new: Remembered) -> Remembered | None:
        name, value = self.store.keys.idempotency(new.key), msgspec.json.encode(new)
        with outage():
            while not await self._client.set(name, value, nx=True, px=UNDER_WAY_MS):
                if (found := await self._client.get(name)) is not None:
                    return _remembered.decode(found)
        return None

    async def forget(self, key: str) -> None:
        with outage():
            await self._client.delete(self.store.keys.idempotency(key))

    async def keep(self, answer: Remembered) -> None:
        with outage():
            name = self.store.keys.idempotency(answer.key)
            await self._client.set(name, msgspec.json.encode(answer), px=REMEMBERED_MS)

    async def enqueue(
        self, kind: Kind, documents: Sequence[Document], lane: Lane, answer: Remembered | None
    ) -> None:  # fmt: skip
        keys = self.store.keys
        stream, field = {
            "reminder": (keys.lanes[lane], "job"), "contact": (keys.contacts, "contact"),
            "command": (keys.commands, "command"),
        }[kind]  # fmt: skip
        with outage():
            pipeline = self.store.redis.pipeline(transaction=True)
            for document in documents:
                fields: dict[Any, Any] = {field: document.raw}
                if document.traceparent is not None:
                    fields["traceparent"] = document.traceparent
                pipeline.xadd(stream, fields)
                if document.names is not None:
                    pipeline.set(keys.queued(*document.names), "", px=QUEUED_MS)
            if answer is not None:
                pipeline.set(keys.idempotency(answer.key), msgspec.json.encode(answer), px=REMEMBERED_MS)
            await pipeline.execute()


class Lookups:
    """Finds a job in the ledger, and in the store what the ledger does not have yet."""

    def __init__(self, behind: Behind, clock: Clock) -> None:
        self._behind, self.clock = behind, clock

    async def reminder(self, tenant: str, recipient: str, job: str) -> ReminderState | None:
        store, books = self._behind.store, self._behind.books
        held: ReminderState | None = None
        trouble: Exception | None = None
        try:
            held = await held_state(store, tenant, recipient, job, self.clock)
        except (StoreError, OSError, UnreadableRecord) as error:
            trouble = error
        told = held if books is None else await self._told(books, (tenant, recipient, job), held)
        if told is None and trouble is not None:  # nobody can say that there is none
            raise ConnectionError from trouble
        return told

    async def _told(
        self, books: Books, names: tuple[str, str, str], held: ReminderState | None
    ) -> ReminderState | None:  # fmt: skip
        """What the ledger says, or the store where that is newer."""
        try:
            told = await self._caught_up(books, names, held)
        except (SQLAlchemyError, KeyringError, OSError) as error:
            if held is None:
                raise ConnectionError from error
            return held
        if told is None or (held is not None and len(held.receipts) > len(told.receipts)):
            return held
        return told

    async def _caught_up(
        self, books: Books, names: tuple[str, str, str], held: ReminderState | None
    ) -> ReminderState | None:  # fmt: skip
        """The ledger's word, once it is as new as the store's, or after a while."""
        known = 0 if held is None else len(held.receipts)
        loop = asyncio.get_running_loop()
        end = loop.time() + CATCH_UP_S
        while True:
            trail = await trail_of(books, *names)
            told = None if trail is None else state_of(trail, *names)
            behind = held is not None and held.state != "queued" and (told is None or len(told.receipts) < known)
            if not behind or loop.time() > end:
                return told
            await asyncio.sleep(LOOK_S)
