"""The house behind the API's ports: streams to write to, the ledger and the store to read from."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from gateway.bookkeeping.keeper import Books
from gateway.config import Config
from gateway.domain.clock import DAY, Clock
from gateway.ledger.keyring import KeyringError
from gateway.queries.held_state import held_state
from gateway.queries.overview import Overview, overview
from gateway.queries.records import UnreadableRecord
from gateway.queries.state import ReminderState
from gateway.queries.trail import state_of, trail_of
from gateway.store.redis import Store, StoreError
from gateway.web.api import documents, reminders, views
from gateway.web.api.ports import Kind, Lane, Remembered
from gateway.web.api.principal import ApiKey, ConfiguredKeys
from gateway.web.api.server import Api

REMEMBERED_MS = DAY
UNDER_WAY_MS = 60_000
"""after so long a request that never ended is taken for dead; its documents have ids of their own"""
CATCH_UP_S = 1.0
"""for so long the ledger is waited for, so that whoever just wrote can read"""
LOOK_S = 0.05

_remembered = msgspec.json.Decoder(Remembered)


class Behind:
    """What stands behind the door, once it is there: the port is opened first, so that whoever asks is answered."""

    def __init__(self) -> None:
        self._store: Store | None = None
        self.books: Books | None = None

    def open(self, store: Store, books: Books | None) -> None:
        """From here on the API writes and reads."""
        self._store, self.books = store, books

    @property
    def store(self) -> Store:
        """Raises ConnectionError until it is there."""
        if self._store is None:
            raise ConnectionError("the gateway is starting")
        return self._store

    @property
    def ledger(self) -> Books:
        """Raises ConnectionError where there is none, or none yet."""
        if self.books is None:
            raise ConnectionError("no ledger is kept")
        return self.books


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
        with _outage():
            while not await self._client.set(name, value, nx=True, px=UNDER_WAY_MS):
                if (found := await self._client.get(name)) is not None:
                    return _remembered.decode(found)
        return None

    async def forget(self, key: str) -> None:
        with _outage():
            await self._client.delete(self.store.keys.idempotency(key))

    async def enqueue(
        self, kind: Kind, documents: Sequence[bytes], lane: Lane, answer: Remembered | None
    ) -> None:  # fmt: skip
        keys = self.store.keys
        stream, field = {
            "reminder": (keys.lanes[lane], "job"), "contact": (keys.contacts, "contact"),
            "command": (keys.commands, "command"),
        }[kind]  # fmt: skip
        with _outage():
            pipeline = self.store.redis.pipeline(transaction=True)
            for document in documents:
                pipeline.xadd(stream, {field: document})
            if answer is not None:
                pipeline.set(keys.idempotency(answer.key), msgspec.json.encode(answer), px=REMEMBERED_MS)
            await pipeline.execute()


class Lookups:
    """Finds a job in the ledger, and in the store what the ledger does not have yet."""

    def __init__(self, behind: Behind, clock: Clock) -> None:
        self._behind, self.clock = behind, clock

    async def reminder(self, tenant: str, recipient: str, job: str) -> ReminderState | None:
        store, books, held = self._behind.store, self._behind.books, None
        with suppress(StoreError, OSError, UnreadableRecord):
            held = await held_state(store, tenant, recipient, job, self.clock)
        if books is None:
            return held
        try:
            told = await self._caught_up(books, (tenant, recipient, job), held)
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


class LedgerViews:
    """Figures and lists, from the ledger."""

    def __init__(self, behind: Behind, clock: Clock) -> None:
        self._behind, self.clock = behind, clock

    async def overview(self, tenants: frozenset[str] | None, days: int) -> Overview:
        with _outage():
            return await overview(self._behind.ledger, tenants, self.clock.now() - (days - 1) * DAY)


def api(config: Config, behind: Behind, clock: Clock) -> Api:
    """The API of a configuration."""
    intake = StoreIntake(behind)
    keys = ConfiguredKeys(
        ApiKey(id=key.id, sha256=key.sha256, roles=key.roles, tenants=key.tenants) for key in config.web.keys
    )
    routes = [
        *documents.routes(intake),
        *reminders.routes(Lookups(behind, clock)),
        *views.routes(LedgerViews(behind, clock)),
    ]
    return Api(routes, keys, intake, clock)


@contextmanager
def _outage() -> Iterator[None]:
    """Turns every failure of store and ledger into the one word that the API knows for it."""
    try:
        yield
    except (StoreError, SQLAlchemyError, KeyringError) as error:
        raise ConnectionError from error
