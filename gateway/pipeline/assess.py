"""Decides what becomes of a job at this moment: where rules, templates, pauses and the person's own words meet.

A pure function of what was observed. It asks in the order in which an answer is final: is it over, can it be written at
all, may it go, and only then, is there room.
"""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from channels.contract import Channel
from gateway.domain.clock import Instant
from gateway.domain.command import Pause
from gateway.domain.lifecycle import Job, Track
from gateway.domain.places import Place, locate
from gateway.domain.receipt import Reason, Status
from gateway.domain.reminder import Reminder, Role
from gateway.domain.ruling import Finding, Ruling
from gateway.pipeline.desks import Desk, Desks, Wait
from gateway.pipeline.files import PersonFile, consents_of, digest, facts_of
from gateway.policy.facts import Candidate, Case, State, Written
from gateway.policy.judge import judge
from gateway.policy.policy import Policy
from gateway.policy.rules.base import Rule
from gateway.policy.rules.content import Content
from gateway.policy.stops import OPTED_OUT, exemptions, stopped
from gateway.rendering.catalog import Catalog
from gateway.rendering.render import Rendered, Unrendered, render

ENDING_MS = 1_500
"""A job that ends sooner cannot be sent any more: between claim and the provider's wire lies up to a second."""
CLOSING_MS = 6_000
"""A window that closes sooner is as good as closed: a provider may take five seconds to connect to."""
_SUPPRESSING = frozenset({"opted_out", "stopped", "no_consent", "content"})


class House(Struct, frozen=True, kw_only=True):
    """What every judgement stands on. Replaced as a whole when a policy or a template changes."""

    policy: Policy
    catalog: Catalog
    desks: Desks
    locale: str
    jurisdiction: str
    role: Role


class View(Struct, frozen=True, kw_only=True):
    """What was observed of one job and its person."""

    reminder: Reminder
    job: Job
    person: PersonFile
    household: PersonFile | None
    pauses: Sequence[Pause]
    cancelled: Instant | None
    now: Instant
    written: dict[Channel, Rendered | Unrendered] = msgspec.field(default_factory=dict)


class Finish(Struct, frozen=True):
    """The track ends here without being sent."""

    status: Status
    reason: Reason
    policy: str | None = None


class Postpone(Struct, frozen=True):
    """The track waits; `reason.until` is when it is tried again."""

    reason: Reason
    policy: str | None = None


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
    policy: str


class Passed(Struct, frozen=True):
    """This channel is blocked, and the rule says not to wait for it while another one is left."""

    wait: Reason


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
    """At the first look: whether there is an address, a template and every variable; a job that can never be sent is
    answered at once, not after the night."""
    if track.state == "waiting" or track.attempts or track.refused:
        return None
    reminder = view.reminder
    usable = [channel for channel in track.channels if reminder.address(channel, house.desks.targets) is not None]
    if not usable:
        return _rejected("no_address", f"the recipient has no usable address for {', '.join(track.channels)}")
    problems = [_written(view, channel, house) for channel in usable]
    first = problems[0]
    if all(isinstance(problem, Unrendered) for problem in problems) and not isinstance(first, Rendered):
        return _rejected(first.code, first.sentence)
    for problem in problems:
        if not isinstance(problem, Rendered) and problem.code in ("missing_variable", "bad_parameter"):
            return _rejected(problem.code, problem.sentence)
    return None


def _weigh(view: View, track: Track, house: House) -> Plan:
    """The channels in order of preference: the first that is admitted, else the earliest of the waits, else the end."""
    place = _place(view.reminder, house)
    version = house.policy.version_for(place.jurisdictions)
    waits: list[Reason] = []
    passed: list[Reason] = []
    ends: list[Finish] = []
    for channel in track.channels:
        if view.reminder.address(channel, house.desks.targets) is None:
            continue
        match _channel(view, track, house, channel, place, version):
            case Reason() as wait:
                waits.append(wait)
            case Passed(wait=wait):
                passed.append(wait)
            case Finish() as end:
                ends.append(end)
            case decided:
                return decided
    if waits or passed:
        return _postponed(view, waits or passed, version)
    if track.refused and not any(end.status == "suppressed" for end in ends):
        code, message = track.refused
        return Finish("failed", Reason(code="refused", message=message, provider_code=code), version)
    return ends[0] if ends else _rejected("no_address", "no channel is left on which the person can be reached")


def _channel(
    view: View, track: Track, house: House, channel: Channel, place: Place, version: str
) -> Plan | Reason | Passed:
    """One channel: a Reason to wait on it, a Finish for it alone, or what is decided for the whole track."""
    history, states = facts_of(view.person, view.household, view.now)
    candidate = _candidate(view.reminder, channel, house, consents_of(view.person, channel, view.now))
    if states:
        exempt = exemptions(house.policy.rules_for(place.jurisdictions), candidate, view.now)
        if stop := stopped(states, candidate, view.now, exempt):
            return Finish("suppressed", _stop_reason(stop), version)
    rules = house.policy.rules_on(place.jurisdictions, candidate)
    case = Case(
        candidate=candidate, zones=place.zones, history=history, states=states,
        written=_message(view, channel, house, rules), inferred=place.inferred,
    )  # fmt: skip
    ruling = judge(rules, case, view.now)
    if ruling.decision != "allow":
        return _blocked(ruling, version)
    ends, closes = view.reminder.ends, ruling.closes
    if ends is not None and ends - view.now < ENDING_MS:
        return Finish("expired", Reason(code="expired", message="no time is left before expires_at"), version)
    if closes is not None and closes - view.now < CLOSING_MS:
        return Reason(code="quiet_hours", message="the lawful window is about to close", until=closes)
    return _seat(view, track, house, candidate, _earliest(closes, ends), version)


def _seat(
    view: View, track: Track, house: House, candidate: Candidate, closes: Instant | None, version: str
) -> Plan | Reason:
    """An admitted channel: paused, without a desk, full, or the seat and the message itself."""
    channel: Channel = candidate.channel  # type: ignore[assignment]
    paused, desks = _pauses(view, channel)
    if paused:
        return Postpone(Reason(code="paused", message=f"paused by {paused.by}"), version)
    desk = house.desks.pick(channel, view.now, desks, track.avoid)
    match desk:
        case Wait(why="none"):
            return _rejected("no_provider", f"no provider is configured for {channel}")
        case Wait(why="paused"):
            return Postpone(Reason(code="paused", message=f"every provider of {channel} is paused"), version)
        case Wait(why="down", until=until):
            return Postpone(
                Reason(code="provider_down", message=f"no provider of {channel} answers", until=until), version
            )
        case Wait():
            return Full(channel)
        case Desk():
            pass
    rendered = _written(view, channel, house)
    if not isinstance(rendered, Rendered):
        return _rejected(rendered.code, rendered.sentence)
    return Admit(
        channel=channel, desk=desk, rendered=rendered, candidate=candidate, closes=closes, policy=version
    )  # fmt: skip


def _postponed(view: View, waits: list[Reason], version: str) -> Plan:
    """The earliest of several waits, unless the job will be over by then."""
    wait = min(waits, key=lambda reason: reason.until or 0)
    ends = view.reminder.ends
    if ends is not None and wait.until is not None and wait.until >= ends:
        message = f"no lawful moment is left before expires_at: {wait.message}"
        return Finish("expired", msgspec.structs.replace(wait, message=message), version)
    return Postpone(wait, version)


def _blocked(ruling: Ruling, version: str) -> Reason | Passed | Finish:
    """The receipt's words for a ruling that does not allow: those of the rule that holds out longest. A rule that asks
    for approval waits like others: whoever approves gives the job a flag that waives it."""
    blocking = [finding for finding in ruling.findings if finding.blocks] or list(ruling.findings)
    drops = [f for f in blocking if f.otherwise == "drop" or f.code in _SUPPRESSING]
    if drops:
        return Finish("suppressed", _reason(drops[0], None), version)
    last = max(blocking, key=lambda finding: float("inf") if finding.until is None else finding.until)
    if ruling.earliest is not None:
        wait = _reason(last, ruling.earliest)
        return Passed(wait) if any(f.otherwise == "next_channel" for f in blocking) else wait
    if last.code == "no_zone":
        return _rejected("no_zone", "nobody knows the person's time zone: name recipient.time_zone")
    return Finish("expired", _reason(last, None), version)


def _reason(finding: Finding, until: Instant | None) -> Reason:
    return Reason(code=finding.code, message=f"{finding.rule}: {finding.source}", rule=finding.rule, until=until)


def _stop_reason(stop: State) -> Reason:
    code = OPTED_OUT if stop.state == OPTED_OUT else "stopped"
    return Reason(code=code, message=f"the person's state is {stop.state}")


def _rejected(code: str, message: str) -> Finish:
    return Finish("rejected", Reason(code=code, message=message))


def _written(view: View, channel: Channel, house: House) -> Rendered | Unrendered:
    """The message of a channel; rendered once for a look, since the first look asks twice."""
    written = view.written.get(channel)
    if written is None:
        reminder = view.reminder
        locale = reminder.recipient.locale or house.locale
        written = render(house.catalog, reminder.template, locale, channel, reminder.params)
        view.written[channel] = written
    return written


def _message(view: View, channel: Channel, house: House, rules: Sequence[Rule]) -> Written | None:
    """What the rules about content look at, if there are any. What cannot be written is answered where it is sent."""
    if not any(rule.kind == Content.kind for rule in rules):
        return None
    rendered = _written(view, channel, house)
    if not isinstance(rendered, Rendered):
        return None
    return Written(text=rendered.text, title=rendered.title, html=rendered.html, locale=rendered.locale)


def _place(reminder: Reminder, house: House) -> Place:
    who = reminder.recipient
    return locate(who.time_zone, who.phone, who.jurisdiction, house.jurisdiction)


def _candidate(reminder: Reminder, channel: Channel, house: House, consents: tuple[str, ...]) -> Candidate:
    address = reminder.address(channel, house.desks.targets)
    return Candidate(
        channel=channel,
        purpose=reminder.purpose,
        role=reminder.role or house.role,
        recipient=reminder.recipient.id,
        account=reminder.account,
        address=None if address is None else digest(reminder.tenant, address),
        household=reminder.recipient.household,
        creditor=reminder.creditor,
        collector=reminder.collector,
        flags=(*reminder.flags, *consents) if consents else reminder.flags,
        params=reminder.params,
    )


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
