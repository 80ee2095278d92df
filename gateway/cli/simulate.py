"""`gateway simulate`: what a changed policy would have done to recorded cases, before anybody approves it."""

import argparse
import asyncio
import sys
from pathlib import Path

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from gateway import app
from gateway.cli.cases import since
from gateway.cli.simulate_report import document, tell
from gateway.cli.terminal import Quit, add_config, complain, read_bytes, read_config
from gateway.config import Config
from gateway.domain.clock import SystemClock
from gateway.policy.folder import read_folder
from gateway.queries.history import decisions
from gateway.queries.packs import texts_in_store
from gateway.queries.pool import Order, simulate
from gateway.queries.recorded import write_line
from gateway.store.keys import Keys
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
    if chosen.cases is None:
        lines, texts = asyncio.run(_of_store(config, chosen.since or since(SINCE), faults))
    else:
        lines, texts = read_bytes(chosen.cases).splitlines(), asyncio.run(_texts(config))
    from_ = None if chosen.since is None or chosen.cases is None else SystemClock().now() - chosen.since
    order = Order(
        policy=chosen.policy, configured=config.policies, texts=texts, since=from_, samples=chosen.samples
    )  # fmt: skip
    with _progress(len(lines)) as bar:
        tally = simulate(order, lines, lambda more: bar.advance(bar.task_ids[0], more))
    name = chosen.cases if chosen.cases not in (None, "-") else "line"
    faults += [f"{name}:{number}: {sentence}" for number, sentence in tally.faults]
    if chosen.json:
        print(msgspec.json.encode(document(tally, policy)).decode())
    else:
        tell(Console(highlight=False, soft_wrap=True), tally, policy)
    for fault in faults:
        complain(fault)
    return 1 if faults else 0


def _count(text: str) -> int:
    if not text.isdecimal() or len(text) > 6:
        raise argparse.ArgumentTypeError(f"{text}: must be a whole number")
    return int(text)


async def _of_store(config: Config, since_ms: int, faults: list[str]) -> tuple[list[bytes], dict[str, str]]:
    """The recorded cases of the store as lines, and the texts of the packs that ever judged."""
    async with app.open_redis(config) as connection:
        store = Store(connection, Keys(config.redis.prefix))
        earliest = SystemClock().now() - since_ms
        lines = [write_line(recorded) async for recorded in decisions(store, earliest, faults)]
        return lines, await texts_in_store(store)


async def _texts(config: Config) -> dict[str, str]:
    """The texts of the packs that ever judged. A file of cases may be tried where the store cannot be reached."""
    try:
        async with app.open_redis(config) as connection:
            return await texts_in_store(Store(connection, Keys(config.redis.prefix)))
    except StoreError as error:
        complain(f"redis.url: the store cannot be used ({error}), so packs of then come from {config.policies} only")
        return {}


def _progress(total: int) -> Progress:
    """A bar on a terminal, nothing elsewhere."""
    columns = (TextColumn("judging"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())
    bar.add_task("judging", total=total)
    return bar
