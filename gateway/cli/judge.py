"""`gateway judge`: the worked cases of a vector file, judged by the rules that stand in it."""

import argparse
import codecs
from typing import Any

import msgspec

from gateway.cli.terminal import Quit, complain, read_bytes
from gateway.policy.vectors import VectorError, judge_file

Json = dict[str, Any]


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "judge",
        help="judges the worked cases of a vector file",
        description="Judges every case of a vector file and prints a JSON line for each: the case, the decision, the "
        "earliest lawful moment, and the rules that block. Exit status 1 if a case comes out otherwise than it "
        "expects, with a line for each of these on standard error.",
    )
    parser.add_argument("file", metavar="FILE", help="the vectors (JSON), - for standard input")
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    data = read_bytes(chosen.file).removeprefix(codecs.BOM_UTF8)
    try:
        judged = list(judge_file(data))
        expected = _expected(data)
    except (VectorError, UnicodeDecodeError) as error:
        raise Quit(f"{chosen.file}: {error}") from None
    except RecursionError:
        raise Quit(f"{chosen.file}: is nested too deeply for a vector file") from None
    except (OverflowError, OSError, TypeError) as error:  # what no calendar can hold
        raise Quit(f"{chosen.file}: has a case that cannot be judged: {error}") from None
    for answer, _ in judged:
        print(_written(answer))
    wrong = [(answer, expect) for (answer, agrees), expect in zip(judged, expected, strict=True) if not agrees]
    for answer, expect in wrong:
        complain(f"{answer['case']}: {_disagreement(answer, expect)}")
    return 1 if wrong else 0


def _expected(data: bytes) -> list[Json]:
    """What each case of a vector file expects; nothing is what it does not say."""
    return [case.get("expect") or {} for vector in msgspec.json.decode(data)["vectors"] for case in vector["cases"]]


def _disagreement(answer: Json, expect: Json) -> str:
    judged = (
        f"cannot be judged: {answer['error']}" if "error" in answer else f"judged {_written(_asked(answer, expect))}"
    )
    return f"expected {_written(expect)}, {judged}" if expect else judged


def _asked(answer: Json, expect: Json) -> Json:
    return {key: answer.get(key) for key in expect}


def _written(document: Json) -> str:
    return msgspec.json.encode(document).decode()
