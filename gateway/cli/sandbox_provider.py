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
    parser.add_argument("--callbacks", metavar="STATUS,…", help="what is reported after each message, in this order")
    parser.set_defaults(run=run)


def kinds() -> list[str]:
    """The kinds of provider that have a fake."""
    return [kind for kind in KINDS if find_spec(f"{FAKES}.{kind}") is not None]


def run(chosen: argparse.Namespace) -> int:
    if chosen.kind not in kinds():
        raise Quit(f"KIND: {chosen.kind!r} has no sandbox; there are {', '.join(kinds())}", status=2)
    if not 0 <= chosen.fault_rate <= 1:
        raise Quit("--fault-rate: must be between 0 and 1", status=2)
    fake = import_module(f"{FAKES}.{chosen.kind}").FAKE(chosen.fault_rate, chosen.seed)
    fake.delay = chosen.delay
    if chosen.callbacks:
        if not hasattr(fake, "callbacks"):
            raise Quit(f"--callbacks: the sandbox of {chosen.kind} reports nothing by itself", status=2)
        fake.callbacks = tuple(chosen.callbacks.split(","))
    asyncio.run(_serve(fake, chosen))
    return 0


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
    log = f"# what it took: {fake.url}/__log\n" if hasattr(fake, "routes") else ""
    return f"{log}{text}"
