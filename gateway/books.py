"""Builds the ledger's parts as they are configured, for whoever runs them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from prometheus_client import CollectorRegistry
from sqlalchemy.exc import SQLAlchemyError

from gateway.bookkeeping.bookkeeper import Bookkeeper
from gateway.bookkeeping.keeper import Books
from gateway.config import Config
from gateway.domain.clock import Clock
from gateway.ledger.anchors import Anchors
from gateway.ledger.database import Database
from gateway.ledger.keyring import KeyringError, open_keyring
from gateway.ledger.subjects import Subjects
from gateway.queries.backtest import Where
from gateway.store.keys import Keys
from gateway.store.redis import Store, client
from gateway.store.tasks import end

OPEN_S = 1.0

log = structlog.get_logger("gateway.ledger")


@asynccontextmanager
async def books_of(config: Config) -> AsyncIterator[Books | None]:
    """The books of a configuration, None where it keeps none; opens no connection yet. Raises KeyringError, OSError."""
    own = config.ledger
    if own.url is None:
        yield None
        return
    keyring = open_keyring(own.keyring)
    ledger, keys = Database(own.url, "ledger"), Database(own.keys_url, "keys")
    books = Books(ledger=ledger, keyring=keyring, subjects=Subjects(keys, keyring), keys=Keys(config.redis.prefix))
    try:
        yield books
    finally:
        await books.close()


@asynccontextmanager
async def opening(books: Books) -> AsyncIterator[None]:
    """Brings the databases up to this release as soon as they can be had; whoever asks before is told to come again."""

    async def patiently() -> None:
        while True:
            try:
                await books.open()
                return
            except (SQLAlchemyError, KeyringError, OSError) as error:
                log.warning("ledger_trouble", what="open", error=type(error).__name__)
                await asyncio.sleep(OPEN_S)

    task = asyncio.create_task(patiently(), name="open the ledger")
    try:
        yield
    finally:
        await end(task)


def where_of(config: Config) -> Where | None:
    """Where the ledger is, for processes that open it themselves; None where there is none."""
    own = config.ledger
    if own.url is None:
        return None
    return Where(url=own.url, keys_url=own.keys_url, keyring=own.keyring, prefix=config.redis.prefix)


def anchors_of(config: Config, books: Books) -> Anchors:
    """The files in which the chain of these books is anchored."""
    own = config.ledger
    return Anchors(books.ledger, books.keyring, own.anchors, own.second, own.anchor_every)


@asynccontextmanager
async def bookkeeping(
    config: Config, url: str, books: Books, clock: Clock, registry: CollectorRegistry
) -> AsyncIterator[Bookkeeper]:
    """The role `ledger` on a store, not yet running."""
    quick, blocking = client(url), client(url, blocking=True)
    try:
        store = Store(quick, books.keys)
        yield Bookkeeper(store, blocking, books, anchors_of(config, books), clock, registry, config.ledger.most)
    finally:
        await quick.aclose()
        await blocking.aclose()
