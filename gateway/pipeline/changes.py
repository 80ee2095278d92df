"""What a move or an answer writes: the one atomic change of record, files, receipts and schedule that makes it true."""

from collections.abc import Sequence

import msgspec

from channels.contract import Channel
from gateway.domain.clock import HOUR, Instant
from gateway.domain.job import Job
from gateway.domain.note import ABSENT, Note, Said, write_note
from gateway.pipeline.errand import Errand, Go, Rest, due, write_receipt, write_record
from gateway.pipeline.files import FILE_LIFE_MS
from gateway.pipeline.line import Context
from gateway.store.keys import PAUSED, RULED, Keys, Member, select_account, select_job, select_person
from gateway.store.redis import Change, FileWrite, RecordWrite

ANSWERED: tuple[Channel, ...] = ("sms",)
"""The channels on which people write back to whoever wrote to them."""


def change_for(errand: Errand, move: Rest | Go, context: Context) -> Change:
    """The one atomic step that makes a move come true."""
    job, keys, member = errand.job, context.keys, errand.member
    assert job is not None
    change = Change(outputs=[(keys.receipts, "receipt", write_receipt(receipt)) for receipt in move.receipts])
    said = None
    match move:
        case Go(message=message):
            said = Said(to=message.to, text=message.text, title=message.title, html=message.html)
            _claim_files(change, errand, move, keys)
            change.address = move.address
            if move.desk.provider.facts.keeps_reference:
                change.puts.append((keys.reference(move.attempt.reference), str(member), context.idempotency_ms))
            if move.attempt.channel in ANSWERED and move.attempt.address:
                change.puts.append((keys.address(move.attempt.address), str(member), FILE_LIFE_MS))
        case Rest(drops=drops):
            take_back(change, errand, drops, keys)
            if move.remember and member.household:
                name = ("h", member.household)
                change.files.append(
                    FileWrite(keys.person(member.tenant, member.recipient), -1, name, (), -FILE_LIFE_MS)
                )
            if not move.again:
                rest(change, errand, context)
    write_job(change, errand, context)
    doc = msgspec.Raw(errand.raw) if errand.seen is None and job.ended else ABSENT
    change.note = write_note(Note(member=str(member), doc=doc, said=said, findings=errand.findings))
    return change


def write_job(change: Change, errand: Errand, context: Context) -> None:
    """The job's record, in place of the one that was seen."""
    assert errand.job is not None
    m = errand.member
    life = record_life(errand.job, change.schedule[1] if change.schedule else None, context)
    errand.wrote = write_record(errand.job)
    change.record = RecordWrite(context.keys.job(m.tenant, m.recipient, m.job), errand.seen, errand.wrote, life)


def record_life(job: Job, when: Instant | None, context: Context) -> int:
    """How long a record is kept from now on, in ms: the horizon, counted from when the job is looked at again."""
    wait = 0 if when is None else max(0, min(when - job.accepted, 10 * 366 * 24 * HOUR))
    return context.idempotency_ms + wait


def rest(change: Change, errand: Errand, context: Context) -> None:
    """Puts the entry away, and the job into the schedule if somebody must look at it again."""
    job, m = errand.job, errand.member
    assert job is not None
    assert errand.reminder is not None
    change.ack = errand.place
    when = due(job, errand.reminder.ends, context.limits)
    if when is None:
        return
    change.schedule = (str(m), when)
    change.selectors = selectors_of(m, job)


def selectors_of(m: Member, job: Job) -> list[str]:
    """By what commands find a job while it waits; by nothing if it does not."""
    waits = [track for track in job.tracks if track.state == "waiting"]
    if not waits:
        return []
    selectors = [select_job(m.tenant, m.job), select_person(m.tenant, m.recipient)]
    if m.account:
        selectors.append(select_account(m.tenant, m.account))
    if any(track.until is None for track in waits):
        selectors.append(PAUSED)
    if any(track.told is not None and track.told[1] is not None for track in waits):
        selectors.append(RULED)
    return selectors


def take_back(change: Change, errand: Errand, drops: Sequence[str], keys: Keys) -> None:
    """Takes contacts out of the files again, of which it is certain that they never were."""
    m = errand.member
    if drops:
        change.files.append(FileWrite(keys.person(m.tenant, m.recipient), -1, (), drops, -FILE_LIFE_MS))
        if m.household:
            change.files.append(FileWrite(keys.household(m.tenant, m.household), -1, (), drops, -FILE_LIFE_MS))


def _claim_files(change: Change, errand: Errand, go: Go, keys: Keys) -> None:
    """The contact goes into the person's file, and into the household's, if nobody changed either since."""
    m = errand.member
    own, shared = go.versions
    puts = (*go.contact, "h", m.household) if m.household else go.contact
    change.files.append(FileWrite(keys.person(m.tenant, m.recipient), own, puts, go.prune, go.life_ms))
    if m.household:
        household = keys.household(m.tenant, m.household)
        change.files.append(FileWrite(household, shared, go.contact, (), go.shared_life_ms))
