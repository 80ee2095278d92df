"""What a changed policy would have done to recorded cases, through the command itself."""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.clock import HOUR, MINUTE, SystemClock, parse_instant, tzdata_release
from gateway.policy.facts import Candidate, Case, PastContact, State
from gateway.policy.folder import read_folder
from gateway.queries import pool
from gateway.queries.decide import decide
from gateway.queries.recorded import Recorded, write_line
from tests.cli.conftest import House, Terminal

PACK = """
code: {code}
title: A pack for tests
version: {version}
notice: Not legal advice.
clock: recipient
rules:
  - id: {low}.hours
    kind: window
    source: "a law"
    status: verified
    hours: {{mon-sun: "{hours}"}}
  - id: {low}.cap
    kind: cap
    source: "a law"
    status: verified
    max: {max}
    within: {{days: 1}}
    counts: ["*.sent"]
    scope: [recipient]
"""
NOON = parse_instant("2026-06-09T12:00:00Z")


def folder(path: Path, version: str = "v1", hours: str = "08:00-21:00", most: int = 2, more: str = "") -> Path:
    path.mkdir(exist_ok=True)
    text = PACK.format(code="DE", low="de", version=version, hours=hours, max=most) + more
    (path / "DE.yaml").write_text(text)
    return path


@pytest.fixture
def judged(house: House, tmp_path: Path) -> House:
    """The configuration with a folder of packs of its own."""
    folder(tmp_path / "packs")
    house.config.write_text(f"{house.config.read_text()}policies: packs\n")
    return house


def case(number: int, packs: Path, **given: Any) -> Recorded:
    """One of a row, each a quarter of an hour after the other and with up to three contacts before it, as the packs
    decided it."""
    at = NOON + number * 15 * MINUTE
    history = [
        PastContact(at=at - HOUR - past, channel="sms", event="sent", recipient="p") for past in range(number % 4)
    ]
    facts = Case(candidate=Candidate(channel="sms", recipient="p"), zones=("UTC",), history=history)
    known: dict[str, Any] = {
        "job_id": f"job-{number}", "tenant": "t", "at": at, "policy": "DE@v1", "tzdata": tzdata_release(),
        "zones": facts.zones, "jurisdictions": ("DE",), "inferred": {}, "candidate": facts.candidate,
        "history": history, "states": (), "decided": decide(read_folder(packs).policy(), ("DE",), facts, at),
    }  # fmt: skip
    return Recorded(**known | given)


def cases(path: Path, packs: Path, count: int = 96, **given: Any) -> Path:
    """A file of a day of cases."""
    path.write_bytes(b"".join(write_line(case(number, packs, **given)) + b"\n" for number in range(count)))
    return path


def simulated(gateway: Terminal, house: House, *arguments: object, **given: Any) -> dict[str, Any]:
    told = gateway("simulate", "--config", house.config, "--json", *arguments, **given)
    assert (told.status, told.err) == (0, "")
    found: dict[str, Any] = json.loads(told.out)
    return found


def test_the_same_policy_makes_no_difference(gateway: Terminal, judged: House, tmp_path: Path) -> None:
    packs = tmp_path / "packs"
    found = simulated(gateway, judged, "--policy", packs, "--cases", cases(tmp_path / "c", packs))
    assert (found["cases"], found["irreproducible"], found["unproven"]) == (96, 0, 0)
    assert found["effects"] == {"blocked": 0, "sent": 0, "later": 0, "earlier": 0, "unchanged": 96}
    assert (found["rules"], found["samples"], found["unchanged_by_other_rules"]) == ([], {}, 0)


def test_differences_are_those_of_judging_each_case_by_hand(gateway: Terminal, judged: House, tmp_path: Path) -> None:
    packs = tmp_path / "packs"
    file = cases(tmp_path / "c", packs)
    new = folder(tmp_path / "new", "v2", "10:00-22:00", 1)
    found = simulated(gateway, judged, "--policy", new, "--cases", file, "--samples", "3")
    expected = dict.fromkeys(("blocked", "sent", "later", "earlier", "unchanged"), 0)
    newly = {"de.hours": 0, "de.cap": 0}
    for line in map(json.loads, file.read_text().splitlines()):
        at = parse_instant(line["at"])
        hour, used = at // HOUR % 24, len(line["history"])
        today = sum(parse_instant(past["at"]) // (24 * HOUR) == at // (24 * HOUR) for past in line["history"])
        before = [name for name, no in (("de.hours", not 8 <= hour < 21), ("de.cap", today >= 2)) if no]
        after = [name for name, no in (("de.hours", not 10 <= hour < 22), ("de.cap", today >= 1)) if no]
        assert before == line["blocked_by"], (line, used)
        for name in newly:
            newly[name] += name in after and name not in before
        if not before or not after:
            expected["unchanged" if bool(before) == bool(after) else "sent" if before else "blocked"] += 1
        else:  # every wait ends in the morning, at eight or at ten
            assert line["decision"] == "defer"
            expected["later"] += 1
    assert found["effects"] == expected
    assert {row["rule"]: row["newly_blocks"] for row in found["rules"]} == newly
    assert [(row["jurisdiction"], row["channel"]) for row in found["places"]] == [("DE", "sms")]
    assert found["places"][0]["blocked"] == expected["blocked"]
    assert expected["blocked"] > 0
    assert expected["sent"] > 0
    assert len(found["samples"]["blocked"]) == 3
    sample = found["samples"]["blocked"][0]
    assert sample["was"]["decision"] == "allow"
    assert sample["would_be"]["decision"] == "defer"
    assert sample["job_id"].startswith("job-")


def test_for_a_person_it_is_told_in_words(gateway: Terminal, judged: House, tmp_path: Path) -> None:
    file = cases(tmp_path / "c", tmp_path / "packs", 20)
    new = folder(tmp_path / "new", "v2", "13:00-14:00")
    told = gateway("simulate", "--config", judged.config, "--policy", new, "--cases", file, "--samples", 1)
    assert (told.status, told.err) == (0, "")
    lines = told.out.splitlines()
    assert lines[0] == "20 recorded cases, judged by 1 packs: DE@v2"
    assert "sent, would be blocked" in lines[1]
    assert "sent, would be blocked, for example:" in told.out
    change = "allow -> defer until 2026-06-09T13:00:00.000Z by de.hours"
    assert f"  job-0 (tenant t, recipient p) sms 2026-06-09T12:00:00.000Z: {change}" in lines


def test_cases_whose_facts_have_changed_are_told_apart(gateway: Terminal, judged: House, tmp_path: Path) -> None:
    packs = tmp_path / "packs"
    held = (State(state="cease"),)  # the recorded decision knows nothing of it
    found = simulated(gateway, judged, "--policy", packs, "--cases", cases(tmp_path / "c", packs, 8, states=held))
    assert (found["irreproducible"], sum(found["effects"].values())) == (8, 0)
    assert found["samples"]["irreproducible"][0]["would_be"]["blocked_by"] == ["stop:cease"]


def test_cases_of_packs_that_nobody_has_are_compared_and_said_to_be_unproven(
    gateway: Terminal, judged: House, tmp_path: Path
) -> None:
    packs = tmp_path / "packs"
    file = cases(tmp_path / "c", packs, 8, policy="DE@old,XX@old", tzdata="1999a")
    found = simulated(gateway, judged, "--policy", packs, "--cases", file)
    assert (found["unproven"], found["irreproducible"], found["other_zone_data"]) == (8, 0, 8)
    assert found["absent_packs"] == {"XX": 8}
    assert found["effects"]["unchanged"] == 8


def test_bad_lines_are_told_with_their_number_and_the_others_are_judged(
    gateway: Terminal, judged: House, tmp_path: Path
) -> None:
    packs = tmp_path / "packs"
    lines = cases(tmp_path / "c", packs, 4).read_bytes().splitlines()
    data = b"\n".join([lines[0], b"nonsense", b"", lines[1], b'{"at": 3}', *lines[2:]])
    told = gateway("simulate", "--config", judged.config, "--json", "--policy", packs, "--cases", "-", stdin=data)
    assert told.status == 1
    assert json.loads(told.out)["cases"] == 4
    assert [line.split(" ")[0] for line in told.complaints] == ["line:2:", "line:5:"]


def test_a_folder_with_faults_and_one_without_packs_are_refused(
    gateway: Terminal, judged: House, tmp_path: Path
) -> None:
    bad = folder(tmp_path / "bad", hours="22:00")
    file = cases(tmp_path / "c", tmp_path / "packs", 4)
    told = gateway("simulate", "--config", judged.config, "--policy", bad, "--cases", file)
    assert (told.status, told.out) == (1, "")
    (line,) = told.complaints
    assert line.startswith(f"{bad}/DE.yaml:12: rule de.hours: hours.mon-sun: has '22:00', but hours are written")
    (tmp_path / "empty").mkdir()
    told = gateway("simulate", "--config", judged.config, "--policy", tmp_path / "empty", "--cases", file)
    assert (told.status, told.complaints) == (1, [f"{tmp_path}/empty: holds no packs"])
    told = gateway("simulate", "--config", judged.config, "--policy", tmp_path / "nowhere", "--cases", file)
    assert (told.status, len(told.complaints)) == (1, 1)


def test_since_leaves_out_what_is_older(gateway: Terminal, judged: House, tmp_path: Path) -> None:
    packs, now = tmp_path / "packs", SystemClock().now()
    rows = [case(0, packs, at=now - age * HOUR, decided=case(0, packs).decided) for age in (1, 30)]
    (tmp_path / "c").write_bytes(b"\n".join(map(write_line, rows)))
    found = simulated(gateway, judged, "--policy", packs, "--cases", tmp_path / "c", "--since", "24h")
    assert (found["cases"], found["too_old"]) == (1, 1)


@pytest.mark.parametrize(
    "arguments",
    [[], ["--policy"], ["--policy", ".", "--since", "soon"], ["--policy", ".", "--samples", "-1"]],
)
def test_wrong_usage_is_told(gateway: Terminal, judged: House, arguments: list[str]) -> None:
    assert gateway("simulate", "--config", judged.config, *arguments).status == 2


def test_a_file_may_be_tried_where_the_store_cannot_be_reached(
    gateway: Terminal, judged: House, tmp_path: Path
) -> None:
    packs = tmp_path / "packs"
    text = judged.config.read_text().replace("redis: {", f"redis: {{url: 'unix://{tmp_path}/nobody.sock', ")
    judged.config.write_text(text)
    file = cases(tmp_path / "c", packs, 4)
    told = gateway("simulate", "--config", judged.config, "--json", "--policy", packs, "--cases", file)
    assert (told.status, len(told.complaints)) == (0, 1)
    assert "the store cannot be used" in told.err
    assert json.loads(told.out)["unproven"] == 0, "the configured folder has the packs of then"
    assert gateway("simulate", "--config", judged.config, "--policy", packs).status == 1


def test_many_cases_are_judged_by_several_processes_with_the_same_result(tmp_path: Path) -> None:
    packs, new = folder(tmp_path / "packs"), folder(tmp_path / "new", "v2", "10:00-22:00", 1)
    lines = cases(tmp_path / "c", packs).read_bytes().splitlines() * 60
    lines[1234] = lines[5432] = b"nonsense"
    assert len(lines) > pool.MANY
    order = pool.Order(policy=new, configured=packs, texts={}, since=None, samples=2)
    done: list[int] = []
    together = pool.simulate(order, lines, done.append)
    alone = order.bench().judge_lines(1, lines)
    assert sum(done) == sum(map(len, lines))
    assert (together.effects, together.rules, together.places) == (alone.effects, alone.rules, alone.places)
    assert together.faults == alone.faults
    assert [number for number, _ in together.faults] == [1235, 5433]
    assert {name: len(found) for name, found in together.samples.items()} == dict.fromkeys(alone.samples, 2)
