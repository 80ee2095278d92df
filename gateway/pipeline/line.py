"""The straight line: observe, judge, render, claim. What falls out early rides along as a value; sends come after.

sight   = observe(errands)      one trip
moves   = [look_at(...)]           pure
results = commit(moves)         one trip: rests and claims alike, each atomic
"""

import hashlib
import traceback
from collections.abc import Sequence

import msgspec
from msgspec import Struct, field

from channels.contract import Channel, Message
from gateway.domain.clock import HOUR, Instant
from gateway.domain.command import Pause, parse_command
from gateway.domain.job import NOTHING, Attempt, Limits, Track, begin
from gateway.domain.lifecycle import arrival, claim, defer, end, go_back, go_on, inherit, one_end, presume, unclaim
from gateway.domain.receipt import Receipt
from gateway.domain.reminder import Reminder
from gateway.pipeline.addresses import read_stops
from gateway.pipeline.assess import Admit, Finish, Full, Postpone, assess
from gateway.pipeline.errand import (
    Errand,
    Go,
    Hold,
    Move,
    Rest,
    Skip,
    Unobserved,
    Unsure,
    digests,
    of_household,
    read_record,
    reminder_of,
)
from gateway.pipeline.files import EMPTY, PersonFile, Unreadable, read_file, write_contact
from gateway.pipeline.traces import Traces
from gateway.pipeline.view import House, View
from gateway.policy.facts import Candidate, PastContact
from gateway.policy.policy import Policy
from gateway.store.keys import Keys
from gateway.store.redis import Seen, Sight

NO_END_MS = 24 * HOUR
"""For how long a message is worth delivering when neither a rule nor the job says so."""


class Context(Struct, kw_only=True):
    """What the line needs besides the errands. `house` is replaced when the policy changes. `flying` are the references
    of sends under way in this process; `traces` None where nobody follows the jobs."""

    house: House
    keys: Keys
    owner: str
    limits: Limits
    idempotency_ms: int
    flying: set[str] = field(default_factory=set)
    traces: Traces | None = None


def look_at(errand: Errand, seen: Seen, pauses: Sequence[Pause], now: Instant, context: Context) -> Move:
    """One job, as it was observed: what is to be done with it. Takes a slot where the answer is Go. A mistake of ours
    costs this job its turn: taken over by one worker after the other, it would end them all."""
    try:
        return _look(errand, seen, pauses, now, context)
    except Exception as error:  # noqa: BLE001 - whatever it is, the other jobs of the batch have nothing to do with it
        *_, at = traceback.extract_tb(error.__traceback__)
        return Unsure(f"a mistake in the gateway: {type(error).__name__} in {at.name}, line {at.lineno}")


def _look(errand: Errand, seen: Seen, pauses: Sequence[Pause], now: Instant, context: Context) -> Move:
    errand.seen = seen.record
    skip = _recognise(errand, seen, now)
    if skip is not None:
        return skip
    try:
        person = read_file(seen.person)
        if _has_moved(errand, person) or _has_more(errand, seen):
            return Unobserved()
        errand.stopped = seen.stopped or {}
        stops = read_stops(errand.stopped)
        household = None if errand.member.household is None else read_file(seen.household or [])
    except Unreadable as error:
        return Unsure(f"a person's file, or a stop of an address, cannot be read: {error}")
    assert errand.job is not None
    assert errand.reminder is not None
    view = View(
        reminder=of_household(errand.reminder, errand.member.household), job=errand.job, person=person,
        household=household, pauses=pauses, cancelled=seen.cancelled, now=now, stops=stops,
    )  # fmt: skip
    return _tracks(errand, view, context)


def _has_moved(errand: Errand, person: PersonFile) -> bool:
    """Whether the job is of another household than was observed with it, which the errand knows from here on: one that
    names none is of the household that the person's file names. It comes back only if the file changes once more."""
    assert errand.reminder is not None
    own, known = errand.reminder.recipient.household, person.household
    if own is not None or known is None or known == errand.member.household:
        return False
    errand.member = msgspec.structs.replace(errand.member, household=known)
    return True


def _has_more(errand: Errand, seen: Seen) -> bool:
    """Whether some addresses are stopped, and those of a job that waited were not asked for, being in its record."""
    assert errand.reminder is not None
    if errand.addresses is not None or seen.stopped is None:
        return False
    errand.addresses = digests(errand.reminder)
    return True


def _recognise(errand: Errand, seen: Seen, now: Instant) -> Skip | Unsure | None:
    """Whose entry this is: the first for its job, the same one again, a woken one, or a duplicate."""
    if seen.record is None:
        if errand.reminder is None:
            return Skip.LOST
        errand.job = begin(errand.reminder, errand.raw, errand.key, errand.entry.accepted_ms)
        return None
    try:
        job = read_record(seen.record)
    except msgspec.DecodeError as error:
        return Unsure(f"a job's record cannot be read: {error}")
    if errand.raw and job.entry != errand.key:
        return Skip.DUPLICATE
    if errand.reminder is None or not errand.raw:
        errand.reminder = reminder_of(job)
        if errand.reminder is None:
            return Skip.LOST if job.doc == NOTHING else Unsure("a job that waited is not valid any more")
    errand.job = job
    return None


def _tracks(errand: Errand, view: View, context: Context) -> Move:
    """Walks the job's tracks until one is admitted or all are at rest."""
    receipts: list[Receipt] = []
    ends: list[Receipt] = []
    asks: list[Attempt] = []
    job, reminder, now = view.job, view.reminder, view.now
    errand.findings = view.findings
    for track in job.tracks:
        attempt = track.attempt
        if track.state == "open" and attempt is not None:
            if attempt.owner != context.owner:
                if not errand.inherited:
                    return Skip.NOT_OURS
                receipts += inherit(job, track, reminder, now)
            elif attempt.reference in context.flying:
                return Skip.NOT_OURS
            else:  # our own claim, of which the answer was lost: no request ever left
                # Written before anything else is judged: the file that was seen holds the contact that never was, and
                # a new claim of the same attempt would have its own contact dropped.
                unclaim(track)
                return Rest(receipts, [f"c:{attempt.reference}"], again=True)
        if track.state in ("sent", "in_doubt") and attempt and now >= attempt.at + context.limits.doubt_ms:
            receipts += presume(job, track, reminder, now)
        inquiry = context.limits.asks_at(track)
        if inquiry is not None and now >= inquiry and attempt is not None:
            attempt.asked += 1
            asks.append(attempt)
        silent = context.limits.silent_at(track)
        if silent is not None and now >= silent:
            go_on(track, reminder)
        receipts += arrival(job, track, reminder)
        if track.state in ("ready", "waiting"):
            match assess(view, track, context.house):
                case Finish() if go_back(track):
                    pass  # the next channel is none: what was sent is waited for again
                case Finish(status=status, reason=reason, look=look):
                    track.look = look or track.look
                    ends.append(end(job, track, reminder, status, now, reason, look.policy if look else None))
                    receipts.append(ends[-1])
                case Postpone(reason=reason, look=look):
                    track.look = look or track.look
                    receipts += defer(job, track, reminder, now, reason, look.policy if look else None)
                case Full(channel=channel):
                    return _crowded(errand, track, channel, context, now, receipts)
                case Admit() as admit if _would_double(track, admit, context.house.policy):
                    go_back(track)
                case Admit() as admit:
                    return _admit(errand, view, track, admit, context, receipts)
    errand.inherited = False
    named = errand.member.household
    told = one_end(job, ends) if ends == receipts else receipts
    return Rest(told, remember=named is not None and view.person.household != named, asks=asks)


def _would_double(track: Track, admit: Admit, policy: Policy) -> bool:
    """Whether a send would follow a doubtful one that no rule counts together with it: a doubt may well have arrived,
    so the next channel is a second contact, and is lawful only where one limit looks at both."""
    return any(
        attempt.fate == "in_doubt"
        and not policy.counts_both(admit.look.jurisdictions, admit.candidate, attempt.channel)
        for attempt in track.earlier
    )


def _crowded(
    errand: Errand, track: Track, channel: Channel, context: Context, now: Instant, receipts: list[Receipt],
) -> Move:  # fmt: skip
    """No slot is free: hold it in hand, or, where enough are held already, let it wait in the schedule."""
    if errand.parks:
        track.state, track.until = "waiting", context.house.desks.next_turn(channel, now)
        return Rest(receipts)
    if receipts:
        return Rest(receipts, again=True)
    return Hold(channel)


def _admit(
    errand: Errand, view: View, track: Track, admit: Admit, context: Context, receipts: list[Receipt],
) -> Go:  # fmt: skip
    """Prepares the claim: the contact it will be in the person's file, and the message to send once it is made."""
    reminder, now = view.reminder, view.now
    reference = _reference(reminder, track, admit.channel)
    rendered = admit.rendered
    attempt = Attempt(
        channel=admit.channel, provider=admit.desk.name, reference=reference, at=now, owner=context.owner,
        receipts=admit.desk.provider.facts.receipts, locale=rendered.locale, template_version=rendered.version,
        segments=rendered.segments.segments if rendered.segments else None, policy=admit.look.policy,
        address=admit.candidate.address,
    )  # fmt: skip
    claim(track, attempt)
    track.look = admit.look
    household = view.household or EMPTY
    address = admit.candidate.address or ""
    stopped = errand.stopped.get(address)
    contact, memory = _contact(reminder, admit.candidate, now), context.house.policy.memory(admit.look.jurisdictions)
    go = Go(
        track=track, attempt=attempt, desk=admit.desk,
        message=_message(view, admit, attempt, context.house),
        contact=write_contact(reference, contact), receipts=receipts, prune=view.person.outdated(now, memory),
        life_ms=view.person.life_ms(memory, contact), shared_life_ms=household.life_ms(memory, contact),
        versions=(view.person.version, household.version), address=(address, stopped.decode() if stopped else None),
    )  # fmt: skip
    admit.desk.take(now)
    return go


def _message(view: View, admit: Admit, attempt: Attempt, house: House) -> Message:
    reminder, to = view.reminder, view.address(admit.channel, house)
    assert to is not None
    return Message(
        reference=attempt.reference, channel=admit.channel, to=to,
        text=admit.rendered.text, title=admit.rendered.title, html=admit.rendered.html, locale=admit.rendered.locale,
        admitted_at=attempt.at, expires_at=admit.closes or attempt.at + NO_END_MS,
        job_id=reminder.id, tenant=reminder.tenant, recipient_id=reminder.recipient.id, account=reminder.account,
        template=reminder.template, template_version=admit.rendered.version,
    )  # fmt: skip


def _contact(reminder: Reminder, candidate: Candidate, now: Instant) -> PastContact:
    """The contact that a claim is. A message counts as delivered until it is known not to be; a call handed over counts
    as one unanswered attempt until its outcome comes back."""
    return PastContact(
        at=now, channel=candidate.channel, event="unanswered" if candidate.channel == "call" else "sent",
        flags=candidate.flags, recipient=candidate.recipient, account=candidate.account, address=candidate.address,
        household=candidate.household, creditor=candidate.creditor, collector=candidate.collector, job=reminder.id,
    )  # fmt: skip


def _reference(reminder: Reminder, track: Track, channel: Channel) -> str:
    """Names an attempt: the same for the same attempt, and telling nothing of the person."""
    names = (reminder.tenant, reminder.recipient.id, reminder.id, channel, str(track.attempts + 1))
    return hashlib.blake2b("\x1f".join(names).encode(), digest_size=16).hexdigest()


def pauses_of(sight: Sight) -> list[Pause]:
    """The pauses in force, from the control document. What cannot be read pauses everything."""
    found: list[Pause] = []
    for raw in sight.pauses:
        command = parse_command(raw)
        found.append(command if isinstance(command, Pause) else Pause(id="?", at="1970-01-01T00:00:00Z", by="?"))
    return found
