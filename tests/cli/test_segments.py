"""Texts in, segments out, line by line."""

import json
from pathlib import Path

from tests.cli.conftest import Terminal

VECTORS = json.loads((Path(__file__).parents[1] / "vectors/sms_segments.json").read_text())


def test_each_line_is_answered_by_a_line(gateway: Terminal) -> None:
    texts = ["hello", "你好", "", "€" * 81, "a\u2028b", "x\ny"]
    lines = "".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts)
    told = gateway("segments", stdin=lines.encode())
    assert (told.status, told.err) == (0, "")
    answers = [json.loads(line) for line in told.out.splitlines()]
    assert [answer["encoding"] for answer in answers] == ["GSM-7", "UCS-2", "GSM-7", "GSM-7", "UCS-2", "GSM-7"]
    assert answers[3] == {"encoding": "GSM-7", "segments": 2, "units_per_segment": [152, 10]}


def test_a_line_that_cannot_be_read_is_told_and_the_others_are_answered(gateway: Terminal) -> None:
    lines = [
        b'{"text": "a"}',
        b"",
        b"nonsense",
        b'{"text": 3}',
        b'["text"]',
        b'{"text": "\xff"}',
        b'{"text": "\\ud800"}',
    ]
    told = gateway("segments", stdin=b"\n".join([*lines, b'{"text": "b"}']))
    assert told.status == 1
    assert len(told.out.splitlines()) == 2
    assert [line.partition(":")[0] for line in told.complaints] == [f"line {number}" for number in (3, 4, 5, 6, 7)]
