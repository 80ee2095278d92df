"""Every decision that the ledger holds, with the facts of that moment: what was there when it was taken, and no more.

A fact counts if it was written down before the decision and not taken back until then. The event of a message is the
furthest that it reached since: where that matters, whoever judges a case again finds out by comparing.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.bookkeeping.keeper import Books
from gateway.domain.clock import Instant
from gateway.ledger.keyring import Sealer
from gateway.ledger.subjects import Kind
from gateway.ledger.tables import entries, facts
from gateway.pipeline.files import PersonFile, facts_of
from gateway.policy.facts import Candidate, PastContact, State
from gateway.queries.decide import Decided
from gateway.queries.recorded import Recorded

PAGE = 400
"""people at once"""

_any: msgspec.json.Decoder[Any] = msgspec.json.Decoder()
_contact = msgspec.json.Decoder(PastContact)
_state = msgspec.json.Decoder(State)
_LAST = "g" * 32
"""behind every pseudonym, whose digits are hexadecimal"""


class Secret(Struct, frozen=True):
    """Of what an entry seals, that which a case is made of."""

    job_id: str = ""
    candidates: list[list[Candidate]] = []


_secret = msgspec.json.Decoder(Secret)


class Look(Struct, frozen=True, kw_only=True):
    """What an entry says of a look; names as `bookkeeping.rows` writes them."""

    at: Instant
    policy: str
    tzdata: str
    zones: tuple[str, ...]
    jurisdictions: tuple[str, ...]
    weighed: list["Verdict"]


class Verdict(Struct, frozen=True, kw_only=True):
    channel: str
    decision: Any
    until: Instant | None
    blocked_by: tuple[str, ...]


class Body(Struct, frozen=True):
    looks: list[Look] = []


_body = msgspec.json.Decoder(Body)


class Fact(Struct, frozen=True):
    """One field of a file, from when to when it stood there."""

    name: str
    value: PastContact | State
    seq: int
    gone: Instant | None


class Known(Struct, frozen=True):
    """What there is to know of one person or household."""

    contacts: list[Fact]
    states: list[Fact]

    def as_of(self, seq: int, at: Instant) -> PersonFile:
        """The file as the decision of an entry saw it."""
        contacts = [one for one in self.contacts if one.seq < seq and (one.gone is None or one.gone > at)]
        states = [one for one in self.states if one.seq < seq and (one.gone is None or one.gone > at)]
        return PersonFile(
            contacts=tuple(one.value for one in contacts),  # type: ignore[misc]
            names=tuple(one.name for one in contacts),
            states=tuple(one.value for one in states),  # type: ignore[misc]
            state_names=tuple(one.name for one in states),
        )


NOBODY = Known([], [])


async def count(books: Books, earliest: Instant) -> int:
    """How many entries there are from `earliest` on. Raises SQLAlchemyError."""
    async with books.ledger.read() as connection:
        chosen = select(func.count()).select_from(entries).where(entries.c.at >= earliest)
        return int(await connection.scalar(chosen) or 0)


async def kept_cases(books: Books, earliest: Instant, first: str = "", last: str = _LAST) -> AsyncIterator[Recorded]:
    """Every case from `earliest` on of the people from `first` to before `last`. People who were erased are left out.
    Raises SQLAlchemyError, KeyringError."""
    async with books.ledger.read() as connection:
        async for page in _people(connection, earliest, first, last):
            sealers = await books.subjects.sealers(page)
            known = await _known(books, connection, list(sealers), sealers)
            rows = await connection.execute(
                select(entries.c.seq, entries.c.tenant, entries.c.subject, entries.c.body, entries.c.sealed)
                .where(entries.c.subject.in_(list(sealers)), entries.c.at >= earliest)
                .order_by(entries.c.subject, entries.c.seq)  # and not by kind, which would tempt to the wrong index
            )
            homes = _Homes(books, connection)
            told: set[tuple[str, Instant, str]] = set()
            for row in rows:
                for case in await _cases(row, sealers[row.subject], known.get(row.subject, NOBODY), homes, told):
                    yield case


async def _people(
    connection: AsyncConnection, earliest: Instant, first: str, last: str
) -> AsyncIterator[list[str]]:  # fmt: skip
    """The people with decisions, a page at a time."""
    while True:
        chosen = (
            select(entries.c.subject).distinct()
            .where(entries.c.subject >= max(first, "0"), entries.c.subject < last)
            .order_by(entries.c.subject).limit(PAGE)
        )  # fmt: skip
        page = list(await connection.scalars(chosen))
        if not page:
            return
        yield page
        first = page[-1] + "0"


async def _known(
    books: Books, connection: AsyncConnection, uids: Sequence[str], sealers: Mapping[str, Sealer]
) -> dict[str, Known]:  # fmt: skip
    """The facts of these people. In a household's file stand facts that other people's keys seal."""
    chosen = select(facts).where(facts.c.subject.in_(uids), facts.c.kind.in_(("c", "s"))).order_by(facts.c.at)
    rows = list(await connection.execute(chosen))
    others = {row.sealer for row in rows} - sealers.keys()
    keys = {**sealers, **(await books.subjects.sealers(others) if others else {})}
    found: dict[str, Known] = {}
    for row in rows:
        if row.sealer not in keys:
            continue
        *_, name, value = _any.decode(keys[row.sealer].open(bytes(row.sealed), "facts", row.subject))
        own = found.setdefault(row.subject, Known([], []))
        if row.kind == "c":
            own.contacts.append(Fact(name, _contact.decode(value), row.seq, row.gone))
        else:
            own.states.append(Fact(name, _state.decode(value), row.seq, row.gone))
    return found


class _Homes:
    """The households of a page of people, each read once."""

    def __init__(self, books: Books, connection: AsyncConnection) -> None:
        self.books, self.connection = books, connection
        self._found: dict[tuple[str, str], Known] = {}

    async def of(self, tenant: str, name: str) -> Known:
        if (tenant, name) not in self._found:
            known = await known_of(self.books, self.connection, "household", tenant, name)
            self._found[tenant, name] = known or NOBODY
        return self._found[tenant, name]


async def known_of(
    books: Books, connection: AsyncConnection, kind: Kind, tenant: str, name: str
) -> Known | None:  # fmt: skip
    """What there is to know of one person or household by name, None of whom nobody ever heard, or who was erased."""
    subject = await books.subjects.find(kind, tenant, name)
    if subject is None or subject.sealer is None:
        return None
    return (await _known(books, connection, [subject.uid], {subject.uid: subject.sealer})).get(subject.uid)


async def _cases(
    row: Any, sealer: Sealer, known: Known, homes: _Homes, told: set[tuple[str, Instant, str]]
) -> Iterable[Recorded]:  # fmt: skip
    """The cases of one entry that no entry before it told."""
    looks = _body.decode(row.body).looks
    if not looks or row.sealed is None:
        return ()
    context = "entries", row.tenant, row.subject, str(row.seq)
    secret = _secret.decode(sealer.open(bytes(row.sealed), *context))
    found = []
    for look, candidates in zip(looks, secret.candidates, strict=False):
        for verdict, candidate in zip(look.weighed, candidates, strict=False):
            name = (secret.job_id, look.at, verdict.channel)
            if name in told:
                continue
            told.add(name)
            home = None
            if candidate.household is not None:
                home = (await homes.of(row.tenant, candidate.household)).as_of(row.seq, look.at)
            history, states = facts_of(known.as_of(row.seq, look.at), home, look.at)
            found.append(
                Recorded(
                    job_id=secret.job_id, tenant=row.tenant, at=look.at, policy=look.policy, tzdata=look.tzdata,
                    zones=look.zones, jurisdictions=look.jurisdictions, inferred={}, candidate=candidate,
                    history=history, states=states,
                    decided=Decided(verdict.decision, verdict.until, verdict.blocked_by),
                )
            )  # fmt: skip
    return found
