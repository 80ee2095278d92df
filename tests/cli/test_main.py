"""The command as a whole: wrong usage is 2, every mistake one line, and nothing is a traceback."""

import subprocess
import sys
from pathlib import Path

import pytest

from gateway.cli import main as command
from tests.cli.conftest import House, Terminal


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("nonsense",),
        ("check",),
        ("send", "--config", "x"),
        ("send", "--config", "x", "--lane", "express", "-"),
        ("run", "--config", "x", "--role", "king"),
        ("dead", "list"),
        ("dead", "--config", "x", "replay"),
        ("dead", "--config", "x", "drop", "1-1", "--all"),
        ("dead", "drop", "nonsense", "--config", "x"),
        ("preview",),
        ("preview", "t", "--channel", "fax"),
    ],
)
def test_wrong_usage_is_status_2(gateway: Terminal, arguments: tuple[str, ...]) -> None:
    told = gateway(*arguments)
    assert told.status == 2
    assert told.out == ""
    assert "usage: gateway" in told.err


def test_a_configuration_that_is_not_there_is_one_line(gateway: Terminal, tmp_path: Path) -> None:
    for line in (("check",), ("run",), ("send", "-"), ("dead", "list"), ("preview", "t")):
        told = gateway(*line, "--config", tmp_path / "none.yaml")
        assert (told.status, told.out) == (1, "")
        assert told.complaints == [f"{tmp_path}/none.yaml: cannot be read: No such file or directory"]


def test_a_store_that_does_not_answer_is_one_line(gateway: Terminal, house: House) -> None:
    house.config.write_text("redis: {url: 'redis://127.0.0.1:1/0'}")
    for line in (("dead", "list"), ("dead", "drop", "--all")):
        told = gateway(*line, "--config", house.config)
        assert (told.status, len(told.complaints)) == (1, 1)
        assert told.err.startswith("redis.url: the store cannot be used: ")


def test_every_command_tells_what_it_does() -> None:
    for module in command.COMMANDS:
        name = module.__name__.rpartition(".")[2]
        assert module.__doc__ is not None
        assert module.__doc__.startswith(f"`gateway {name.replace('_', '-')}`: ")


def test_a_reader_that_had_enough_is_no_traceback() -> None:
    shell = f'yes \'{{"text": "a"}}\' | head -20000 | {sys.executable} -m gateway.cli.main segments | head -1'
    code = "import sys; from gateway.cli.main import main; sys.exit(main())"
    shell = shell.replace("-m gateway.cli.main", f"-c '{code}'")
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=True)
    assert done.stdout == '{"encoding":"GSM-7","segments":1,"units_per_segment":[1]}\n'
    assert done.stderr == ""
