"""`gateway simulate`: what a changed policy would have done to recorded cases, before anybody approves it."""

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from sqlalchemy.exc import SQLAlchemyError

from gateway import app
from gateway.books import books_of, where_of
from gateway.cli.cases import since
from gateway.cli.simulate_report import document, tell
from gateway.cli.terminal import STDIN, Quit, add_config, complain, read_config
from gateway.config import Config
from gateway.domain.clock import Instant, SystemClock
from gateway.ledger.keyring import KeyringError
from gateway.policy.folder import read_folder
from gateway.queries.backtest import backtest
from gateway.queries.history import decisions
from gateway.queries.kept_cases import count
from gateway.queries.kept_records import pack_texts
from gateway.queries.pool import Order, simulate
from gateway.queries.recorded import write_line
from gateway.queries.simulate import Tally
from gateway.store.keys import Keys
from gateway.store.policies import texts_of
from gateway.store.redis import Store, StoreError

SINCE = "30d"


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "simulate",
        help="tells what a changed policy would have done",
        description="Judges recorded cases by the packs of a folder and compares: sent and would be blocked, blocked "
        "and would be sent, later, earlier; by rule, jurisdiction and channel, with samples. A case that the packs of "
        "then do not decide as it was recorded is told apart, since its facts have changed. Nothing is sent or "
        "changed. Rules about the text of a message are not weighed: texts are not kept.",
    )
    parser.add_argument("--policy", metavar="FOLDER", type=Path, required=True, help="the packs to try, all of them")
    parser.add_argument("--cases", metavar="FILE", help="as `gateway cases` writes them, - for standard input; without "
                        "it those of the store")  # fmt: skip
    parser.add_argument("--since", metavar="TIME", type=since, help=f"how far back; default {SINCE}, with --cases all")
    parser.add_argument("--samples", metavar="N", type=_count, default=5, help="cases named of each sort, default 5")
    parser.add_argument("--json", action="store_true", help="one JSON document, for other programs")
    add_config(parser)
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    config = read_config(chosen.config)
    policy = read_folder(chosen.policy).policy()
    if policy.faults or not policy.packs:
        raise Quit(*(policy.faults or (f"{chosen.policy}: holds no packs",)))
    faults: list[str] = []
    tally = None if chosen.cases is not None else _from_ledger(config, chosen)
    if tally is None:
        tally = _from_lines(config, chosen, faults)
    if chosen.json:
        print(msgspec.json.encode(document(tally, policy)).decode())
    else:
        tell(Console(highlight=False, soft_wrap=True), tally, policy)
    for fault in faults:
        complain(fault)
    return 1 if faults else 0


def _from_ledger(config: Config, chosen: argparse.Namespace) -> Tally | None:
    """What the ledger's decisions come to, None where there is no ledger or it holds none yet."""
    where = where_of(config)
    if where is None:
        return None
    earliest = SystemClock().now() - (chosen.since or since(SINCE))
    try:
        texts, entries = asyncio.run(_prepared(config, earliest))
        if not entries:
            return None
        order = Order(
            policy=chosen.policy, configured=config.policies, texts=texts, since=None, samples=chosen.samples
        )  # fmt: skip
        with _progress(1) as bar:
            return backtest(order, where, earliest, entries, lambda more: bar.advance(bar.task_ids[0], more))
    except KeyringError as error:
        raise Quit(f"ledger.keyring: {error}") from None
    except SQLAlchemyError as error:
        raise Quit(f"ledger.url: the ledger cannot be read: {type(error).__name__}") from None


async def _prepared(config: Config, earliest: Instant) -> tuple[dict[str, str], int]:
    """The texts of the packs that ever judged, and how many entries there are to look through."""
    async with books_of(config) as books:
        assert books is not None
        await books.open()
        return await pack_texts(books), await count(books, earliest)


def _from_lines(config: Config, chosen: argparse.Namespace, faults: list[str]) -> Tally:
    with _recorded(config, chosen, faults) as (lines, size, texts):
        since_when = None if chosen.since is None or chosen.cases is None else SystemClock().now() - chosen.since
        order = Order(
            policy=chosen.policy, configured=config.policies, texts=texts, since=since_when, samples=chosen.samples
        )  # fmt: skip
        with _progress(size) as bar:
            tally = simulate(order, lines, lambda more: bar.advance(bar.task_ids[0], more))
    name = chosen.cases if chosen.cases not in (None, "-") else "line"
    faults += [f"{name}:{number}: {sentence}" for number, sentence in tally.faults]
    return tally


def _count(text: str) -> int:
    if not text.isdecimal() or len(text) > 6:
        raise argparse.ArgumentTypeError(f"{text}: must be a whole number")
    return int(text)


@contextmanager
def _recorded(
    config: Config, chosen: argparse.Namespace, faults: list[str]
) -> Iterator[tuple[BinaryIO, int | None, dict[str, str]]]:
    """The recorded cases, a line each; how many bytes they are, None if that is not known; and the texts of the packs
    that ever judged. Those of the store go through a file, since there may be more than memory holds."""
    if chosen.cases == STDIN:
        yield sys.stdin.buffer, None, asyncio.run(_texts(config))
        return
    with ExitStack() as stack:
        if chosen.cases is not None:
            try:
                file = stack.enter_context(Path(chosen.cases).open("rb"))
            except OSError as error:
                raise Quit(f"{chosen.cases}: cannot be read: {error.strerror}") from None
            yield file, os.fstat(file.fileno()).st_size, asyncio.run(_texts(config))
            return
        spool = stack.enter_context(tempfile.TemporaryFile())
        texts = asyncio.run(_spool(config, chosen.since or since(SINCE), spool, faults))
        size = spool.tell()
        spool.seek(0)
        yield spool, size, texts


async def _spool(config: Config, since_ms: int, spool: BinaryIO, faults: list[str]) -> dict[str, str]:
    async with app.open_redis(config) as connection:
        store = Store(connection, Keys(config.redis.prefix))
        async for recorded in decisions(store, SystemClock().now() - since_ms, faults):
            spool.write(write_line(recorded) + b"\n")
        return await texts_of(store)


async def _texts(config: Config) -> dict[str, str]:
    """The texts of the packs that ever judged. A file of cases may be tried where the store cannot be reached."""
    try:
        async with app.open_redis(config) as connection:
            return await texts_of(Store(connection, Keys(config.redis.prefix)))
    except StoreError as error:
        complain(f"redis.url: the store cannot be used ({error}), so packs of then come from {config.policies} only")
        return {}


def _progress(size: float | None) -> Progress:
    """A bar on a terminal, nothing elsewhere."""
    columns = (TextColumn("judging"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())
    bar.add_task("judging", total=size)
    return bar
