"""The gate: nothing is sent on a store that forgot what it knew, until it was rebuilt from the ledger.

A store names its epoch in the control document, and the ledger remembers it. A store without one is new if the ledger
has never followed any; else it was lost. A worker that finds no epoch sends nothing, and no claim is written whose
author saw another (`commit.lua`).
"""

import secrets
from enum import Enum
from typing import Any

from sqlalchemy import select

from gateway.bookkeeping.keeper import Books
from gateway.domain.clock import Clock
from gateway.ledger.tables import position
from gateway.ledger.writer import Position, writing
from gateway.store.redis import Change, FileWrite, Store

EPOCH = "epoch"
"""the control document's field"""


class Gate(Enum):
    """Whether anything may be sent on a store; the value is a sentence for those who ask."""

    OPEN = "the store is whole"
    LOST = "the store lost what it held: nothing is sent until `gateway rebuild` has brought it back from the ledger"
    FOREIGN = "the store is not the one that the ledger follows: `ledger.url` or `redis.url` names another one"


async def epoch_of(store: Store) -> str | None:
    """The epoch that the store names. Raises StoreError."""
    client: Any = store.redis
    found = await client.hget(store.keys.control, EPOCH)
    return found.decode() if found else None


async def known(books: Books) -> Position | None:
    """What the ledger knows of the store that it follows. Raises SQLAlchemyError."""
    async with books.ledger.read() as connection:
        chosen = select(position.c.epoch, position.c.journal, position.c.shut)
        chosen = chosen.where(position.c.prefix == books.keys.prefix)
        row = (await connection.execute(chosen)).first()
    return None if row is None else Position(*row)


async def open_gate(store: Store, books: Books | None, clock: Clock) -> Gate:
    """Opens the gate of a new store; says how it stands. Raises StoreError, SQLAlchemyError."""
    if books is None:
        await _name(store)
        return Gate.OPEN
    before = await known(books)
    if before is None:
        await _name(store)
    own = await epoch_of(store)
    if before is None and own is not None:
        async with books.ledger.write() as connection:
            out = writing(books.ledger, connection, books.keys.prefix)
            before = await out.position()
            if before is None:
                await out.begin(own, clock.now())
                return Gate.OPEN
    if own is None or before is None or before.shut:
        return Gate.LOST
    return Gate.OPEN if own == before.epoch else Gate.FOREIGN


async def shut(books: Books) -> None:
    """Writes down that the store was lost: no journal is taken in until it was rebuilt."""
    async with books.ledger.write() as connection:
        await writing(books.ledger, connection, books.keys.prefix).shut(shut=True)


async def name_epoch(store: Store, epoch: str) -> None:
    """Opens the store's gate under a new name."""
    await store.commit([Change(files=[FileWrite(store.keys.control, -1, (EPOCH, epoch))])])


def new_epoch() -> str:
    return secrets.token_hex(8)


async def _name(store: Store) -> None:
    """Of two processes that open a new store at once, both find the name that the first gave."""
    client: Any = store.redis
    await client.hsetnx(store.keys.control, EPOCH, new_epoch())
