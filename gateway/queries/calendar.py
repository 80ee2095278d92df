"""Who was contacted when: every contact and state of a person, and what still waits for them."""

from msgspec import Struct
from sqlalchemy import select

from gateway.bookkeeping.keeper import Books
from gateway.domain.clock import Instant, format_instant
from gateway.ledger.tables import jobs
from gateway.policy.facts import PastContact, State
from gateway.policy.policy import Policy
from gateway.queries.kept_cases import known_of
from gateway.queries.limits import Outlook, outlook
from gateway.queries.search import JobRow, row_of

MOST_WAITING = 200


class Day(Struct, frozen=True, kw_only=True):
    """One contact. `taken_back` where it is certain that it never was, or something better known took its place."""

    at: str
    channel: str
    event: str
    direction: str
    flags: list[str]
    account: str | None
    job_id: str | None
    collector: str | None
    creditor: str | None
    taken_back: bool


class Standing(Struct, frozen=True, kw_only=True):
    """A stop, a consent, a moratorium, from when to when; `lifted_at` where it was lifted."""

    state: str
    since: str | None
    until: str | None
    channel: str | None
    account: str | None
    lifted_at: str | None


class Calendar(Struct, frozen=True, kw_only=True):
    """A person between two moments; `outlook` is how their limits stand now, null where no job of theirs was judged."""

    tenant: str
    recipient_id: str
    contacts: list[Day]
    states: list[Standing]
    waiting: list[JobRow]
    outlook: Outlook | None


async def calendar(
    books: Books, policy: Policy, tenant: str, recipient: str, first: Instant, last: Instant, now: Instant
) -> Calendar | None:  # fmt: skip
    """The calendar of a person, None of whom nobody ever heard, or who was erased. Raises SQLAlchemyError."""
    subject = await books.subjects.find("person", tenant, recipient)
    if subject is None or subject.sealer is None:
        return None
    async with books.ledger.read() as connection:
        known = await known_of(books, connection, "person", tenant, recipient)
        chosen = select(jobs).where(jobs.c.subject == subject.uid, jobs.c.ended.is_(False))
        rows = list(await connection.execute(chosen.order_by(jobs.c.updated.desc()).limit(MOST_WAITING)))
    contacts = [] if known is None else sorted(known.contacts, key=lambda fact: fact.value.at)  # type: ignore[union-attr]
    return Calendar(
        tenant=tenant, recipient_id=recipient,
        contacts=[
            _day(fact.value, fact.gone is not None)
            for fact in contacts
            if isinstance(fact.value, PastContact) and first <= fact.value.at <= last
        ],
        states=[
            _standing(fact.value, fact.gone)
            for fact in (known.states if known else ())
            if isinstance(fact.value, State)
        ],
        waiting=[row_of(row, subject.sealer) for row in rows],
        outlook=await outlook(books, subject, tenant, recipient, policy, now),
    )  # fmt: skip


def _day(contact: PastContact, gone: bool) -> Day:
    return Day(
        at=format_instant(contact.at), channel=contact.channel, event=contact.event, direction=contact.direction,
        flags=list(contact.flags), account=contact.account, job_id=contact.job, collector=contact.collector,
        creditor=contact.creditor, taken_back=gone,
    )  # fmt: skip


def _standing(state: State, gone: Instant | None) -> Standing:
    return Standing(
        state=state.state, since=_time(state.from_), until=_time(state.until), channel=state.channel,
        account=state.account, lifted_at=_time(gone),
    )  # fmt: skip


def _time(at: Instant | None) -> str | None:
    return None if at is None else format_instant(at)
