"""The engine room's judgement: what is good, what is not, and what to do about it."""

from typing import Any

import pytest

from gateway.queries.engine import Readings, judged

GOOD: dict[str, Any] = {
    "server": "Valkey 8.1", "role": "master", "appendonly": "yes", "appendfsync": "always", "eviction": "noeviction",
    "written": "ok", "memory": 0.2, "scripts": (4, 5, "0a1b2c3d"), "skew_ms": 3, "workers": ("a-0", "a-1"),
    "readers": {"gateway:receipts/core": (900, 12)}, "database_skew_ms": -2, "unanchored_s": 20.0,
    "pending": {"gateway:reminders": (4, 200)}, "journal": 3, "lag_s": 0.2,
    "database": "SQLite 3.46", "revision": "0003_figures", "free": {"/data": 0.5},
    "anchor_age_s": 30.0, "anchor_every_s": 600.0, "versions": {"gateway": "1"}, "tzdata": "2026f",
}  # fmt: skip


def test_what_is_as_it_should_be_needs_nothing_done() -> None:
    lines = judged(Readings(**GOOD)).lines
    assert {line.state for line in lines} == {"good", "plain"}
    assert all(line.advice is None for line in lines)


@pytest.mark.parametrize(
    ("given", "name", "state", "advice"),
    [
        ({"appendonly": "no"}, "appendonly", "bad", "not_durable"),
        ({"appendfsync": "everysec"}, "appendfsync", "bad", "not_durable"),
        ({"appendfsync": None}, "appendfsync", "warn", "not_told"),
        ({"eviction": "allkeys-lru"}, "eviction", "bad", "evicts"),
        ({"role": "slave"}, "role", "bad", "replica"),
        ({"skew_ms": -700}, "skew", "warn", "skewed"),
        ({"skew_ms": 60_000}, "skew", "bad", "skewed"),
        ({"workers": ()}, "workers", "bad", "no_worker"),
        ({"pending": {"s": (1, 45_000)}}, "pending s", "warn", "idle"),
        ({"pending": {"s": (1, 600_000)}}, "pending s", "bad", "idle"),
        ({"pending": {"s": (0, 600_000)}}, "pending s", "good", None),
        ({"lag_s": 12.0}, "journal", "warn", "lag"),
        ({"lag_s": 90.0}, "journal", "bad", "lag"),
        ({"database": None}, "ledger", "bad", "no_ledger"),
        ({"free": {"/data": 0.05}}, "disk /data", "warn", "disk"),
        ({"free": {"/data": 0.01}}, "disk /data", "bad", "disk"),
        ({"unanchored_s": 1_300.0}, "anchor", "warn", "anchor"),
        ({"unanchored_s": 9_000.0, "anchor_age_s": None}, "anchor", "bad", "anchor"),
        ({"unanchored_s": 0.0, "anchor_age_s": 90_000.0}, "anchor", "good", None),
        ({"written": "err"}, "written", "bad", "not_written"),
        ({"memory": 0.8}, "memory", "warn", "memory"),
        ({"memory": 0.95}, "memory", "bad", "memory"),
        ({"database_skew_ms": 9_000}, "database_skew", "bad", "skewed"),
        ({"server": None}, "store", "bad", "store_away"),
    ],
)
def test_what_is_not_comes_first_and_says_what_to_do(
    given: dict[str, Any], name: str, state: str, advice: str | None
) -> None:
    lines = judged(Readings(**{**GOOD, **given})).lines
    [line] = [line for line in lines if line.name == name]
    assert (line.state, line.advice) == (state, advice)
    if state != "good":
        assert lines[0] == line


def test_of_a_store_that_is_away_nothing_else_is_told() -> None:
    lines = judged(Readings(database="SQLite 3.46")).lines
    assert [line.name for line in lines if line.state in ("bad", "warn")] == ["store"]
    assert {line.name for line in lines} == {"store", "ledger", "tzdata"}


def test_workers_are_told_by_their_seats() -> None:
    value = {line.name: line.value for line in judged(Readings(**GOOD)).lines}["workers"]
    assert value == "2 · a-0, a-1"
    seats = tuple(f"a-{n}" for n in range(9))
    value = {line.name: line.value for line in judged(Readings(**{**GOOD, "workers": seats})).lines}["workers"]
    assert value == "9 · a-0, a-1, a-2, a-3, a-4 …"
