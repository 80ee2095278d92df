"""Two people for every change of the law: proposed, looked at, tried, approved by another, and then it judges."""

import asyncio
import contextlib
import hashlib
import json
import sqlite3
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.bookkeeping.people import add_person
from gateway.domain.clock import SystemClock
from gateway.policy.compare import compare, looser
from tests.stories.test_api import answering, free_port
from tests.stories.test_ledger import caught_up, opened
from tests.stories.world import World, reminder

PASSWORD = "correct horse battery"
KEY = {
    "id": "cards",
    "sha256": hashlib.sha256(b"s3cret").hexdigest(),
    "roles": ["producer", "compliance"],
    "tenants": ["*"],
}
PEOPLE = {"ada": "compliance", "bea": "compliance", "otto": "ops", "root": "admin"}


class Office:
    """Who signed in, and the house that they ask."""

    def __init__(self, world: World, base: str, session: aiohttp.ClientSession) -> None:
        self.world, self.base, self.session = world, base, session
        self.tokens: dict[str, str] = {"cards": "cards.s3cret"}

    async def ask(self, who: str | None, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if who is not None:
            given["Authorization"] = f"Bearer {self.tokens[who]}"
        async with self.session.request(method, self.base + path, json=body, headers=given) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text else None

    async def sign_in(self, name: str, password: str = PASSWORD) -> int:
        status, told = await self.ask(None, "POST", "/v1/sessions", {"name": name, "password": password})
        if status == 201:
            self.tokens[name] = told["token"]
        return status

    async def decide(
        self, who: str, proposal: Any, word: str = "approve", digest: str | None = None
    ) -> tuple[int, Any]:
        path = f"/v1/policies/proposals/{proposal['id']}/{word}"
        match = f'"{digest or proposal["digest"]}"'
        return await self.ask(who, "POST", path, {"comment": "looked at it"}, If_Match=match)


async def add(world: World, name: str, role: str, password: str = PASSWORD) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("gateway")), "people", "add", name, "--role", role, "--config",
        str(world.config_file), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, error = await process.communicate(f"{password}\n".encode())
    assert process.returncode is not None
    return process.returncode, error.decode()


@pytest.fixture
async def office(world: World) -> AsyncIterator[Office]:
    port = free_port()
    web = {"port": port, "keys": [KEY], "cool_off": "2s"}
    world.configure(policies=world.policy(1), web=web, ledger={"url": f"sqlite:///{world.folder}/ledger.db"})
    async with world.worker("worker", "web", "ledger"), aiohttp.ClientSession() as session:
        await answering(session, port)
        made = Office(world, f"http://127.0.0.1:{port}", session)
        async with opened(world) as books:
            for name, role in PEOPLE.items():
                assert await add_person(books, name, PASSWORD, [role], ["*"], SystemClock().now()) is None
        for name in PEOPLE:
            assert await made.sign_in(name) == 201
        yield made


def pack(world: World, version: str, most: int, more: str = "") -> str:
    text = (world.folder / "policies" / "house.yaml").read_text()
    return text.replace("version: test.1", f"version: {version}").replace("max: 1", f"max: {most}") + more


def wanted(text: str, **more: Any) -> dict[str, Any]:
    return {"code": "house", "text": text, "reason": "the regulator wrote to us"} | more


async def test_a_looser_limit_is_proposed_tried_approved_by_another_and_judges_when_it_cooled_off(
    office: Office,
) -> None:
    world = office.world
    await world.put(reminder("first", "p"))
    await world.receipts.ended("first")
    await world.put(reminder("second", "p"))
    await world.receipts.until(lambda: bool(world.receipts.job("second")))
    await caught_up(world)
    status, made = await office.ask("ada", "POST", "/v1/policies/proposals", wanted(pack(world, "test.2", 2)))
    assert (status, made["looser"], made["changes"]) == (201, True, {"house.cap": "changed"})
    status, tried = await office.ask("bea", "GET", f"/v1/policies/proposals/{made['id']}/backtest")
    assert (status, tried["effects"]["sent"]) == (200, 1), "the second would have been sent"
    assert [sample["job_id"] for sample in tried["samples"]["sent"]] == ["second"]
    status, told = await office.decide("ada", made)
    assert (status, told["detail"]) == (403, "nobody approves their own proposal")
    assert (await office.decide("otto", made))[0] == 403, "not an officer"
    assert (await office.decide("cards", made))[0] == 403, "a key is nobody"
    assert (await office.decide("bea", made, digest="0" * 64))[0] == 412, "another text than she looked at"
    status, done = await office.decide("bea", made)
    assert (status, done["state"], done["decider"]) == (200, "approved", "bea")
    assert world.receipts.statuses("second") == ["deferred"], "not before it has cooled off"
    await world.receipts.ended("second", seconds=20)
    assert world.receipts.last("second")["policy"] == "house@test.2"
    assert (await office.decide("bea", made))[0] == 409, "decided once"
    done_by = [who for who, what in await acts(world, "approve_policy") if what == "done"]
    assert done_by == ["bea"]


async def acts(world: World, what: str) -> list[tuple[str, str]]:
    """Who did it, as the chain tells, and whether it was refused."""
    await asyncio.sleep(0.6)
    with contextlib.closing(sqlite3.connect(world.folder / "ledger.db")) as db:
        bodies = [
            json.loads(body) for (body,) in db.execute("SELECT body FROM entries WHERE kind = 'act' ORDER BY seq")
        ]
    mine = [body for body in bodies if body["what"] == what]
    return [(body["who"], "refused" if "refused" in json.loads(body["said"]) else "done") for body in mine]


async def test_a_stricter_limit_holds_at_once_and_the_folder_does_not_bring_the_old_one_back(office: Office) -> None:
    world = office.world
    _, looser_one = await office.ask("ada", "POST", "/v1/policies/proposals", wanted(pack(world, "test.2", 5)))
    await office.decide("bea", looser_one)
    await in_force(office, "house@test.2")
    stricter = pack(world, "test.3", 1).replace("max: 1", "max: 3")
    _, made = await office.ask("bea", "POST", "/v1/policies/proposals", wanted(stricter))
    assert (made["looser"], made["changes"], made["base"]) == (False, {"house.cap": "stricter"}, "house@test.2")
    await office.decide("ada", made)
    await in_force(office, "house@test.3", seconds=8)
    (world.folder / "policies" / "note.txt").write_text("the folder changed")
    (world.folder / "policies" / "house.yaml").touch()
    await asyncio.sleep(1.5)
    await in_force(office, "house@test.3")


async def in_force(office: Office, label: str, seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while True:
            _, packs = await office.ask("ada", "GET", "/v1/policies")
            if [one["label"] for one in packs] == [label]:
                return
            await asyncio.sleep(0.1)


async def test_an_approval_of_something_else_than_is_in_force_is_stale(office: Office) -> None:
    world = office.world
    _, one = await office.ask("ada", "POST", "/v1/policies/proposals", wanted(pack(world, "test.2", 2)))
    _, other = await office.ask("ada", "POST", "/v1/policies/proposals", wanted(pack(world, "test.3", 3)))
    await office.decide("bea", one)
    await in_force(office, "house@test.2")
    status, told = await office.decide("bea", other)
    assert status == 412
    assert "house@test.2 is in force" in told["detail"]
    assert (await office.decide("bea", other, "return"))[0] == 200


async def test_what_is_no_pack_cannot_be_proposed(office: Office) -> None:
    world = office.world
    for text, says in (
        ("rules: [", "house"), (pack(world, "test.2", 2).replace("kind: cap", "kind: cup"), "kind"),
        (pack(world, "test.1", 2), "needs a version of its own"),
    ):  # fmt: skip
        status, told = await office.ask("ada", "POST", "/v1/policies/proposals", wanted(text))
        assert status == 422, told
        assert says in told["detail"]
    assert (await office.ask("otto", "POST", "/v1/policies/proposals", wanted(pack(world, "t.2", 2))))[0] == 403
    status, _ = await office.ask("ada", "POST", "/v1/policies/proposals", wanted("x") | {"code": "../etc"})
    assert status == 422


async def test_a_role_that_is_taken_away_holds_from_the_next_request_on(office: Office) -> None:
    assert (await office.ask("otto", "GET", "/v1/lanes"))[0] == 200
    change = {"roles": ["auditor"], "reason": "moved on"}
    assert (await office.ask("otto", "POST", "/v1/people/otto", change))[0] == 403
    assert (await office.ask("root", "POST", "/v1/people/otto", change))[0] == 428, "without having looked"
    looked_at = await account(office, "otto")
    assert (await office.ask("root", "POST", "/v1/people/otto", change, If_Match=looked_at))[0] == 204
    assert (await office.ask("root", "POST", "/v1/people/otto", change, If_Match=looked_at))[0] == 412, "it is another"
    status, me = await office.ask("otto", "GET", "/v1/me")
    assert (status, me["roles"], me["kind"]) == (200, ["auditor"], "person")
    left, now = {"disabled": True, "reason": "left"}, await account(office, "otto")
    status, _ = await office.ask("root", "POST", "/v1/people/otto", left, If_Match=now)
    assert (status, (await office.ask("otto", "GET", "/v1/me"))[0]) == (204, 401)
    own = {"roles": ["compliance"], "reason": "let me"}
    mine = await account(office, "root")
    status, _ = await office.ask("root", "POST", "/v1/people/root", own, If_Match=mine)
    assert status == 403, "nobody changes their own account"
    status, _ = await office.ask("root", "POST", "/v1/people/nobody", own, If_Match=mine)
    assert status == 404


async def account(office: Office, name: str) -> str:
    """What `If-Match` must name to change it."""
    _, listed = await office.ask("root", "GET", "/v1/people")
    return next(f'"{one["digest"]}"' for one in listed["people"] if one["name"] == name)


async def test_what_is_asked_twice_under_one_key_is_done_once(office: Office) -> None:
    text = wanted(pack(office.world, "test.2", 2))
    first = await office.ask("ada", "POST", "/v1/policies/proposals", text, Idempotency_Key="once")
    again = await office.ask("ada", "POST", "/v1/policies/proposals", text, Idempotency_Key="once")
    assert first[0] == 201
    assert again == first
    assert len((await office.ask("bea", "GET", "/v1/policies/proposals"))[1]) == 1
    other = wanted(pack(office.world, "test.3", 2))
    assert (await office.ask("ada", "POST", "/v1/policies/proposals", other, Idempotency_Key="once"))[0] == 422


async def test_a_session_ends_when_it_is_left_and_a_wrong_password_is_told_nothing(office: Office) -> None:
    assert (await office.ask("ada", "DELETE", "/v1/sessions/current"))[0] == 204
    assert (await office.ask("ada", "GET", "/v1/me"))[0] == 401
    wrong, nobody = await office.sign_in("ada", "wrong" * 4), await office.sign_in("nobody")
    assert wrong == nobody == 401
    assert await office.sign_in("ada") == 201
    for _ in range(5):
        assert await office.sign_in("bea", "guess" * 4) == 401
    assert await office.sign_in("bea") == 401, "locked for a while"


async def test_keys_are_made_for_systems_used_and_ended(office: Office) -> None:
    body = {"roles": ["producer"], "tenants": ["loans"], "days": 30, "reason": "new system"}
    assert (await office.ask("ada", "POST", "/v1/keys", body))[0] == 403
    status, made = await office.ask("root", "POST", "/v1/keys", body)
    assert status == 201
    office.tokens["loans"] = made["token"]
    assert (await office.ask("loans", "POST", "/v1/reminders", reminder("l", tenant="loans")))[0] == 202
    assert (await office.ask("loans", "POST", "/v1/reminders", reminder("m")))[0] == 403, "of another house"
    with contextlib.closing(sqlite3.connect(office.world.folder / "ledger.db")) as db:
        assert made["token"].partition(".")[2] not in str(db.execute("SELECT * FROM passes").fetchall())
    assert (await office.ask("root", "DELETE", f"/v1/keys/{made['id']}"))[0] == 204
    assert (await office.ask("loans", "POST", "/v1/reminders", reminder("n", tenant="loans")))[0] == 401


async def test_an_account_needs_a_password_of_some_length(world: World) -> None:
    world.configure(ledger={"url": f"sqlite:///{world.folder}/ledger.db"})
    assert await add(world, "x", "ops", "short") == (1, "a password has at least 12 characters\n")
    assert await add(world, "x", "ops") == (0, "")
    async with opened(world) as books:
        assert await add_person(books, "x", PASSWORD, ["ops"], ["*"], 1) == "x is there already"


BASE = {"clock": "recipient", "rules": [{"id": "a", "kind": "cap", "max": 3, "scope": ["recipient"], "source": "x"}]}


@pytest.mark.parametrize(
    ("rules", "loose"),
    [
        ([BASE["rules"][0]], False),
        ([{**BASE["rules"][0], "max": 2}], False),
        ([{**BASE["rules"][0], "source": "y"}], False),
        ([BASE["rules"][0], {"id": "b", "kind": "window"}], False),
        ([BASE["rules"][0], {"id": "b", "kind": "stop"}], True),
        ([{**BASE["rules"][0], "max": 4}], True),
        ([{**BASE["rules"][0], "max": 2, "scope": ["account"]}], True),
        ([{**BASE["rules"][0], "max": "2"}], True),
        ([], True),
    ],
)
def test_only_what_is_surely_as_strict_is_not_looser(rules: list[Any], loose: bool) -> None:
    assert looser(BASE, {"clock": "recipient", "rules": rules}) is loose
    assert looser(None, {"rules": []}) is False
    assert looser(BASE, {**BASE, "clock": "sender"}) is True
    assert compare(BASE, BASE) == {}
