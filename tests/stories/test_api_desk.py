"""What a house's people find on their desk: sends in doubt, who said stop, what was done, texts, evidence, keys."""

import base64
import io
import json
import sqlite3
import zipfile
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.stories.test_api import answering, free_port
from tests.stories.test_api_views import KEYS, ROLES, SECRET, Desk
from tests.stories.test_evidence import audited
from tests.stories.test_ledger import caught_up
from tests.stories.world import World, reminder

DOUBTFUL = "+491701234503"
"""of which the sandbox never says what became"""
WHY = {"reason": "the provider's list of today"}


@pytest.fixture
async def desk(world: World) -> AsyncIterator[Desk]:
    port = free_port()
    ledger = {"url": f"sqlite:///{world.folder}/ledger.db", "anchor_every": "1s"}
    everything = {**KEYS[0], "id": "all", "roles": [*ROLES], "tenants": ["*"]}
    world.configure(web={"port": port, "keys": [*KEYS, everything]}, ledger=ledger)
    async with world.worker("worker", "web", "ledger"), aiohttp.ClientSession() as session:
        await answering(session, port)
        yield Desk(world, f"http://127.0.0.1:{port}", session)


async def pages(desk: Desk, path: str, name: str, who: str = "auditor") -> list[list[Any]]:
    """Every page of a list, three rows each."""
    found, cursor = [], ""
    while True:
        status, page = await desk.ask(f"{path}{'&' if '?' in path else '?'}limit=3{cursor}", who)
        assert status == 200, page
        found.append(page[name])
        if page["next"] is None:
            return found
        cursor = f"&cursor={page['next']}"


async def doubted(desk: Desk, count: int = 1, **given: Any) -> None:
    names = [f"d{n}" for n in range(count)]
    jobs = [reminder(name, tenant="cards", recipient={"phone": DOUBTFUL}, **given) for name in names]
    await desk.world.put(*jobs)
    await desk.world.receipts.until(lambda: all(desk.world.receipts.statuses(name) == ["in_doubt"] for name in names))
    await caught_up(desk.world)


async def test_sends_in_doubt_are_listed_the_oldest_first_and_to_their_house_alone(desk: Desk) -> None:
    await doubted(desk, 7)
    rows = [row for page in await pages(desk, "/v1/in-doubt", "doubts") for row in page]
    assert sorted(row["id"] for row in rows) == [f"d{n}" for n in range(7)]
    assert [row["at"] for row in rows] == sorted(row["at"] for row in rows)
    told = {(row["tenant"], row["channel"], row["provider"], row["code"]) for row in rows}
    assert told == {("cards", "sms", "box-sms", "sandbox_lost")}
    assert all(row["presumed_at"] > row["at"] for row in rows)
    assert (await desk.ask("/v1/in-doubt", "loans"))[1]["doubts"] == []
    assert (await desk.ask("/v1/in-doubt?cursor=nonsense", "ops"))[0] == 422


async def test_what_a_provider_attests_settles_a_doubt_and_stands_in_the_chain(desk: Desk) -> None:
    await doubted(desk)
    [[row]] = await pages(desk, "/v1/in-doubt", "doubts")
    path = f"/v1/in-doubt/{row['reference']}"
    told = {"status": "delivered", "evidence": "ticket 4711 of the provider", **WHY}
    assert (await desk.ask(path, "loans", told))[0] == 404, "another house's"
    assert (await desk.ask(path, "auditor", told))[0] == 403
    assert (await desk.ask(path, "ops", {**told, "status": "undelivered"}))[0] == 422
    assert (await desk.ask(path, "ops", {"status": "delivered", **WHY}))[0] == 422
    assert await attested(desk, path, told) == 202
    await desk.world.receipts.ended("d0")
    assert desk.world.receipts.statuses("d0") == ["in_doubt", "delivered"]
    await caught_up(desk.world)
    assert await pages(desk, "/v1/in-doubt", "doubts") == [[]]
    assert await attested(desk, path, told) == 404, "it is in doubt no more"
    acts = [act for page in await pages(desk, "/v1/acts", "acts") for act in page]
    assert [(act["who"], act["what"], act["why"]) for act in acts] == [("ops", "attest", WHY["reason"])]
    assert acts[0]["figures"]["evidence"] == told["evidence"]
    assert (await desk.ask("/v1/acts", "compliance"))[1]["acts"] == acts, "of their own house"
    assert (await desk.ask("/v1/acts", "loans"))[1]["acts"] == []


async def attested(desk: Desk, path: str, told: dict[str, Any]) -> int:
    headers = {"Authorization": f"Bearer ops.{SECRET}"}
    async with desk.session.post(desk.base + path, json=told, headers=headers) as answer:
        return answer.status


async def test_whoever_said_stop_is_listed_until_it_is_lifted(desk: Desk) -> None:
    world = desk.world
    for n in range(5):
        await world.command("stop", tenant="cards", recipient_id=f"p{n}", reason="dispute" if n % 2 else "opted_out")
    await world.command("stop", tenant="loans", recipient_id="q", reason="opted_out")
    await world.emptied()
    await caught_up(world)

    async def listed(query: str = "", who: str = "auditor") -> list[tuple[str, str]]:
        rows = [row for page in await pages(desk, f"/v1/states{query}", "states", who) for row in page]
        assert [row["seq"] for row in rows] == sorted((row["seq"] for row in rows), reverse=True)
        return sorted((row["of"], row["state"]) for row in rows)

    everybody = [(f"p{n}", "dispute" if n % 2 else "opted_out") for n in range(5)]
    assert await listed() == [*everybody, ("q", "opted_out")]
    assert await listed("", "compliance") == everybody
    assert await listed("", "loans") == [("q", "opted_out")]
    assert await listed("?state=dispute") == [("p1", "dispute"), ("p3", "dispute")]
    await world.command("resume", tenant="cards", recipient_id="p1", reason="dispute")
    await world.emptied()
    await caught_up(world)
    assert await listed("?state=dispute") == [("p3", "dispute")]
    with sqlite3.connect(world.folder / "ledger.db") as ledger:
        plan = ledger.execute(
            "explain query plan select * from facts f join entries e on f.seq = e.seq where f.kind = 's' and "
            "f.gone is null order by f.seq desc limit 3"
        )
        assert any("facts_kind" in str(row) for row in plan), "a million contacts are not looked through"


async def test_an_email_is_looked_at_where_nothing_in_it_can_run(desk: Desk) -> None:
    page = f"{desk.base}/v1/templates/page"
    asked = {"template": "payment_plan_offer", "locale": "en"}
    key = {"Authorization": f"Bearer ops.{SECRET}"}
    for scheme, query in (("light", "@media not all"), ("dark", "@media all")):
        async with desk.session.get(page, params={**asked, "scheme": scheme}, headers=key) as answer:
            assert (answer.status, answer.content_type) == (200, "text/html")
            policy = answer.headers["Content-Security-Policy"]
            assert policy.startswith("sandbox; default-src 'none'")
            assert "script" not in policy
            assert query in await answer.text()
    async with desk.session.get(page, params=asked) as answer:
        assert answer.status == 401
    for wrong in ({**asked, "params": "["}, {**asked, "template": "none"}, {**asked, "params": "{}"}):
        async with desk.session.get(page, params=wrong, headers=key) as answer:
            assert answer.status == 422


async def test_texts_are_listed_by_version_and_previewed_with_their_segments(desk: Desk) -> None:
    status, listed = await desk.ask("/v1/templates", "compliance")
    assert status == 200
    assert ("overdue_reminder", "zh-CN") in {(one["template"], one["locale"]) for one in listed}
    assert all(version.startswith("sha256:") for one in listed for version in one["channels"].values())
    wanted = {"template": "overdue_reminder", "channel": "sms", "locale": "zh-CN"}
    status, seen = await desk.ask("/v1/templates/preview", "ops", wanted)
    assert status == 200
    assert seen["segments"]["encoding"] == "UCS-2"
    assert seen["version"] in {version for one in listed for version in one["channels"].values()}
    assert {one["char"] for one in seen["foreign"]} == {char for char in seen["text"] if ord(char) > 0x2000}
    name = next(one for one in listed if one["template"] == "overdue_reminder" and one["locale"] == "en")["sample"]
    dear = {**wanted, "locale": "en", "params": {**name, "name": "Zoë – x"}}
    status, seen = await desk.ask("/v1/templates/preview", "ops", dear)
    assert [(one["code"], one["instead"]) for one in seen["foreign"]] == [("U+00EB", None), ("U+2013", "-")]
    status, refusal = await desk.ask("/v1/templates/preview", "ops", {**wanted, "params": {"name": "x"}})
    assert status == 422
    assert "amount_due" in refusal["errors"][0]["message"]
    status, refusal = await desk.ask("/v1/templates/preview", "ops", {**wanted, "template": "none"})
    assert (status, refusal["errors"][0]["message"]) == (422, "no template is named 'none'")


async def test_evidence_is_taken_by_those_who_may_and_verified_without_us(desk: Desk) -> None:
    await desk.world.put(reminder("j", "p", tenant="cards"), reminder("k", "q", tenant="loans"))
    await desk.world.receipts.ended("j", "k")
    await caught_up(desk.world)
    wanted = {"tenant": "cards", "recipient_id": "p", "reason": "case 12"}
    assert (await desk.ask("/v1/evidence", "ops", wanted))[0] == 403
    assert (await desk.ask("/v1/evidence", "compliance", {**wanted, "tenant": "loans"}))[0] == 403
    assert (await desk.ask("/v1/evidence", "auditor", {**wanted, "recipient_id": "nobody"}))[0] == 404
    assert (await desk.ask("/v1/evidence", "auditor", {"tenant": "cards", "reason": "all of it"}))[0] == 422
    headers = {"Authorization": f"Bearer compliance.{SECRET}"}
    async with desk.session.post(f"{desk.base}/v1/evidence", json=wanted, headers=headers) as answer:
        assert answer.status == 200
        assert answer.content_type == "application/zip"
        assert answer.headers["Gateway-Anchored"] == "true"
        data = await answer.read()
    bundle = desk.world.folder / "taken.zip"
    bundle.write_bytes(data)
    assert audited(bundle, desk.world.folder / "ledger-public-key.txt")[0] == 0
    names = set(zipfile.ZipFile(io.BytesIO(data)).namelist())
    assert {"entries.jsonl", "words.jsonl", "statement.html", "verify_ledger.py"} <= names
    acts = [act for page in await pages(desk, "/v1/acts", "acts") for act in page]
    assert ("compliance", "export", "case 12") in [(act["who"], act["what"], act["why"]) for act in acts]


async def test_a_replay_is_foreseen_before_it_is_done(desk: Desk) -> None:
    world = desk.world
    good = reminder("good", tenant="cards")
    await world.put(reminder("known", tenant="cards"))
    await world.receipts.ended("known")
    lane = world.keys.lanes["normal"]
    for fields in ({"job": json.dumps(good)}, {"job": json.dumps(reminder("known", tenant="cards"))}, {"job": "{"}):
        entry = {"entry": json.dumps(fields), "error": "as if a fault had been mended since", "stream": lane}
        await world.redis.xadd(world.keys.dead, entry)
    await world.redis.xadd(world.keys.dead, {"entry": json.dumps({"job": "{}"}), "error": "?", "stream": "elsewhere"})
    ids = [letter["id"] for letter in (await desk.ask("/v1/dead-letters", "ops"))[1]["letters"]]
    status, seen = await desk.ask("/v1/dead-letters/preview", "ops", {"ids": [*ids, "1-1"]})
    assert status == 200
    assert (seen["readable"], seen["known"], list(seen["faulty"]), list(seen["refused"]), seen["gone"]) == (
        [ids[0]], [ids[1]], [ids[2]], [ids[3]], ["1-1"]
    )  # fmt: skip
    assert (await desk.ask("/v1/dead-letters", "ops"))[1]["total"] == 4
    assert world.receipts.job("good") == []


async def test_accounts_and_keys_are_listed_without_their_secrets(desk: Desk) -> None:
    for name in ("ann", "bob", "cleo", "dan"):
        told = {"name": name, "password": "correct horse battery", "roles": ["ops"], "tenants": ["cards"], **WHY}
        headers = {"Authorization": f"Bearer admin.{SECRET}"}
        async with desk.session.post(f"{desk.base}/v1/people", json=told, headers=headers) as answer:
            assert answer.status == 204
    made = (await desk.ask("/v1/keys", "admin", {"roles": ["producer"], "tenants": ["cards"], **WHY}))[1]
    listed = await pages(desk, "/v1/people", "people", "admin")
    assert [[one["name"] for one in page] for page in listed] == [["ann", "bob", "cleo"], ["dan"]]
    keys = [key for page in await pages(desk, "/v1/keys", "keys", "admin") for key in page]
    assert {key["id"] for key in keys} == {*(key["id"] for key in KEYS), "all", made["id"]}
    [fresh] = [key for key in keys if key["id"] == made["id"]]
    assert (fresh["made_by"], fresh["roles"], fresh["revoked_at"]) == ("admin", ["producer"], None)
    told = json.dumps([listed, keys])
    assert "argon2" not in told
    assert made["token"].partition(".")[2] not in told
    assert (await desk.ask("/v1/keys", "ops"))[0] == 403


LISTS = ("/v1/messages", "/v1/in-doubt", "/v1/states", "/v1/acts", "/v1/people", "/v1/keys")
FORGED = ("9" * 30, -1, 1 << 63, "a\0b", [1 << 63, "a"], [1, "\0"], [1, "a", "!"], [1 << 64, "a", "QQ=="], None, {}, [])


async def test_a_forged_cursor_is_a_mistake_of_whoever_sends_it(desk: Desk) -> None:
    for path in LISTS:
        for place in FORGED:
            cursor = base64.urlsafe_b64encode(json.dumps(place).encode()).decode()
            status, told = await desk.ask(f"{path}?cursor={cursor}", "all")
            if (path, place) != ("/v1/people", "9" * 30):  # which might be somebody's name
                assert (status, told["errors"][0]["field"]) == (422, "cursor"), (path, place)
