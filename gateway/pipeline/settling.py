"""After the wire: what the provider's answer does to the job and the person's file, as one atomic change."""

import msgspec
from msgspec import Struct

from channels.contract import Accepted, Outcome, ProviderReceipt, Refused, Unavailable
from gateway.domain.clock import Instant
from gateway.domain.job import Attempt, Track
from gateway.domain.lifecycle import report, settle, unclaim
from gateway.domain.note import Note, write_note
from gateway.domain.receipt import Receipt
from gateway.pipeline.addresses import DEAD, AddressStop, dead, opted_out
from gateway.pipeline.changes import record_life, rest, take_back, write_job
from gateway.pipeline.desks import Desk
from gateway.pipeline.errand import Errand, due, read_record, reminder_of, write_receipt, write_record
from gateway.pipeline.files import FILE_LIFE_MS, read_file, write_contact
from gateway.pipeline.line import Context
from gateway.pipeline.retry import Backoff
from gateway.policy.stops import OPTED_OUT
from gateway.store.keys import Keys, Member
from gateway.store.redis import Change, FileWrite, RecordWrite, Seen

LATE = "late"
"""The code of a claim that was given back because its send could not begin in time: no provider was asked."""


class Landed(Struct):
    """A send that is over: the errand that went, and the provider's answer. `doubted` after a settling of which nobody
    knows whether it was written: the record must be seen again before the next."""

    errand: Errand
    attempt: Attempt
    desk: Desk
    outcome: Outcome
    doubted: bool = False


class Settlement(Struct):
    """The change that keeps an answer, the receipts in it, and whether the job goes on at once."""

    change: Change
    receipts: list[Receipt]
    again: bool


def settled(landed: Landed, now: Instant, context: Context, backoff: Backoff) -> Settlement:
    """What is to be written of a send that is over."""
    errand = landed.errand
    job, reminder = errand.job, errand.reminder
    assert job is not None
    assert reminder is not None
    again = any(other.state == "ready" for other in job.tracks)
    track = job.track_of(landed.attempt.reference)
    if track is None or track.state not in ("open", "in_doubt"):
        # A report of the provider, or our own write whose answer was lost, has settled it, and scheduled what follows.
        return Settlement(Change(ack=None if again else errand.place), [], again)
    if isinstance(landed.outcome, Unavailable) and landed.outcome.code == LATE and track.state == "open":
        return _never_begun(landed, track, context)
    retry_at = _retry_at(landed, track, now, context, backoff)
    step = settle(job, track, reminder, landed.outcome, now, retry_at, context.limits)
    change = Change(outputs=[(context.keys.receipts, "receipt", write_receipt(said)) for said in step.receipts])
    if step.contact == "take_back":
        take_back(change, errand, [f"c:{landed.attempt.reference}"], context.keys)
    _learn_of_address(change, landed, now, context)
    again = any(other.state == "ready" for other in job.tracks)
    if not again:
        rest(change, errand, context)
    write_job(change, errand, context)
    return Settlement(change, step.receipts, again)


def _learn_of_address(change: Change, landed: Landed, now: Instant, context: Context) -> None:
    """What an answer tells besides the fate of the message: a name under which reports will come, or that the address
    is not to be written to again, whosever it is."""
    attempt, outcome, m = landed.attempt, landed.outcome, landed.errand.member
    match outcome:
        case Accepted(message_id=str(message_id)) if landed.desk.provider.facts.by_message_id:
            key = context.keys.message(attempt.provider, message_id)
            change.puts.append((key, attempt.reference, context.idempotency_ms))
        case Refused(code=code, address=address, opted_out=wishes) if attempt.address and (address or wishes):
            known = _Known(attempt.address, attempt.channel, now, attempt.provider, code)
            change.files += _stops(known, m, context.keys, opted=wishes, gone=address)


def _never_begun(landed: Landed, track: Track, context: Context) -> Settlement:
    """Takes back a claim whose send did not begin: no attempt, no word of it, and it is judged again at once. Its name
    will be used again; if somebody else has done so already, the claim is theirs."""
    if track.attempt != landed.attempt:
        return Settlement(Change(), [], again=False)
    unclaim(track)
    change = Change()
    take_back(change, landed.errand, [f"c:{landed.attempt.reference}"], context.keys)
    write_job(change, landed.errand, context)
    return Settlement(change, [], again=True)


def _retry_at(landed: Landed, track: Track, now: Instant, context: Context, backoff: Backoff) -> Instant | None:
    """When to try again: at once where another provider of the channel has not been asked in this round."""
    if not isinstance(landed.outcome, Unavailable):
        return None
    desks = context.house.desks.peers(landed.desk)
    if track.tries % len(desks) and context.house.desks.alternatives(landed.desk, now):
        return None
    return backoff.next(now, -(-track.tries // len(desks)), landed.outcome.retry_after)


def reported(receipt: ProviderReceipt, member: Member, seen: Seen, context: Context) -> Settlement | None:
    """What a provider's own report changes, None if nothing. `seen` is an observation of the member. The ledger is told
    of a delivery or a failure even where it changes nothing: it may contradict the end that was reported (CONTRACT 3).
    """
    note = write_note(Note(member=str(member), report=msgspec.Raw(msgspec.json.encode(receipt))))
    change = Change(files=_address_stops(receipt, member, seen, context.keys), note=note)
    job = None if seen.record is None else read_record(seen.record)
    found = None if job is None else job.find(receipt.reference or "")
    telling = bool(change.files) or receipt.status in ("delivered", "undelivered")
    if job is None or found is None:
        return Settlement(change, [], again=False) if telling else None
    reminder = reminder_of(job)
    track, attempt = found
    if reminder is None and not job.ended:
        return None
    before = write_record(job)
    step = report(job, track, attempt, reminder, receipt)
    if write_record(job) == before:
        return Settlement(change, [], again=False) if telling else None
    change.outputs = [(context.keys.receipts, "receipt", write_receipt(said)) for said in step.receipts]
    if step.contact in ("not_delivered", "delivered"):
        event = "undelivered" if step.contact == "not_delivered" else "delivered"
        _tell_contact(change, member, seen, f"c:{attempt.reference}", event, context.keys)
    when = due(job, None if reminder is None else reminder.ends, context.limits)
    if not any(track.state in ("open", "ready") for track in job.tracks):
        change.schedule = (str(member), -1 if when is None else when)
    change.record = RecordWrite(
        context.keys.job(member.tenant, member.recipient, member.job), seen.record, write_record(job),
        record_life(job, when, context),
    )  # fmt: skip
    return Settlement(change, step.receipts, again=False)


def _address_stops(receipt: ProviderReceipt, member: Member, seen: Seen, keys: Keys) -> list[FileWrite]:
    """What a report says of the address itself. The person's own file tells where the message went, as long as a rule
    might look at it, also when the record of the job is long gone."""
    if not (receipt.address or receipt.opted_out):
        return []
    name, person = f"c:{receipt.reference}", read_file(seen.person)
    known = next((c for own, c in zip(person.names, person.contacts, strict=True) if own == name), None)
    if known is None or known.address is None:
        return []
    told = _Known(known.address, known.channel, receipt.at, receipt.provider, receipt.code)
    return _stops(told, member, keys, opted=receipt.opted_out, gone=receipt.address)


class _Known(Struct, frozen=True):
    """What was learned of an address, when, and from whom."""

    digest: str
    channel: str
    at: Instant
    by: str
    code: str | None


def _stops(known: _Known, member: Member, keys: Keys, *, opted: bool, gone: bool) -> list[FileWrite]:
    """What writes down that a person wants no more at an address, or that it is dead."""
    files: list[FileWrite] = []
    if opted:
        stop = AddressStop(reason=OPTED_OUT, at=known.at, by=known.by, code=known.code)
        files += opted_out(known.digest, stop, member.tenant, member.recipient, keys)
    if gone:
        stop = AddressStop(reason=DEAD, at=known.at, by=known.by, code=known.code)
        files.append(dead(known.digest, known.channel, stop, keys))
    return files


def _tell_contact(change: Change, member: Member, seen: Seen, name: str, event: str, keys: Keys) -> None:
    """The contact stays, with the furthest event that it is known to have reached."""
    person = read_file(seen.person)
    for known, contact in zip(person.names, person.contacts, strict=True):
        if known == name:
            fields = write_contact(name.removeprefix("c:"), msgspec.structs.replace(contact, event=event))
            change.files.append(FileWrite(keys.person(member.tenant, member.recipient), -1, fields, (), -FILE_LIFE_MS))
            if member.household:
                household = keys.household(member.tenant, member.household)
                change.files.append(FileWrite(household, -1, fields, (), -FILE_LIFE_MS))
