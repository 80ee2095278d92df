"""The ledger's storage: the same promises on SQLite and on PostgreSQL."""

import asyncio
import contextlib
import os
import random
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, insert, select

from gateway.bookkeeping.audit import audit
from gateway.bookkeeping.keeper import Books, take_in
from gateway.bookkeeping.tell import Life
from gateway.domain.clock import SystemClock, format_instant
from gateway.domain.job import Attempt, Job, Track
from gateway.domain.note import Note, Said, write_note
from gateway.ledger import tables
from gateway.ledger.anchors import Anchors, read_anchors
from gateway.ledger.chain import Draft
from gateway.ledger.database import Database, Which
from gateway.ledger.keyring import KeyringError, open_keyring, rotated
from gateway.ledger.read import check, hashes, last_seq
from gateway.ledger.subjects import Held, Subjects
from gateway.ledger.tables import files, jobs, messages, subjects, tallies
from gateway.ledger.writer import Position, Upsert, added, merged, writing
from gateway.queries.overview import overview
from gateway.queries.providers import providers
from gateway.queries.trail import trail_of
from gateway.store.journal import Written
from gateway.store.keys import Keys
from tests.postgres import program

KEYS = Keys("gateway")
DOC = {"id": "j", "template": "t", "channels": ["sms"], "recipient": {"id": "p"}, "account": "a"}


class Storage:
    """What every database must keep. Whoever inherits gives `url`."""

    @pytest.fixture
    async def books(self, url: str, tmp_path: Path) -> AsyncIterator[Books]:
        keyring = open_keyring(tmp_path / "keyring.json")
        made = Books(Database(url, "ledger"), keyring, Subjects(Database(url_of_keys(url), "keys"), keyring), KEYS)
        await made.open()
        async with made.ledger.write() as connection:
            await writing(made.ledger, connection, "gateway").begin("e", 0)
        yield made
        await made.close()

    async def test_the_migrated_tables_are_those_that_the_code_knows(self, books: Books) -> None:
        for database in (books.ledger, books.subjects.database):
            async with database.read() as connection:
                assert await connection.run_sync(differences, database.which) == []

    async def test_migrating_again_changes_nothing(self, books: Books) -> None:
        await asyncio.gather(books.ledger.migrate())
        await books.ledger.migrate()
        await books.subjects.database.migrate()

    async def test_figures_of_providers_are_those_that_a_plain_count_gives(self, books: Books) -> None:
        lots, rows = random.Random(7), []
        words = {"delivered": None, "sent": None, "undelivered": "30003", "in_doubt": None, "taken_back": "503"}
        for n in range(300):
            state = lots.choice(list(words))
            rows.append({
                "reference": f"r{n}", "job": f"j{n}", "tenant": lots.choice(["cards", "loans"]), "subject": "s",
                "at": n, "channel": lots.choice(["sms", "email"]), "provider": lots.choice(["a", "b"]),
                "state": state, "message_id": None, "code": words[state], "address": None, "segments": None, "seq": n,
            })  # fmt: skip
        texts = ("prefix", "subject", "lane", "status", "channel", "provider", "template", "jurisdiction", "rule")
        blank = {"accepted": 0, "updated": 0, "expires": 0, "ended": True, "policy": "", **dict.fromkeys(texts, "")}
        made = [{**blank, "job": row["job"], "tenant": row["tenant"], "reason": row["state"]} for row in rows]
        async with books.ledger.write() as connection:
            await connection.execute(insert(messages), rows)
            await connection.execute(insert(jobs), made)
        for tenants in (None, frozenset({"loans"})):
            own = [row for row in rows if row["at"] >= 40 and (not tenants or row["tenant"] in tenants)]
            found = await providers(books, tenants, 40)
            told = {(one.provider, one.channel, *state): n for one in found for *state, n in one.states.items()}
            assert told == Counter((row["provider"], row["channel"], row["state"]) for row in own)
            for one in found:
                theirs = [row for row in own if (row["provider"], row["channel"]) == (one.provider, one.channel)]
                for group in one.errors:
                    at = [row["at"] for row in theirs if (row["state"], row["code"]) == (group.state, group.code)]
                    seen = group.messages, group.first, group.last, group.reason
                    assert seen == (len(at), format_instant(at[0]), format_instant(at[-1]), group.state)
                assert {group.state for group in one.errors} == {"undelivered", "in_doubt", "taken_back"}

    async def test_what_was_written_last_is_anchored_in_time_though_nothing_follows(
        self, books: Books, tmp_path: Path
    ) -> None:  # fmt: skip
        def anchors() -> Anchors:
            return Anchors(books.ledger, books.keyring, tmp_path / "anchors.jsonl", None, 1_000)

        one, other = anchors(), anchors()
        await one.begin()
        taken = await take_in(books, [batch("1-0", "p", "j")], SystemClock())
        await one.after(taken.entries, 5_000)
        await other.begin()
        await one.in_time(5_999)
        assert one.anchored() == 0
        await one.in_time(6_000)
        assert one.anchored() == taken.entries[-1].seq
        await one.in_time(9_000)
        await other.in_time(9_000)
        assert len(read_anchors(one.paths[0])) == 1, "each entry once, whoever looks"

    async def test_a_transaction_is_whole_or_not_at_all(self, books: Books) -> None:
        with contextlib.suppress(ZeroDivisionError):
            async with books.ledger.write() as connection:
                out = writing(books.ledger, connection, "gateway")
                await out.append([Draft(at=1, kind="act")], await out.head(), books.keyring)
                raise ZeroDivisionError
        assert await last_seq(books.ledger) == 0

    async def test_writers_that_race_leave_no_gap_no_double_and_no_fork(self, books: Books, url: str) -> None:
        """Two processes follow the same journal: each batch is taken in by one of them."""
        other = Books(Database(url, "ledger"), books.keyring, books.subjects, KEYS)
        clock = SystemClock()
        journal = [batch(f"{n}-0", f"p{n % 7}", f"j{n}") for n in range(1, 121)]
        for start in range(0, len(journal), 10):
            some = journal[start : start + 10]
            await asyncio.gather(take_in(books, some, clock), take_in(other, some, clock), take_in(books, some, clock))
        await other.close()
        async with books.ledger.write() as connection:
            assert await writing(books.ledger, connection, "gateway").position() == Position("e", "120-0", False)
        now = await overview(books, None, 0)
        assert (now.books.accepted, now.books.standing, now.books.difference) == (120, {"sending": 120}, 0)
        assert await last_seq(books.ledger) == 120
        assert len(set(await hashes(books.ledger, 1, None))) == 120
        report = await check(books.ledger, [], books.keyring.public)
        assert report.findings == []
        assert await audit(books) == []

    async def test_what_was_taken_in_is_read_back_with_what_is_sealed(self, books: Books) -> None:
        await take_in(books, [batch("1-0", "p", "j")], SystemClock())
        trail = await trail_of(books, "default", "p", "j")
        assert trail is not None
        assert trail.lines[0].secret["said"] == {"to": "+1", "text": "pay"}
        assert trail.lines[0].secret["doc"] == DOC
        assert [message["reference"] for message in trail.messages] == ["ref-j"]
        assert await trail_of(books, "default", "p", "other") is None
        assert await trail_of(books, "other", "p", "j") is None

    async def test_sums_add_up_and_rows_are_replaced(self, books: Books) -> None:
        key = {"tenant": "t", "day": 1, "channel": "sms", "reason": ""}
        for _ in range(2):
            async with books.ledger.write() as connection:
                row = [{**key, "status": "sent", "n": 3}]
                await writing(books.ledger, connection, "gateway").put(Upsert(tallies, row, add=("n",)))
        async with books.ledger.read() as connection:
            assert await connection.scalar(select(tallies.c.n)) == 6

    async def test_a_file_that_is_kept_for_ever_is_not_cut_short_by_what_keeps_it_at_least(self, books: Books) -> None:
        async def put(expires: int | None, *, least: bool) -> int | None:
            async with books.ledger.write() as connection:
                row = [{"subject": "s", "expires": expires}]
                upsert = Upsert(files, row, least=("expires",) if least else ())
                await writing(books.ledger, connection, "gateway").put(upsert)
            async with books.ledger.read() as connection:
                return await connection.scalar(select(files.c.expires))

        assert await put(10, least=True) == 10
        assert await put(5, least=True) == 10
        assert await put(20, least=True) == 20
        assert await put(7, least=False) == 7
        assert await put(None, least=False) is None
        assert await put(30, least=True) is None

    async def test_people_who_come_twice_at_once_are_the_same_ones(self, books: Books) -> None:
        fresh = [Subjects(books.subjects.database, books.keyring) for _ in range(4)]
        found = await asyncio.gather(*(one.all_of([("person", "t", "p"), ("household", "t", "p")], 1) for one in fresh))
        assert len({one["person", "t", "p"].uid for one in found}) == 1
        assert found[0]["person", "t", "p"].uid != found[0]["household", "t", "p"].uid

    async def test_a_held_person_is_not_erased_and_an_erased_one_is_new_again(self, books: Books) -> None:
        name = ("person", "t", "p")
        first = (await books.subjects.all_of([name], 1))[name]
        await books.subjects.hold(first.uid, "a court asked")
        with pytest.raises(Held, match="a court asked"):
            await books.subjects.destroy(first.uid, 2)
        await books.subjects.hold(first.uid, None)
        await books.subjects.destroy(first.uid, 2)
        assert await books.subjects.find(*name) is None
        second = (await books.subjects.all_of([name], 3))[name]
        assert second.uid != first.uid

    async def test_keys_are_wrapped_anew_by_the_latest_and_open_as_before(self, books: Books, tmp_path: Path) -> None:
        names = [("person", "t", f"p{n}") for n in range(20)]
        before = await books.subjects.all_of(names, 1)
        rotated(tmp_path / "keyring.json")
        later = Subjects(books.subjects.database, open_keyring(tmp_path / "keyring.json"))
        left = 1
        while left:
            left = await later.rewrap(most=7)
        after = await Subjects(books.subjects.database, later.keyring).all_of(names, 2)
        for name in names:
            one, other = before[name].sealer, after[name].sealer
            assert one is not None
            assert other is not None
            assert one.key == other.key
        async with books.subjects.database.read() as connection:
            versions = {row.version for row in await connection.execute(select(subjects.c.version))}
        assert versions == {2}
        with pytest.raises(KeyringError):
            await Subjects(books.subjects.database, books.keyring).all_of(names, 3)


class TestSqlite(Storage):
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path}/ledger.db"


class TestPostgres(Storage):
    @pytest.fixture
    async def url(self, postgres: str) -> AsyncIterator[str]:
        name = f"t{uuid.uuid4().hex[:12]}"
        admin = await asyncpg.connect(postgres)
        await admin.execute(f"CREATE DATABASE {name}")
        yield postgres.replace("/postgres?", f"/{name}?")
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await admin.close()


def url_of_keys(url: str) -> str:
    return url.replace("ledger.db", "keys.db")


def differences(connection: Connection, which: Which) -> list[Any]:
    def mine(thing: Any, _name: str | None, kind: str, *_: Any) -> bool:
        return kind != "table" or thing.name in (tables.ledger if which == "ledger" else tables.keys).tables

    context = MigrationContext.configure(connection, opts={"compare_type": True, "include_object": mine})
    return list(compare_metadata(context, tables.ledger if which == "ledger" else tables.keys))


def batch(id_: str, person: str, name: str) -> Written:
    """A claim as `commit.lua` journals it."""
    attempt = Attempt(
        channel="sms", provider="box", reference=f"ref-{name}", at=1, owner="w", receipts=True, locale="en",
        template_version="v", policy="house@1", address="d",
    )  # fmt: skip
    track = Track(channels=["sms"], state="open", attempt=attempt, attempts=1)
    doc = msgspec.json.encode({**DOC, "id": name, "recipient": {"id": person}})
    job = Job(entry=f"e/{id_}", accepted=1, tracks=[track], doc=msgspec.Raw(doc))
    member = "\x1f".join(("normal", "default", person, "a", "", "sms", name))
    note = write_note(Note(member=member, said=Said(to="+1", text="pay")))
    record = (1, False, msgspec.json.encode(job).decode(), 60_000)
    change = (record, [], [], None, None, None, [], None, note)
    packed = msgspec.msgpack.encode((None, [change], None))
    return Written(id_, packed, (KEYS.job("default", person, name),), (1,))


def test_lives_come_to_what_the_store_does() -> None:
    ever, ten, least = Life(None), Life(10), Life(20, least=True)
    assert ever.then(least) == ever
    assert ten.then(least) == Life(20)
    assert Life(30).then(least) == Life(30)
    assert least.then(ten) == ten
    assert least.then(Life(5, least=True)) == least


def test_each_key_is_written_once() -> None:
    assert merged([{"k": 1, "v": 1}, {"k": 1, "v": 2}], ["k"]) == [{"k": 1, "v": 2}]
    assert added([{"k": 1, "n": 1}, {"k": 2, "n": 1}, {"k": 1, "n": -1}], ["k"], "n") == [{"k": 2, "n": 1}]


def test_postgres_is_there_in_ci() -> None:
    """What cannot be had at home is left out; here it must not be."""
    assert not os.environ.get("CI") or program("postgres")
