"""What people did: written down before it takes effect, and taken into the chain by its one writer."""

from typing import Any

from msgspec import Struct
from sqlalchemy import insert

from gateway.bookkeeping.keeper import Books
from gateway.domain.clock import Instant
from gateway.ledger.chain import canonical
from gateway.ledger.tables import acts


class Act(Struct, frozen=True, kw_only=True):
    """One act. `who` is a key or a person, `why` in their own words; `figures` hold no names of people."""

    who: str
    what: str
    why: str
    tenant: str = ""
    subject: str = ""
    job: str = ""
    figures: dict[str, Any] = {}


async def write_down(books: Books, act: Act, at: Instant) -> None:
    """Durable on return. Raises SQLAlchemyError; then it must not be done."""
    row = {
        "at": at, "who": act.who, "what": act.what, "tenant": act.tenant, "subject": act.subject, "job": act.job,
        "body": canonical({"why": act.why, **act.figures}),
    }  # fmt: skip
    async with books.ledger.write() as connection:
        await connection.execute(insert(acts).values(**row))
