"""`gateway endpoints`: how far the receipts have come at every producer, and how to give them once more."""

import argparse
import asyncio
from pathlib import Path
from typing import Any

from gateway import app
from gateway.cli.terminal import Quit, read_config
from gateway.domain.clock import SECOND, Clock, Instant, SystemClock, format_instant, parse_instant
from gateway.endpoints.book import Book, Page, Resumed, known
from gateway.store.keys import Keys
from gateway.store.streams import place_of


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("endpoints", help="lists, resumes or replays the endpoints that receipts go to")
    parser.add_argument("--config", metavar="FILE", type=Path, help="the configuration (YAML)")
    actions = parser.add_subparsers(metavar="ACTION", required=True, dest="action")
    for name, text in (
        ("list", "one line each: name, state, how far behind it is"),
        ("recover", "gives an endpoint everything since a time once more"),
        ("resume", "asks a parked or failing endpoint again, from where it was"),
    ):
        action = actions.add_parser(name, help=text, description=text)
        action.add_argument("--config", metavar="FILE", type=Path, default=argparse.SUPPRESS)
        if name != "list":
            action.add_argument("name", metavar="NAME")
        if name == "recover":
            action.add_argument(
                "--since", metavar="T", type=_instant, required=True, help="such as 2026-11-23T04:00:00Z"
            )
        action.set_defaults(run=run, complain=action.error)


def _instant(text: str) -> Instant:
    try:
        return max(0, parse_instant(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def run(chosen: argparse.Namespace) -> int:
    if chosen.config is None:
        chosen.complain("the following arguments are required: --config")
    return asyncio.run(_run(chosen))


async def _run(chosen: argparse.Namespace) -> int:
    config = read_config(chosen.config)
    names = [endpoint.name for endpoint in config.endpoints]
    if chosen.action != "list" and chosen.name not in names:
        raise Quit(f"{chosen.name}: there is no such endpoint; configured are: {', '.join(names) or 'none'}")
    async with app.open_redis(config) as store:
        keys = Keys(config.redis.prefix)
        if chosen.action == "list":
            for name in names:
                print(name, await _state(Book(store, keys, name), SystemClock()))
            for name in sorted(set(await known(store, keys)) - set(names)):
                print(name, "not configured; parked once nobody has served it for 5 days")
            return 0
        book = Book(store, keys, chosen.name)
        resumed = await (book.recover(chosen.since) if chosen.action == "recover" else book.resume())
        print(f"{chosen.name}: {_told(resumed, await book.stream())}")
    return 0


async def _state(book: Book, clock: Clock) -> str:
    page = await book.page()
    if not page.position:
        return "new; begins when a worker first sees it"
    oldest = await book.oldest()
    behind = max(0, clock.now() - place_of(oldest)[0]) // SECOND if oldest else 0
    return f"{_health(page)}; oldest receipt not taken: {f'{behind} s old' if oldest else 'none'}"


def _health(page: Page) -> str:
    health = page.health
    if page.parked is not None:
        return f"parked since {format_instant(page.parked)} ({page.why})"
    if health.down:
        since, again = format_instant(health.since), format_instant(health.next)
        return f"down since {since} ({health.code}), asked again at {again}"
    return "serving"


def _told(resumed: Resumed, stream: dict[str, Any]) -> str:
    """Where it goes on, and what it cannot be given any more."""
    place = resumed.place
    text = f"goes on with what is newer than {format_instant(place_of(place)[0])}"
    if resumed.lost:
        text += f"; trimmed of what it had not taken before: {resumed.lost}"
    first, length = stream.get("first-entry"), stream.get("length", 0)
    if stream.get("entries-added", 0) <= length:
        return text
    begin = first[0].decode() if first else stream["last-generated-id"].decode()
    if place_of(begin) <= place_of(place):
        return text
    reach = f"the stream begins at {format_instant(place_of(begin)[0])}" if first else "the stream is empty"
    return f"{text}; {reach}, and what is older was trimmed"
