"""`gateway import-contacts`: the earlier contacts of a portfolio; without them a hand-over breaks limits at once."""

import argparse
import asyncio
import csv
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO

import msgspec
import redis.asyncio as redis

from gateway import app
from gateway.cli.terminal import STDIN, Quit, add_config, complain, read_config
from gateway.config import Config
from gateway.domain.clock import DAY, Instant, SystemClock, parse_instant
from gateway.domain.contact import MAX_AGE_DAYS, Contact, parse_contact
from gateway.domain.errors import Fault
from gateway.store.keys import Keys

BATCH = 500
LISTS = frozenset({"flags"})
"""columns that hold several words, with spaces between them"""
EMPTIED_S = 0.2

Row = tuple[int, bytes]
"""the number of its line, and the document"""


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "import-contacts",
        help="imports the earlier contacts of a portfolio",
        description="Puts contacts that happened elsewhere on the stream of contacts, from JSON lines or from CSV, "
        "whose first line names the columns: the fields of a Contact (CONTRACT 4); flags with spaces between them. "
        "Nothing is imported if any line is wrong. Contacts older than 40 days count for no rule and are left out. The "
        "same file again does no harm: the same id is the same contact.",
    )
    parser.add_argument("file", metavar="FILE", help="- for standard input")
    parser.add_argument("--format", choices=("csv", "jsonl"), help="by default, by the name: .csv is CSV")
    parser.add_argument("--wait", action="store_true", help="until the workers have taken them in, so that they count")
    add_config(parser)
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    config = read_config(chosen.config)
    kind = chosen.format or ("csv" if chosen.file.lower().endswith(".csv") else "jsonl")
    try:
        file = sys.stdin if chosen.file == STDIN else Path(chosen.file).open(encoding="utf-8-sig", newline="")  # noqa: SIM115, closed below
        with file:
            rows = list(_csv(file) if kind == "csv" else _lines(file))
    except OSError as error:
        raise Quit(f"{chosen.file}: cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise Quit(f"{chosen.file}: is no {kind.upper()} in UTF-8: {error}") from None
    good, old = _checked(rows, SystemClock().now())
    asyncio.run(_put(config, good, wait=chosen.wait))
    stream = Keys(config.redis.prefix).contacts
    late = f", {old} are older than {MAX_AGE_DAYS} days and left out" if old else ""
    print(f"{len(good)} contacts on {stream}{late}")
    return 0


def _checked(rows: Iterable[Row], now: Instant) -> tuple[list[bytes], int]:
    """The documents to import, and how many are too old. Raises Quit, with every fault told, if any is wrong."""
    good, old, faults = [], 0, 0
    for number, raw in rows:
        contact = parse_contact(raw)
        if isinstance(contact, Fault):
            complain(f"line {number}: {contact.sentence}")
            faults += 1
        elif _too_old(contact, now):
            old += 1
        else:
            good.append(raw)
    if faults:
        raise Quit(f"{faults} lines are wrong, so nothing was imported")
    return good, old


def _too_old(contact: Contact, now: Instant) -> bool:
    return parse_instant(contact.at) < now - MAX_AGE_DAYS * DAY


def _lines(file: TextIO) -> Iterator[Row]:
    for number, line in enumerate(file, 1):
        if line.strip():
            yield number, line.strip().encode()


def _csv(file: TextIO) -> Iterator[Row]:
    """A row as the document that it stands for; an empty cell is a field that is not there."""
    reader = csv.DictReader(file, strict=True, restkey="", restval="")
    for row in reader:
        if "" in row:
            raise csv.Error(f"line {reader.line_num} has more cells than the first line names")
        cells = {name.strip(): cell.strip() for name, cell in row.items() if name is not None and cell.strip()}
        document = {name: cell.split() if name in LISTS else cell for name, cell in cells.items()}
        yield reader.line_num, msgspec.json.encode(document)


async def _put(config: Config, documents: list[bytes], *, wait: bool) -> None:
    keys = Keys(config.redis.prefix)
    async with app.open_redis(config) as store:
        for batch in _batched(documents):
            async with store.pipeline(transaction=True) as pipe:
                for raw in batch:
                    pipe.xadd(keys.contacts, {"contact": raw})
                try:
                    await pipe.execute()
                except redis.RedisError as error:
                    raise Quit(f"the store cannot be used ({type(error).__name__}): import the file again") from None
        while wait and await store.xlen(keys.contacts):  # noqa: ASYNC110 - workers empty it
            await asyncio.sleep(EMPTIED_S)


def _batched(documents: list[bytes]) -> Iterator[list[bytes]]:
    for start in range(0, len(documents), BATCH):
        yield documents[start : start + BATCH]
