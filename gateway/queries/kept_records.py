"""Finds jobs in the ledger as the store once held them: for those whose record the store has let go."""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import select

from gateway.bookkeeping.keeper import Books
from gateway.ledger.tables import jobs, tallies, versions
from gateway.pipeline.errand import read_record
from gateway.queries.kept_cases import NOBODY, known_of
from gateway.queries.records import Files, Held
from gateway.queries.trail import trail_of
from gateway.store.keys import parse_member

_any: msgspec.json.Decoder[Any] = msgspec.json.Decoder()
_EVER = 1 << 62


class Kept(Struct, frozen=True):
    """A job's record, the files that its decisions looked at, and every receipt that was given."""

    held: Held
    files: Files
    receipts: list[dict[str, Any]]


async def kept_records(books: Books, job_id: str, tenant: str | None, recipient: str | None) -> list[Kept]:
    """Every job of that id, of people who were not erased. Raises SQLAlchemyError, KeyringError."""
    found = []
    for own in [tenant] if tenant is not None else await _tenants(books):
        async with books.ledger.read() as connection:
            rows = list(
                await connection.execute(select(jobs).where(jobs.c.name == books.keyring.blind("job", own, job_id)))
            )
        sealers = await books.subjects.sealers(row.subject for row in rows)
        for row in rows:
            if row.subject not in sealers:
                continue
            kept = _any.decode(sealers[row.subject].open(bytes(row.sealed), "jobs", row.subject, row.job))
            person = parse_member(kept["member"]).recipient
            if recipient is None or person == recipient:
                found.append(await _kept(books, Held(own, person, job_id, read_record(kept["record"]))))
    return found


async def pack_texts(books: Books, labels: Sequence[str] | None = None) -> dict[str, str]:
    """The texts of packs by label, of all that ever judged for None. Raises SQLAlchemyError."""
    chosen = select(versions.c.label, versions.c.text).where(versions.c.kind == "pack")
    if labels is not None:
        chosen = chosen.where(versions.c.label.in_(labels))
    async with books.ledger.read() as connection:
        return {row.label: row.text for row in await connection.execute(chosen)}


async def _tenants(books: Books) -> list[str]:
    async with books.ledger.read() as connection:
        return list(await connection.scalars(select(tallies.c.tenant).distinct()))


async def _kept(books: Books, held: Held) -> Kept:
    looks = [track.look for track in held.job.tracks if track.look is not None]
    at = min((look.at for look in looks), default=0)
    homes = {weighed.candidate.household for look in looks for weighed in look.weighed} - {None}
    async with books.ledger.read() as connection:
        person = await known_of(books, connection, "person", held.tenant, held.recipient)
        houses = {
            name: await known_of(books, connection, "household", held.tenant, name)
            for name in sorted(filter(None, homes))
        }
    trail = await trail_of(books, held.tenant, held.recipient, held.job_id)
    files = Files(
        (person or NOBODY).as_of(_EVER, at),
        {name: (known or NOBODY).as_of(_EVER, at) for name, known in houses.items()},
    )
    return Kept(held, files, [] if trail is None else trail.receipts)
