"""`gateway sandbox-provider`: a server that speaks a provider's wire, to try a configuration against."""

import argparse
import asyncio
import signal
import tempfile
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from channels.catalogue import KINDS, kind_of
from gateway.cli.terminal import Quit

FAKES = "channels.fakes"
MOST_PORT = 65535
INBOUND = '{"from": "+1…", "body": "STOP", "to_url": "<public_url>/webhooks/<name>"}'


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "sandbox-provider",
        help="speaks a provider's wire on this machine",
        description="Runs a server that speaks the wire of a kind of provider, and prints the entry of a "
        "configuration that sends to it. What it took is at /__log where it speaks HTTP.",
    )
    parser.add_argument("kind", metavar="KIND", help=f"one of {', '.join(kinds())}")
    parser.add_argument("--port", type=int, default=0, help="default: any that is free")
    parser.add_argument("--host", default="127.0.0.1", help="default: 127.0.0.1")
    parser.add_argument("--fault-rate", type=float, default=0.0, metavar="SHARE", help="of requests that fail, 0 to 1")
    parser.add_argument("--seed", type=int, default=0, help="for which of them fail")
    parser.add_argument("--delay", type=float, default=0.0, metavar="SECONDS", help="before every answer")
    parser.add_argument("--callbacks", metavar="STATUS,…", help="reported after each message, in this order")
    parser.add_argument("--callbacks-shuffled", action="store_true", help="report each twice, and in any order")
    parser.add_argument("--callback-url", metavar="URL", help="where reports go, if no message says so itself")
    parser.set_defaults(run=run)


def kinds() -> list[str]:
    """The kinds of provider that have a fake."""
    return [kind for kind in KINDS if find_spec(f"{FAKES}.{kind}") is not None]


def run(chosen: argparse.Namespace) -> int:
    if chosen.kind not in kinds():
        raise Quit(f"KIND: {chosen.kind!r} has no sandbox; there are {', '.join(kinds())}", status=2)
    if not 0 <= chosen.fault_rate <= 1:
        raise Quit("--fault-rate: must be between 0 and 1", status=2)
    if not 0 <= chosen.port <= MOST_PORT:
        raise Quit(f"--port: must be between 0 and {MOST_PORT}", status=2)
    asyncio.run(_serve(_fake(chosen), chosen))
    return 0


def _fake(chosen: argparse.Namespace) -> Any:
    """The fake as it is wanted. Raises Quit for what it cannot do."""
    fake = import_module(f"{FAKES}.{chosen.kind}").FAKE(chosen.fault_rate, chosen.seed)
    fake.delay = chosen.delay
    statuses = tuple(chosen.callbacks.split(",")) if chosen.callbacks else None
    if chosen.callbacks_shuffled and not statuses:
        raise Quit("--callbacks-shuffled: --callbacks must say what is reported", status=2)
    for key, option, value in (
        ("callbacks", "--callbacks", statuses),
        ("shuffled", "--callbacks-shuffled", chosen.callbacks_shuffled),
        ("callback", "--callback-url", chosen.callback_url),
    ):
        if not value:
            continue
        if not hasattr(fake, key):
            raise Quit(f"{option}: the sandbox of {chosen.kind} reports nothing that way", status=2)
        setattr(fake, key, value)
    return fake


async def _serve(fake: Any, chosen: argparse.Namespace) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with tempfile.TemporaryDirectory(prefix="gateway-sandbox-") as folder:
        async with fake.serve(chosen.port, chosen.host):
            print(_told(chosen.kind, fake, Path(folder)), flush=True)
            await stop.wait()


def _told(kind: str, fake: Any, folder: Path) -> str:
    """The entry, to be pasted into a configuration."""
    channel = kind_of(kind).facts.channel or "sms"
    document = {"channels": {channel: {"providers": [fake.entry(folder)]}}}
    text = yaml.safe_dump(document, allow_unicode=True, sort_keys=False)
    notes = ""
    if hasattr(fake, "routes"):
        notes += f"# what it took: {fake.url}/__log\n"
    if hasattr(fake, "inbound"):
        notes += f"# what a person writes: POST {fake.url}/__inbound {INBOUND}\n"
    if getattr(fake, "callbacks", ()):
        notes += "# what it reports is asked for and believed only where the configuration has a web.public_url\n"
    return notes + text
