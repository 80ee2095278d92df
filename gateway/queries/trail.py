"""Reads a job's trail in the ledger: every entry about it, with what is sealed, and what it adds up to."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import select

from gateway.bookkeeping.keeper import Books
from gateway.domain.clock import Instant, format_instant
from gateway.ledger.tables import entries, jobs, messages
from gateway.queries.state import Attempted, Decided, FoundRule, ReminderState, WeighedChannel

_any: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


class Line(Struct, frozen=True, kw_only=True):
    """One entry of the trail. `secret` is empty once the person was erased."""

    seq: int
    at: Instant
    kind: str
    body: dict[str, Any]
    secret: dict[str, Any]
    hash: str


class Trail(Struct, frozen=True, kw_only=True):
    """A job as the ledger has it: its row, its messages, its entries in order."""

    job: dict[str, Any]
    messages: list[dict[str, Any]]
    lines: list[Line]

    @property
    def receipts(self) -> list[dict[str, Any]]:
        """Every receipt that was given, in order, each once."""
        found = {receipt["id"]: receipt for line in self.lines for receipt in line.secret.get("receipts", ())}
        return sorted(found.values(), key=lambda receipt: int(receipt["id"].rpartition("#")[2]))


async def trail_of(books: Books, tenant: str, recipient: str, job_id: str) -> Trail | None:
    """The trail of a job, None where the ledger does not know it. Raises SQLAlchemyError, KeyringError."""
    subject = await books.subjects.find("person", tenant, recipient)
    if subject is None or subject.sealer is None:
        return None
    name = subject.sealer.name("job", tenant, job_id)
    async with books.ledger.read() as connection:
        job = (await connection.execute(select(jobs).where(jobs.c.job == name))).mappings().first()
        if job is None:
            return None
        sent = await connection.execute(select(messages).where(messages.c.job == name).order_by(messages.c.at))
        told = await connection.execute(select(entries).where(entries.c.job == name).order_by(entries.c.seq))
        lines = [
            Line(
                seq=row.seq, at=row.at, kind=row.kind, body=_any.decode(row.body), hash=bytes(row.hash).hex(),
                secret={} if row.sealed is None else _any.decode(
                    subject.sealer.open(bytes(row.sealed), "entries", row.tenant, row.subject, str(row.seq))
                ),
            )
            for row in told
        ]  # fmt: skip
        return Trail(job=dict(job), messages=[dict(row) for row in sent.mappings()], lines=lines)


def state_of(trail: Trail, tenant: str, recipient: str, job_id: str) -> ReminderState:
    """A trail as it is told to other systems."""
    job, receipts = trail.job, trail.receipts
    return ReminderState(
        id=job_id, tenant=tenant, recipient_id=recipient, account=_account(trail), state=job["status"],
        final=bool(job["ended"]), until=_time(job["until"]), accepted_at=_time(job["accepted"]),
        as_of=format_instant(job["updated"]), source="ledger", receipts=receipts,
        decisions=list(decisions(trail.lines)), messages=[_message(row, trail.lines) for row in trail.messages],
    )  # fmt: skip


def decisions(lines: Sequence[Line]) -> Iterable[Decided]:
    """Every look at the job, in order; one that changed nothing is told once."""
    seen: set[int] = set()
    for line in lines:
        for look in line.body.get("looks", ()):
            if look["at"] in seen:
                continue
            seen.add(look["at"])
            found = line.secret.get("findings", {})
            yield Decided(
                at=format_instant(look["at"]), policy=look["policy"], tzdata=look["tzdata"],
                zones=look["zones"], jurisdictions=look["jurisdictions"],
                channels=[_weighed(one, found.get(one["channel"], ())) for one in look["weighed"]],
            )  # fmt: skip


def _weighed(one: dict[str, Any], findings: Sequence[dict[str, Any]]) -> WeighedChannel:
    return WeighedChannel(
        channel=one["channel"], decision=one["decision"], until=_time(one["until"]), blocked_by=one["blocked_by"],
        warned=one["warned"],
        findings=[
            FoundRule(
                rule=found["rule"], pack=found["pack"], kind=found["kind"], source=found["source"],
                status=found["status"], force=found["force"], blocks=found["blocks"], code=found["code"],
                until=_time(found["until"]), otherwise=found["otherwise"], figures=found["figures"],
            )
            for found in findings
        ],
    )  # fmt: skip


def _message(row: dict[str, Any], lines: Sequence[Line]) -> Attempted:
    attempt: dict[str, Any] = next(
        (
            track["attempt"]
            for line in lines
            for track in line.body.get("tracks", ())
            if track.get("attempt", {}).get("reference") == row["reference"]
        ),
        {},
    )
    return Attempted(
        reference=row["reference"], channel=row["channel"], provider=row["provider"], state=row["state"],
        at=format_instant(row["at"]), provider_message_id=row["message_id"], segments=row["segments"],
        template_version=attempt.get("template_version"), locale=attempt.get("locale"),
    )  # fmt: skip


def _account(trail: Trail) -> str | None:
    for line in trail.lines:
        if "doc" in line.secret:
            account: str | None = line.secret["doc"].get("account")
            return account
    return None


def _time(at: Instant | None) -> str | None:
    return None if at is None else format_instant(at)
