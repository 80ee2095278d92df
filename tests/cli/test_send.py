"""Jobs from a file to the stream: the good ones as they stand, the bad ones told."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import House, Terminal


def job(number: int = 1, **more: Any) -> dict[str, Any]:
    return {"id": f"job-{number}", "template": "t", "channels": ["sms"], "recipient": {"id": "李雷"}, **more}


def lines(*jobs: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in jobs)


def queue(house: House, stream: str = "t:reminders") -> list[dict[str, Any]]:
    return [json.loads(fields[b"job"]) for _, fields in house.ask("XRANGE", stream, "-", "+")]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (lines(job()), 1),
        (lines(job(1), job(2), job(3)), 3),
        (b"\n\n" + lines(job(1)) + b"\n  \n" + lines(job(2)).rstrip(), 2),
        (json.dumps(job(), indent=2, ensure_ascii=False).encode(), 1),
        (json.dumps([job(1), job(2)]).encode(), 2),
        (b"\n" + json.dumps([job(1), job(2)], indent=4).encode() + b"\n", 2),
        (b"", 0),
        (b"[]", 0),
        (lines(*(job(number) for number in range(1234))), 1234),
    ],
)
def test_one_many_or_an_array_of_jobs_is_enqueued(gateway: Terminal, house: House, text: bytes, count: int) -> None:
    told = gateway("send", "--config", house.config, "-", stdin=text)
    assert (told.status, told.err, told.out) == (0, "", f"{count} enqueued on t:reminders\n")
    assert [each["id"] for each in queue(house)] == [f"job-{n}" for n in range(1234)] or len(queue(house)) == count


def test_each_lane_has_its_stream(gateway: Terminal, house: House, tmp_path: Path) -> None:
    (tmp_path / "job.json").write_bytes(lines(job()))
    for lane, stream in (("high", "t:reminders:high"), ("bulk", "t:reminders:bulk")):
        assert gateway("send", "--config", house.config, "--lane", lane, tmp_path / "job.json").status == 0
        assert queue(house, stream) == [job()]


def test_the_document_arrives_as_it_was_written(gateway: Terminal, house: House) -> None:
    raw = (
        b'{"id":"a", "template":"t","channels":["sms"],"recipient":{"id":"r"},'
        b'"params":{"sum":1.50,"n":12345678901234567890}}'
    )
    gateway("send", "--config", house.config, "-", stdin=raw + b"\r\n")
    assert house.ask("XRANGE", "t:reminders", "-", "+")[0][1] == {b"job": raw}


def test_a_bad_job_is_told_with_its_line_and_field_and_the_others_are_enqueued(gateway: Terminal, house: House) -> None:
    bad = job(2, recipient={"id": "r", "phone": "123"})
    text = lines(job(1), bad) + b"nonsense\n" + lines(job(4, purpos="x"), job(5))
    told = gateway("send", "--config", house.config, "-", stdin=text)
    assert told.status == 1
    assert told.out == "2 enqueued on t:reminders, 3 refused\n"
    assert told.complaints[0] == "line 2: recipient.phone: must be E.164, such as +8613800138000"
    assert told.complaints[1].startswith("line 3: not JSON: ")
    assert told.complaints[2] == "line 4: purpos: unknown field; check its spelling"
    assert [each["id"] for each in queue(house)] == ["job-1", "job-5"]


@pytest.mark.parametrize("text", [b"nonsense\n" + lines(job(2)), b"[1\n" + lines(job(2)), b"\xff\n" + lines(job(2))])
def test_a_bad_first_line_does_not_hide_the_good_ones_after_it(gateway: Terminal, house: House, text: bytes) -> None:
    told = gateway("send", "--config", house.config, "-", stdin=text)
    assert (told.status, told.out) == (1, "1 enqueued on t:reminders, 1 refused\n")
    assert told.err.startswith("line 1: ")


def test_a_bad_job_in_an_array_is_told_with_its_number(gateway: Terminal, house: House) -> None:
    told = gateway("send", "--config", house.config, "-", stdin=json.dumps([job(1), 3, job(2)]).encode())
    assert told.status == 1
    assert told.complaints[0].startswith("job 2: ")
    assert len(queue(house)) == 2


@pytest.mark.parametrize("text", [b"3", b'"a"', b"[" * 100_000, b"{" + b'"a":{' * 50_000, b"null", b'{"id": 3}'])
def test_nonsense_is_refused_in_a_line(gateway: Terminal, house: House, text: bytes) -> None:
    told = gateway("send", "--config", house.config, "-", stdin=text)
    assert (told.status, len(told.complaints)) == (1, 1)
    assert told.out == "0 enqueued on t:reminders, 1 refused\n"


def test_a_file_that_cannot_be_read_is_one_line(gateway: Terminal, house: House, tmp_path: Path) -> None:
    for file in (tmp_path / "none.json", tmp_path):
        told = gateway("send", "--config", house.config, file)
        assert (told.status, told.out, len(told.complaints)) == (1, "", 1)
        assert str(tmp_path) in told.err


def test_a_store_that_goes_away_is_one_line(gateway: Terminal, house: House) -> None:
    house.config.write_text("redis: {url: 'redis://127.0.0.1:1/0'}")
    told = gateway("send", "--config", house.config, "-", stdin=lines(job()))
    assert (told.status, told.out, len(told.complaints)) == (1, "", 1)
    assert "0 are sure to be enqueued" in told.err


def test_a_store_that_refuses_is_one_line_that_quotes_nobody(gateway: Terminal, house: House) -> None:
    house.ask("SET", "t:reminders", "not a stream")
    told = gateway("send", "--config", house.config, "-", stdin=lines(job(account="secret-7")))
    assert (told.status, told.out, len(told.complaints)) == (1, "", 1)
    assert "WRONGTYPE" in told.err
    assert "secret-7" not in told.err


def test_on_a_terminal_the_progress_is_shown_and_cleared(house: House, tmp_path: Path) -> None:
    (tmp_path / "jobs").write_bytes(lines(*(job(number) for number in range(2000))))
    command = "import sys; from gateway.cli.main import main; sys.exit(main())"
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-c", command, "send", "--config", str(house.config), str(tmp_path / "jobs")],
        stderr=theirs,
        stdout=subprocess.PIPE,
        check=True,
    )
    os.close(theirs)
    with os.fdopen(ours, "rb") as terminal:
        shown = terminal.read1(100_000)
    assert done.stdout == b"2000 enqueued on t:reminders\n"
    assert b"2000 enqueued" in shown
    assert b"Traceback" not in shown


def test_a_first_line_that_is_not_utf8_is_one_line_on_standard_error(gateway: Terminal, house: House) -> None:
    told = gateway("send", "--config", house.config, "-", stdin=b'{"\xff": 1}\n' + lines(job()))
    assert (told.status, told.out) == (1, "1 enqueued on t:reminders, 1 refused\n")
    assert told.err == "line 1: not UTF-8: byte 2 does not fit\n"
