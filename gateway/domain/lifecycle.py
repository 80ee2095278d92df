"""The life of a job: its record, and what each event does to it. Each step is a function of values, none reads a clock.

```
ready ─claim→ open ─accepted──────────→ sent ─receipts→ delivered │ undelivered → ended (or the next channel)
                │                        └─silence──→ the next channel, if one is admitted; else sent as before
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
from gateway.domain.clock import Instant
from gateway.domain.job import Attempt, Job, Limits, Track, say
from gateway.domain.receipt import Reason, Receipt, Status
from gateway.domain.reminder import Reminder


class Step(Struct, kw_only=True):
    """What an event did besides changing the record: receipts to give, and what becomes of the contact in the file."""

    receipts: list[Receipt] = field(default_factory=list)
    contact: Literal["keep", "take_back", "not_delivered", "delivered"] = "keep"


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
    reached = next((other for other in track.earlier if other.reached is not None), None)
    match outcome:
        case Accepted(message_id=message_id):
            attempt.message_id = message_id
            final = not attempt.receipts and reached is None
            said = [say(job, track, reminder, "sent", at, final=final)]
            track.state = "ended" if final else "sent"
            return Step(receipts=said if reached is None else said + _arrived(job, track, reminder, reached))
        case _ if track.state == "in_doubt":
            return Step()  # a doubt that was told is lifted by evidence that it went, never by anything else
        case InDoubt(code=code, message=message):
            track.state = "in_doubt"
            reason = Reason(code="in_doubt", message=message, provider_code=code)
            said = [say(job, track, reminder, "in_doubt", at, reason, final=False)]
            return Step(receipts=said if reached is None else said + _arrived(job, track, reminder, reached))
        case Unavailable() | Refused() if reached is not None:
            return Step(receipts=_arrived(job, track, reminder, reached), contact="take_back")
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
    if go_back(track):
        return []
    track.state = "ended"
    reason = Reason(code="refused", message=message, provider_code=code)
    return [say(job, track, reminder, "failed", at, reason)]


def inherit(job: Job, track: Track, reminder: Reminder, at: Instant) -> list[Receipt]:
    """The owner of an open attempt is gone: nobody knows whether its request left."""
    track.state = "in_doubt"
    reason = Reason(code="in_doubt", message="the worker that sent it ended before the provider's answer was kept")
    return [say(job, track, reminder, "in_doubt", at, reason, final=False), *arrival(job, track, reminder)]


def arrival(job: Job, track: Track, reminder: Reminder) -> list[Receipt]:
    """The end of a track of which an earlier message arrived while a later send was under way, once that is over."""
    reached = next((attempt for attempt in track.earlier if attempt.reached is not None), None)
    if reached is None or track.state in ("open", "presumed", "ended"):
        return []
    return _arrived(job, track, reminder, reached)


def presume(job: Job, track: Track, reminder: Reminder, at: Instant) -> list[Receipt]:
    """The horizon passed without evidence either way: it stays counted as a contact."""
    track.state = "presumed"
    reason = Reason(code="no_evidence", message="no report from the provider within the horizon")
    return [say(job, track, reminder, "presumed_sent", at, reason)]


def go_on(track: Track, reminder: Reminder) -> bool:
    """After a silence: leaves the latest attempt for the next channel, to be judged anew; False, and never again, where
    none is left."""
    assert track.attempt is not None
    left = _left(track, reminder)
    if not left:
        track.channels = [track.attempt.channel]
        return False
    track.attempt.fate = "in_doubt" if track.state == "in_doubt" else "sent"
    track.earlier.append(track.attempt)
    track.channels, track.state, track.tries, track.attempt, track.told = left, "ready", 0, None, None
    return True


def go_back(track: Track) -> bool:
    """Where no other channel could be used: the latest earlier attempt of which nobody knows the end is waited for
    again. False where there is none."""
    for attempt in reversed(track.earlier):
        if attempt.fate == "sent" or attempt.fate == "in_doubt":
            track.earlier.remove(attempt)
            track.state, track.attempt, track.until = attempt.fate, attempt, None
            track.channels, attempt.fate = [attempt.channel], None
            return True
    return False


def report(job: Job, track: Track, attempt: Attempt, reminder: Reminder | None, receipt: ProviderReceipt) -> Step:
    """What a provider's own report of one attempt does, the latest of its track or an earlier one. States only move
    up; after the end no receipt follows, but a contact that was taken for undelivered counts again."""
    attempt.message_id = attempt.message_id or receipt.message_id
    if track.state == "ended":
        arrived = receipt.status == "delivered" and attempt.fate == "undelivered"
        if arrived:
            attempt.fate = "sent"
        return Step(contact="delivered" if arrived else "keep")
    assert reminder is not None, "only of a job that has ended the document is gone"
    if attempt is not track.attempt:
        return _report_of_earlier(job, track, attempt, reminder, receipt)
    if track.state not in ("open", "in_doubt", "sent", "presumed"):
        return Step()
    match receipt.status:
        case "delivered":
            return Step(receipts=_arrived(job, track, reminder, attempt, receipt.at))
        case "undelivered":
            return _undelivered(job, track, reminder, receipt)
        case "sent" if track.state in ("open", "in_doubt"):
            track.state = "sent"
            return Step(receipts=[say(job, track, reminder, "sent", receipt.at, final=False)])
        case _:
            return Step()


def _report_of_earlier(
    job: Job, track: Track, attempt: Attempt, reminder: Reminder, receipt: ProviderReceipt
) -> Step:  # fmt: skip
    """The job went on to another channel meanwhile: an arrival ends it all the same, so that nobody is written to
    again; while a send is under way, its answer is waited for."""
    contact: Literal["keep", "delivered"] = "delivered" if attempt.fate == "undelivered" else "keep"
    if receipt.status == "undelivered" and attempt.fate != "undelivered" and attempt.reached is None:
        attempt.fate = "undelivered"
        if track.state == "presumed":
            return Step(contact="not_delivered")
        said = _say_undelivered(job, track, attempt, reminder, receipt, final=False)
        return Step(receipts=[said], contact="not_delivered")
    if receipt.status == "sent" and attempt.fate == "in_doubt":
        attempt.fate = "sent"
    if receipt.status != "delivered" or attempt.reached is not None:
        return Step()
    attempt.fate, attempt.reached = "sent", receipt.at
    if track.state == "open":
        return Step(contact=contact)
    return Step(receipts=_arrived(job, track, reminder, attempt), contact=contact)


def _arrived(
    job: Job, track: Track, reminder: Reminder, attempt: Attempt, at: Instant | None = None
) -> list[Receipt]:  # fmt: skip
    """Ends a track by the arrival of one of its attempts."""
    at = attempt.reached if at is None else at
    assert at is not None
    track.state = "ended"
    return [say(job, track, reminder, "delivered", at, attempt=attempt)]


def _undelivered(job: Job, track: Track, reminder: Reminder, receipt: ProviderReceipt) -> Step:
    attempt = track.attempt
    assert attempt is not None
    left = _left(track, reminder) if track.state != "presumed" else []
    waits = track.state != "presumed" and any(other.fate in ("sent", "in_doubt") for other in track.earlier)
    said = _say_undelivered(job, track, attempt, reminder, receipt, final=not left and not waits)
    attempt.fate = "undelivered"
    if left:
        track.refused = (receipt.code or "undelivered", _words(receipt))
        track.earlier.append(attempt)
        track.channels, track.tries, track.attempt, track.until = left, 0, None, receipt.at
        track.state = "waiting"
    elif waits:
        track.earlier.append(attempt)
        go_back(track)
    else:
        track.state = "ended"
    return Step(receipts=[said], contact="not_delivered")


def _say_undelivered(
    job: Job, track: Track, attempt: Attempt, reminder: Reminder, receipt: ProviderReceipt, *, final: bool
) -> Receipt:
    reason = Reason(code="undelivered", message=_words(receipt), provider_code=receipt.code)
    return say(job, track, reminder, "undelivered", receipt.at, reason, final=final, attempt=attempt)


def _words(receipt: ProviderReceipt) -> str:
    return receipt.message or "the provider took it and could not deliver it"


def _left(track: Track, reminder: Reminder) -> list[Channel]:
    """The channels behind the one of the latest attempt on which the person can be reached at all."""
    tried = track.attempt.channel if track.attempt else None
    return [c for c in track.channels if c != tried and reminder.address(c) is not None]
