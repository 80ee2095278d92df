"""Simulates over several processes when there are many cases: each reads the packs itself and judges whole chunks."""

import multiprocessing
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from msgspec import Struct

from gateway.domain.clock import Instant
from gateway.policy.folder import read_folder
from gateway.queries.packs import Shelf
from gateway.queries.simulate import Bench, Tally, chunks

MANY = 5_000
"""cases from which on it pays to start processes, which takes each a second or two"""
CHUNK = 500


class Order(Struct, frozen=True, kw_only=True):
    """What a process must know to judge: folders and texts, since rules themselves do not travel."""

    policy: Path
    configured: Path
    texts: Mapping[str, str]
    since: Instant | None
    samples: int

    def bench(self) -> Bench:
        own = read_folder(self.configured).policy().packs.values()
        return Bench(
            policy=read_folder(self.policy).policy(), shelf=Shelf(self.texts, own), since=self.since,
            samples=self.samples,
        )  # fmt: skip


_benches: list[Bench] = []
"""that of this process, once it was begun"""


def simulate(order: Order, lines: Sequence[bytes], progress: Callable[[int], None]) -> Tally:
    """Judges every line; `progress` is told how many more are done. Chunks add up in any order, so the samples are of
    whichever was judged first; the faults are in the order of the lines."""
    total, work = Tally(), list(chunks(lines, CHUNK))
    if len(lines) < MANY or (os.cpu_count() or 1) < 2:
        bench = order.bench()
        for first, group in work:
            total.add(bench.judge_lines(first, group), order.samples)
            progress(len(group))
        return total
    context = multiprocessing.get_context("spawn")  # forking a process that has threads may hang it
    with ProcessPoolExecutor(os.cpu_count(), context, _begin, (order,)) as pool:
        for done in as_completed([pool.submit(_judge, first, group) for first, group in work]):
            size, tally = done.result()
            total.add(tally, order.samples)
            progress(size)
    total.faults.sort()
    return total


def _begin(order: Order) -> None:
    _benches.append(order.bench())


def _judge(first: int, group: list[bytes]) -> tuple[int, Tally]:
    return len(group), _benches[-1].judge_lines(first, group)
