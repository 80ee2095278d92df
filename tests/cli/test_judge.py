"""The worked cases of a vector file, through the command itself."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Terminal

FOLDER = Path(__file__).parents[1] / "vectors"
WINDOW = {
    "id": "day", "kind": "window", "source": "a test", "status": "verified", "hours": {"mon-sun": "08:00-21:00"},
}  # fmt: skip
NIGHT = {"case": "night", "at": "2026-06-09T02:00:00Z", "candidate": {"channel": "sms"}}
DEFERRED = {"decision": "defer", "earliest": "2026-06-09T08:00:00Z", "blocked_by": ["day"]}


def vectors(*cases: dict[str, Any], **keys: Any) -> bytes:
    return json.dumps({"vectors": [{"rules": [WINDOW], "zones": ["UTC"], **keys, "cases": cases}]}).encode()


@pytest.mark.parametrize("name", ["policy.json", "policy-random.json"])
def test_the_worked_cases_of_compliance_agree(gateway: Terminal, name: str) -> None:
    told = gateway("judge", FOLDER / name)
    assert (told.status, told.err) == (0, "")
    document = json.loads((FOLDER / name).read_text("utf-8"))
    expected = [{"case": case["case"], **case["expect"]} for entry in document["vectors"] for case in entry["cases"]]
    assert [json.loads(line) for line in told.out.splitlines()] == expected
    assert len(expected) >= 40


def test_a_disagreement_is_a_line_with_what_was_expected_and_what_was_judged(gateway: Terminal) -> None:
    cases = (
        {**NIGHT, "expect": {"decision": "allow"}},
        {**NIGHT, "case": "right", "expect": DEFERRED},
        {**NIGHT, "case": "misspelt", "expect": {"decison": "defer"}},
        {**NIGHT, "case": "nothing expected"},
    )
    told = gateway("judge", "-", stdin=vectors(*cases))
    assert told.status == 1
    assert [json.loads(line) for line in told.out.splitlines()] == [{"case": c["case"], **DEFERRED} for c in cases]
    assert told.complaints == [
        'night: expected {"decision":"allow"}, judged {"decision":"defer"}',
        'misspelt: expected {"decison":"defer"}, judged {"decison":null}',
    ]


def test_a_case_that_cannot_be_judged_is_denied_and_told_whatever_it_expects(gateway: Terminal) -> None:
    cases = ({**NIGHT, "at": "soon"}, {**NIGHT, "case": "denied", "candidate": {}, "expect": {"decision": "deny"}})
    told = gateway("judge", "-", stdin=vectors(*cases, {**NIGHT, "case": "right", "expect": DEFERRED}))
    assert told.status == 1
    assert [json.loads(line)["decision"] for line in told.out.splitlines()] == ["deny", "deny", "defer"]
    assert told.complaints[0].startswith("night: cannot be judged: must be an RFC 3339 time")
    assert told.complaints[1].startswith('denied: expected {"decision":"deny"}, cannot be judged: Object missing')


def test_a_byte_order_mark_is_passed_over(gateway: Terminal) -> None:
    told = gateway("judge", "-", stdin=b"\xef\xbb\xbf" + vectors({**NIGHT, "expect": DEFERRED}))
    assert (told.status, told.err) == (0, "")


@pytest.mark.parametrize("expect", [3, "defer", [[]]])
def test_an_expectation_that_is_none_is_told_and_the_other_cases_judged(gateway: Terminal, expect: object) -> None:
    told = gateway("judge", "-", stdin=vectors({**NIGHT, "expect": expect}, {**NIGHT, "case": "right"}))
    assert (told.status, len(told.out.splitlines()), len(told.complaints)) == (1, 2, 1)
    assert "expect must be a mapping" in told.err


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "is not JSON"),
        (b"not JSON", "is not JSON"),
        (b"[1]", "has no list `vectors`"),
        (b'{"vectors": {}}', "has no list `vectors`"),
        (b'{"vectors": [{"cases": 3}]}', "vector 1 has no list `cases`"),
        (b'{"vectors": "\xff"}', "codec can't decode"),
        (b"[" * 100_000, "is nested too deeply"),
    ],
)
def test_what_is_no_vector_file_is_one_line(gateway: Terminal, data: bytes, sentence: str) -> None:
    told = gateway("judge", "-", stdin=data)
    assert (told.status, told.out) == (1, "")
    (line,) = told.complaints
    assert line.startswith("-: ")
    assert sentence in line


def test_a_time_that_no_calendar_holds_is_one_line(gateway: Terminal) -> None:
    rule = {
        **{key: WINDOW[key] for key in ("source", "status")}, "id": "silence", "kind": "cooloff",
        "counts": ["sms.sent"], "scope": [], "days": 10**15,
    }  # fmt: skip
    history = [{"at": "2026-06-08T02:00:00Z", "channel": "sms", "event": "sent"}]
    told = gateway("judge", "-", stdin=vectors(NIGHT, rules=[rule], history=history))
    assert (told.status, len(told.complaints)) == (1, 1)
    assert json.loads(told.out)["decision"] == "deny"
    assert "days: must be a whole number, 1 or more, at most 40000" in told.err


def test_a_file_that_is_not_there_is_one_line(gateway: Terminal, tmp_path: Path) -> None:
    told = gateway("judge", tmp_path / "nothing.json")
    assert (told.status, told.out, len(told.complaints)) == (1, "", 1)
    assert "cannot be read" in told.err


def test_a_file_must_be_named(gateway: Terminal) -> None:
    assert gateway("judge").status == 2
