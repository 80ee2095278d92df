"""Recorded decisions come out of a real store as lines, and a policy tried on them differs where it must."""

import json
from typing import Any

from gateway.domain.clock import parse_instant
from gateway.policy.vectors import judge_case
from gateway.queries.recorded import read_line
from tests.stories.explained import CAP, HOURS, STOP, gateway, packs
from tests.stories.world import ShiftedClock, World, next_day_at, reminder


async def day_of_work(world: World) -> None:
    """Four jobs: two sent, one held back by the cap, one for a person who said stop."""
    packs(world, DE=HOURS.format(id="de.hours", hours="08:00-21:00") + STOP, house=CAP)
    async with world.inside(ShiftedClock.at(next_day_at(11, 0, 0))):
        await world.command("stop", recipient_id="stopped", reason="cease")
        await world.emptied()
        await world.put(reminder("a-1", "a", account="d-1"))
        await world.receipts.ended("a-1")
        await world.put(reminder("a-2", "a"))
        await world.receipts.ended("a-2")
        await world.put(reminder("a-3", "a"), reminder("s-1", "stopped"))
        await world.receipts.until(lambda: bool(world.receipts.job("a-3")) and bool(world.receipts.job("s-1")))


async def test_each_decision_is_a_line_with_the_facts_of_its_moment(world: World) -> None:
    await day_of_work(world)
    status, out, err = await gateway(world, "cases")
    assert (status, err) == (0, "")
    lines = {line["job_id"]: line for line in map(json.loads, out.splitlines())}
    assert {name: (line["decision"], line["blocked_by"]) for name, line in lines.items()} == {
        "a-1": ("allow", []), "a-2": ("allow", []), "a-3": ("defer", ["house.cap"]), "s-1": ("deny", ["xx.cease"]),
    }  # fmt: skip
    assert {name: len(line["history"]) for name, line in lines.items()} == {"a-1": 0, "a-2": 1, "a-3": 2, "s-1": 0}
    assert lines["a-2"]["history"][0]["account"] == "d-1"
    assert [state["state"] for state in lines["s-1"]["states"]] == ["cease"]
    assert lines["a-1"]["policy"] == "DE@v1,house@v1"
    assert lines["a-1"]["candidate"]["address"] != "+491701234500"
    for line in out.splitlines():
        assert read_line(line.encode()).tenant == "default"


async def test_a_line_is_close_to_a_worked_case(world: World) -> None:
    """The facts of a line go into a vector file as they are."""
    await day_of_work(world)
    _, out, _ = await gateway(world, "cases")
    line = next(line for line in map(json.loads, out.splitlines()) if line["job_id"] == "a-3")
    cap: dict[str, Any] = {
        "id": "house.cap", "kind": "cap", "source": "x", "status": "verified", "max": 2,
        "within": {"rolling": "PT24H"}, "counts": ["*.sent", "call.answered"], "scope": ["recipient"],
    }  # fmt: skip
    answer = judge_case({**line, "rules": [cap]}, line)
    assert (answer["decision"], answer["blocked_by"]) == ("defer", ["house.cap"])
    assert parse_instant(answer["earliest"]) == parse_instant(line["earliest"])


async def test_a_policy_is_tried_on_what_the_store_holds(world: World) -> None:
    await day_of_work(world)
    folder = world.folder / "packs"
    status, out, err = await gateway(world, "simulate", "--policy", str(folder), "--json")
    assert (status, err) == (0, "")
    found = json.loads(out)
    assert (found["cases"], found["irreproducible"], found["unproven"]) == (4, 0, 0)
    assert found["effects"] == {"blocked": 0, "sent": 0, "later": 0, "earlier": 0, "unchanged": 4}
    looser = world.folder / "looser"
    looser.mkdir()
    for file in folder.glob("*.yaml"):
        text = file.read_text().replace("version: v1", "version: v2").replace("max: 2", "max: 9")
        (looser / file.name).write_text(text.replace("08:00-21:00", "13:00-21:00"))
    _, out, _ = await gateway(world, "simulate", "--policy", str(looser), "--json")
    found = json.loads(out)
    assert found["effects"] == {"blocked": 2, "sent": 0, "later": 0, "earlier": 1, "unchanged": 1}, found
    assert {row["rule"]: (row["newly_blocks"], row["no_longer_blocks"]) for row in found["rules"]} == {
        "de.hours": (3, 0), "house.cap": (0, 1),
    }  # fmt: skip
    assert {sample["job_id"] for sample in found["samples"]["blocked"]} == {"a-1", "a-2"}


async def test_what_is_too_old_or_unreadable_is_left_out_and_told(world: World) -> None:
    await day_of_work(world)
    await world.redis.set(world.keys.job("default", "x", "broken"), "{")
    await world.redis.hset(world.keys.person("default", "stopped"), "c:1", "nonsense")
    status, out, err = await gateway(world, "cases")
    assert status == 1
    assert {json.loads(line)["job_id"] for line in out.splitlines()} == {"a-1", "a-2", "a-3"}
    assert len(err.splitlines()) == 2
    assert "the record cannot be read" in err
    assert "the file of stopped cannot be read" in err


async def test_how_far_back_is_a_duration(world: World) -> None:
    status, out, err = await gateway(world, "cases", "--since", "yesterday")
    assert (status, out) == (2, "")
    assert "expected a duration with its unit" in err
