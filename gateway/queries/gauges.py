"""Reads what the engine room judges. Whatever cannot be read is left out, for that is when somebody looks."""

import asyncio
import hashlib
import platform
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

from redis.exceptions import RedisError, ResponseError
from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError

from gateway.bookkeeping.keeper import Books
from gateway.domain.clock import Clock, Instant, tzdata_release
from gateway.ledger.anchors import Anchors, read_anchors
from gateway.ledger.database import Database
from gateway.ledger.tables import entries
from gateway.queries.engine import Engine, Readings, judged
from gateway.store import journal
from gateway.store.keys import GROUP
from gateway.store.redis import Store

OURS = "collections-notification-gateway"
MOST_PENDING = 1_000
"""entries in hand that are looked at for the idlest; workers hold fewer"""
REVISION = text("SELECT version_num FROM migrations_ledger")


async def engine(store: Store, books: Books | None, anchors: Anchors | None, clock: Clock) -> Engine:
    """Reads it all, and judges it."""
    read: dict[str, Any] = {}
    with suppress(RedisError, OSError):
        read |= await _store(store, clock)
    if books is not None:
        with suppress(SQLAlchemyError, OSError):
            read |= await _ledger(books.ledger, clock)
        read["free"] = await asyncio.to_thread(_free, _folders(books.ledger, anchors))
        if anchors is not None and "database" in read:
            with suppress(SQLAlchemyError, OSError, ValueError):
                read |= await _anchored(books.ledger, anchors, clock.now())
    return judged(Readings(
        **read, anchor_every_s=0.0 if anchors is None else anchors.every_ms / 1000, tzdata=tzdata_release(),
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


async def _store(store: Store, clock: Clock) -> dict[str, Any]:
    client: Any = store.redis
    info, keys = await client.info(), store.keys
    before = clock.now()
    seconds, micros = await client.time()
    now = (before + clock.now()) // 2  # the store was asked somewhere between the two
    oldest = await journal.first(store.redis, keys)
    most = int(info.get("maxmemory", 0))
    return {
        "server": _server(info), "role": info.get("role"), "written": info.get("aof_last_write_status"),
        "memory": int(info.get("used_memory", 0)) / most if most else None,
        "skew_ms": now - (int(seconds) * 1000 + int(micros) // 1000),
        "scripts": await _scripts(client, store.scripts), "workers": await _workers(client, store),
        "pending": {stream: await _pending(client, stream) for stream in keys.inbound},
        "readers": await _readers(client, (keys.receipts, keys.calls, keys.replies)),
        "journal": await client.xlen(keys.journal),
        "lag_s": 0.0 if oldest is None else max(0, clock.now() - journal.place(oldest)[0]) / 1000,
        **await _settings(client, info),
    }  # fmt: skip


def _server(info: Mapping[str, Any]) -> str:
    if "valkey_version" in info:
        return f"Valkey {info['valkey_version']}"
    return f"Redis {info.get('redis_version', '?')}"


async def _settings(client: Any, info: Mapping[str, Any]) -> dict[str, str | None]:
    """Some hosts of Redis tell nobody their settings; of two of the three they tell all the same."""
    try:
        told = dict(await client.config_get("appendonly", "appendfsync", "maxmemory-policy"))
    except ResponseError:
        told = {}
    enabled = {0: "no", 1: "yes"}.get(info.get("aof_enabled", -1))
    return {
        "appendonly": told.get("appendonly", enabled), "appendfsync": told.get("appendfsync"),
        "eviction": told.get("maxmemory-policy", info.get("maxmemory_policy")),
    }  # fmt: skip


async def _scripts(client: Any, ours: Sequence[str]) -> tuple[int, int, str]:
    """How many of this release's scripts the store knows; their digest tells two releases apart."""
    known = sum(map(bool, await client.script_exists(*ours)))
    return known, len(ours), hashlib.sha256("".join(sorted(ours)).encode()).hexdigest()[:8]


async def _workers(client: Any, store: Store) -> tuple[str, ...]:
    """The seats that are taken, by the names of those who sit there."""
    start = store.keys.worker("")
    found = [key async for key in client.scan_iter(match=store.keys.worker("*"), count=1000)]
    return tuple(sorted(key.decode().removeprefix(start) for key in found))


async def _pending(client: Any, stream: str) -> tuple[int, int]:
    """Entries in hand, and for how long the idlest (ms)."""
    try:
        count = int((await client.xpending(stream, GROUP))["pending"])
        held = await client.xpending_range(stream, GROUP, min="-", max="+", count=MOST_PENDING) if count else []
    except RedisError as error:
        if "NOGROUP" not in str(error):
            raise
        return 0, 0
    return count, max((int(one["time_since_delivered"]) for one in held), default=0)


async def _readers(client: Any, streams: Iterable[str]) -> dict[str, tuple[int, int | None]]:
    """The groups of other systems on the streams that are there for them."""
    found: dict[str, tuple[int, int | None]] = {}
    for stream in streams:
        with suppress(ResponseError):  # a stream that nothing was written to is none
            for group in await client.xinfo_groups(stream):
                found[f"{stream}/{group['name'].decode()}"] = int(group["pending"]), group.get("lag")
    return found


async def _ledger(ledger: Database, clock: Clock) -> dict[str, Any]:
    """Its kind, version and revision; how far its clock is from ours, where it has one of its own."""
    async with ledger.read() as connection:
        revision = await connection.scalar(REVISION)
        if ledger.sqlite:
            number = await connection.scalar(select(func.sqlite_version()))
            return {"database": f"SQLite {number}", "revision": revision}
        number = await connection.scalar(text("SHOW server_version"))
        before = clock.now()
        at = await connection.scalar(text("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"))
        skew = (before + clock.now()) // 2 - int(at)
    return {"database": f"PostgreSQL {number}", "revision": revision, "database_skew_ms": skew}


def _folders(ledger: Database, anchors: Anchors | None) -> list[Path]:
    """Where the ledger, if it is a file, and its anchors lie."""
    name = ledger.engine.url.database if ledger.sqlite else None
    return [Path(one).parent for one in ([name] if name else []) + ([] if anchors is None else [*anchors.paths])]


def _free(folders: Iterable[Path]) -> dict[str, float]:
    """How much is free where these folders lie, each disk once."""
    found: dict[int, tuple[str, float]] = {}
    for folder in folders:
        with suppress(OSError):
            disk = shutil.disk_usage(folder)
            found.setdefault(folder.stat().st_dev, (str(folder), disk.free / disk.total))
    return dict(found.values())


async def _anchored(ledger: Database, anchors: Anchors, now: Instant) -> dict[str, Any]:
    """How old the last anchor is, by the file, which another process may write, and for how long entries wait for the
    next one: nothing is wrong with an old one where nothing was written since."""
    found = await asyncio.to_thread(read_anchors, anchors.paths[0])
    last = found[-1][0] if found else None
    following = 1 if last is None else last.seq + 1
    async with ledger.read() as connection:
        first = await connection.scalar(select(entries.c.at).where(entries.c.seq == following))
    return {
        "anchor_age_s": None if last is None else max(0, now - last.at) / 1000,
        "unanchored_s": 0.0 if first is None else max(0, now - first) / 1000,
    }  # fmt: skip
