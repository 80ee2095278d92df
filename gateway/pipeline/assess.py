"""Decides what becomes of a job at this moment: where rules, templates, pauses and the person's own words meet.

A pure function of what was observed. It asks in the order in which an answer is final: is it over, can it be written at
all, may it go, and only then, is there room.
"""

import msgspec
from msgspec import Struct

from channels.contract import Channel, PushTarget
from gateway.domain.clock import Instant
from gateway.domain.command import Pause
from gateway.domain.job import Track
from gateway.domain.places import jurisdiction_fault
from gateway.domain.receipt import Reason, Status
from gateway.domain.ruling import Look
from gateway.pipeline.desks import Desk
from gateway.pipeline.desks import Wait as NoDesk
from gateway.pipeline.view import House, View
from gateway.pipeline.weigh import Allowed, Forbidden, Wait, new_look, weigh
from gateway.policy.facts import Candidate
from gateway.rendering.render import Rendered, Unrendered

ENDING_MS = 1_500
"""A job that ends sooner cannot be sent any more: between claim and the provider's wire lies up to a second."""
CLOSING_MS = 6_000
"""A window that closes sooner is as good as closed: a provider may take five seconds to connect to."""


class Finish(Struct, frozen=True):
    """The track ends here without being sent."""

    status: Status
    reason: Reason
    look: Look | None = None


class Postpone(Struct, frozen=True):
    """The track waits; `reason.until` is when it is tried again."""

    reason: Reason
    look: Look | None = None


class Full(Struct, frozen=True):
    """Admitted, but no slot is free."""

    channel: Channel


class Admit(Struct, frozen=True, kw_only=True):
    """It may go now, at this desk, with this message; `closes` is the end of the lawful window or of the job."""

    channel: Channel
    desk: Desk
    rendered: Rendered
    candidate: Candidate
    closes: Instant | None
    look: Look


Plan = Finish | Postpone | Full | Admit


def assess(view: View, track: Track, house: House) -> Plan:
    """What becomes of one track now."""
    reminder, now = view.reminder, view.now
    if view.cancelled is not None and view.job.accepted <= view.cancelled:
        return Finish("cancelled", Reason(code="cancelled", message="a command cancelled it"))
    ends, starts = reminder.ends, reminder.starts
    if ends is not None and now >= ends:
        return Finish("expired", Reason(code="expired", message="expires_at has passed"))
    if fault := _unwritable(view, track, house):
        return fault
    if starts is not None and now < starts:
        if ends is not None and starts >= ends:
            return Finish("expired", Reason(code="not_before", message="not_before is not before expires_at"))
        return Postpone(Reason(code="not_before", message="not due before not_before", until=starts))
    return _weigh(view, track, house)


def _unwritable(view: View, track: Track, house: House) -> Finish | None:
    """At the first look: whether there is such a jurisdiction, an address, a template and every variable; a job that
    can never be sent is answered at once, not after the night."""
    if track.state == "waiting" or track.attempts or track.refused:
        return None
    reminder = view.reminder
    if fault := _nowhere(reminder.recipient.jurisdiction, house):
        return _rejected("bad_jurisdiction", fault)
    usable = [channel for channel in track.channels if view.address(channel, house) is not None]
    if not usable:
        return _rejected("no_address", f"the recipient has no usable address for {', '.join(track.channels)}")
    problems = [view.written(channel, house) for channel in usable]
    first = problems[0]
    if all(isinstance(problem, Unrendered) for problem in problems) and not isinstance(first, Rendered):
        return _rejected(first.code, first.sentence)
    for problem in problems:
        if not isinstance(problem, Rendered) and problem.code in ("missing_variable", "bad_parameter"):
            return _rejected(problem.code, problem.sentence)
    return None


def _nowhere(code: str | None, house: House) -> str | None:
    """Why a jurisdiction is none: no law but the house's would judge, and nobody would notice. A code for which there
    is a pack is one that the house made up on purpose."""
    return None if code is None or code in house.policy.packs else jurisdiction_fault(code)


def _weigh(view: View, track: Track, house: House) -> Plan:
    """The channels in order of preference: the first that is admitted, else the earliest of the waits, else the end."""
    look = new_look(view, house)
    waits: list[Reason] = []
    passed: list[Reason] = []
    ends: list[Finish] = []
    for channel in track.channels:
        if view.address(channel, house) is None:
            continue
        match _channel(view, track, house, channel, look):
            case Wait(reason=reason, passed=over):
                (passed if over else waits).append(reason)
            case Finish() as end:
                ends.append(end)
            case decided:
                return decided
    if waits or passed:
        return _postponed(view, _timely(waits, view) or _timely(passed, view) or waits or passed, look)
    if track.refused and not any(end.status == "suppressed" for end in ends):
        code, message = track.refused
        return Finish("failed", Reason(code="refused", message=message, provider_code=code), look)
    return ends[0] if ends else _rejected("no_address", "no channel is left on which the person can be reached")


def _channel(view: View, track: Track, house: House, channel: Channel, look: Look) -> Plan | Wait:
    """One channel: a Wait for it, a Finish for it alone, or what is decided for the whole track."""
    match weigh(view, house, channel, look):
        case Wait() as wait:
            return wait
        case Forbidden(reason=reason) if reason.code == "no_zone":
            return _rejected("no_zone", "nobody knows the person's time zone: name recipient.time_zone")
        case Forbidden(reason=reason, lasting=lasting):
            return Finish("suppressed" if lasting else "expired", reason, look)
        case Allowed(candidate=candidate, closes=closes):
            ends = view.reminder.ends
            if ends is not None and ends - view.now < ENDING_MS:
                return Finish("expired", Reason(code="expired", message="no time is left before expires_at"), look)
            if closes is not None and closes - view.now < CLOSING_MS:
                return Wait(Reason(code="quiet_hours", message="the lawful window is about to close", until=closes))
            return _seat(view, track, house, channel, candidate, _earliest(closes, ends), look)


def _seat(
    view: View, track: Track, house: House, channel: Channel, candidate: Candidate, closes: Instant | None, look: Look
) -> Plan:
    """An admitted channel: paused, without a desk, full, or the seat and the message itself."""
    paused, desks = _pauses(view, channel)
    if paused:
        return Postpone(Reason(code="paused", message=f"paused by {paused.by}"), look)
    to = view.address(channel, house) if channel == "push" else None
    target = to.provider if isinstance(to, PushTarget) else None
    desk = house.desks.pick(channel, view.now, desks, track.avoid, target)
    match desk:
        case NoDesk(why="none"):
            return _rejected("no_provider", f"no provider is configured for {channel}")
        case NoDesk(why="paused"):
            return Postpone(Reason(code="paused", message=f"every provider of {channel} is paused"), look)
        case NoDesk(why="down", until=until):
            return Postpone(
                Reason(code="provider_down", message=f"no provider of {channel} answers", until=until), look
            )
        case NoDesk():
            return Full(channel)
        case Desk():
            pass
    rendered = view.written(channel, house)
    if not isinstance(rendered, Rendered):
        return _rejected(rendered.code, rendered.sentence)
    return Admit(channel=channel, desk=desk, rendered=rendered, candidate=candidate, closes=closes, look=look)


def _timely(waits: list[Reason], view: View) -> list[Reason]:
    """Those that are over before the job is."""
    ends = view.reminder.ends
    return [wait for wait in waits if ends is None or wait.until is None or wait.until < ends]


def _postponed(view: View, waits: list[Reason], look: Look) -> Plan:
    """The earliest of several waits, unless the job will be over by then."""
    wait = min(waits, key=lambda reason: reason.until or 0)
    ends = view.reminder.ends
    if ends is not None and wait.until is not None and wait.until >= ends:
        message = f"no lawful moment is left before expires_at: {wait.message}"
        return Finish("expired", msgspec.structs.replace(wait, message=message), look)
    return Postpone(wait, look)


def _rejected(code: str, message: str) -> Finish:
    return Finish("rejected", Reason(code=code, message=message))


def _pauses(view: View, channel: Channel) -> tuple[Pause | None, set[str]]:
    """The pause that holds the job on this channel, or the providers that are paused for it."""
    desks: set[str] = set()
    for pause in view.pauses:
        matches = (
            pause.tenant in (None, view.reminder.tenant)
            and pause.channel in (None, channel)
            and pause.template in (None, view.reminder.template)
        )
        if matches and pause.provider is None:
            return pause, set()
        if matches and pause.provider is not None:
            desks.add(pause.provider)
    return None, desks


def _earliest(*times: Instant | None) -> Instant | None:
    return min((time for time in times if time is not None), default=None)
