"""Turns a job's record and its person's file into the cases that were decided, and writes and reads them as lines.

A record keeps the latest look of each track and not the facts of that moment, so these are taken from the file: the
contacts up to then, without the one that the look itself led to, and the states that were not told later. What was
lifted, corrected or forgotten since is not there any more; whoever judges a case again finds out by comparing.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from gateway.domain.clock import Instant, format_instant, parse_instant
from gateway.domain.job import Job, Track
from gateway.domain.ruling import Decision, Look, Weighed
from gateway.pipeline.files import PersonFile, facts_of, told_at
from gateway.policy.facts import Candidate, Case, PastContact, State
from gateway.policy.vectors import read_contact, read_state
from gateway.queries.decide import Decided
from gateway.queries.records import Files, Held

_SLACK_MS = 1000
"""between the clock of a worker and that of the store"""


class Recorded(Struct, frozen=True, kw_only=True):
    """One channel as it was weighed in the latest look of a track, with the facts. Names are those of the line that
    `write_line` writes."""

    job_id: str
    tenant: str
    at: Instant
    policy: str
    tzdata: str
    zones: tuple[str, ...]
    jurisdictions: tuple[str, ...]
    inferred: Mapping[str, str]
    candidate: Candidate
    history: Sequence[PastContact]
    states: Sequence[State]
    decided: Decided

    @property
    def case(self) -> Case:
        return Case(
            candidate=self.candidate,
            zones=self.zones,
            history=self.history,
            states=self.states,
            inferred=self.inferred,
        )


def recorded_cases(held: Held, files: Files) -> list[Recorded]:
    """Every channel weighed in the latest look of every track."""
    return [case for track in held.job.tracks for case in cases_of_track(held, track, files)]


def cases_of_track(held: Held, track: Track, files: Files) -> list[Recorded]:
    """One for each channel weighed in the track's latest look, in that order."""
    look = track.look
    if look is None:
        return []
    return [_case(held, track, look, weighed, files) for weighed in look.weighed]


def _case(held: Held, track: Track, look: Look, weighed: Weighed, files: Files) -> Recorded:
    own = _own_contact(held, track, look)
    person = _as_of(files.person, held.job, look.at, own)
    household = None
    if weighed.candidate.household is not None:
        household = _as_of(files.households[weighed.candidate.household], held.job, look.at, own)
    history, states = facts_of(person, household, look.at)
    return Recorded(
        job_id=held.job_id, tenant=held.tenant, at=look.at, policy=look.policy, tzdata=look.tzdata, zones=look.zones,
        jurisdictions=look.jurisdictions, inferred=look.inferred, candidate=weighed.candidate,
        history=history, states=states, decided=Decided(weighed.decision, weighed.until, weighed.blocked_by),
    )  # fmt: skip


def _own_contact(held: Held, track: Track, look: Look) -> Callable[[str, PastContact], bool]:
    """Whether a contact of the file is the one that this look led to. It bears the name of the attempt, while the
    record still names that; its time is the look's."""
    name = None if track.attempt is None else f"c:{track.attempt.reference}"
    admitted = {weighed.candidate.channel for weighed in look.weighed if weighed.decision == "allow"}

    def own(field: str, contact: PastContact) -> bool:
        if track.attempt is not None and track.attempt.at == look.at and field == name:
            return True
        return contact.job == held.job_id and contact.at == look.at and contact.channel in admitted

    return own


def _as_of(file: PersonFile, job: Job, at: Instant, own: Callable[[str, PastContact], bool]) -> PersonFile:
    """The file as it was at a look, as far as its fields tell when they were written."""
    contacts = [
        (name, contact)
        for name, contact in zip(file.names, file.contacts, strict=True)
        if contact.at <= at and not own(name, contact)
    ]
    agree = job.accepted <= at + _SLACK_MS
    states = [
        (name, state)
        for name, state in zip(file.state_names, file.states, strict=True)
        if not (agree and told_at(name)[0] > at + _SLACK_MS)
    ]
    return msgspec.structs.replace(
        file,
        contacts=tuple(contact for _, contact in contacts),
        names=tuple(name for name, _ in contacts),
        states=tuple(state for _, state in states),
        state_names=tuple(name for name, _ in states),
    )


class _Line(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A recorded case as it is written; contacts and states as in POLICY's vector files."""

    job_id: str
    tenant: str
    at: str
    policy: str
    tzdata: str
    zones: tuple[str, ...]
    jurisdictions: tuple[str, ...]
    inferred: dict[str, str] = {}
    candidate: Candidate
    history: list[dict[str, Any]] = []
    states: list[dict[str, Any]] = []
    decision: Decision
    earliest: str | None
    blocked_by: tuple[str, ...] = ()


_line = msgspec.json.Decoder(_Line)


def write_line(recorded: Recorded) -> bytes:
    """A recorded case as one JSON document without a line break."""
    decided = recorded.decided
    line = _Line(
        job_id=recorded.job_id, tenant=recorded.tenant, at=format_instant(recorded.at), policy=recorded.policy,
        tzdata=recorded.tzdata, zones=recorded.zones, jurisdictions=recorded.jurisdictions,
        inferred=dict(recorded.inferred), candidate=recorded.candidate,
        history=[_written(contact) for contact in recorded.history],
        states=[_written(state) for state in recorded.states], decision=decided.decision,
        earliest=None if decided.earliest is None else format_instant(decided.earliest),
        blocked_by=decided.blocked_by,
    )  # fmt: skip
    return msgspec.json.encode(line)


def read_line(line: bytes) -> Recorded:
    """The inverse. Raises ValueError with a sentence that says what is wrong."""
    try:
        read = _line.decode(line)
        return Recorded(
            job_id=read.job_id, tenant=read.tenant, at=parse_instant(read.at), policy=read.policy, tzdata=read.tzdata,
            zones=read.zones, jurisdictions=read.jurisdictions, inferred=read.inferred, candidate=read.candidate,
            history=tuple(map(read_contact, read.history)), states=tuple(map(read_state, read.states)),
            decided=Decided(
                read.decision, None if read.earliest is None else parse_instant(read.earliest), read.blocked_by
            ),
        )  # fmt: skip
    except KeyError as error:
        raise ValueError(f"{error} is missing in a contact or a state") from None
    except (msgspec.MsgspecError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(str(error)) from None


def _written(fact: PastContact | State) -> dict[str, Any]:
    """A contact or a state with its times as text."""
    found: dict[str, Any] = msgspec.to_builtins(fact)
    for key in ("at", "from", "until"):
        if key in found:
            found[key] = format_instant(found[key])
    return found
