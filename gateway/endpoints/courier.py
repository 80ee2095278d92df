"""Brings the receipts of one endpoint: reads, posts many at once, keeps the order of every job, and gives nothing up.

One process at a time serves an endpoint, by a lease. Requests only post; what their answers mean is decided and written
in one place, turn by turn.
"""

import asyncio
import contextlib
from collections.abc import Iterable

import redis.asyncio as redis
import structlog
from aiohttp.abc import AbstractResolver
from msgspec import Struct
from redis.asyncio.lock import Lock
from redis.exceptions import LockError

from gateway.domain.clock import SECOND, Clock
from gateway.endpoints import schedule, signing
from gateway.endpoints.book import MOST_HELD, Book, Page, Row, Settled
from gateway.endpoints.held import Held, Item
from gateway.endpoints.metrics import EndpointMetrics
from gateway.endpoints.settings import Endpoint
from gateway.endpoints.undelivered import letter
from gateway.endpoints.wire import AT_ONCE, Answer, Failed, Gone, Taken, Wire
from gateway.store.keys import Keys
from gateway.store.redis import StoreError
from gateway.store.streams import place_of
from gateway.store.tasks import end

STEP_S = 0.1
"""How long a turn waits when there is nothing to do: the clock is asked so often."""
PAUSE_S = 1.0
"""between two looks at an endpoint that another process serves, that is parked, or whose store cannot be had"""
LEASE_S = 15.0
RENEW_S = 5.0
READ_COUNT = 200
GRACE_S = 2.0
"""for what is under way when we shall end"""

log = structlog.get_logger("gateway.endpoints")


class Flight(Struct, frozen=True):
    """One request under way. As a `probe` it asks an endpoint that is down."""

    item: Item
    probe: bool


class Lease:
    """The right to serve; it ends by itself when it is not renewed, and then we know it before others act on it."""

    def __init__(self, lock: Lock) -> None:
        self._lock = lock
        self._renew = self._until = 0.0

    async def take(self) -> bool:
        asked = _monotonic()
        taken = bool(await self._lock.acquire(blocking=False))
        self._renew, self._until = asked + RENEW_S, asked + LEASE_S
        return taken

    async def renewed(self) -> bool:
        """Renews it when it is time: True then. Raises LockError if it was lost."""
        asked = _monotonic()
        if asked > self._until:
            raise LockError("the lease is over")
        if asked < self._renew:
            return False
        await self._lock.reacquire()
        self._renew, self._until = asked + RENEW_S, asked + LEASE_S
        return True

    async def give_back(self) -> None:
        with contextlib.suppress(StoreError, OSError):
            await self._lock.release()


class Courier:
    """Serves one endpoint until `stop` is set. `resolver` finds its addresses, the system's if None."""

    def __init__(
        self, client: redis.Redis, keys: Keys, endpoint: Endpoint, clock: Clock, metrics: EndpointMetrics,
        resolver: AbstractResolver | None = None,
    ) -> None:  # fmt: skip
        self._endpoint, self._clock, self._metrics, self._resolver = endpoint, clock, metrics, resolver
        self._book = Book(client, keys, endpoint.name)
        self._lock = Lock(client, self._book.lease, timeout=LEASE_S, thread_local=False)

    async def run(self, stop: asyncio.Event) -> None:
        """Waits for the lease, serves, and begins again after whatever went wrong with the store."""
        while not stop.is_set():
            lease = Lease(self._lock)
            try:
                if await lease.take():
                    try:
                        await self._serve(lease, stop)
                    finally:
                        await lease.give_back()
                        self._metrics.forget(self._endpoint.name)
            except (StoreError, OSError) as error:
                log.warning("store_trouble", what="endpoints", consumer=self._endpoint.name, error=type(error).__name__)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PAUSE_S):
                    await stop.wait()

    async def _serve(self, lease: Lease, stop: asyncio.Event) -> None:
        """Generation after generation, as long as the lease is ours."""
        async with Wire(self._endpoint, self._clock, self._resolver) as wire:
            while not stop.is_set():
                page = await self._book.open()
                self._metrics.parked.labels(self._endpoint.name).set(page.parked is not None)
                if page.parked is None:
                    round_ = Round(self._endpoint, self._book, wire, self._clock, self._metrics, page)
                    await round_.run(lease, stop)
                else:
                    await lease.renewed()
                    await asyncio.sleep(PAUSE_S)


class Round:
    """The serving of an endpoint from when its book was opened until it is parked, rewritten, or somebody else's."""

    def __init__(
        self, endpoint: Endpoint, book: Book, wire: Wire, clock: Clock, metrics: EndpointMetrics, page: Page
    ) -> None:
        self._endpoint, self._book, self._wire, self._clock, self._metrics = endpoint, book, wire, clock, metrics
        self._page, self._held, self._health = page, Held(), page.health
        self._flights: dict[asyncio.Task[Answer], Flight] = {}
        self._width = 1 if page.health.failures else AT_ONCE
        """how many requests may be under way: one more after every success, half after a failure"""
        self._ending: str | None = None
        self._quiet_until = 0.0

    async def run(self, lease: Lease, stop: asyncio.Event) -> None:
        """Until there is a reason to look at the book again. Raises StoreError, also where the lease is lost."""
        try:
            await self._take_in(await self._book.pending())
            while self._ending is None and not stop.is_set():
                if await lease.renewed() and not await self._report():
                    return
                if (found := await self._read()) is None:
                    return
                self._start()
                if not found or len(self._flights) >= self._width:
                    await self._settle(await self._landed(STEP_S))
            if stop.is_set() and self._flights:
                await asyncio.wait(self._flights, timeout=GRACE_S)
                await self._settle([task for task in self._flights if task.done()])
        finally:
            await end(*self._flights)
        if self._ending is not None:
            await self._book.park(self._ending, self._clock.now())
            log.error("endpoint_parked", consumer=self._endpoint.name, why=self._ending)

    async def _read(self) -> int | None:
        """Takes new entries in hand where there is room and need; how many, None if the book was rewritten. For an
        endpoint that is down only so many that it is always asked with one that was not refused before."""
        now = self._clock.now()
        if self._health.down:
            wanted = 0 if self._held.fresh else AT_ONCE
        else:
            wanted = READ_COUNT if len(self._held.ready(now)) + len(self._flights) < 4 * AT_ONCE else 0
        count = min(wanted, MOST_HELD - len(self._held))
        if count <= 0 or _monotonic() < self._quiet_until:
            return 0
        rows = await self._book.read(self._page.generation, count)
        if rows is None:
            return None
        if not rows:
            self._quiet_until = _monotonic() + STEP_S
        await self._take_in(rows)
        return len(rows)

    async def _take_in(self, rows: Iterable[Row]) -> None:
        """Holds what is for this endpoint; what is not, and what nobody can read, is settled at once."""
        settled = Settled()
        for entry, fields in rows:
            raw = fields.get(b"receipt", b"")
            told = signing.read_receipt(raw)
            if told is None:
                settled.buried.append((entry, letter(fields), "receipt: cannot be read"))
            elif told.tenant not in self._endpoint.tenants:
                settled.taken.append(entry)
            else:
                job = (told.tenant, told.recipient_id, told.job_id)
                tries, due = self._page.tries.get(entry, (0, 0))
                self._held.add(Item(entry, job, signing.body(told, raw), fields, tries, due))
        if settled.taken or settled.buried:
            await self._book.settle(settled)

    def _start(self) -> None:
        """Puts on their way those that may go: one at a time, and seldom, while the endpoint is down."""
        now, probe = self._clock.now(), self._health.down
        if not probe:
            chosen = self._held.ready(now)[: max(0, self._width - len(self._flights))]
        elif self._flights or now < self._health.next:
            return
        else:
            chosen = [item] if (item := self._held.probe()) else []
        for item in chosen:
            self._held.begin(item, now)
            headers = signing.signed(signing.message_id(item.id), now, item.content, self._endpoint.secrets)
            self._flights[asyncio.create_task(self._wire.post(item.content, headers))] = Flight(item, probe)

    async def _landed(self, seconds: float) -> list["asyncio.Task[Answer]"]:
        """Those that have an answer; waits a little for the first."""
        if not self._flights:
            await asyncio.sleep(seconds)
            return []
        done, _ = await asyncio.wait(self._flights, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        return list(done)

    async def _settle(self, done: Iterable["asyncio.Task[Answer]"]) -> None:
        """Decides what every answer means, and writes it all in one step."""
        settled, before = Settled(), self._health
        for task in done:
            flight, answer = self._flights.pop(task), task.result()
            self._metrics.deliveries.labels(self._endpoint.name, type(answer).__name__.lower()).inc()
            match answer:
                case Taken():
                    self._held.done(flight.item)
                    settled.taken.append(flight.item.id)
                    self._health = schedule.Health()
                    self._width = min(self._width + 1, AT_ONCE)
                case Gone():
                    self._held.back(flight.item)
                    self._ending = "gone"
                case Failed(code, wait_ms):
                    self._held.back(flight.item)
                    self._width = max(self._width // 2, 1)
                    self._failed(flight, code, wait_ms, settled)
        if self._health != before:
            settled.health = self._health
            if self._health.down != before.down:
                log.warning("endpoint_down" if self._health.down else "endpoint_back", consumer=self._endpoint.name)
        if settled != Settled():
            await self._book.settle(settled)

    def _failed(self, flight: Flight, code: str, wait_ms: int, settled: Settled) -> None:
        """A failure counts against the receipt while the endpoint works, and against the endpoint while it does not."""
        now, item = self._clock.now(), flight.item
        if not flight.probe and self._health.down:
            return  # it went while others already told that the endpoint is down
        self._health = self._health.worse(now, code, wait_ms)
        log.info("delivery_failed", consumer=self._endpoint.name, entry=item.id, code=code, attempt=item.tries + 1)
        if self._health.dead(now):
            self._ending = "dead"
        if flight.probe:
            return
        item.tries += 1
        due = schedule.due(item.tries, now, wait_ms)
        if due is None and not self._health.down:
            self._held.done(item)
            error = f"endpoint {self._endpoint.name}: not taken in {item.tries} attempts, the last one said {code}"
            settled.buried.append((item.id, letter(item.fields), error))
            log.error("receipt_given_up", consumer=self._endpoint.name, entry=item.id, code=code)
            return
        item.due = due or now + schedule.WAITS_MS[-1]
        settled.failed[item.id] = (item.tries, item.due)

    async def _report(self) -> bool:
        """Tells how far it has come; False if the book was rewritten."""
        ours, oldest = await self._book.alive(self._page.generation, self._clock.now())
        behind = max(0, self._clock.now() - place_of(oldest)[0]) if oldest else 0
        self._metrics.behind.labels(self._endpoint.name).set(behind / SECOND)
        self._metrics.held.labels(self._endpoint.name).set(len(self._held))
        return ours


def _monotonic() -> float:
    return asyncio.get_running_loop().time()
