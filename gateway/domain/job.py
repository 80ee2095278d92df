"""A job's record, as it is kept from its first look to its end, and the receipts that tell of it."""

from collections.abc import Mapping
from typing import Literal

import msgspec
from msgspec import Struct, field

from channels.contract import Channel
from gateway.domain.clock import Instant, format_instant
from gateway.domain.receipt import Reason, Receipt, Status, on_the_wire
from gateway.domain.reminder import Reminder
from gateway.domain.ruling import Look

TrackState = Literal["ready", "waiting", "open", "sent", "in_doubt", "presumed", "ended"]
NOTHING = msgspec.Raw(b"null")


INQUIRIES_MS = (60_000, 600_000, 3_600_000, 6 * 3_600_000)
"""so long after a doubtful send its provider is asked about it"""


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
    address: str | None = None
    """its digest"""
    fate: Literal["sent", "in_doubt", "undelivered"] | None = None
    """of an attempt from which the job went on to another channel: what it had come to"""
    asked: int = 0
    """how often its provider was asked what became of it"""
    reached: Instant | None = None
    """when such an attempt was reported to have been delivered, while a later send was under way"""


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
    earlier: list[Attempt] = field(default_factory=list)
    """attempts that were sent and from which the job went on to another channel; reports of them still count"""
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
        return next((t for t in self.tracks if t.attempt is not None and t.attempt.reference == reference), None)

    def find(self, reference: str) -> tuple[Track, Attempt] | None:
        """The attempt with this reference, the latest of its track or an earlier one."""
        for track in self.tracks:
            for attempt in (*([track.attempt] if track.attempt else []), *track.earlier):
                if attempt.reference == reference:
                    return track, attempt
        return None


class Limits(Struct, frozen=True, kw_only=True):
    """How long to go on trying. `doubt_ms`: after so long without evidence a send is presumed; `first_ms`, `most_ms`
    bound the back-off; after `attempts` on one channel it counts as refused."""

    doubt_ms: int = 72 * 3_600_000
    attempts: int = 12
    fallback_ms: Mapping[Channel, int] = field(default_factory=dict)
    """after so long without a report of delivery the next channel of a job is tried; for ever on those not named"""

    inquirable: frozenset[str] = frozenset()
    """the providers that can be asked what became of a message"""

    def asks_at(self, track: Track) -> Instant | None:
        """When the provider is asked about a doubtful send for the next time, None if never."""
        attempt = track.attempt
        if attempt is None or track.state != "in_doubt" or attempt.provider not in self.inquirable:
            return None
        return attempt.at + INQUIRIES_MS[attempt.asked] if attempt.asked < len(INQUIRIES_MS) else None

    def silent_at(self, track: Track) -> Instant | None:
        """When the silence about the track's latest attempt makes it go on to its next channel, None if never."""
        if track.attempt is None or track.state not in ("sent", "in_doubt") or len(track.channels) < 2:
            return None
        wait = self.fallback_ms.get(track.attempt.channel)
        return None if wait is None else track.attempt.at + wait


def begin(reminder: Reminder, raw: bytes, entry: str, accepted: Instant) -> Job:
    """The record of a job that is seen for the first time."""
    channels = list(reminder.channels)
    tracks = [Track(channels=channels)] if reminder.strategy == "first" else [Track(channels=[c]) for c in channels]
    return Job(entry=entry, accepted=accepted, tracks=tracks, doc=msgspec.Raw(raw))


def say(
    job: Job, track: Track, reminder: Reminder, status: Status, at: Instant, reason: Reason | None = None,
    *, final: bool = True, policy: str | None = None, attempt: Attempt | None = None,
) -> Receipt:  # fmt: skip
    """The next receipt of a job; numbers it. It tells of `attempt`, by default the latest; a deferral tells of none
    that it was not caused by."""
    job.told += 1
    attempt = attempt or track.attempt
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
