"""`gateway cases`: the recorded decisions of the store as lines of JSON, close to worked cases."""

import argparse
import asyncio
import sys

from gateway import app
from gateway.cli.terminal import add_config, complain, read_config
from gateway.config import Config
from gateway.domain.clock import SystemClock
from gateway.queries.history import decisions
from gateway.queries.recorded import write_line
from gateway.shape import duration
from gateway.store.keys import Keys
from gateway.store.redis import Store

SINCE = "7d"


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "cases",
        help="writes recorded decisions as lines of JSON",
        description="Writes one JSON line for every channel weighed in the latest look at every job: the contact, the "
        "facts, the decision and the rules that blocked. People and addresses are named as in the store. The store "
        "keeps only the latest look, as long as horizons.idempotency, and facts that were lifted since are not in it "
        "any more; the ledger will be the fuller source.",
    )
    parser.add_argument("--since", metavar="TIME", type=since, default=SINCE, help=f"how far back, default {SINCE}")
    add_config(parser)
    parser.set_defaults(run=run)


def since(text: str) -> int:
    """A duration for an option."""
    try:
        return duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text}: {error}") from None


def run(chosen: argparse.Namespace) -> int:
    return asyncio.run(_write(read_config(chosen.config), chosen.since))


async def _write(config: Config, since_ms: int) -> int:
    faults: list[str] = []
    async with app.open_redis(config) as connection:
        store = Store(connection, Keys(config.redis.prefix))
        async for recorded in decisions(store, SystemClock().now() - since_ms, faults):
            sys.stdout.write(write_line(recorded).decode() + "\n")
    for fault in faults:
        complain(fault)
    return 1 if faults else 0
