"""The one door to Redis for facts: observe what a batch must know, commit what it decided, wake what is due.

The client's own retries are off: one lost reply would make one write two (redis-py 8 re-sends by default).
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from importlib import resources
from typing import Any, cast

import hiredis
import msgspec
import redis.asyncio as redis
from msgspec import Struct
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from gateway.domain.clock import Instant
from gateway.store.journal import Memory, Written
from gateway.store.keys import Keys, select_account, select_job, select_person

COMMAND_TIMEOUT_S = 5.0
WAKE_AT_ONCE = 500
SCRIPTS = ("observe", "commit", "due", "wake", "lease")

StoreError = redis.RedisError
"""Everything that Redis or the way to it can do to us; ConnectionError and TimeoutError are among its children."""


class StoreLost(redis.RedisError):
    """The store does not name its epoch: it is new and nobody has opened it yet, or it lost what it held, and is to be
    rebuilt from the ledger before anything is sent."""


class Ask(Struct, frozen=True):
    """Whose facts a job needs."""

    tenant: str
    recipient: str
    job: str
    account: str | None = None
    household: str | None = None
    addresses: tuple[str, ...] = ()
    """digests"""


class Seen(Struct, frozen=True):
    """What the store said of one Ask. Files are flat lists of field and value, as Redis gives them."""

    record: str | None
    person: list[bytes]
    household: list[bytes] | None
    cancelled: Instant | None
    stopped: dict[str, bytes] | None = None
    """of the addresses asked for those that are stopped, by digest; None where no address at all is"""


class Sight(Struct, frozen=True):
    """One observation. `version` is that of the control document; a claim must find it unchanged."""

    version: int
    policy: str | None
    """the name of the policy in force"""
    epoch: str | None
    """names the store since it was last known to be whole; None where it was lost, and nothing may be sent"""
    pauses: tuple[bytes, ...]
    seen: list[Seen]


class RecordWrite(Struct, frozen=True):
    """Replaces a job's record if it is still `seen`; `write` None deletes it."""

    key: str
    seen: str | None
    write: str | None
    ttl_ms: int


class FileWrite(Struct, frozen=True):
    """Changes fields of a person's file and raises its version; with `seen` >= 0 only if that is still its version."""

    key: str
    seen: int
    puts: Sequence[str] = ()
    """field, value, field, value …"""
    drops: Sequence[str] = ()
    ttl_ms: int = 0
    """0: for ever; negative: at least so long"""


class Change(Struct, kw_only=True):
    """One atomic step: all of it is written, or none because somebody else was faster. Text only: the server's msgpack
    reader knows no binary type."""

    record: RecordWrite | None = None
    files: list[FileWrite] = msgspec.field(default_factory=list)
    outputs: list[tuple[str, ...]] = msgspec.field(default_factory=list)
    """(stream, field, value, …), in order"""
    schedule: tuple[str, int] | None = None
    """(member, due ms), or -1 to take it out"""
    selectors: Sequence[str] = ()
    """by which commands find the member while it waits"""
    ack: tuple[str, str] | None = None
    """the inbound entry that this change settles"""
    puts: list[tuple[str, str, int]] = msgspec.field(default_factory=list)
    """(key, value, ttl ms)"""
    address: tuple[str, str | None] | None = None
    """(digest, the stop that was seen of it): written only if that is still so"""
    note: str | None = None
    """what the ledger is to know besides; a change that is nothing else is written to the journal alone"""


WRITTEN, RECORD_CHANGED, FILE_CHANGED, GUARD_CHANGED = 1, 0, -1, -2

_pack = msgspec.msgpack.Encoder().encode


class _PackedInC:
    """A connection whose commands are packed by hiredis: a fifth of the time that redis-py's own loop takes. Commands
    of two words are split as redis-py splits them."""

    def pack_command(self, *args: Any) -> list[bytes]:
        name, *rest = args
        return [hiredis.pack_command((*name.split(), *rest))]


def client(url: str, *, blocking: bool = False, connections: int = 16) -> redis.Redis:
    """A client that never repeats a command. A blocking one waits without a time-out of its own."""
    local = {} if url.startswith("unix:") else {"socket_keepalive": True}
    pool = redis.BlockingConnectionPool.from_url(  # whoever comes when all are busy waits; the plain pool would refuse
        url,
        timeout=COMMAND_TIMEOUT_S,
        **local,
        protocol=2,
        decode_responses=False,
        retry=Retry(NoBackoff(), 0),
        socket_timeout=None if blocking else COMMAND_TIMEOUT_S,
        socket_connect_timeout=COMMAND_TIMEOUT_S,
        max_connections=connections,
    )
    kind = pool.connection_class
    pool.connection_class = type(f"Packed{kind.__name__}", (_PackedInC, kind), {})
    return redis.Redis.from_pool(pool)


class Store:
    """Facts and records under one prefix. Every method raises StoreError when Redis cannot be had; none retries.
    `journaled`: what is written is written to the journal too, for the ledger."""

    def __init__(self, redis_client: redis.Redis, keys: Keys, *, journaled: bool = True) -> None:
        self.redis = redis_client
        self.journaled = journaled
        self.memory = Memory()
        self.barred = False
        """whether nothing may be sent on it: it is another store than the ledger follows"""
        self.keys = keys
        folder = resources.files("gateway.store").joinpath("lua")
        self._scripts = {
            name: redis_client.register_script(folder.joinpath(f"{name}.lua").read_text()) for name in SCRIPTS
        }

    @property
    def scripts(self) -> tuple[str, ...]:
        """The digests by which the server knows the scripts of this release."""
        return tuple(script.sha for script in self._scripts.values())

    async def observe(self, asks: Sequence[Ask]) -> Sight:
        """Everything the asked jobs must know, read in one step."""
        keys = [self.keys.control, self.keys.cancels, self.keys.stopped]
        selectors: list[str] = []
        for ask in asks:
            person = self.keys.person(ask.tenant, ask.recipient)
            household = self.keys.household(ask.tenant, ask.household) if ask.household else person
            keys += (self.keys.job(ask.tenant, ask.recipient, ask.job), person, household)
            selectors += (
                select_job(ask.tenant, ask.job),
                select_account(ask.tenant, ask.account) if ask.account else "",
                select_person(ask.tenant, ask.recipient),
                " ".join(ask.addresses),
            )
        control, *rows = await self._run("observe", keys, selectors)
        version, policy, epoch, pauses = 0, None, None, []
        for name, value in zip(control[::2], control[1::2], strict=True):
            if name == b"v":
                version = int(value)
            elif name == b"policy":
                policy = value.decode()
            elif name == b"epoch":
                epoch = value.decode()
            else:
                pauses.append(value)
        seen = [
            Seen(
                record.decode() if record else None,
                person,
                household or None,
                int(cancelled) if cancelled else None,
                None if stopped is None else _by_digest(stopped),
            )
            for record, person, household, cancelled, stopped in rows
        ]
        return Sight(version, policy, epoch, tuple(pauses), seen)

    async def commit(self, changes: Sequence[Change], guard: Sight | None = None) -> list[int]:
        """Writes each change whole or not at all; `guard` is the sight that a claim was made on: nothing is written if
        the control document is another since, or the store was lost."""
        positions: dict[str, int] = {}

        def at(key: str) -> int:
            return positions.setdefault(key, len(positions) + 1)

        guarded = None if guard is None else (at(self.keys.control), guard.version, guard.epoch)
        packed = [self._packed(change, at) for change in changes]
        journal = at(self.keys.journal) if self.journaled else None
        batch = _pack((guarded, packed, journal))
        *answer, entry = await self._run("commit", list(positions), [batch])
        if entry:
            self.memory.keep(Written(entry.decode(), batch, tuple(positions), tuple(answer)))
        return cast("list[int]", answer)

    def _packed(self, change: Change, at: Any) -> tuple[Any, ...]:
        record, schedule, ack = change.record, change.schedule, change.ack
        return (
            None if record is None else (at(record.key), record.seen or False, record.write or False, record.ttl_ms),
            [(at(file.key), file.seen, file.puts, file.drops, file.ttl_ms) for file in change.files],
            [(at(stream), *fields) for stream, *fields in change.outputs],
            None if schedule is None else (at(self.keys.schedule), *schedule),
            None if ack is None else (at(ack[0]), ack[1]),
            (at(self.keys.waiting), change.selectors) if change.selectors else None,
            [(at(key), value, ttl) for key, value, ttl in change.puts],
            None if change.address is None else (at(self.keys.stopped), change.address[0], change.address[1] or False),
            change.note,
        )

    async def shut(self) -> bool:
        """Whether nothing may be done on it: it names no epoch, or is not the one that the ledger follows."""
        client: Any = self.redis
        return self.barred or await client.hget(self.keys.control, "epoch") is None

    async def due(self, now: Instant, most: int) -> tuple[int, Instant | None, int]:
        """Moves what is due back to its lane: how many, when the next one is due, and the version of control."""
        keys = [self.keys.schedule, self.keys.waiting, *self.keys.lanes.values(), self.keys.control]
        moved, following, version = await self._run("due", keys, [now, most])
        return moved, int(float(following)) if following else None, int(version)

    async def wake(self, selector: str, now: Instant) -> int:
        """Makes everything that waits under a selector due now; how many."""
        woken, count, after = 0, WAKE_AT_ONCE, b""
        while count == WAKE_AT_ONCE:
            count, after = await self._run(
                "wake", [self.keys.schedule, self.keys.waiting], [selector, now, WAKE_AT_ONCE, after]
            )
            woken += int(count)
        return woken

    async def lease(self, provider: str, per_second: float, wanted: int) -> tuple[int, float]:
        """Takes up to `wanted` messages of a provider's rate: how many were granted, seconds until the next one."""
        interval = 1e6 / per_second
        burst = max(interval, 50_000.0)
        granted, wait = await self._run("lease", [self.keys.rate(provider)], [interval, burst, wanted])
        return granted, wait / 1e6

    async def _run(self, script: str, keys: Sequence[str], args: Iterable[Any]) -> Any:
        return await self._scripts[script](keys=keys, args=list(args))


def _by_digest(flat: list[bytes]) -> dict[str, bytes]:
    return {name.decode(): value for name, value in zip(flat[::2], flat[1::2], strict=True)} if flat else {}


@asynccontextmanager
async def connected(url: str, prefix: str) -> AsyncIterator[Store]:
    """A store on a Redis URL, closed at the end."""
    redis_client = client(url)
    try:
        yield Store(redis_client, Keys(prefix))
    finally:
        await redis_client.aclose()
