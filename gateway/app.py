"""The composition root: configuration in, running parts out. The one place where parts are chosen and joined."""

import asyncio
import gc
import signal
import socket
import uuid
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext, suppress
from importlib import import_module

import redis.asyncio as redis
import structlog
from msgspec import Struct

from channels import catalogue
from channels.contract import Channel, Surroundings
from gateway.bookkeeping.keeper import Books
from gateway.bookkeeping.porter import Porter
from gateway.books import anchors_of, bookkeeping, books_of, opening
from gateway.config import Config, Telemetry
from gateway.domain.clock import SECOND, Clock, SystemClock
from gateway.domain.job import Limits
from gateway.domain.note import Note, write_note
from gateway.doors import listen, mailbox, surroundings
from gateway.endpoints.dispatcher import send_receipts
from gateway.front.behind import Behind
from gateway.front.door import doors
from gateway.ledger.keyring import KeyringError
from gateway.pipeline.desks import Desk, Desks
from gateway.pipeline.housekeeping import keep_house
from gateway.pipeline.intake import Intake
from gateway.pipeline.line import Context
from gateway.pipeline.metrics import Metrics
from gateway.pipeline.policies import Policies, PolicyError
from gateway.pipeline.retry import Backoff
from gateway.pipeline.traces import Traces
from gateway.pipeline.view import House
from gateway.pipeline.worker import Worker
from gateway.policy.policy import Policy
from gateway.rendering.catalog import Catalog
from gateway.store.embedded import embedded
from gateway.store.keys import Keys
from gateway.store.redis import Change, Store, StoreError, client
from gateway.store.seats import seat
from gateway.store.streams import Inbox
from gateway.store.tasks import end
from gateway.web.ops import Health
from gateway.web.server import serve_web
from gateway.web.webhooks import Webhooks

ROLES = ("worker", "web", "bounces", "ledger")
START_PAUSE_S = 0.5
GARBAGE_EVERY = 20_000
"""allocations between two looks for garbage: a batch makes some thousands of objects, hardly ever in a cycle"""

log = structlog.get_logger("gateway.app")


class Unfit(Exception):
    """The gateway cannot start as it is configured; `faults` are sentences."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


class Undrained(Exception):
    """What was in flight could not be settled in time; whoever takes it over calls it doubtful."""

    def __str__(self) -> str:
        return "worker.drain: what was in flight could not be settled within it; its sends are in doubt"


def read_words(config: Config) -> Catalog:
    """Loads the templates. Raises Unfit: a text that cannot be read must not be missed in silence."""
    catalog = Catalog.load(config.templates, config.defaults.locale)
    if catalog.faults:
        raise Unfit(list(catalog.faults))
    return catalog


@asynccontextmanager
async def store_url(config: Config) -> AsyncIterator[str]:
    """The address of the store: the configured one, or that of the embedded server, which is kept alive meanwhile."""
    if config.redis.url != "embedded":
        yield config.redis.url
        return
    async with embedded(config.redis.data) as url:
        yield url


@asynccontextmanager
async def open_redis(config: Config) -> AsyncIterator[redis.Redis]:
    """A client of the configured store, for commands."""
    async with store_url(config) as url:
        connection = client(url)
        try:
            yield connection
        finally:
            await connection.aclose()


def build_desks(config: Config, surroundings: Surroundings) -> Desks:
    """Every configured provider at its desk; starts nothing."""
    desks: dict[Channel, list[Desk]] = {}
    for channel, section in config.channels.items():
        for settings in section.providers:
            common = catalogue.common(settings)
            provider = catalogue.build(channel, settings, surroundings)
            desk = Desk(
                channel, provider, common.concurrency, common.timeout, common.rate, common.weight, common.doubts
            )  # fmt: skip
            desks.setdefault(channel, []).append(desk)
    return Desks(desks)


class Plant(Struct, frozen=True):
    """The worker's parts, joined and not yet running."""

    store: Store
    lent: Surroundings
    desks: Desks
    worker: Worker
    intake: Intake
    policies: Policies
    porter: Porter

    async def troubles(self) -> list[str]:
        """Why no work should be given to this process now."""
        return [why for why in (self.porter.troubled or self.worker.troubled,) if why]


@asynccontextmanager
async def plant(
    config: Config, url: str, words: Catalog, metrics: Metrics, clock: Clock, books: Books | None = None
) -> AsyncIterator[Plant]:  # fmt: skip
    """Builds the parts of one worker on a store that may not answer yet; closes what it opened. Raises Unfit where the
    packs are faulty and none were published before."""
    async with AsyncExitStack() as stack:
        quick, blocking = client(url), client(url, blocking=True)
        stack.push_async_callback(quick.aclose)
        stack.push_async_callback(blocking.aclose)
        store, owner = Store(quick, Keys(config.redis.prefix), journaled=books is not None), uuid.uuid4().hex
        porter = Porter(store, books, clock)
        await porter.look()
        policies = Policies(store, config.policies, clock, metrics)
        policy = await _policy(policies)
        name = await stack.enter_async_context(_seated(quick, store.keys, owner))
        lent = surroundings(config, store, clock, metrics)
        desks = build_desks(config, lent)
        traces = await stack.enter_async_context(_tracing(config.telemetry))
        context = _context(config, words, policy, desks, store.keys, owner, traces)
        backoff = Backoff(first_ms=config.retry.first, most_ms=config.retry.most)
        lanes = Inbox(quick, blocking, list(store.keys.lanes.values()), name)
        facts = Inbox(quick, blocking, [store.keys.commands, store.keys.contacts, store.keys.callbacks], name)
        worker = Worker(store, lanes, context, policies, clock, metrics, backoff, config.worker.batch)
        for desk in desks:
            await desk.provider.start()
            stack.push_async_callback(desk.provider.close)
        if books is not None:
            await _tell_texts(store, words)
        yield Plant(store, lent, desks, worker, Intake(store, facts, context, clock, metrics), policies, porter)


def _tracing(chosen: Telemetry) -> AbstractAsyncContextManager[Traces | None]:
    """What the line is to tell of its jobs. OpenTelemetry is read, in a tenth of a second, only where it is used."""
    if chosen.endpoint is None:
        return nullcontext()
    found: AbstractAsyncContextManager[Traces] = import_module("gateway.telemetry").tracing(chosen)
    return found


async def _tell_texts(store: Store, words: Catalog) -> None:
    """The ledger is told which texts messages are made from, from now on."""
    with suppress(StoreError, OSError):  # told again by the next process that starts
        await store.commit([Change(note=write_note(Note(templates=words.texts())))])


def _context(
    config: Config, words: Catalog, policy: Policy, desks: Desks, keys: Keys, owner: str, traces: Traces | None
) -> Context:
    house = House(
        policy=policy, catalog=words, desks=desks, locale=config.defaults.locale,
        jurisdiction=config.defaults.jurisdiction, role=config.defaults.role,
    )  # fmt: skip
    limits = limits_of(config, frozenset(desk.name for desk in desks if desk.provider.facts.lookup))
    return Context(
        house=house, keys=keys, owner=owner, limits=limits, idempotency_ms=config.horizons.idempotency, traces=traces
    )


def limits_of(config: Config, inquirable: frozenset[str] = frozenset()) -> Limits:
    """How long to go on trying; `inquirable` are the providers that can be asked what became of a message."""
    silence = {channel: section.fallback_after for channel, section in config.channels.items()}
    return Limits(
        doubt_ms=config.horizons.receipts, attempts=config.retry.attempts, inquirable=inquirable,
        fallback_ms={channel: after for channel, after in silence.items() if after is not None},
    )  # fmt: skip


async def _policy(policies: Policies) -> Policy:
    """The policy to start with; the store is waited for."""
    while True:
        try:
            return await policies.begin()
        except PolicyError as error:
            raise Unfit(list(error.faults)) from None
        except (StoreError, OSError) as error:
            log.warning("store_trouble", what="policies", error=type(error).__name__)
            await asyncio.sleep(START_PAUSE_S)


@asynccontextmanager
async def _seated(quick: redis.Redis, keys: Keys, owner: str) -> AsyncIterator[str]:
    """A consumer name; the processes may be started in any order, so the store is waited for."""
    async with AsyncExitStack() as stack:
        name = None
        while name is None:
            try:
                name = await stack.enter_async_context(seat(quick, keys, socket.gethostname(), owner))
            except (StoreError, OSError) as error:
                log.warning("store_trouble", what="seat", error=type(error).__name__)
                await asyncio.sleep(START_PAUSE_S)
        yield name


async def run_plant(
    running: Plant, config: Config, clock: Clock, metrics: Metrics, stop: asyncio.Event, health: Health | None = None
) -> None:
    """Runs a plant until `stop` is set, then drains it: what is in flight is settled, the rest handed over. Raises
    Undrained if that takes longer than `worker.drain`."""
    health = health or Health()
    health.state = "ready"
    gc.freeze()  # rules, templates and code live as long as the process; looking through them again finds nothing
    gc.set_threshold(GARBAGE_EVERY, 20, 50)
    house = keep_house(running.store, running.desks, clock, metrics, config.horizons.outputs)
    async with asyncio.TaskGroup() as group:
        acts = house, running.policies.watch(), running.porter.run()
        keepers = [group.create_task(act) for act in acts]
        tasks = [group.create_task(running.worker.run()), group.create_task(running.intake.run())]
        endpoints = send_receipts(running.store, config.endpoints, clock, metrics.registry, stop)
        tasks.append(group.create_task(endpoints))
        await stop.wait()
        health.state = "draining"
        running.worker.stop()
        running.intake.stop()
        _, late = await asyncio.wait(tasks, timeout=config.worker.drain / SECOND)
        await end(*keepers, *late)
    if late:
        raise Undrained


async def serve(config: Config, roles: tuple[str, ...]) -> None:
    """Runs the named roles until SIGTERM or SIGINT, then drains. Raises Unfit where packs or templates are faulty,
    OSError where the port is taken, Undrained where sends could not be settled in time."""
    words, metrics, clock, stop = read_words(config), Metrics(), SystemClock(), asyncio.Event()
    health, webhooks, behind = Health(), Webhooks(config.web.public_url, clock), Behind()
    stop_on_signals(stop)
    async with AsyncExitStack() as stack:
        try:
            books = await stack.enter_async_context(books_of(config))
        except KeyringError as error:
            raise Unfit([f"ledger.keyring: {error}"]) from None
        except OSError as error:
            why = f"{error.strerror}: {error.filename}; name a place that can be written, or ledger.url: null"
            raise Unfit([f"ledger: {why}"]) from None
        if "web" in roles:
            if books is not None:
                await stack.enter_async_context(opening(books))
            fronts = webhooks, *doors(config, words, behind, clock)
            web = serve_web(config.web.host, config.web.port, health, metrics.registry, *fronts)
            await stack.enter_async_context(web)
        url = await stack.enter_async_context(store_url(config))
        if "ledger" in roles and books is not None:
            await stack.enter_async_context(keeping(config, url, books, clock, metrics))
        if "worker" not in roles:
            await _answer(config, url, roles, health, webhooks, metrics, clock, stop, behind, books)
            return
        async with plant(config, url, words, metrics, clock, books) as running:
            health.probe = running.troubles
            listen(webhooks, config, running.store, running.desks, running.lent, metrics)
            behind.open(running.store, books, anchors_of(config, books) if books else None)
            if "bounces" in roles:
                await stack.enter_async_context(mailbox(config, running.lent))
            await run_plant(running, config, clock, metrics, stop, health)


@asynccontextmanager
async def keeping(config: Config, url: str, books: Books, clock: Clock, metrics: Metrics) -> AsyncIterator[None]:
    """Keeps the books until the end of the block, and what was written up to then."""
    async with bookkeeping(config, url, books, clock, metrics.registry) as keeper:
        task = asyncio.create_task(keeper.run(), name="ledger")
        try:
            yield
        finally:
            keeper.stop()
            await task


async def _answer(
    config: Config, url: str, roles: tuple[str, ...], health: Health, webhooks: Webhooks, metrics: Metrics,
    clock: Clock, stop: asyncio.Event, behind: Behind, books: Books | None,
) -> None:  # fmt: skip
    """A process without a worker: takes callbacks and bounces in, and is ready while the store answers."""
    if roles == ("bounces",) and config.bounces is None:
        raise Unfit(["bounces: is null, so that the role `bounces` has nothing to do; name a port and secrets"])
    store = Store(client(url), Keys(config.redis.prefix), journaled=books is not None)
    behind.open(store, books, anchors_of(config, books) if books else None)
    lent = surroundings(config, store, clock, metrics)
    listen(webhooks, config, store, build_desks(config, lent), lent, metrics)

    async def troubles() -> list[str]:
        try:
            await store.redis.ping()
        except (StoreError, OSError) as error:
            return [f"the store cannot be had: {type(error).__name__}"]
        return []

    health.probe, health.state = troubles, "ready"
    try:
        async with AsyncExitStack() as stack:
            if "bounces" in roles:
                await stack.enter_async_context(mailbox(config, lent))
            await stop.wait()
    finally:
        health.state = "draining"
        await store.redis.aclose()


def stop_on_signals(stop: asyncio.Event) -> None:
    """SIGTERM and SIGINT ask for a drain."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
