"""Who said stop, and what else is in force for people: every state that nobody has lifted, the newest first."""

from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, select, tuple_

from gateway.bookkeeping.keeper import Books
from gateway.domain.clock import format_instant
from gateway.ledger.tables import entries, facts
from gateway.policy.facts import State
from gateway.queries.cursor import Name, Number, read_cursor, write_cursor

_any: msgspec.json.Decoder[Any] = msgspec.json.Decoder()
_state = msgspec.json.Decoder(State)


class InForce(Struct, frozen=True, kw_only=True):
    """A state of a person, or of a household (`kind`), whose name is `of`; it ends by itself at `until`, null if never.
    `seq` is the entry that brought it."""

    kind: str
    tenant: str
    of: str
    state: str
    since: str | None
    until: str | None
    channel: str | None
    account: str | None
    seq: int


class Standings(Struct, frozen=True, kw_only=True):
    """`next` is the cursor of the following page, null on the last one. A page may hold fewer than were asked for:
    states of people who were erased are left out."""

    states: list[InForce]
    next: str | None


async def standings(
    books: Books, tenants: frozenset[str] | None, state: str | None, cursor: str | None, most: int
) -> Standings:  # fmt: skip
    """A page of the states of people of these tenants (None: of all), of one name or of all. Raises BadCursor,
    SQLAlchemyError, KeyringError."""
    wanted: list[ColumnElement[bool]] = [facts.c.kind == "s", facts.c.gone.is_(None)]
    if tenants is not None:
        wanted.append(entries.c.tenant.in_(sorted(tenants)))
    if state is not None:
        wanted.append(facts.c.event == state)
    if cursor is not None:
        seq, subject, name = read_cursor(cursor, tuple[Number, Name, bytes])
        wanted.append(tuple_(facts.c.seq, facts.c.subject, facts.c.name) < tuple_(seq, subject, name))
    chosen = select(facts, entries.c.tenant).join(entries, facts.c.seq == entries.c.seq).where(*wanted)
    chosen = chosen.order_by(facts.c.seq.desc(), facts.c.subject.desc(), facts.c.name.desc()).limit(most + 1)
    async with books.ledger.read() as connection:
        rows = list(await connection.execute(chosen))
    sealers = await books.subjects.sealers({row.sealer for row in rows[:most]})
    found = []
    for row in rows[:most]:
        if row.sealer in sealers:
            opened = sealers[row.sealer].open(bytes(row.sealed), "facts", row.subject)
            kind, _, of, _, value = _any.decode(opened)
            found.append(_in_force(kind, row.tenant, of, _state.decode(value), row.seq))
    last = rows[most - 1] if len(rows) > most else None
    following = None if last is None else write_cursor((last.seq, last.subject, bytes(last.name)))
    return Standings(states=found, next=following)


def _in_force(kind: str, tenant: str, of: str, state: State, seq: int) -> InForce:
    return InForce(
        kind=kind, tenant=tenant, of=of, state=state.state, channel=state.channel, account=state.account, seq=seq,
        since=None if state.from_ is None else format_instant(state.from_),
        until=None if state.until is None else format_instant(state.until),
    )  # fmt: skip
