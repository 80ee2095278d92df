"""Answers what became of a job and why: its record, its receipts, and every rule weighed with the facts of then.

What was decided is recorded with the job; its reasons in figures are worked out again from the texts of the packs that
judged, which are kept for ever, and from the person's file. Where the two do not agree, it is said.
"""

from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

from gateway.domain.clock import Instant, format_instant, tzdata_release
from gateway.domain.job import Track
from gateway.domain.ruling import Look, Weighed
from gateway.pipeline.errand import of_household, reminder_of
from gateway.pipeline.files import facts_of
from gateway.pipeline.view import House, View
from gateway.pipeline.weigh import new_look, weigh
from gateway.policy.judge import knows_time
from gateway.policy.judge import weigh as every_rule
from gateway.policy.policy import Policy
from gateway.policy.stops import UNRULED
from gateway.queries.concerns import Unconcerned, unconcerned
from gateway.queries.decide import Decided, decide
from gateway.queries.packs import Made, Shelf
from gateway.queries.recorded import Recorded, cases_of_track
from gateway.queries.records import Files, Held
from gateway.queries.sentences import Told, explicit, line, not_concerned, verdict
from gateway.queries.words import Language


class RuleStory(Struct, kw_only=True):
    """One rule weighed. `recorded`: it is among those that blocked when it was decided. `sentence` is in the reader's
    language; of an explicit stop that no rule names only the name and the sentence are there."""

    rule: str
    verdict: str
    recorded: bool
    sentence: str
    pack: str = ""
    kind: str = ""
    source: str = ""
    status: str = ""
    force: str = ""
    otherwise: str = ""
    code: str = ""
    until: str | None = None
    figures: dict[str, Any] = {}


class Bystander(Struct, kw_only=True):
    """One rule of the packs that did not concern the contact, and why."""

    rule: str
    pack: str
    why: str
    named: tuple[str, ...]
    sentence: str


class ChannelStory(Struct, kw_only=True):
    """One channel: what was decided of it, what its facts as they are now would say, and the rules."""

    channel: str
    purpose: str
    role: str
    account: str | None
    address: str | None
    """the beginning of its digest"""
    decision: str
    until: str | None
    blocked_by: tuple[str, ...]
    rebuilt: dict[str, Any] | None
    """null where the text of a pack is missing"""
    agrees: bool | None
    rules: list[RuleStory]
    unconcerned: list[Bystander]


class LookStory(Struct, kw_only=True):
    """A look at a track: when, where, by what. `missing` are packs whose text is not at hand."""

    at: str
    policy: str
    tzdata: str
    zones: tuple[str, ...]
    jurisdictions: tuple[str, ...]
    inferred: dict[str, str]
    missing: tuple[str, ...]
    channels: list[ChannelStory]


class TrackStory(Struct, kw_only=True):
    channels: list[str]
    state: str
    attempts: int
    attempt: dict[str, Any] | None
    next_at: str | None
    waits_for: dict[str, Any] | None
    look: LookStory | None
    now: LookStory | None
    """what the rules in force would say now, for a track that waits"""


class Story(Struct, kw_only=True):
    job_id: str
    tenant: str
    recipient: str
    accepted: str
    receipts_told: int
    receipts: list[dict[str, Any]]
    tracks: list[TrackStory]


class Reader(Struct, frozen=True, kw_only=True):
    """Who asks, when, and with what at hand: the packs that ever judged, and, for jobs that wait, the house of now."""

    language: Language
    now: Instant
    shelf: Shelf
    house: Callable[[], House]


def story_of(held: Held, files: Files, receipts: Sequence[dict[str, Any]], reader: Reader) -> Story:
    """Everything there is to say about a job."""
    kept = ("id", "status", "final", "channel", "provider", "provider_message_id", "at", "attempt", "reason", "policy")
    return Story(
        job_id=held.job_id, tenant=held.tenant, recipient=held.recipient, accepted=format_instant(held.job.accepted),
        receipts_told=held.job.told, receipts=[{key: receipt.get(key) for key in kept} for receipt in receipts],
        tracks=[_track(held, track, files, reader) for track in held.job.tracks],
    )  # fmt: skip


def _track(held: Held, track: Track, files: Files, reader: Reader) -> TrackStory:
    attempt, waits = track.attempt, track.state == "waiting"
    return TrackStory(
        channels=list(track.channels), state=track.state, attempts=track.attempts,
        attempt=None if attempt is None else {
            "channel": attempt.channel, "provider": attempt.provider, "at": format_instant(attempt.at),
            "message_id": attempt.message_id, "policy": attempt.policy, "locale": attempt.locale,
            "template_version": attempt.template_version, "receipts": attempt.receipts,
        },
        next_at=_shown(track.until) if waits else None,
        waits_for=None if not waits or track.told is None else
        {"code": track.told[0], "rule": track.told[1], "until": _shown(track.told[2])},
        look=None if track.look is None else _then(held, track, track.look, files, reader),
        now=_now(held, track, files, reader) if waits else None,
    )  # fmt: skip


def _then(held: Held, track: Track, look: Look, files: Files, reader: Reader) -> LookStory:
    """The latest look, by the packs that judged."""
    made = reader.shelf.policy(look.policy)
    cases = cases_of_track(held, track, files)
    return _look(look, made.missing, [channel_story(case, made, reader.language) for case in cases])


def _now(held: Held, track: Track, files: Files, reader: Reader) -> LookStory | None:
    """What the line itself would say of each channel now, whatever the job waits for."""
    reminder = reminder_of(held.job)
    if reminder is None:
        return None
    house = reader.house()
    reminder = of_household(reminder, files.person.household)
    household = files.households.get(reminder.recipient.household or "")
    view = View(
        reminder=reminder, job=held.job, person=files.person, household=household, pauses=(), cancelled=None,
        now=reader.now,
    )  # fmt: skip
    look = new_look(view, house)
    for channel in track.channels:
        if reminder.address(channel, house.desks.targets) is not None:
            weigh(view, house, channel, look)
    made = Made(house.policy, ())
    return _look(look, (), [channel_story(_again(weighed, look, view, held), made, reader.language)
                            for weighed in look.weighed])  # fmt: skip


def _again(weighed: Weighed, look: Look, view: View, held: Held) -> Recorded:
    history, states = facts_of(view.person, view.household, look.at)
    return Recorded(
        job_id=held.job_id, tenant=held.tenant, at=look.at, policy=look.policy, tzdata=look.tzdata, zones=look.zones,
        jurisdictions=look.jurisdictions, inferred=look.inferred, candidate=weighed.candidate,
        history=history, states=states, decided=Decided(weighed.decision, weighed.until, weighed.blocked_by),
    )  # fmt: skip


def _look(look: Look, missing: tuple[str, ...], channels: list[ChannelStory]) -> LookStory:
    return LookStory(
        at=format_instant(look.at), policy=look.policy, tzdata=look.tzdata or tzdata_release(), zones=look.zones,
        jurisdictions=look.jurisdictions, inferred=dict(look.inferred), missing=missing, channels=channels,
    )  # fmt: skip


def channel_story(recorded: Recorded, made: Made, language: Language) -> ChannelStory:
    """One channel as it was decided, with every rule of the packs that are at hand."""
    decided, candidate = recorded.decided, recorded.candidate
    rebuilt = None if made.missing else decide(made.policy, recorded.jurisdictions, recorded.case, recorded.at)
    return ChannelStory(
        channel=candidate.channel, purpose=candidate.purpose, role=candidate.role, account=candidate.account,
        address=candidate.address and candidate.address[:6], decision=decided.decision, until=_shown(decided.earliest),
        blocked_by=decided.blocked_by,
        rebuilt=None if rebuilt is None else {
            "decision": rebuilt.decision, "until": _shown(rebuilt.earliest), "blocked_by": list(rebuilt.blocked_by),
        },
        agrees=None if rebuilt is None else rebuilt == decided,
        rules=_rules(recorded, made.policy, language), unconcerned=_bystanders(recorded, made.policy, language),
    )  # fmt: skip


def _rules(recorded: Recorded, policy: Policy, language: Language) -> list[RuleStory]:
    """Those that block first, then those that stood against it when it was decided, then the others."""
    at, case = recorded.at, recorded.case
    rules = policy.rules_for(recorded.jurisdictions)
    concerned = [rule for rule in rules if unconcerned(rule, case, at) is None]
    found = []
    for finding in every_rule(concerned, case, at):
        told = Told(at, recorded.zones, language, finding.rule in recorded.decided.blocked_by)
        found.append(RuleStory(
            rule=finding.rule, verdict=verdict(finding, told), recorded=told.recorded, sentence=line(finding, told),
            pack=finding.pack, kind=finding.kind, source=finding.source, status=finding.status, force=finding.force,
            otherwise=finding.otherwise, code=finding.code, until=_shown(finding.until), figures=finding.figures,
        ))  # fmt: skip
    found.sort(key=lambda rule: (rule.verdict != "blocks", not rule.recorded))
    return [*_beyond_rules(recorded, language), *found]


def _beyond_rules(recorded: Recorded, language: Language) -> list[RuleStory]:
    """What forbids a contact without being a rule: the person's own word, and that nobody knows their time."""
    told = Told(recorded.at, recorded.zones, language, recorded=True)
    found = [
        RuleStory(rule=name, verdict="blocks", recorded=True, sentence=explicit(name, told), kind="stop")
        for name in recorded.decided.blocked_by
        if name.startswith(UNRULED)
    ]
    if not knows_time(recorded.case):
        found.append(RuleStory(rule="zone", verdict="blocks", recorded=True, sentence=told.say("zone"), kind="zone"))
    return found


def _bystanders(recorded: Recorded, policy: Policy, language: Language) -> list[Bystander]:
    whys = [unconcerned(rule, recorded.case, recorded.at) for rule in policy.rules_for(recorded.jurisdictions)]
    return [_bystander(why, language) for why in whys if why is not None]


def _bystander(why: Unconcerned, language: Language) -> Bystander:
    return Bystander(rule=why.rule, pack=why.pack, why=why.why, named=why.named, sentence=not_concerned(why, language))


def _shown(at: Instant | None) -> str | None:
    return None if at is None else format_instant(at)
