"""Simulates over several processes when there are many cases: each reads the packs itself and judges whole chunks."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from itertools import chain, islice
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


def simulate(order: Order, lines: Iterable[bytes], progress: Callable[[int], None]) -> Tally:
    """Judges every line; `progress` is told how many bytes more are done. Chunks add up in the order in which they are
    done, so the samples are of whichever came first; the faults are in the order of the lines. Lines are read as they
    are needed."""
    groups = chunks(lines, CHUNK)
    first = list(islice(groups, MANY // CHUNK))
    work = chain(first, groups)
    total = Tally()
    if len(first) * CHUNK < MANY or (os.cpu_count() or 1) < 2:
        bench = order.bench()
        for number, group in work:
            total.add(bench.judge_lines(number, group), order.samples)
            progress(sum(map(len, group)))
        return total
    context = multiprocessing.get_context("spawn")  # forking a process that has threads may hang it
    with ProcessPoolExecutor(os.cpu_count(), context, _begin, (order,)) as pool:
        under_way = {pool.submit(_judge, *group) for group in islice(work, 2 * (os.cpu_count() or 1))}
        while under_way:
            done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
            under_way |= {pool.submit(_judge, *group) for group in islice(work, len(done))}
            for size, tally in (future.result() for future in done):
                total.add(tally, order.samples)
                progress(size)
    total.faults.sort()
    return total


def _begin(order: Order) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that started us ends us
    _benches.append(order.bench())


def _judge(first: int, group: list[bytes]) -> tuple[int, Tally]:
    return sum(map(len, group)), _benches[-1].judge_lines(first, group)
