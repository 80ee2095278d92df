"""`gateway ledger`: whether the evidence is as it was written."""

import argparse
import asyncio
from pathlib import Path

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from gateway.bookkeeping.audit import audit
from gateway.books import anchors_of, books_of
from gateway.cli.terminal import Quit, add_config, read_config
from gateway.ledger.keyring import KeyringError
from gateway.ledger.read import check
from gateway.ledger.verify import Report


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("ledger", help="verifies the evidence", description="Looks after the evidence.")
    actions = parser.add_subparsers(metavar="ACTION", required=True, dest="action")
    verify = actions.add_parser(
        "verify",
        help="whether the ledger is as it was written",
        description="Checks the whole chain, what it seals, and every anchor, while others may write. Exit status 1 if "
        "anything is not as it was written, with the number of the first entry concerned.",
    )
    add_config(verify)
    verify.add_argument(
        "--deep", action="store_true", help="also whether jobs and books say what the chain says"
    )  # fmt: skip
    verify.add_argument("--json", action="store_true", help="one JSON document, for other programs")
    verify.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    try:
        report = asyncio.run(_verify(chosen.config, chosen.deep))
    except KeyringError as error:
        raise Quit(f"ledger.keyring: {error}") from None
    except SQLAlchemyError as error:
        raise Quit(f"ledger.url: the ledger cannot be read: {type(error).__name__}") from None
    if chosen.json:
        print(msgspec.json.encode(report).decode())
    else:
        for finding in report.findings:
            print(f"{finding.seq}: {finding.what}" if finding.seq else finding.what)
        print(f"{report.entries} entries, {report.anchors} anchors up to {report.anchored}, "
              f"{len(report.findings)} findings; head {report.head[:16]}")  # fmt: skip
    return 1 if report.findings else 0


async def _verify(file: Path, deep: bool) -> Report:
    config = read_config(file)
    async with books_of(config) as books:
        if books is None:
            raise Quit("ledger.url: is null, so that there is nothing to verify")
        await books.open()
        report = await check(books.ledger, anchors_of(config, books).paths, books.keyring.public)
        if deep:
            report.findings += await audit(books)
        return report
