"""The demo as a newcomer meets it: real runs of the command, read from its output."""

import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from gateway.cli.demo import INTERRUPTED, demo
from gateway.domain.clock import HOUR, Instant, SystemClock

COMMAND = [sys.executable, "-c", "import sys; from gateway.cli.main import main; sys.exit(main())", "demo"]
LIMIT_S = 60


class Shifted:
    """A clock of another time of day."""

    def __init__(self, ahead: int) -> None:
        self._ahead, self._clock = ahead, SystemClock()

    def now(self) -> Instant:
        return self._clock.now() + self._ahead


def environment(folder: Path) -> dict[str, str]:
    return os.environ | {"TMPDIR": str(folder), "COLUMNS": "80", "TERM": "xterm"}


@contextmanager
def running(folder: Path, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen(
        [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(folder)
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def read_until(process: "subprocess.Popen[str]", text: str) -> str:
    assert process.stdout is not None
    shown = ""
    for line in process.stdout:
        shown += line
        if text in line:
            return shown
    raise AssertionError(f"{text!r} never came:\n{shown}")


def check(shown: str) -> dict[str, int]:
    """Everything that must be in it at any hour; gives the counts."""
    block = shown.partition("\nThe books\n")[2].partition("accounted for")[0]
    counts = {name.strip(): int(number) for number, name in re.findall(r"^ +(\d+)  ([a-z ]{12}) ", block, re.M)}
    for name, least in (("delivered", 12), ("sent", 2), ("in doubt", 1), ("deferred", 5)):
        assert counts[name] >= least, shown
    for name in (
        "undelivered", "failed", "suppressed", "expired", "rejected", "duplicate", "dead letter",
    ):  # fmt: skip
        assert counts[name] == 1, (name, shown)
    total = sum(counts.values())
    assert f"{total}  accounted for, of {total} enqueued" in shown
    parts = " + ".join(f"{count} {name}" for name, count in counts.items())
    assert f"The books balance: {total} enqueued = {parts}\n" in shown
    assert "unanswered" not in counts
    for text in (
        "(house.daily)", "(house.hours)", "quiet_hours", "sms → email", "sms → push", "sms+email+push",
        "Dead letter from gateway:reminders: recipient.phone: must be", "sms in zh-CN", "sms in en", "拒收请回复",
        "Reply STOP", "The console: http://127.0.0.1:",
    ):  # fmt: skip
        assert text in shown, (text, shown)
    assert shown.count("(house.daily)") == 2
    return counts


def test_without_a_terminal_it_shows_everything_and_ends_by_itself_and_leaves_nothing(tmp_path: Path) -> None:
    began = time.monotonic()
    done = subprocess.run(COMMAND, capture_output=True, text=True, env=environment(tmp_path), timeout=LIMIT_S)
    assert (done.returncode, done.stderr) == (0, "")
    check(done.stdout)
    assert time.monotonic() - began < 20
    assert list(tmp_path.iterdir()) == []
    # A table that is too wide is cut, and what is cut explains nothing.
    assert "…" not in done.stdout


@pytest.mark.parametrize("hours", [8, 16])
async def test_at_another_time_of_day_others_wait_and_the_books_balance_too(hours: int) -> None:
    told = io.StringIO()
    assert await demo(Console(file=told, width=160, highlight=False), Shifted(hours * HOUR), stay=False) == 0
    check(told.getvalue())


def asked(address: str, path: str, token: str | None = None, body: Any = None) -> Any:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(address + path, data, headers), timeout=10) as answer:
        return json.loads(answer.read())


def test_asked_to_stay_it_opens_on_a_living_console_until_it_is_told_to_end(tmp_path: Path) -> None:
    with running(tmp_path, "--stay") as process:
        shown = read_until(process, "Press Ctrl-C")
        assert "The books balance: " in shown
        address = re.findall(r"http://127\.0\.0\.1:\d+", shown)[0]
        for path, text in (("healthz", "alive"), ("readyz", "ready"), ("metrics", "gateway_duplicates_total")):
            with urllib.request.urlopen(f"{address}/{path}", timeout=5) as answer:
                assert text in answer.read().decode()
        [password] = re.findall(r"the password of all is (\S+)", shown)
        for who, role in (("olivia", "ops"), ("carmen", "compliance"), ("victor", "compliance"), ("ada", "admin")):
            assert f"{who} ({role})" in shown
            token = asked(address, "/v1/sessions", body={"name": who, "password": password})["token"]
            assert asked(address, "/v1/me", token)["roles"] == [role]
            if who == "carmen":
                it_is_lived_in(address, token)
        [folder] = tmp_path.iterdir()
        assert (folder / "redis" / "v.sock").exists()
        process.send_signal(signal.SIGTERM)
        assert process.wait(LIMIT_S) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert list(tmp_path.iterdir()) == []


def it_is_lived_in(address: str, token: str) -> None:
    """A month of jobs whose books balance, kept back and sent, by day; and something that needs a person."""
    month = asked(address, "/v1/overview?days=31", token)
    assert month["books"]["difference"] == 0
    assert month["books"]["accepted"] > 1500
    assert month["in_doubt"] >= 1
    for status in ("delivered", "undelivered", "suppressed", "expired", "failed", "waiting", "presumed_sent"):
        assert month["books"]["standing"][status] > 0, month
    today = asked(address, "/v1/overview?days=1", token)
    assert 0 < sum(sum(one["standing"].values()) for one in today["channels"]) < month["books"]["accepted"] / 5
    assert {one["tenant"] for one in asked(address, "/v1/messages?limit=200", token)["jobs"]} > {"demo"}
    assert asked(address, "/v1/dead-letters", token)["total"] == 1
    assert asked(address, "/v1/states", token)["states"]
    newest = month["head"]["seq"]
    for _ in range(60):
        if asked(address, "/v1/overview", token)["head"]["seq"] > newest + 5:
            return
        time.sleep(0.25)
    raise AssertionError("nothing goes on")


def test_ended_halfway_it_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    with running(tmp_path) as process:
        read_until(process, "entries on")
        process.send_signal(signal.SIGINT)
        rest, complaints = process.communicate(timeout=LIMIT_S)
        assert (process.returncode, complaints) == (INTERRUPTED, "")
        assert "Ended before everything was shown" in rest
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_is_taken_is_no_obstacle(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            other.bind(("127.0.0.1", 8080))
            other.listen()
        except OSError:
            pass  # somebody else has it, which is as good
        with running(tmp_path) as process:
            shown = read_until(process, "entries on")
            assert "Port 8080 is taken" in shown
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=LIMIT_S)
