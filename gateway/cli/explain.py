"""`gateway explain`: what became of a job and why, rule by rule, with the figures and the legal source."""

import argparse
import asyncio

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from gateway import app
from gateway.books import books_of
from gateway.cli.terminal import Quit, add_config, complain, read_config
from gateway.config import Config
from gateway.domain.clock import SystemClock
from gateway.front import why
from gateway.ledger.keyring import KeyringError
from gateway.queries.explain import Story
from gateway.queries.kept_records import Kept, kept_records, pack_texts
from gateway.queries.records import UnreadableRecord, unread
from gateway.queries.telling import page
from gateway.queries.words import LANGUAGES, Language
from gateway.store.keys import Keys
from gateway.store.redis import Store


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "explain",
        help="tells why a job was sent, deferred or suppressed",
        description="Tells what became of a job and why: every rule weighed, with its figures, its legal source and "
        "how sure that is, what was inferred of the person's place, the versions of the policy and of the zone data. "
        "For a job that waits also when it is tried next, and what the policy in force would say now.",
    )
    parser.add_argument("job", metavar="JOB_ID")
    parser.add_argument("--tenant", metavar="T", help="without it the job is looked for in every tenant")
    parser.add_argument("--recipient", metavar="R", help="with --tenant it is found at once, however full the store is")
    parser.add_argument("--language", choices=LANGUAGES, default="en", help="default: en")
    parser.add_argument("--json", action="store_true", help="one JSON document, for other programs")
    add_config(parser)
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    language: Language = chosen.language
    told = asyncio.run(stories(read_config(chosen.config), chosen.job, chosen.tenant, chosen.recipient, language))
    if chosen.json:
        print(msgspec.json.encode({"jobs": told}).decode())
    else:
        print("\n\n".join(page(story, language) for story in told))
    return 0


async def stories(
    config: Config, job_id: str, tenant: str | None, recipient: str | None, language: Language
) -> list[Story]:
    """What there is to say of every job of that id. Raises Quit where there is none."""
    async with app.open_redis(config) as connection:
        store = Store(connection, Keys(config.redis.prefix))
        kept, texts = await _kept(config, job_id, tenant, recipient)
        wanted = job_id, tenant, recipient
        try:
            told = await why.stories(config, None, store, kept, texts, wanted, language, SystemClock().now())
        except UnreadableRecord as error:
            raise Quit(str(error)) from None
        if not told:
            raise Quit(await _absence(store, job_id))
        return told


async def _kept(
    config: Config, job_id: str, tenant: str | None, recipient: str | None
) -> tuple[list[Kept], dict[str, str]]:  # fmt: skip
    """What the ledger has of the job, and the texts of the packs; nothing where there is no ledger to be had."""
    try:
        async with books_of(config) as books:
            if books is None:
                return [], {}
            await books.open()
            return await kept_records(books, job_id, tenant, recipient), await pack_texts(books)
    except (SQLAlchemyError, KeyringError, OSError) as error:
        complain(f"ledger.url: the ledger cannot be read ({type(error).__name__}); told is what the store holds")
        return [], {}


async def _absence(store: Store, job_id: str) -> str:
    """Why there is nothing to explain."""
    where = await unread(store, job_id)
    if where is None:
        return f"{job_id}: no such job is known, neither to the store nor to the ledger; `gateway dead list` shows "\
            "what could not be read"  # fmt: skip
    return f"{job_id}: is on the lane {where[0]} as {where[1]}, and no worker has settled it yet"
