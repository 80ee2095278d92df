"""`gateway judge`: the worked cases of a vector file, judged as the gateway would judge a contact."""

import argparse
from typing import Any

import msgspec

from gateway.cli.terminal import Quit, complain, read_bytes
from gateway.policy.vectors import VectorError, judge_file


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "judge",
        help="judges the worked cases of a vector file",
        description="Judges every case of a vector file by the rules written in it and prints for each a JSON line "
        "with the case, the decision, the earliest lawful moment and the rules that block. Exit status 1 if a case "
        "comes out otherwise than its `expect`, with a line for each on standard error.",
    )
    parser.add_argument("file", metavar="FILE", help="the vectors (JSON), - for standard input")
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    status, number = 0, 0
    try:
        for number, (answer, sentence) in enumerate(judge_file(read_bytes(chosen.file)), 1):
            print(_line(answer))
            if sentence is not None:
                complain(f"case {answer['case'] or f'number {number}'}: {sentence}")
                status = 1
    except VectorError as error:
        raise Quit(f"{chosen.file}: {error}") from None
    return status


def _line(answer: dict[str, Any]) -> str:
    return msgspec.json.encode(answer).decode()
