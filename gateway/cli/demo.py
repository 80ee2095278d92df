"""`gateway demo`: the whole road on one machine, from a stream to a phone and the receipt back, and the books of it.

It shows the main job and ends. Where it stays, a month is played before, traffic goes on after, and the console has
people to sign in as.
"""

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import uvloop
from msgspec import Struct
from rich.console import Console

from gateway import app
from gateway.bookkeeping.keeper import Books
from gateway.bookkeeping.people import add_person
from gateway.books import anchors_of, books_of, where_of
from gateway.cli import demo_report
from gateway.cli.debtors import DAYS, debtors, month
from gateway.cli.month import MovedClock, play
from gateway.cli.show import Stage, show
from gateway.cli.terminal import Quit
from gateway.cli.traffic import Traffic
from gateway.config import Config, load, shipped
from gateway.domain.clock import DAY, HOUR, MINUTE, Clock, SystemClock, format_instant
from gateway.front.behind import Behind
from gateway.front.door import api
from gateway.front.policies import HousePolicies
from gateway.pipeline.metrics import Metrics
from gateway.policy.edit import Edit, agreeing, edited
from gateway.policy.pack import parse_pack
from gateway.store.keys import Keys
from gateway.store.redis import Store, client
from gateway.web.api.policies import NewProposal, Refusal
from gateway.web.api.principal import EVERY_TENANT, Principal
from gateway.web.ops import Health
from gateway.web.server import serve_web
from gateway.web.webhooks import Webhooks

PACKS = ("CN.yaml", "US.yaml", "house.yaml")
"""Those whose hours the portfolio is dealt by; the others would hold up some of what it shows, at some hours."""
SANDBOXES = {
    "sms": [("sandbox-sms", 60, 500)], "email": [("sandbox-email", 120, 700)], "push": [("sandbox-push", 30, 300)],
}  # fmt: skip
"""By channel, each with its name, and how long it takes to answer and to report (ms)."""
LIVING = SANDBOXES | {"sms": [("north-sms", 60, 500), ("south-sms", 90, 800)]}
HURRIED = {channel: [(name, 1, 5) for name, _, _ in some] for channel, some in LIVING.items()}
"""The same for the month that is played: its hours pass in moments."""
PEOPLE = {"olivia": "ops", "carmen": "compliance", "victor": "compliance", "ada": "admin"}
PASSWORD = "let-me-look-around"
INTERRUPTED = 130

T = TypeVar("T")
Sandboxes = dict[str, list[tuple[str, int, int]]]


class House(Struct, frozen=True):
    """What stands while plants come and go: the port, the store and the books."""

    config: Config
    url: str
    books: Books
    behind: Behind
    health: Health
    metrics: Metrics
    port: int


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
        help="plays a month before, and goes on until Ctrl-C after everything was shown, with a living console "
        "(without it: on a terminal only)",
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
    with tempfile.TemporaryDirectory(prefix="gateway-demo-") as name:
        folder = Path(name)
        config = _configured(folder, LIVING if stay else SANDBOXES, None if stay else PACKS)
        async with _house(config, clock) as house:
            demo_report.tell_place(console, house.port, config.web.port)
            if stay and not await _lived_in(house, folder, clock, console, stop):
                return _ended(console)
            async with _stage(house, clock) as stage:
                status = await _unless(stop, stage.work, show(stage, console))
                if status is None:
                    return _ended(console)
                if stay and not stop.is_set():
                    demo_report.tell_to_stay(console, house.port, PEOPLE, PASSWORD)
                    await _unless(stop, stage.work, Traffic(stage.plant, clock).run())
    return status


def _ended(console: Console) -> int:
    console.print("\nEnded before everything was shown; the store and its folder are gone.")
    return INTERRUPTED


async def _lived_in(house: House, folder: Path, clock: Clock, console: Console, stop: asyncio.Event) -> bool:
    """Makes accounts, and a month of history; whether it came to its end."""
    await house.books.open()
    now = clock.now()
    for who, role in PEOPLE.items():
        if (why := await add_person(house.books, who, PASSWORD, [role], [EVERY_TENANT], now)) is not None:
            raise Quit(why)
    hurried = _configured(folder, HURRIED, None)
    moved = MovedClock(now - DAYS * DAY - HOUR)
    anchors = anchors_of(hurried, house.books)
    await anchors.begin()
    async with _at_work(house, hurried, moved, Metrics()) as (plant, work):
        with demo_report.passing_days(console, DAYS) as shown:
            events, until = month(debtors(), now), now - 2 * MINUTE
            done = await _unless(stop, work, play(plant, moved, house.books, anchors, events, until, shown))
    if done:
        await _want_a_change(house, clock)
    return done is not None


async def _want_a_change(house: House, clock: Clock) -> None:
    """Somebody of compliance wants fewer contacts, and somebody else has yet to say yes."""
    config = house.config
    law = HousePolicies(house.behind, clock, where_of(config), config.policies, config.web.cool_off)
    [text] = [pack.text for pack in await law.in_force() if pack.code == "house"]
    version = Edit(rule="", path=("version",), value=f"{format_instant(clock.now())[:10]}.2")
    text = edited(text, [Edit(rule="house.weekly", path=("max",), value=5), version])
    pack, faults = parse_pack(text, "house", "house")
    if pack is None:
        raise Quit(*faults)
    wanted = NewProposal(
        code="house", text=agreeing(text, pack),
        reason="Complaints say that seven contacts in a week are too many; house rule, review of November",
    )  # fmt: skip
    carmen = Principal(id="carmen", kind="person", roles=frozenset({"compliance"}), tenants=frozenset({EVERY_TENANT}))
    done = await law.propose(carmen, wanted, 0)
    if isinstance(done, Refusal):
        raise Quit(done.sentence)


def _configured(folder: Path, sandboxes: Sandboxes, packs: tuple[str, ...] | None) -> Config:
    """As shipped, but for the providers, and with some of the packs only if they are named."""
    channels = {
        channel: {"providers": [
            {"name": name, "kind": "sandbox", "latency_ms": latency, "receipt_ms": receipt, "weight": 1}
            for name, latency, receipt in some
        ]}
        for channel, some in sandboxes.items()
    }  # fmt: skip
    wanted: dict[str, Any] = {
        "redis": {"url": "embedded", "data": "redis"}, "channels": channels, "log": {"level": "error"},
        "retry": {"first": "600ms", "most": "1200ms", "attempts": 3}, "web": {"cool_off": "30s"},
    }  # fmt: skip
    if packs is not None:
        (folder / "packs").mkdir()
        for name in packs:
            shutil.copy(shipped("config") / "policies" / name, folder / "packs")
        wanted["policies"] = "packs"
    file = folder / "gateway.yaml"
    file.write_text(json.dumps(wanted), encoding="utf-8")  # JSON is YAML
    config = load(file, {})
    if isinstance(config, list):
        raise Quit(*(fault.sentence for fault in config))
    return config


@asynccontextmanager
async def _house(config: Config, clock: Clock) -> AsyncIterator[House]:
    """Opens port, store and books; the console answers from here on."""
    metrics, health, behind = Metrics(), Health(), Behind()
    async with AsyncExitStack() as stack:
        doors = Webhooks(None, clock), api(config, app.read_words(config), behind, clock)
        port = await _listen(stack, config, health, metrics, doors)
        url = await stack.enter_async_context(app.store_url(config))
        books = await stack.enter_async_context(books_of(config))
        if books is None:
            raise Quit("the demo keeps a ledger, and none is configured, which is a mistake of ours")
        seen = client(url)
        stack.push_async_callback(seen.aclose)
        behind.open(Store(seen, Keys(config.redis.prefix), journaled=True), books, anchors_of(config, books))
        yield House(config, url, books, behind, health, metrics, port)


@asynccontextmanager
async def _stage(house: House, clock: Clock) -> AsyncIterator[Stage]:
    """A gateway at work in the house, and its books kept."""
    async with (
        app.keeping(house.config, house.url, house.books, clock, house.metrics),
        _at_work(house, house.config, clock, house.metrics) as (plant, work),
    ):
        house.health.probe = plant.troubles
        store = client(house.url, blocking=True)
        try:
            yield Stage(clock, house.metrics, plant, work, store, plant.store.keys)
        finally:
            await store.aclose()


@asynccontextmanager
async def _at_work(
    house: House, config: Config, clock: Clock, metrics: Metrics
) -> AsyncIterator[tuple[app.Plant, "asyncio.Task[None]"]]:
    """Sets a plant up and to work; at the end it drains."""
    async with app.plant(config, house.url, app.read_words(config), metrics, clock, house.books) as plant:
        end = asyncio.Event()
        running = app.run_plant(plant, config, clock, metrics, end, house.health)
        work = asyncio.create_task(running, name="gateway")
        try:
            yield plant, work
        finally:
            end.set()
            await asyncio.wait([work])
            if error := work.exception():
                raise Quit(f"the gateway failed, which is a mistake of ours: {error!r}")


async def _listen(stack: AsyncExitStack, config: Config, health: Health, metrics: Metrics, doors: Any) -> int:
    """The port of the configuration, or any that is free if somebody else has that one."""
    try:
        return await stack.enter_async_context(
            serve_web(config.web.host, config.web.port, health, metrics.registry, *doors),
        )
    except OSError:
        return await stack.enter_async_context(serve_web(config.web.host, 0, health, metrics.registry, *doors))


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
