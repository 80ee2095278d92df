"""`gateway segments`: how carriers split a text, for JSON lines on standard input."""

import argparse
import sys

import msgspec
from msgspec import Struct

from gateway.cli.terminal import complain
from gateway.rendering.segments import segments


class _Line(Struct):
    text: str


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "segments",
        help="counts SMS segments",
        description='Reads JSON lines {"text": "…"} from standard input and prints for each its encoding, segments and '
        "units per segment as a JSON line. Exit status 1 if a line cannot be read; the others are answered.",
    )
    parser.set_defaults(run=run)


def run(_chosen: argparse.Namespace) -> int:
    decoder, encode = msgspec.json.Decoder(_Line), msgspec.json.encode
    status = 0
    for number, line in enumerate(sys.stdin.buffer, 1):
        if not line.strip():
            continue
        try:
            text = decoder.decode(line).text
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            complain(f'line {number}: must be {{"text": "…"}}: {error}')
            status = 1
        else:
            print(encode(segments(text)).decode(), flush=True)
    return status
