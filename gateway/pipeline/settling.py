"""After the wire: what the provider's answer does to the job and the person's file, as one atomic change."""

from msgspec import Struct

from channels.contract import Outcome, ProviderReceipt, Unavailable
from gateway.domain.clock import Instant
from gateway.domain.lifecycle import Attempt, Track, report, settle, unclaim
from gateway.domain.receipt import Receipt
from gateway.pipeline.changes import record_life, rest, take_back, write_job
from gateway.pipeline.desks import Desk
from gateway.pipeline.errand import Errand, due, read_record, reminder_of, write_receipt, write_record
from gateway.pipeline.files import FILE_LIFE_MS, read_file, write_contact
from gateway.pipeline.line import Context
from gateway.pipeline.retry import Backoff
from gateway.policy.facts import PastContact
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
    again = any(other.state == "ready" for other in job.tracks)
    if not again:
        rest(change, errand, context)
    write_job(change, errand, context)
    return Settlement(change, step.receipts, again)


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
    desks = context.house.desks.of[landed.desk.channel]
    if track.tries % len(desks) and context.house.desks.alternatives(landed.desk, now):
        return None
    return backoff.next(now, -(-track.tries // len(desks)), landed.outcome.retry_after)


def reported(receipt: ProviderReceipt, member: Member, seen: Seen, context: Context) -> Settlement | None:
    """What a provider's own report changes, None if nothing. `seen` is an observation of the member."""
    if seen.record is None:
        return None
    job = read_record(seen.record)
    reminder = reminder_of(job)
    track = job.track_of(receipt.reference or "")
    if track is None or track.attempt is None or reminder is None:
        return None
    reference, waited = track.attempt.reference, track.state
    step = report(job, track, reminder, receipt)
    if not step.receipts and track.state == waited:
        return None
    keys = context.keys
    change = Change(outputs=[(keys.receipts, "receipt", write_receipt(said)) for said in step.receipts])
    if step.contact == "not_delivered":
        _not_delivered(change, member, seen, f"c:{reference}", keys)
    when = due(job, reminder.ends, context.limits.doubt_ms)
    if not any(track.state in ("open", "ready") for track in job.tracks):
        change.schedule = (str(member), -1 if when is None else when)
    change.record = RecordWrite(
        keys.job(member.tenant, member.recipient, member.job), seen.record, write_record(job),
        record_life(job, when, context),
    )  # fmt: skip
    return Settlement(change, step.receipts, again=False)


def _not_delivered(change: Change, member: Member, seen: Seen, name: str, keys: Keys) -> None:
    """The contact stays, as one that was sent and did not arrive."""
    person = read_file(seen.person)
    for known, contact in zip(person.names, person.contacts, strict=True):
        if known == name:
            fields = write_contact(name.removeprefix("c:"), _as_undelivered(contact))
            change.files.append(FileWrite(keys.person(member.tenant, member.recipient), -1, fields, (), -FILE_LIFE_MS))
            if member.household:
                household = keys.household(member.tenant, member.household)
                change.files.append(FileWrite(household, -1, fields, (), -FILE_LIFE_MS))


def _as_undelivered(contact: PastContact) -> PastContact:
    return PastContact(
        at=contact.at, channel=contact.channel, event="undelivered", direction=contact.direction, flags=contact.flags,
        recipient=contact.recipient, account=contact.account, address=contact.address, household=contact.household,
        creditor=contact.creditor, collector=contact.collector, job=contact.job,
    )  # fmt: skip
