"""The engine room: what the gateway stands on, line by line, and what is wrong with it. Pure: `gauges` reads."""

from collections.abc import Iterator, Mapping
from typing import Literal

from msgspec import Struct

State = Literal["good", "warn", "bad", "plain"]
SKEW_WARN_MS, SKEW_BAD_MS = 500, 5_000
IDLE_WARN_MS, IDLE_BAD_MS = 30_000, 120_000
"""a worker that died is taken over from within 30 seconds"""
FREE_WARN, FREE_BAD = 0.1, 0.03
"""of a disk"""
LAG_WARN_S, LAG_BAD_S = 5.0, 60.0
MEMORY_WARN, MEMORY_BAD = 0.75, 0.9
"""of what the store may take"""
MOST_NAMES = 5


class Readings(Struct, frozen=True, kw_only=True):
    """What was read, null where it could not be. Times are in ms, `…_s` in seconds, shares of 1. `pending` are streams
    with the entries in somebody's hand and how long the idlest has been there; `readers` are groups on the streams that
    others read, with what they have in hand and have not read yet; `scripts` how many the store knows, of how many, and
    the digest of them all; `unanchored_s` since when the chain goes on without an anchor, 0 where it does not."""

    server: str | None = None
    role: str | None = None
    appendonly: str | None = None
    appendfsync: str | None = None
    written: str | None = None
    eviction: str | None = None
    memory: float | None = None
    scripts: tuple[int, int, str] | None = None
    skew_ms: int | None = None
    workers: tuple[str, ...] | None = None
    pending: Mapping[str, tuple[int, int]] = {}
    readers: Mapping[str, tuple[int, int | None]] = {}
    journal: int | None = None
    lag_s: float = 0.0
    database: str | None = None
    database_skew_ms: int | None = None
    revision: str | None = None
    free: Mapping[str, float] = {}
    anchor_age_s: float | None = None
    unanchored_s: float | None = None
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
    if seen.server is None:
        yield _line("store", None, "bad", "store_away")
        return
    yield _line("store", seen.server, "plain")
    if seen.role is not None:
        yield _told("role", seen.role, "master", "replica")
    yield _told("appendonly", seen.appendonly, "yes", "not_durable")
    yield _told("appendfsync", seen.appendfsync, "always", "not_durable")
    if seen.written is not None:
        yield _told("written", seen.written, "ok", "not_written")
    yield _told("eviction", seen.eviction, "noeviction", "evicts")
    if seen.memory is not None:
        yield _graded("memory", f"{seen.memory:.0%}", seen.memory, MEMORY_WARN, MEMORY_BAD, "memory")
    if seen.scripts is not None:  # one that it does not know yet is given to it when it is first called
        known, all_, digest = seen.scripts
        yield _line("scripts", f"{known} / {all_} · {digest}", "plain")
    if seen.skew_ms is not None:
        yield _skew("skew", seen.skew_ms)


def _skew(name: str, ms: int) -> Line:
    return _graded(name, f"{ms} ms", abs(ms), SKEW_WARN_MS, SKEW_BAD_MS, "skewed")


def _graded(name: str, value: str, figure: float, warn: float, bad: float, advice: str) -> Line:
    state: State = "bad" if figure >= bad else "warn" if figure >= warn else "good"
    return _line(name, value, state, None if state == "good" else advice)


def _work(seen: Readings) -> Iterator[Line]:
    if seen.workers is not None:
        told = [str(len(seen.workers)), *([", ".join(seen.workers[:MOST_NAMES])] if seen.workers else [])]
        value = " · ".join(told) + (" …" if len(seen.workers) > MOST_NAMES else "")
        yield _line("workers", value, "good" if seen.workers else "bad", None if seen.workers else "no_worker")
    for stream, (count, idle) in seen.pending.items():
        name = f"pending {stream}"
        yield _graded(name, f"{count} · {idle / 1000:.0f} s", idle if count else 0, IDLE_WARN_MS, IDLE_BAD_MS, "idle")
    for group, (count, unread) in seen.readers.items():
        yield _line(f"readers {group}", f"{count} · {'?' if unread is None else unread}", "plain")
    if seen.journal is not None:
        yield _graded("journal", f"{seen.journal} · {seen.lag_s:.0f} s", seen.lag_s, LAG_WARN_S, LAG_BAD_S, "lag")


def _ledger(seen: Readings) -> Iterator[Line]:
    yield _line("ledger", seen.database, "plain" if seen.database else "bad", None if seen.database else "no_ledger")
    if seen.revision is not None:
        yield _line("revision", seen.revision, "plain")
    if seen.database_skew_ms is not None:
        yield _skew("database_skew", seen.database_skew_ms)
    for folder, free in seen.free.items():
        yield _graded(f"disk {folder}", f"{free:.0%}", 1 - free, 1 - FREE_WARN, 1 - FREE_BAD, "disk")
    if seen.unanchored_s is not None:
        age = None if seen.anchor_age_s is None else f"{seen.anchor_age_s:.0f} s"
        late = max(60.0, seen.anchor_every_s * 2)
        state = _graded("anchor", "", seen.unanchored_s, late, late * 6, "anchor")
        yield _line("anchor", age, state.state, state.advice)


def _versions(seen: Readings) -> Iterator[Line]:
    yield _line("tzdata", seen.tzdata, "plain")
    for name, number in seen.versions.items():
        yield _line(name, number, "plain")
