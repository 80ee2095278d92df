"""`gateway ledger`: whether the evidence is as it was written, and what is done with it for people and courts."""

import argparse
import asyncio
import getpass
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from gateway import app
from gateway.bookkeeping.audit import audit
from gateway.bookkeeping.erasure import Person, Refused, erase, hold
from gateway.bookkeeping.evidence import Wanted, export
from gateway.bookkeeping.keeper import Books
from gateway.books import anchors_of, books_of
from gateway.cli.terminal import Quit, add_config, read_config
from gateway.config import Config
from gateway.domain.clock import SystemClock, parse_instant
from gateway.ledger.keyring import KeyringError, rotated
from gateway.ledger.read import check
from gateway.ledger.verify import Report
from gateway.store.keys import Keys
from gateway.store.redis import Store

Deed = Callable[[argparse.Namespace, Config, Books], Awaitable[int]]


TEXTS = {
    "verify": ("whether the ledger is as it was written",
        "Checks the whole chain, what it seals, and every anchor, while others may write. Exit status 1 if anything is "
        "not as it was written, with the number of the first entry concerned."),
    "export": ("a signed bundle of evidence",
        "Writes a zip file with entries, words, policies, proofs, a statement to be printed, and what verifies them. "
        "That it was written is written down."),
    "erase": ("erases a person for good",
        "Destroys the person's key, the names by which they are found, and what the store holds of them. Refused under "
        "a legal hold and while evidence must be kept (ledger.least); the refusal is written down too."),
    "hold": ("puts a legal hold on a person", "From then on nothing of the person is erased."),
    "release": ("lifts a legal hold", "From then on the person can be erased."),
    "rotate": ("wraps people's keys by a new key of the house",
        "Adds a new key to the keyring and wraps every person's key by it; can be ended at any time and begun again."),
}  # fmt: skip
"""of each action, in a line and in full"""


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("ledger", help="verifies and exports the evidence, erases people")
    actions = parser.add_subparsers(metavar="ACTION", required=True, dest="action")
    made = {}
    for name, (short, text) in TEXTS.items():
        made[name] = action = actions.add_parser(name, help=short, description=text)
        add_config(action)
        action.set_defaults(run=run, deed=DEEDS[name])
    made["verify"].add_argument(
        "--deep", action="store_true", help="also whether jobs and books say what the chain says"
    )
    made["verify"].add_argument("--json", action="store_true", help="one JSON document, for other programs")
    export = made["export"]
    export.add_argument("--recipient", metavar="R", help="of one person")
    export.add_argument("--account", metavar="A", help="of one account")
    export.add_argument("--since", metavar="TIME", type=_moment, help="entries from then on (RFC 3339)")
    export.add_argument("--until", metavar="TIME", type=_moment, help="entries before then")
    export.add_argument("--out", metavar="FILE", type=Path, required=True)
    for name in ("erase", "hold", "release"):
        made[name].add_argument("--recipient", metavar="R", required=True)
    for name in ("export", "erase", "hold", "release"):
        made[name].add_argument("--tenant", metavar="T", default="default")
        made[name].add_argument("--why", metavar="TEXT", required=True, help="is written down, with who")


def _moment(text: str) -> int:
    try:
        return parse_instant(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text}: {error}") from None


def run(chosen: argparse.Namespace) -> int:
    try:
        return asyncio.run(_with_books(chosen))
    except KeyringError as error:
        raise Quit(f"ledger.keyring: {error}") from None
    except SQLAlchemyError as error:
        raise Quit(f"ledger.url: the ledger cannot be used: {type(error).__name__}") from None


async def _with_books(chosen: argparse.Namespace) -> int:
    config = read_config(chosen.config)
    async with books_of(config) as books:
        if books is None:
            raise Quit("ledger.url: is null, so that there is no ledger")
        await books.open()
        deed: Deed = chosen.deed
        return await deed(chosen, config, books)


async def _verify(chosen: argparse.Namespace, config: Config, books: Books) -> int:
    report = await check(books.ledger, anchors_of(config, books).paths, books.keyring.public)
    if chosen.deep:
        report.findings += await audit(books)
    if chosen.json:
        print(msgspec.json.encode(report).decode())
    else:
        _tell(report)
    return 1 if report.findings else 0


def _tell(report: Report) -> None:
    for finding in report.findings:
        print(f"{finding.seq}: {finding.what}" if finding.seq else finding.what)
    print(f"{report.entries} entries, {report.anchors} anchors up to {report.anchored}, "
          f"{len(report.findings)} findings; head {report.head[:16]}")  # fmt: skip


async def _export(chosen: argparse.Namespace, config: Config, books: Books) -> int:
    if not (chosen.recipient or chosen.account or chosen.since):
        raise Quit("name --recipient, --account or --since: what the bundle is about")
    wanted = Wanted(tenant=chosen.tenant, recipient=chosen.recipient, account=chosen.account, since=chosen.since,
                    until=chosen.until)  # fmt: skip
    made = await export(books, anchors_of(config, books), wanted, _who(), chosen.why, SystemClock())
    if not made.entries:
        raise Quit("there is no entry of that name")
    chosen.out.write_bytes(made.data)
    late = "" if made.anchored else "; what is not anchored yet cannot be proven: is the role ledger running?"
    print(f"{made.entries} entries in {chosen.out}{late}")
    return 0


async def _erase(chosen: argparse.Namespace, config: Config, books: Books) -> int:
    async with app.open_redis(config) as connection:
        store = Store(connection, Keys(config.redis.prefix))
        done = await erase(books, store, _person(chosen), config.ledger.least, SystemClock().now())
    if isinstance(done, Refused):
        raise Quit(done.why)
    print(f"erased: nobody can open {done.entries} entries of {done.uid} any more")
    return 0


async def _hold(chosen: argparse.Namespace, _config: Config, books: Books) -> int:
    if not await hold(books, _person(chosen), chosen.action == "hold", SystemClock().now()):
        raise Quit("nobody of that name is known, or they were erased before")
    return 0


async def _rotate(_chosen: argparse.Namespace, config: Config, books: Books) -> int:
    rotated(config.ledger.keyring)
    async with books_of(config) as renewed:
        assert renewed is not None
        left = 1
        while left:
            left = await renewed.subjects.rewrap()
    print(
        "every key is wrapped by the new one; the old ones in the keyring are needed no more once no backup uses them"
    )
    return 0


def _person(chosen: argparse.Namespace) -> Person:
    return Person(tenant=chosen.tenant, recipient=chosen.recipient, who=_who(), why=chosen.why)


def _who() -> str:
    """Who acts at the command line: the account of the machine."""
    return f"shell:{getpass.getuser()}"


DEEDS: dict[str, Deed] = {
    "verify": _verify, "export": _export, "erase": _erase, "hold": _hold, "release": _hold, "rotate": _rotate,
}  # fmt: skip
