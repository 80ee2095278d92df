"""`gateway demo`: the whole road on one machine, from a stream to a phone and the receipt back, and the books of it."""

import argparse
import asyncio
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

import redis.asyncio as redis
import uvloop
from msgspec import Struct
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

from channels.contract import Message
from gateway import app
from gateway.books import books_of
from gateway.cli import demo_report
from gateway.cli.books import Account, Books, next_receipts, open_receipts
from gateway.cli.portfolio import Portfolio, deal
from gateway.cli.terminal import Quit
from gateway.config import Config, load, shipped
from gateway.domain.clock import Clock, SystemClock
from gateway.pipeline.metrics import Metrics
from gateway.store.deadletters import DeadLetters
from gateway.store.keys import LANES, Keys
from gateway.store.redis import client
from gateway.web.ops import Health
from gateway.web.server import serve_web

PACKS = ("CN.yaml", "US.yaml", "house.yaml")
"""Those whose hours the portfolio is dealt by; the others would hold up some of what it shows, at some hours."""
CONFIGURATION = """
redis: {url: embedded, data: redis}
channels:
  sms: {providers: [{name: sandbox-sms, kind: sandbox, latency_ms: 60, receipt_ms: 500}]}
  email: {providers: [{name: sandbox-email, kind: sandbox, latency_ms: 120, receipt_ms: 700}]}
  push: {providers: [{name: sandbox-push, kind: sandbox, latency_ms: 30, receipt_ms: 300}]}
retry: {first: 600ms, most: 1200ms, attempts: 3}
log: {level: error}
"""
"""The rest is as shipped: templates, and the channel of calls."""
PATIENCE_S = 30.0
"""For so long jobs are waited for that do not come to rest."""
LOOK_S = 0.05
PLAIN_LINE_S = 1.0
INTERRUPTED = 130

T = TypeVar("T")
Show = Callable[[int, Books, float | None], None]


class Stage(Struct, frozen=True):
    """A gateway at work; `work` ends only if it broke, or after the end."""

    config: Config
    clock: Clock
    metrics: Metrics
    plant: app.Plant
    work: asyncio.Task[None]
    store: redis.Redis
    keys: Keys
    port: int


@runtime_checkable
class Keeper(Protocol):
    """A provider that keeps what it was given, as the sandbox does."""

    @property
    def messages(self) -> Collection[Message]: ...


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "demo",
        help="shows it all on this machine",
        description="Runs a gateway on this machine with a store of its own and sandbox providers, and sends sample "
        "reminders to made-up people around the world. Exit status 1 if the books do not balance.",
    )
    parser.add_argument(
        "--stay",
        action=argparse.BooleanOptionalAction,
        help="goes on until Ctrl-C after everything was shown (without it: on a terminal only)",
    )
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    stay = sys.stdout.isatty() if chosen.stay is None else chosen.stay
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(demo(Console(highlight=False), SystemClock(), stay=stay))


async def demo(console: Console, clock: Clock, *, stay: bool) -> int:
    """The exit status: 0, 1 if the books do not balance, 130 if it was ended before it could tell."""
    stop = asyncio.Event()
    app.stop_on_signals(stop)
    demo_report.introduce(console)
    with tempfile.TemporaryDirectory(prefix="gateway-demo-") as folder:
        async with _stage(_configured(Path(folder)), clock) as stage:
            demo_report.tell_place(console, stage.port, stage.config.web.port)
            status = await _unless(stop, stage.work, _show(stage, console))
            if status is not None and stay and not stop.is_set():
                demo_report.tell_to_stay(console, stage.port)
                await _unless(stop, stage.work, asyncio.Event().wait())
    if status is None:
        console.print("\nEnded before everything was shown; the store and its folder are gone.")
        return INTERRUPTED
    return status


def _configured(folder: Path) -> Config:
    file = folder / "gateway.yaml"
    packs = folder / "packs"
    packs.mkdir()
    for name in PACKS:
        shutil.copy(shipped("config") / "policies" / name, packs)
    file.write_text(f"{CONFIGURATION}\npolicies: packs\n", encoding="utf-8")
    config = load(file, {})
    if isinstance(config, list):
        raise Quit(*(fault.sentence for fault in config))
    return config


@asynccontextmanager
async def _stage(config: Config, clock: Clock) -> AsyncIterator[Stage]:
    """Sets a gateway up and to work; at the end it drains, and its server ends with it."""
    words, metrics, health = app.read_words(config), Metrics(), Health()
    async with AsyncExitStack() as stack:
        port = await _listen(stack, config, health, metrics)
        url = await stack.enter_async_context(app.store_url(config))
        books = await stack.enter_async_context(books_of(config))
        if books is not None:
            await stack.enter_async_context(app.keeping(config, url, books, clock, metrics))
        plant = await stack.enter_async_context(app.plant(config, url, words, metrics, clock, books))
        health.probe = plant.troubles
        store = client(url, blocking=True)
        stack.push_async_callback(store.aclose)
        end = asyncio.Event()
        work = asyncio.create_task(app.run_plant(plant, config, clock, metrics, end, health), name="gateway")
        try:
            yield Stage(config, clock, metrics, plant, work, store, plant.store.keys, port)
        finally:
            end.set()
            await asyncio.wait([work])
            if error := work.exception():
                raise Quit(f"the gateway failed, which is a mistake of ours: {error!r}")


async def _listen(stack: AsyncExitStack, config: Config, health: Health, metrics: Metrics) -> int:
    """The port of the configuration, or any that is free if somebody else has that one."""
    try:
        return await stack.enter_async_context(
            serve_web(config.web.host, config.web.port, health, metrics.registry),
        )
    except OSError:
        return await stack.enter_async_context(serve_web(config.web.host, 0, health, metrics.registry))


async def _unless(stop: asyncio.Event, work: "asyncio.Task[None]", act: Coroutine[Any, Any, T]) -> T | None:
    """What `act` gives; None if it is told to stop, or the gateway breaks, before that."""
    acting, stopping = asyncio.create_task(act), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({acting, stopping, work}, return_when=asyncio.FIRST_COMPLETED)
        return acting.result() if acting.done() else None
    finally:
        for task in (acting, stopping):
            task.cancel()
        await asyncio.gather(acting, stopping, return_exceptions=True)


async def _show(stage: Stage, console: Console) -> int:
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
def _progress(console: Console, total: int) -> Iterator[Show]:
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
    messages = {channel: len(kept) for channel, kept in _kept(stage)}
    messages["call"] = await stage.store.xlen(stage.keys.calls)
    return Account(enqueued, int(sum(counted)), await stage.store.xlen(stage.keys.dead), messages)


def _messages(stage: Stage) -> list[Message]:
    """The first message in each language, best a text message."""
    found: dict[str, Message] = {}
    for _, kept in _kept(stage):
        for message in kept:
            found.setdefault(message.locale, message)
    return list(found.values())


def _kept(stage: Stage) -> Iterator[tuple[str, Collection[Message]]]:
    for desk in stage.plant.desks:
        provider: object = desk.provider
        if isinstance(provider, Keeper):
            yield desk.channel, provider.messages
