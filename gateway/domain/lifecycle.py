"""The life of a job: its record, and what each event does to it. Each step is a function of values, none reads a clock.

```
ready ─claim→ open ─accepted──────────→ sent ─receipts→ delivered │ undelivered → ended (or the next channel)
                ├─refused for good────→ next channel, or ended (failed)
                ├─surely not sent─────→ waiting (a new attempt is judged anew)
                └─anything else, or the owner died→ in_doubt ─evidence→ sent, ended
                                                              └─horizon→ ended (presumed_sent)
```

A job has one track under `strategy: first` (its channels in order of preference) and one track per channel under `all`;
each track ends exactly once.
"""

from typing import Literal

import msgspec
from msgspec import Struct, field

from channels.contract import Accepted, Channel, InDoubt, Outcome, ProviderReceipt, Refused, Unavailable
from gateway.domain.clock import Instant, format_instant
from gateway.domain.receipt import Reason, Receipt, Status, on_the_wire
from gateway.domain.reminder import Reminder
from gateway.domain.ruling import Look

TrackState = Literal["ready", "waiting", "open", "sent", "in_doubt", "presumed", "ended"]
NOTHING = msgspec.Raw(b"null")


class Attempt(Struct, omit_defaults=True, kw_only=True):
    """The latest send of a track, as it was claimed. `owner` is the process that holds it while it is open."""

    channel: Channel
    provider: str
    reference: str
    at: Instant
    owner: str
    receipts: bool
    locale: str
    template_version: str
    policy: str
    segments: int | None = None
    message_id: str | None = None


class Track(Struct, omit_defaults=True, kw_only=True):
    """One way of a job to its end. `channels` are those left to try; `until` when a waiting track is looked at again,
    None while nobody knows (paused); `told` the deferral last reported; `attempts` counts sends, `tries` those since
    the channel's last change."""

    channels: list[Channel]
    state: TrackState = "ready"
    until: Instant | None = None
    told: tuple[str, str | None, Instant | None] | None = None
    attempts: int = 0
    tries: int = 0
    avoid: str | None = None
    """the provider that just could not, if another may be asked at once"""
    attempt: Attempt | None = None
    refused: tuple[str, str] | None = None
    """code and sentence of the last channel that was given up"""
    look: Look | None = None
    """what the rules said when they were last asked, for those who ask why"""


class Job(Struct, omit_defaults=True, kw_only=True):
    """A job's record. `entry` names the inbound entry that made it: any other entry for it is a duplicate."""

    entry: str
    accepted: Instant
    tracks: list[Track]
    told: int = 0
    """receipts given so far: the number of the next one, less one"""
    doc: msgspec.Raw = NOTHING
    """the reminder itself, while something may still follow; else null"""

    @property
    def ended(self) -> bool:
        return all(track.state == "ended" for track in self.tracks)

    def track_of(self, reference: str) -> Track | None:
        """The track whose latest attempt has this reference."""
        for track in self.tracks:
            if track.attempt is not None and track.attempt.reference == reference:
                return track
        return None


class Limits(Struct, frozen=True, kw_only=True):
    """How long to go on trying. `doubt_ms`: after so long without evidence a send is presumed; `first_ms`, `most_ms`
    bound the back-off; after `attempts` on one channel it counts as refused."""

    doubt_ms: int = 72 * 3_600_000
    attempts: int = 12


class Step(Struct, kw_only=True):
    """What an event did besides changing the record: receipts to give, and what becomes of the contact in the file."""

    receipts: list[Receipt] = field(default_factory=list)
    contact: Literal["keep", "take_back", "not_delivered"] = "keep"


def begin(reminder: Reminder, raw: bytes, entry: str, accepted: Instant) -> Job:
    """The record of a job that is seen for the first time."""
    channels = list(reminder.channels)
    tracks = [Track(channels=channels)] if reminder.strategy == "first" else [Track(channels=[c]) for c in channels]
    return Job(entry=entry, accepted=accepted, tracks=tracks, doc=msgspec.Raw(raw))


def say(
    job: Job, track: Track, reminder: Reminder, status: Status, at: Instant, reason: Reason | None = None,
    *, final: bool = True, policy: str | None = None,
) -> Receipt:  # fmt: skip
    """The next receipt of a job; numbers it. A deferral tells of no attempt that it was not caused by."""
    job.told += 1
    attempt = track.attempt
    only = track.channels[0] if len(track.channels) == 1 else None
    return Receipt(
        id=f"{reminder.id}#{job.told}",
        job_id=reminder.id,
        tenant=reminder.tenant,
        recipient_id=reminder.recipient.id,
        account=reminder.account,
        status=status,
        final=final,
        channel=attempt.channel if attempt else only,
        provider=attempt.provider if attempt else None,
        provider_message_id=attempt.message_id if attempt else None,
        at=format_instant(at),
        attempt=track.attempts or None,
        reason=on_the_wire(reason),
        policy=policy or (attempt.policy if attempt else None),
        template=reminder.template,
        template_version=attempt.template_version if attempt else None,
        locale=attempt.locale if attempt else None,
        segments=attempt.segments if attempt else None,
        metadata=reminder.metadata,
    )


def end(
    job: Job, track: Track, reminder: Reminder, status: Status, at: Instant, reason: Reason | None, policy: str | None
) -> Receipt:
    """Ends a track that will not be sent: suppressed, expired, cancelled, rejected."""
    track.state, track.attempt = "ended", None
    return say(job, track, reminder, status, at, reason, policy=policy)


def one_end(job: Job, ends: list[Receipt]) -> list[Receipt]:
    """The ends that tracks came to at once: one for the whole job, if nothing of it was ever sent (CONTRACT 3)."""
    if len(ends) < 2 or not job.ended or any(track.attempts for track in job.tracks):
        return ends
    job.told -= len(ends) - 1
    return [msgspec.structs.replace(ends[0], channel=None)]


def defer(
    job: Job, track: Track, reminder: Reminder, at: Instant, reason: Reason, policy: str | None = None
) -> list[Receipt]:
    """Lets a track wait; a receipt is given when code, rule or time changed, not at every look."""
    told = (reason.code, reason.rule, reason.until)
    track.state, track.until = "waiting", reason.until
    if track.told == told:
        return []
    track.told = told
    if reason.code != "backoff":
        track.attempt = None
    return [say(job, track, reminder, "deferred", at, reason, final=False, policy=policy)]


def claim(track: Track, attempt: Attempt) -> None:
    """Opens an attempt: from here on it counts as a contact, whatever happens to us."""
    track.state, track.attempt, track.told, track.avoid = "open", attempt, None, None
    track.attempts += 1
    track.tries += 1


def unclaim(track: Track) -> None:
    """Takes back a claim of which it is certain that no request left: as if it had never been."""
    track.state, track.attempt = "ready", None
    track.attempts -= 1
    track.tries -= 1


def settle(
    job: Job, track: Track, reminder: Reminder, outcome: Outcome, at: Instant, retry_at: Instant | None, limits: Limits
) -> Step:
    """What the provider's answer does. `retry_at` is the time of the next try after `Unavailable`, None if another
    provider may be asked at once. An acceptance that comes late still lifts a doubt; nothing else does, and an end is
    never undone."""
    attempt = track.attempt
    if attempt is None or track.state not in ("open", "in_doubt"):
        return Step()
    match outcome:
        case Accepted(message_id=message_id):
            attempt.message_id = message_id
            track.state = "sent" if attempt.receipts else "ended"
            return Step(receipts=[say(job, track, reminder, "sent", at, final=not attempt.receipts)])
        case _ if track.state == "in_doubt":
            return Step()  # a doubt that was told is lifted by evidence that it went, never by anything else
        case InDoubt(code=code, message=message):
            track.state = "in_doubt"
            reason = Reason(code="in_doubt", message=message, provider_code=code)
            return Step(receipts=[say(job, track, reminder, "in_doubt", at, reason, final=False)])
        case Unavailable(code=code, message=message) if track.tries < limits.attempts:
            if retry_at is None:
                track.state, track.avoid = "ready", attempt.provider
                return Step(contact="take_back")
            reason = Reason(code="backoff", message=message, until=retry_at, provider_code=code)
            return Step(receipts=defer(job, track, reminder, at, reason), contact="take_back")
        case Unavailable(code=code, message=message) | Refused(code=code, message=message):
            return Step(receipts=_next_channel(job, track, reminder, at, code, message), contact="take_back")


def _next_channel(job: Job, track: Track, reminder: Reminder, at: Instant, code: str, message: str) -> list[Receipt]:
    """Gives up the channel of the latest attempt; `failed` is said once, when none is left."""
    assert track.attempt is not None
    left = _left(track, reminder)
    if left:
        track.channels, track.state, track.tries, track.attempt = left, "ready", 0, None
        track.refused = (code, message)
        return []
    track.state = "ended"
    reason = Reason(code="refused", message=message, provider_code=code)
    return [say(job, track, reminder, "failed", at, reason)]


def inherit(job: Job, track: Track, reminder: Reminder, at: Instant) -> list[Receipt]:
    """The owner of an open attempt is gone: nobody knows whether its request left."""
    track.state = "in_doubt"
    reason = Reason(code="in_doubt", message="the worker that sent it ended before the provider's answer was kept")
    return [say(job, track, reminder, "in_doubt", at, reason, final=False)]


def presume(job: Job, track: Track, reminder: Reminder, at: Instant) -> list[Receipt]:
    """The horizon passed without evidence either way: it stays counted as a contact."""
    track.state = "presumed"
    reason = Reason(code="no_evidence", message="no report from the provider within the horizon")
    return [say(job, track, reminder, "presumed_sent", at, reason)]


def report(job: Job, track: Track, reminder: Reminder, receipt: ProviderReceipt) -> Step:
    """What a provider's own report does. States only move up; a report after the end changes nothing."""
    attempt = track.attempt
    if attempt is None or track.state not in ("open", "in_doubt", "sent", "presumed"):
        return Step()
    attempt.message_id = attempt.message_id or receipt.message_id
    match receipt.status:
        case "delivered":
            track.state = "ended"
            return Step(receipts=[say(job, track, reminder, "delivered", receipt.at)])
        case "undelivered":
            return _undelivered(job, track, reminder, receipt)
        case "sent" if track.state in ("open", "in_doubt"):
            track.state = "sent"
            return Step(receipts=[say(job, track, reminder, "sent", receipt.at, final=False)])
        case _:
            return Step()


def _undelivered(job: Job, track: Track, reminder: Reminder, receipt: ProviderReceipt) -> Step:
    assert track.attempt is not None
    left = _left(track, reminder)
    goes_on = bool(left) and track.state != "presumed"
    message = receipt.message or "the provider took it and could not deliver it"
    reason = Reason(code="undelivered", message=message, provider_code=receipt.code)
    said = say(job, track, reminder, "undelivered", receipt.at, reason, final=not goes_on)
    track.state = "waiting" if goes_on else "ended"
    if goes_on:
        track.channels, track.tries, track.attempt, track.until = left, 0, None, receipt.at
        track.refused = (receipt.code or "undelivered", message)
    return Step(receipts=[said], contact="not_delivered")


def _left(track: Track, reminder: Reminder) -> list[Channel]:
    """The channels behind the one of the latest attempt on which the person can be reached at all."""
    tried = track.attempt.channel if track.attempt else None
    return [c for c in track.channels if c != tried and reminder.address(c) is not None]
