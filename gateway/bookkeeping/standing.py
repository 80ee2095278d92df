"""Where a job stands, in one word for the books: every job accepted is in exactly one of them. Pure."""

from collections.abc import Sequence, Set
from typing import Any

from msgspec import Struct

from gateway.domain.clock import Instant
from gateway.domain.job import Attempt, Job, Track

DAY_MS = 86_400_000
ENDS = frozenset(
    {"delivered", "undelivered", "failed", "suppressed", "expired", "cancelled", "rejected", "presumed_sent"}
)
"""receipts that are always the last of a job or of a track of it; `sent` may be"""
_PENDING = (
    ("open", "sending"),
    ("ready", "waiting"),
    ("waiting", "waiting"),
    ("in_doubt", "in_doubt"),
    ("sent", "sent"),
)
"""states of tracks and their words, the least finished first"""


class Standing(Struct, frozen=True):
    """`status` is the last receipt's word of a job that has ended; else `sending`, `waiting`, `in_doubt` or `sent`
    (a report is awaited). The reason is that of the receipt."""

    status: str
    ended: bool
    channel: str = ""
    provider: str = ""
    reason: str = ""
    rule: str = ""
    until: Instant | None = None


def standing(job: Job, receipts: Sequence[dict[str, Any]], before: Standing | None) -> Standing:
    """Where the job stands after a step in which these receipts were given. `before` is where it stood."""
    states = {str(track.state) for track in job.tracks}
    status, ended = status_of(states, receipts, before.status if before is not None and before.ended else None)
    last = receipts[-1] if receipts else None
    attempt = next((t.attempt for t in reversed(job.tracks) if t.attempt is not None), None)
    until = min((t.until for t in job.tracks if t.state == "waiting" and t.until is not None), default=None)
    if last is None:
        old = before or Standing(status, ended)
        same = old.status == status
        return Standing(
            status, ended, attempt.channel if attempt else old.channel, attempt.provider if attempt else old.provider,
            old.reason if same else "", old.rule if same else "", until,
        )  # fmt: skip
    reason = last["reason"] or {}
    return Standing(
        status, ended, last["channel"] or (attempt.channel if attempt else ""), last["provider"] or "",
        reason.get("code") or "", reason.get("rule") or "", until,
    )  # fmt: skip


def status_of(states: Set[str], receipts: Sequence[dict[str, Any]], ended_as: str | None) -> tuple[str, bool]:
    """The word for a job whose tracks are in these states, and whether it has ended; `ended_as` is the word of a job
    that had ended before."""
    for state, word in _PENDING:
        if state in states:
            return word, False
    final = next((receipt["status"] for receipt in reversed(receipts) if receipt["final"]), None)
    if final is not None:
        return final, True
    if ended_as is not None:
        return ended_as, True
    return "presumed_sent" if "presumed" in states else "ended", True


class Sent(Struct, frozen=True):
    """One attempt and what is known of it: `open`, `sent`, `in_doubt`, `delivered`, `undelivered`, `presumed_sent`,
    `taken_back` (surely not sent); None where this step says nothing new."""

    attempt: Attempt
    state: str | None
    code: str | None = None


def sends(job: Job, receipts: Sequence[dict[str, Any]]) -> list[Sent]:
    """Every attempt that a record names."""
    found: list[Sent] = []
    for track in job.tracks:
        found += [_earlier(attempt, receipts) for attempt in track.earlier]
        if track.attempt is not None:
            found.append(_latest(track, track.attempt, receipts))
    return found


def _earlier(attempt: Attempt, receipts: Sequence[dict[str, Any]]) -> Sent:
    said = _said(attempt, receipts)
    return Sent(attempt, "delivered" if attempt.reached is not None else attempt.fate, said[1] if said else None)


def _latest(track: Track, attempt: Attempt, receipts: Sequence[dict[str, Any]]) -> Sent:
    said = _said(attempt, receipts)
    match track.state:
        case "open" | "sent":
            return Sent(attempt, track.state)
        case "in_doubt":
            return Sent(attempt, track.state, said[1] if said else None)
        case "presumed":
            return Sent(attempt, "presumed_sent")
        case "waiting" | "ready":
            return Sent(attempt, "taken_back", said[1] if said else None)
        case "ended":
            return Sent(attempt, *said) if said else Sent(attempt, None)


def _said(attempt: Attempt, receipts: Sequence[dict[str, Any]]) -> tuple[str, str | None] | None:
    """What the last of the receipts tells of an attempt: its state, and the provider's own code."""
    for receipt in reversed(receipts):
        if (receipt["channel"], receipt["provider"]) == (attempt.channel, attempt.provider):
            word = receipt["status"]
            code = (receipt["reason"] or {}).get("provider_code")
            if word in ("sent", "delivered", "undelivered", "presumed_sent", "in_doubt"):
                return word, code
            return "taken_back", code
    return None


def day_of(at: Instant) -> int:
    """The day (of UTC) that a moment lies in, as days since the epoch."""
    return at // DAY_MS
