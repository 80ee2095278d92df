"""The worked cases that compliance signed: every one whose rule kinds exist must come out as written."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from gateway.policy.rules.registry import KINDS
from gateway.policy.vectors import VectorError, judge_case, judge_file

FOLDER = Path(__file__).parent.parent / "vectors"
Raw = dict[str, Any]


def cases(name: str) -> list[tuple[Raw, Raw]]:
    document = json.loads((FOLDER / name).read_text("utf-8"))
    return [
        ({**vector, **case.get("override", {})}, case) for vector in document["vectors"] for case in vector["cases"]
    ]


def kinds(vector: Raw) -> set[str]:
    return {rule["kind"] for rule in vector["rules"]}


ALL = cases("policy.json") + cases("policy-random.json")
JUDGED = [pair for pair in ALL if kinds(pair[0]) <= KINDS.keys()]


@pytest.mark.parametrize(("vector", "case"), JUDGED, ids=[case["case"] for _, case in JUDGED])
def test_a_worked_case_comes_out_as_written(vector: Raw, case: Raw) -> None:
    assert judge_case(vector, case) == case["expect"]


def test_no_case_is_left_out_silently() -> None:
    """Cases are left out only for kinds that are not implemented, and at least so many are judged for each kind."""
    missing = Counter(kind for vector, _ in ALL for kind in kinds(vector) - KINDS.keys())
    print(f"{len(JUDGED)} of {len(ALL)} cases judged; left out for {dict(missing)}")
    judged = Counter(kind for vector, _ in JUDGED for kind in kinds(vector))
    assert len(ALL) == 176
    assert len(JUDGED) == 176
    assert judged["window"] >= 100
    assert judged["cap"] >= 38
    assert judged["stop"] >= 36
    assert judged["cooloff"] >= 36
    assert judged["channel_lock"] >= 28
    assert judged["spacing"] >= 20
    assert all(kind not in KINDS for kind in missing)


def test_what_we_worked_out_by_hand_comes_out_as_written() -> None:
    data = (FOLDER / "policy-more.json").read_bytes()
    answers = list(judge_file(data))
    assert [answer for answer, agrees in answers if not agrees] == []
    assert len(answers) == 135
    assert all("expect" in case for vector in json.loads(data)["vectors"] for case in vector["cases"])


def test_a_file_is_judged_case_by_case() -> None:
    vector, case = JUDGED[0]
    document = {"vectors": [{**vector, "cases": [case, {**case, "case": "wrong", "expect": {"decision": "deny"}}]}]}
    first, second = judge_file(json.dumps(document).encode())
    assert first == ({"case": case["case"], **case["expect"]}, True)
    assert second[1] is False


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"{", "is not JSON"),
        (b"[]", "no list `vectors`"),
        (b'{"vectors": [{}]}', "vector 1 has no list `cases`"),
    ],
)
def test_what_is_wrong_with_a_file_is_a_sentence(data: bytes, sentence: str) -> None:
    with pytest.raises(VectorError) as caught:
        list(judge_file(data))
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("case", "rules", "sentence"),
    [
        ({"at": "soon"}, [], "must be an RFC 3339"),
        ({}, [], "'at' is missing"),
        ({"at": "2026-01-01T00:00:00Z"}, [{"kind": "nap"}], "rule ?: kind: is 'nap', but must be one of"),
        ({"at": "2026-01-01T00:00:00Z"}, [{"kind": "content"}], "require: is missing"),
        ({"at": "2026-01-01T00:00:00Z", "candidate": {"channel": 1}}, [], "Expected `str`"),
        ({"at": "2026-01-01T00:00:00Z", "override": 5}, [], "not a mapping"),
    ],
)
def test_a_case_that_cannot_be_judged_is_denied_and_says_why(case: Raw, rules: list[Raw], sentence: str) -> None:
    document = {"vectors": [{"rules": rules, "zones": ["UTC"], "cases": [{"case": "A", **case}]}]}
    [(answer, agrees)] = judge_file(json.dumps(document).encode())
    assert answer["decision"] == "deny"
    assert sentence in answer["error"]
    assert not agrees


def test_what_is_null_is_as_good_as_not_there_and_times_are_compared_as_times() -> None:
    slots = {"state": "busy", "from": None, "until": None, "weekly": {"mon-sun": "10:00-12:00"}}
    rule = {"id": "r", "kind": "blackout", "source": "s", "status": "verified", "states": ["busy"], "force": None}
    contact = {"at": "2026-01-01T00:00:00+01:00", "channel": "sms", "event": "sent", "direction": None, "flags": None}
    case = {
        "case": "A", "at": "2026-01-01T10:00:00.000Z", "override": None,
        "candidate": {"channel": "sms", "flags": None, "params": None, "account": None},
        "expect": {"decision": "defer", "earliest": "2026-01-01T12:00:00.000Z", "blocked_by": ["r"]},
    }  # fmt: skip
    vector = {"rules": [rule], "zones": ["UTC"], "holidays": None, "history": [contact], "states": [slots]}
    document = {"vectors": [{**vector, "cases": [case]}, {**vector, "history": None, "states": None, "cases": [case]}]}
    first, second = judge_file(json.dumps(document).encode())
    assert first == (
        {"case": "A", "decision": "defer", "earliest": "2026-01-01T12:00:00Z", "blocked_by": ["r"]}, True,
    )  # fmt: skip
    assert (second[0]["decision"], second[1]) == ("allow", False)


def test_an_expectation_that_is_none_costs_its_case_and_no_other() -> None:
    case = {"case": "A", "at": "2026-01-01T10:00:00Z", "candidate": {"channel": "sms"}}
    document = {"vectors": [{"rules": [], "zones": ["UTC"], "cases": [{**case, "expect": ["allow"]}, case]}]}
    (answer, agrees), (_, other) = judge_file(json.dumps(document).encode())
    assert "expect must be a mapping" in answer["error"]
    assert (agrees, other) == (False, True)
