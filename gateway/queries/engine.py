"""The engine room: what the gateway stands on, line by line, and what is wrong with it. `judged` is pure."""

import platform
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct
from redis.exceptions import RedisError, ResponseError
from sqlalchemy import text

from gateway.bookkeeping.keeper import Books
from gateway.domain.clock import Clock, Instant, tzdata_release
from gateway.ledger.anchors import Anchors, read_anchors
from gateway.ledger.database import Database
from gateway.store.keys import GROUP
from gateway.store.redis import Store

State = Literal["good", "warn", "bad", "plain"]
SKEW_WARN_MS, SKEW_BAD_MS = 500, 5_000
IDLE_WARN_MS, IDLE_BAD_MS = 30_000, 120_000
"""a worker that died is taken over from within 30 seconds"""
FREE_WARN, FREE_BAD = 0.1, 0.03
"""of a disk"""
LAG_WARN_S, LAG_BAD_S = 5.0, 60.0
OURS = "collections-notification-gateway"


class Readings(Struct, frozen=True, kw_only=True):
    """What was read, null where it could not be. Times are in ms, `lag_s` in seconds; `pending` are streams with the
    entries in somebody's hand and how long the idlest has been there."""

    server: str | None = None
    role: str | None = None
    appendonly: str | None = None
    appendfsync: str | None = None
    eviction: str | None = None
    skew_ms: int | None = None
    workers: int = 0
    pending: Mapping[str, tuple[int, int]] = {}
    journal: int = 0
    lag_s: float = 0.0
    database: str | None = None
    revision: str | None = None
    free: float | None = None
    anchor_age_s: float | None = None
    anchor_every_s: float = 0.0
    versions: Mapping[str, str] = {}
    tzdata: str = ""


class Line(Struct, frozen=True, kw_only=True):
    """One thing, as it is. `name` and `advice` are words of a closed list: what it is, and what to do about it."""

    name: str
    value: str
    state: State
    advice: str | None = None


class Engine(Struct, frozen=True, kw_only=True):
    """The lines, those that are wrong first."""

    lines: list[Line]


def judged(seen: Readings) -> Engine:
    """What is good, and what is not."""
    order = {"bad": 0, "warn": 1, "good": 2, "plain": 3}
    lines = [*_store(seen), *_work(seen), *_ledger(seen), *_versions(seen)]
    return Engine(lines=sorted(lines, key=lambda line: order[line.state]))


def _line(name: str, value: object, state: State, advice: str | None = None) -> Line:
    return Line(name=name, value="–" if value is None else str(value), state=state, advice=advice)


def _told(name: str, value: str | None, wanted: str, advice: str) -> Line:
    """A setting that must be as wanted; one that the server does not tell is to be looked up where it runs."""
    if value is None:
        return _line(name, None, "warn", "not_told")
    return _line(name, value, "good") if value == wanted else _line(name, value, "bad", advice)


def _store(seen: Readings) -> Iterator[Line]:
    yield _line("store", seen.server, "plain" if seen.server else "bad", None if seen.server else "store_away")
    if seen.role is not None:
        yield _told("role", seen.role, "master", "replica")
    yield _told("appendonly", seen.appendonly, "yes", "not_durable")
    yield _told("appendfsync", seen.appendfsync, "always", "not_durable")
    yield _told("eviction", seen.eviction, "noeviction", "evicts")
    if seen.skew_ms is not None:
        yield _graded("skew", f"{seen.skew_ms} ms", abs(seen.skew_ms), SKEW_WARN_MS, SKEW_BAD_MS, "skewed")


def _graded(name: str, value: str, figure: float, warn: float, bad: float, advice: str) -> Line:
    state: State = "bad" if figure >= bad else "warn" if figure >= warn else "good"
    return _line(name, value, state, None if state == "good" else advice)


def _work(seen: Readings) -> Iterator[Line]:
    yield _line("workers", seen.workers, "good" if seen.workers else "bad", None if seen.workers else "no_worker")
    for stream, (count, idle) in seen.pending.items():
        name = f"pending {stream}"
        yield _graded(name, f"{count} · {idle / 1000:.0f} s", idle if count else 0, IDLE_WARN_MS, IDLE_BAD_MS, "idle")
    yield _graded("journal", f"{seen.journal} · {seen.lag_s:.0f} s", seen.lag_s, LAG_WARN_S, LAG_BAD_S, "lag")


def _ledger(seen: Readings) -> Iterator[Line]:
    yield _line("ledger", seen.database, "plain" if seen.database else "bad", None if seen.database else "no_ledger")
    if seen.revision is not None:
        yield _line("revision", seen.revision, "plain")
    if seen.free is not None:
        used = 1 - seen.free
        yield _graded("disk", f"{seen.free:.0%}", used, 1 - FREE_WARN, 1 - FREE_BAD, "disk")
    if seen.anchor_age_s is not None:
        late = max(60.0, seen.anchor_every_s * 2)
        yield _graded("anchor", f"{seen.anchor_age_s:.0f} s", seen.anchor_age_s, late, late * 6, "anchor")


def _versions(seen: Readings) -> Iterator[Line]:
    yield _line("tzdata", seen.tzdata, "plain")
    for name, number in seen.versions.items():
        yield _line(name, number, "plain")


async def engine(store: Store, books: Books | None, anchors: Anchors | None, clock: Clock, lag_s: float) -> Engine:
    """Reads it all. Raises StoreError, SQLAlchemyError."""
    client: Any = store.redis
    info, now = await client.info(), clock.now()
    seconds, micros = await client.time()
    settings = await _settings(client)
    database, revision, free = (None, None, None) if books is None else await _database(books.ledger)
    age = None if anchors is None else _anchor_age(anchors, now)
    return judged(Readings(
        server=_server(info), role=info.get("role"), skew_ms=now - (int(seconds) * 1000 + int(micros) // 1000),
        appendonly=settings.get("appendonly"), appendfsync=settings.get("appendfsync"),
        eviction=settings.get("maxmemory-policy"), workers=await _workers(client, store),
        pending={stream: await _pending(client, stream) for stream in store.keys.inbound},
        journal=await client.xlen(store.keys.journal), lag_s=lag_s, database=database, revision=revision, free=free,
        anchor_age_s=age, anchor_every_s=0.0 if anchors is None else anchors.every_ms / 1000,
        tzdata=tzdata_release(),
        versions={"gateway": version(OURS), "python": platform.python_version(), **_packages()},
    ))  # fmt: skip


def _packages() -> dict[str, str]:
    """What this release asks for and is installed; of what is asked for only sometimes, what is there."""
    found = {}
    for wanted in requires(OURS) or ():
        if (name := re.match(r"[\w.-]+", wanted)) is not None:
            with suppress(PackageNotFoundError):
                found[name[0]] = version(name[0])
    return found


def _server(info: Mapping[str, Any]) -> str:
    if "valkey_version" in info:
        return f"Valkey {info['valkey_version']}"
    return f"Redis {info.get('redis_version', '?')}"


async def _settings(client: Any) -> dict[str, str]:
    """Some hosts of Redis tell nobody their settings."""
    try:
        return dict(await client.config_get("appendonly", "appendfsync", "maxmemory-policy"))
    except ResponseError:
        return {}


async def _workers(client: Any, store: Store) -> int:
    return sum([1 async for _ in client.scan_iter(match=store.keys.worker("*"), count=1000)])


async def _pending(client: Any, stream: str) -> tuple[int, int]:
    """Entries in hand, and for how long the idlest (ms)."""
    try:
        count = int((await client.xpending(stream, GROUP))["pending"])
        oldest = await client.xpending_range(stream, GROUP, min="-", max="+", count=1) if count else []
    except RedisError as error:
        if "NOGROUP" not in str(error):
            raise
        return 0, 0
    return count, int(oldest[0]["time_since_delivered"]) if oldest else 0


async def _database(ledger: Database) -> tuple[str, str | None, float | None]:
    """Its kind and version, its revision, and of a file how much of its disk is free."""
    asked = "SELECT sqlite_version()" if ledger.sqlite else "SHOW server_version"
    async with ledger.read() as connection:
        number = await connection.scalar(text(asked))
        revision = await connection.scalar(text("SELECT version_num FROM migrations_ledger"))
    name = ledger.engine.url.database
    if not ledger.sqlite or name is None:
        return f"PostgreSQL {number}", revision, None
    disk = shutil.disk_usage(Path(name).parent)
    return f"SQLite {number}", revision, disk.free / disk.total


def _anchor_age(anchors: Anchors, now: Instant) -> float | None:
    """Since the last anchor, by the file, which another process may write."""
    found = read_anchors(anchors.paths[0])
    return max(0, now - found[-1][0].at) / 1000 if found else None
