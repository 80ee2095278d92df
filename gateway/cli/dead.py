"""`gateway dead`: the entries that could not be read, for those who have mended the cause."""

import argparse
import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

from gateway import app
from gateway.cli.terminal import Quit, complain, read_config
from gateway.domain.errors import Fault
from gateway.store.deadletters import DeadLetter, DeadLetters
from gateway.store.keys import Keys

_ID = re.compile(r"\d{1,20}-\d{1,20}")


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("dead", help="lists, replays or drops dead letters")
    parser.add_argument("--config", metavar="FILE", type=Path, help="the configuration (YAML)")
    actions = parser.add_subparsers(metavar="ACTION", required=True, dest="action")
    for name, text in (
        ("list", "one line each: id, stream it came from, what is wrong with it"),
        ("replay", "puts entries back on the stream they came from"),
        ("drop", "deletes entries"),
    ):
        action = actions.add_parser(name, help=text, description=text)
        action.add_argument("--config", metavar="FILE", type=Path, default=argparse.SUPPRESS)
        if name != "list":
            action.add_argument("ids", metavar="ID", nargs="*")
            action.add_argument("--all", action="store_true", help="every entry there is now")
        action.set_defaults(run=run, complain=action.error)


def run(chosen: argparse.Namespace) -> int:
    if chosen.config is None:
        chosen.complain("the following arguments are required: --config")
    if chosen.action != "list":
        if bool(chosen.ids) == chosen.all:
            chosen.complain("name the ids, or --all")
        for wrong in (entry_id for entry_id in chosen.ids if not _ID.fullmatch(entry_id)):
            chosen.complain(f"{wrong} is no id; ids look like 1764000000000-0")
    return asyncio.run(_run(chosen))


async def _run(chosen: argparse.Namespace) -> int:
    config = read_config(chosen.config)
    async with app.open_redis(config) as store:
        letters = DeadLetters(store, Keys(config.redis.prefix))
        if chosen.action == "list":
            async for letter in letters.all():
                print(letter.id, letter.stream, " ".join(letter.error.split()))
            return 0
        return await _change(letters, chosen)


async def _change(letters: DeadLetters, chosen: argparse.Namespace) -> int:
    done = failed = 0
    async for letter in _chosen(letters, chosen.ids):
        answer = await (letters.replay(letter) if chosen.action == "replay" else letters.drop(letter))
        if isinstance(answer, Fault):
            complain(answer.sentence)
            failed += 1
        else:
            done += answer
    print(f"{done} {'replayed' if chosen.action == 'replay' else 'dropped'}")
    return 1 if failed else 0


async def _chosen(letters: DeadLetters, ids: list[str]) -> AsyncIterator[DeadLetter]:
    """All of them without ids. An id that is not there ends the command before anything is done."""
    if not ids:
        async for letter in letters.all():
            yield letter
        return
    found = {entry_id: await letters.find(entry_id) for entry_id in dict.fromkeys(ids)}
    if missing := [entry_id for entry_id, letter in found.items() if letter is None]:
        raise Quit(*(f"{entry_id}: there is no such dead letter" for entry_id in missing))
    for there in found.values():
        if there is not None:
            yield there
