"""Tries a policy on what the ledger holds, in parallel, without touching the line: slices of people, judged apart."""

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from msgspec import Struct

from gateway.bookkeeping.keeper import Books
from gateway.domain.clock import Instant
from gateway.ledger.database import Database
from gateway.ledger.keyring import open_keyring
from gateway.ledger.subjects import Subjects
from gateway.queries.kept_cases import kept_cases
from gateway.queries.pool import Order
from gateway.queries.simulate import Bench, Tally
from gateway.store.keys import Keys

MANY = 5_000
"""entries from which on it pays to start processes"""
SLICES = 64


class Where(Struct, frozen=True, kw_only=True):
    """Where the ledger is, for a process that opens it itself."""

    url: str
    keys_url: str
    keyring: Path
    prefix: str

    def open(self) -> Books:
        keyring = open_keyring(self.keyring)
        subjects = Subjects(Database(self.keys_url, "keys"), keyring)
        return Books(Database(self.url, "ledger"), keyring, subjects, Keys(self.prefix))


def backtest(
    order: Order, where: Where, earliest: Instant, entries: int, progress: Callable[[float], None]
) -> Tally:  # fmt: skip
    """Judges every decision from `earliest` on; `progress` is told which part more is done. Raises SQLAlchemyError,
    KeyringError."""
    bounds = [f"{256 * n // SLICES:02x}" for n in range(SLICES)]
    slices = list(zip(["", *bounds[1:]], [*bounds[1:], "g"], strict=True))
    total = Tally()
    if entries < MANY or (os.cpu_count() or 1) < 2:
        bench = order.bench()
        for first, last in slices:
            total.add(asyncio.run(_judge(bench, where, earliest, first, last)), order.samples)
            progress(1 / SLICES)
        return total
    context = multiprocessing.get_context("spawn")  # forking a process that has threads may hang it
    with ProcessPoolExecutor(os.cpu_count(), context, _begin, (order, where, earliest)) as pool:
        for future in as_completed([pool.submit(_slice, *one) for one in slices]):
            total.add(future.result(), order.samples)
            progress(1 / SLICES)
    return total


_begun: list[tuple[Bench, Where, Instant]] = []
"""what this process judges by, once it was begun"""


def _begin(order: Order, where: Where, earliest: Instant) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that started us ends us
    _begun.append((order.bench(), where, earliest))


def _slice(first: str, last: str) -> Tally:
    return asyncio.run(_judge(*_begun[-1], first, last))


async def _judge(bench: Bench, where: Where, earliest: Instant, first: str, last: str) -> Tally:
    books, tally = where.open(), Tally()
    try:
        async for recorded in kept_cases(books, earliest, first, last):
            bench.judge(recorded, tally)
    finally:
        await books.close()
    return tally
