"""Finds the command that was asked for and runs it; whatever goes wrong is one line that says what to change."""

import argparse
import io
import os
import sys
from collections.abc import Sequence

import redis
import structlog

from gateway import logs
from gateway.app import Undrained, Unfit
from gateway.cli import (
    cases,
    check,
    dead,
    demo,
    endpoints,
    explain,
    import_contacts,
    judge,
    ledger,
    people,
    preview,
    rebuild,
    run,
    sandbox_provider,
    segments,
    send,
    simulate,
)
from gateway.cli.terminal import Quit, complain
from gateway.store.embedded import EmbeddedError

# One line each, in the order of `--help`. A command registers its own arguments and sets `run`.
COMMANDS = (
    demo, run, check, send, import_contacts, explain, cases, simulate, dead, endpoints, ledger, rebuild,
    people, judge, preview, segments, sandbox_provider,
)  # fmt: skip
INTERRUPTED = 130


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(prog="gateway", description="Collections notification gateway.")
    commands = result.add_subparsers(metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.register(commands)
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; gives the exit status. Wrong usage ends in SystemExit(2)."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    chosen = parser().parse_args(arguments)
    # Before anything is imported lazily or started: what is logged must never land on standard output.
    logs.set_up("error")
    try:
        status: int = chosen.run(chosen)
    except Quit as end:
        return _fail(*end.sentences, status=end.status)
    except Unfit as unfit:
        return _fail(*unfit.faults)
    except (EmbeddedError, Undrained) as error:
        return _fail(str(error))
    except redis.RedisError as error:
        return _fail(f"redis.url: the store cannot be used: {error}")
    except BrokenPipeError:  # the reader of our output had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    except OSError as error:
        return _fail(str(error) if error.filename is None else f"{error.filename}: {error.strerror}")
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last door: a mistake of ours is logged with its place, and told in a line
        structlog.get_logger("gateway.cli").exception("unexpected")
        return _fail(f"the gateway made a mistake ({type(error).__name__}); its log tells where")
    return status


def _fail(*sentences: str, status: int = 1) -> int:
    for sentence in sentences:
        complain(sentence)
    return status
