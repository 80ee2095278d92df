"""The log tells what happened and never to whom."""

import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from gateway import logs

PERSON = "+8613800138000"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What is written; the process's loggers are put back afterwards."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    stream = io.StringIO()
    try:
        logs.set_up("info", stream)
        yield stream
    finally:
        root.handlers[:], _ = before
        root.setLevel(before[1])
        for name in ("gateway", "channels"):
            logging.getLogger(name).setLevel(logging.NOTSET)
        for name in ("aiohttp.server", "aiohttp.access"):
            logging.getLogger(name).disabled = False
        logging.captureWarnings(False)
        logging.raiseExceptions = True
        structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_only_fields_on_the_list_are_written(log: io.StringIO) -> None:
    structlog.get_logger("gateway.test").bind(name="李雷").info(
        "sent", tenant="cards", provider="twilio-main", count=3, phone=PERSON, params={"a": PERSON}, text=PERSON
    )
    (line,) = lines(log)
    assert set(line) == {"event", "level", "logger", "timestamp", "tenant", "provider", "count"}
    assert line["logger"] == "gateway.test"
    assert line["timestamp"].endswith("Z")


def test_an_exception_is_its_type_and_place_without_its_text(log: io.StringIO) -> None:
    try:
        try:
            raise KeyError(PERSON)
        except KeyError as error:
            raise ValueError(PERSON) from error
    except ValueError:
        structlog.get_logger("gateway.test").exception("unexpected")
        logging.getLogger("gateway.test").exception("unexpected")
    assert PERSON not in log.getvalue()
    for line in lines(log):
        assert line["error"] == "ValueError < KeyError"
        assert line["where"][0].startswith("test_logs.py:")


def test_other_peoples_records_are_told_by_their_pattern(log: io.StringIO) -> None:
    logging.getLogger("redis").error("cannot reach %s", PERSON, extra={"phone": PERSON})
    logging.getLogger("asyncio").error("Task exception was never retrieved\nfuture: <Task " + PERSON)
    logging.getLogger("redis").info("chatter")
    logging.getLogger("aiohttp.server").error("Error handling request", exc_info=ValueError(PERSON))
    assert [line["event"] for line in lines(log)] == ["cannot reach %s", "Task exception was never retrieved"]
    assert PERSON not in log.getvalue()


def test_our_own_standard_records_are_told_in_full_from_the_level_on(log: io.StringIO) -> None:
    logging.getLogger("channels.sandbox").info("%d waiting", 3, extra={"count": 3, "phone": PERSON})
    logging.getLogger("channels.sandbox").debug("not heard")
    structlog.get_logger("gateway.x").debug("not heard")
    (line,) = lines(log)
    assert (line["event"], line["count"]) == ("3 waiting", 3)
    assert PERSON not in log.getvalue()


def test_the_log_goes_to_standard_error_and_leaves_standard_output_alone() -> None:
    code = "from gateway import logs; import structlog; logs.set_up('info'); structlog.get_logger('gateway').info('up')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert json.loads(done.stderr)["event"] == "up"
