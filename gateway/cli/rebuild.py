"""`gateway rebuild`: a store that was lost, brought back from the ledger; until then nothing is sent."""

import argparse
import asyncio
import sys
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from gateway import app
from gateway.bookkeeping.rebuild import NotLost, Rebuilt, rebuild
from gateway.books import books_of
from gateway.cli.terminal import Quit, add_config, read_config
from gateway.domain.clock import SystemClock
from gateway.ledger.keyring import KeyringError
from gateway.shape import duration
from gateway.store.keys import Keys
from gateway.store.redis import Store


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "rebuild",
        help="brings a store that was lost back from the ledger",
        description="Brings a store that was lost back from the ledger: people's files, stops, job records and what "
        "waits. Leave the workers running: they tell what they wrote last. Nothing is sent until it is done.",
    )
    add_config(parser)
    parser.add_argument(
        "--receipts-since", metavar="AGE", type=_age, default=duration("24h"),
        help="receipts so young go out once more, since nobody may have read them (24h)",
    )  # fmt: skip
    parser.set_defaults(run=run)


def _age(text: str) -> int:
    try:
        return duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def run(chosen: argparse.Namespace) -> int:
    try:
        done = asyncio.run(_run(chosen.config, chosen.receipts_since))
    except NotLost as why:
        raise Quit(str(why)) from None
    except KeyringError as error:
        raise Quit(f"ledger.keyring: {error}") from None
    except SQLAlchemyError as error:
        raise Quit(f"ledger.url: the ledger cannot be used: {type(error).__name__}") from None
    print(
        f"{done.jobs} jobs, {done.waiting} of which wait, {done.files} files with {done.facts} facts; "
        f"{done.recalled} batches told by processes; {done.doubtful} sends were under way and are in doubt; "
        f"{done.receipts} receipts given once more; the gate is open"
    )
    return 0


async def _run(file: Path, receipts_ms: int) -> Rebuilt:
    config, clock = read_config(file), SystemClock()
    async with books_of(config) as books, app.open_redis(config) as connection:
        if books is None:
            raise Quit("ledger.url: is null, so that there is nothing to rebuild from")
        await books.open()
        store = Store(connection, Keys(config.redis.prefix))

        def tell(what: str) -> None:
            print(what, file=sys.stderr)

        return await rebuild(store, books, clock, app.limits_of(config), clock.now() - receipts_ms, tell)
