"""The main job of `gateway demo`: sample reminders of every fate, from the stream to the receipt, and their balance."""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import redis.asyncio as redis
from msgspec import Struct
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

from channels.contract import Message
from gateway import app
from gateway.cli import demo_report
from gateway.cli.books import Account, Books, next_receipts, open_receipts
from gateway.cli.portfolio import TENANT, Portfolio, deal
from gateway.cli.practice import practised
from gateway.domain.clock import Clock
from gateway.pipeline.metrics import Metrics
from gateway.store.deadletters import DeadLetters
from gateway.store.keys import LANES, Keys

PATIENCE_S = 30.0
"""For so long jobs are waited for that do not come to rest."""
LOOK_S = 0.05
PLAIN_LINE_S = 1.0

Shown = Callable[[int, Books, float | None], None]


class Stage(Struct, frozen=True):
    """A gateway at work; `work` ends only if it broke, or after the end."""

    clock: Clock
    metrics: Metrics
    plant: app.Plant
    work: asyncio.Task[None]
    store: redis.Redis
    keys: Keys


async def show(stage: Stage, console: Console) -> int:
    """Everything there is to see, from the first XADD to the balance."""
    portfolio = deal(stage.clock.now())
    books = Books(portfolio.samples)
    loop = asyncio.get_running_loop()
    began = loop.time()
    await open_receipts(stage.store, stage.keys)
    await _order(stage, portfolio.commands)
    enqueued = await _enqueue(stage, portfolio)
    demo_report.tell_enqueued(console, stage.keys, enqueued, portfolio, stage.clock.now())
    await _watch(stage, books, console)
    account = await _account(stage, enqueued)
    letters = [letter async for letter in DeadLetters(stage.store, stage.keys).all()]
    now = stage.clock.now()
    demo_report.tell_jobs(console, books, portfolio, account, now)
    demo_report.tell_messages(console, _messages(stage))
    demo_report.tell_letters(console, letters, books.strangers)
    balanced = demo_report.tell_balance(console, books, account, loop.time() - began)
    demo_report.tell_how_to_go_on(console)
    return 0 if balanced else 1


async def _order(stage: Stage, commands: list[bytes]) -> None:
    """Commands to the stream; they are in force once they are gone from it."""
    for command in commands:
        await stage.store.xadd(stage.keys.commands, {"command": command})
    for _ in range(int(PATIENCE_S / LOOK_S)):
        if not await stage.store.xlen(stage.keys.commands):
            return
        await asyncio.sleep(LOOK_S)


async def _enqueue(stage: Stage, portfolio: Portfolio) -> int:
    """Every job to its lane, one of them twice, and what is no job at all; how many entries that were."""
    lanes = stage.keys.lanes
    entries = [(lanes[sample.lane], sample.doc) for sample in portfolio.samples]
    entries += [(lanes["bulk"], portfolio.again.doc), (lanes["normal"], portfolio.broken)]
    async with stage.store.pipeline(transaction=False) as pipe:
        for stream, doc in entries:
            pipe.xadd(stream, {"job": doc})
        await pipe.execute()
    return len(entries)


async def _watch(stage: Stage, books: Books, console: Console) -> None:
    """Reads receipts until every job rests and the lanes are empty, and a moment longer."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE_S
    with _progress(console, len(books.jobs)) as progress:
        resting, waiting = 0, 1
        while (resting < len(books.jobs) or waiting) and loop.time() < deadline:
            for receipt in await next_receipts(stage.store, stage.keys):
                books.enter(receipt)
            resting = books.resting(stage.clock.now())
            waiting = sum([await stage.store.xlen(stage.keys.lanes[lane]) for lane in LANES])
            progress(resting, books, loop.time())
        for receipt in await next_receipts(stage.store, stage.keys):
            books.enter(receipt)
        progress(books.resting(stage.clock.now()), books, None)


class _Lines:
    """Progress as lines, one a second, where nobody sees a bar."""

    def __init__(self, console: Console, total: int) -> None:
        self._console, self._total, self._next = console, total, 0.0

    def __call__(self, resting: int, books: Books, at: float | None) -> None:
        if at is None or at >= self._next:
            self._next = (at or 0.0) + PLAIN_LINE_S
            self._console.print(
                f"{resting} of {self._total} jobs at rest: {demo_report.counted(books)}", soft_wrap=True
            )


@contextmanager
def _progress(console: Console, total: int) -> Iterator[Shown]:
    """Called with the jobs at rest, the books, and the time (None at the end)."""
    if not console.is_terminal or console.is_dumb_terminal:
        yield _Lines(console, total)
        return
    columns = (SpinnerColumn(), BarColumn(24), TextColumn("{task.completed}/{task.total}  {task.description}"))
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=total)

        def show(resting: int, books: Books, _at: float | None) -> None:
            bar.update(task, completed=resting, description=demo_report.counted_briefly(books))

        yield show


async def _account(stage: Stage, enqueued: int) -> Account:
    """What others hold: the worker its counters, the store the dead letters and calls, the sandboxes their messages."""
    counted = (
        stage.metrics.registry.get_sample_value("gateway_duplicates_total", {"lane": lane}) or 0 for lane in LANES
    )
    messages: Counter[str] = Counter()
    for channel, kept in _kept(stage):
        messages[channel] += len(kept)
    tasks: Any = await stage.store.xrange(stage.keys.calls)
    messages["call"] = sum(msgspec.json.decode(fields[b"call"])["tenant"] == TENANT for _, fields in tasks)
    return Account(enqueued, int(sum(counted)), await stage.store.xlen(stage.keys.dead), messages)


def _messages(stage: Stage) -> list[Message]:
    """The first message in each language, best a text message."""
    found: dict[str, Message] = {}
    for _, kept in _kept(stage):
        for message in kept:
            found.setdefault(message.locale, message)
    return list(found.values())


def _kept(stage: Stage) -> Iterator[tuple[str, Collection[Message]]]:
    for _, channel, provider in practised(stage.plant.desks):
        yield channel, [message for message in provider.messages if message.tenant == TENANT]
