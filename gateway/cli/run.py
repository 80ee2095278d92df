"""`gateway run`: the service, or some of its roles."""

import argparse
import asyncio

import uvloop

from gateway import app, logs
from gateway.cli.terminal import add_config, read_config


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("run", help="runs the service", description="Runs the service until SIGTERM.")
    add_config(parser)
    parser.add_argument(
        "--role",
        action="append",
        choices=app.ROLES,
        help="runs a part of it; may be given several times; without it, every part",
    )
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    config = read_config(chosen.config)
    logs.set_up(config.log.level)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(app.serve(config, tuple(dict.fromkeys(chosen.role or app.ROLES))))
    return 0
