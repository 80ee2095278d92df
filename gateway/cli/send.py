"""`gateway send`: enqueues jobs from a file; a mistake is told with its line and costs nothing but its own job."""

import argparse
import asyncio
import io
import itertools
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import BinaryIO

import msgspec
import redis.asyncio as redis
from rich.console import Console
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from gateway import app
from gateway.cli.terminal import STDIN, Quit, add_config, complain, read_config
from gateway.config import Config
from gateway.domain.errors import Fault
from gateway.domain.reminder import parse_reminder
from gateway.store.keys import LANES, Keys

BATCH = 500

Job = tuple[str, bytes]
"""Where it stands (`line 3`), and the document."""


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "send",
        help="enqueues jobs",
        description="Enqueues one job, a JSON array of jobs, or JSON lines. Exit status 1 if any was refused; the "
        "others are enqueued. Sending a file again is safe: a job is never sent twice.",
    )
    parser.add_argument("file", metavar="JOB.json", help="- for standard input")
    parser.add_argument("--lane", choices=LANES, default="normal", help="default: normal")
    add_config(parser)
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    config = read_config(chosen.config)
    stream = Keys(config.redis.prefix).lanes[chosen.lane]
    try:
        file = sys.stdin.buffer if chosen.file == STDIN else Path(chosen.file).open("rb")  # noqa: SIM115, closed below
    except OSError as error:
        raise Quit(f"{chosen.file}: cannot be read: {error.strerror}") from None
    with closing(file):
        sent, refused = asyncio.run(_send(config, stream, _jobs(file)))
    print(f"{sent} enqueued on {stream}" + (f", {refused} refused" if refused else ""))
    return 1 if refused else 0


async def _send(config: Config, stream: str, jobs: Iterator[Job]) -> tuple[int, int]:
    """Enqueues what is good; gives how many were and how many were not."""
    sent = refused = 0
    async with app.open_redis(config) as store, _progress() as progress:
        while batch := list(itertools.islice(jobs, BATCH)):
            good = [raw for place, raw in batch if _fits(place, raw)]
            refused += len(batch) - len(good)
            try:
                await _enqueue(store, stream, good)
            except redis.RedisError as error:
                raise Quit(f"the store cannot be used: {error}; {sent} are sure to be enqueued: send again") from None
            sent += len(good)
            progress.update(progress.task_ids[0], completed=sent)
    return sent, refused


def _fits(place: str, raw: bytes) -> bool:
    fault = parse_reminder(raw)
    if isinstance(fault, Fault):
        complain(f"{place}: {fault.sentence}")
        return False
    return True


async def _enqueue(store: redis.Redis, stream: str, jobs: list[bytes]) -> None:
    if not jobs:
        return
    async with store.pipeline(transaction=False) as pipe:
        for raw in jobs:
            pipe.xadd(stream, {"job": raw})
        # If it raised by itself, the text of the error would quote the document.
        answers = await pipe.execute(raise_on_error=False)
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer


def _jobs(file: BinaryIO) -> Iterator[Job]:
    """The documents of a file: those of its lines, or those of the one document that it is."""
    lines = enumerate(file, 1)
    first = next(((number, line) for number, line in lines if line.strip()), None)
    if first is None:
        return
    if not _is_object(first[1]):
        # The beginning of something longer than a line: an array, or a job written over several lines.
        whole = first[1] + file.read()
        documents = _documents(whole)
        if documents is not None:
            yield from documents
            return
        lines = enumerate(io.BytesIO(whole), first[0])
        first = next(lines)
    for number, line in itertools.chain([first], lines):
        if line.strip():
            yield f"line {number}", line.strip()


def _is_object(raw: bytes) -> bool:
    try:
        msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _documents(raw: bytes) -> list[Job] | None:
    """The jobs of a whole JSON document; None if it is not one."""
    if _is_object(raw):
        return [("the job", raw)]
    try:
        listed = msgspec.json.decode(raw, type=list[msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return [(f"job {number}", bytes(entry)) for number, entry in enumerate(listed, 1)]


@asynccontextmanager
async def _progress() -> AsyncIterator[Progress]:
    """A count on standard error, where somebody can see it."""
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.completed} enqueued"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        progress.add_task("", total=None)
        yield progress
