"""What every command shares with the person at the terminal: the configuration it is given, and how it says no."""

import argparse
import os
import sys
from pathlib import Path

from gateway.config import Config, load

STDIN = "-"


class Quit(Exception):
    """Ends a command: each sentence becomes one line on standard error."""

    def __init__(self, *sentences: str, status: int = 1) -> None:
        super().__init__(*sentences)
        self.sentences, self.status = sentences, status


def complain(sentence: str) -> None:
    """One line on standard error."""
    print(" ".join(sentence.split()), file=sys.stderr, flush=True)


def add_config(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    parser.add_argument("--config", metavar="FILE", type=Path, required=required, help="the configuration (YAML)")


def read_config(path: Path | None) -> Config:
    """The configuration of the file (None: the shipped defaults). Raises Quit with every mistake in it."""
    config = load(path, os.environ)
    if isinstance(config, list):
        raise Quit(*(fault.sentence for fault in config))
    return config


def read_bytes(name: str) -> bytes:
    """The whole file, `-` for standard input. Raises Quit."""
    try:
        return sys.stdin.buffer.read() if name == STDIN else Path(name).read_bytes()
    except OSError as error:
        raise Quit(f"{name}: cannot be read: {error.strerror}") from None
