"""`gateway people`: accounts for small houses, the first of them above all: whoever is there can make the others."""

import argparse
import asyncio
import getpass
import sys

from sqlalchemy.exc import SQLAlchemyError

from gateway.bookkeeping.acts import Act, write_down
from gateway.bookkeeping.people import add_person
from gateway.books import books_of
from gateway.cli.terminal import Quit, add_config, read_config
from gateway.domain.clock import SystemClock
from gateway.ledger.keyring import KeyringError
from gateway.web.api.principal import EVERY_TENANT, ROLES


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("people", help="makes accounts of people", description="Looks after accounts.")
    actions = parser.add_subparsers(metavar="ACTION", required=True, dest="action")
    text = "Makes an account. The password is asked for, or is the first line of standard input."
    add = actions.add_parser("add", help="makes an account", description=text)
    add_config(add)
    add.add_argument("name", metavar="NAME")
    add.add_argument("--role", action="append", choices=ROLES, required=True, help="may be given several times")
    add.add_argument("--tenant", action="append", help="whose jobs they see; without it, everybody's")
    add.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    try:
        return asyncio.run(_add(chosen))
    except KeyringError as error:
        raise Quit(f"ledger.keyring: {error}") from None
    except SQLAlchemyError as error:
        raise Quit(f"ledger.url: the ledger cannot be used: {type(error).__name__}") from None


async def _add(chosen: argparse.Namespace) -> int:
    config, now = read_config(chosen.config), SystemClock().now()
    password = getpass.getpass() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    async with books_of(config) as books:
        if books is None:
            raise Quit("ledger.url: is null, so that there is nowhere to keep accounts")
        await books.open()
        tenants = chosen.tenant or [EVERY_TENANT]
        why = await add_person(books, chosen.name, password, chosen.role, tenants, now)
        if why is not None:
            raise Quit(why)
        figures = {"name": chosen.name, "roles": chosen.role, "tenants": tenants}
        who = f"shell:{getpass.getuser()}"
        await write_down(books, Act(who=who, what="add_person", why="at the command line", figures=figures), now)
    print(f"{chosen.name} may sign in as {', '.join(chosen.role)}")
    return 0
