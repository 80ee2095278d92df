"""What a step of the journal tells: whose it is, what it was about, and what of it a ledger keeps. Pure."""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct, field

from gateway.domain.clock import Instant
from gateway.domain.job import Job
from gateway.domain.note import Note, read_note
from gateway.ledger.subjects import Name
from gateway.store.journal import Step
from gateway.store.keys import Keys, Member, parse_member

Kind = Literal[
    "job", "contact", "command", "report", "reply", "policy", "templates", "act", "dead_letter", "change",
]  # fmt: skip
"""of an entry: a step of a job, a fact or an order from outside, what a provider or a person told, texts that came in
force, what people did, an entry that could not be read, and any other write"""

PUTS = ""
"""the place of what the store keeps under a key of its own; else the place is the key of a hash"""

_job = msgspec.json.Decoder(Job)
_any: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


class Field(Struct, frozen=True):
    """One field of somebody's file as it was written, `value` None where it was dropped."""

    subject: Name
    name: str
    value: str | None


class Kept(Struct, frozen=True):
    """One field of the house's own documents (`value` None: dropped), until when (None: for ever)."""

    place: str
    name: str
    value: str | None
    expires: Instant | None = None


class Life(Struct, frozen=True):
    """Until when a file is kept from a write on, None for ever. `least`: only if it was not kept longer anyway."""

    until: Instant | None
    least: bool = False

    def then(self, later: "Life") -> "Life":
        """What two writes come to, one after the other, as `commit.lua` does them."""
        if not later.least:
            return later
        assert later.until is not None
        return Life(None if self.until is None else max(self.until, later.until), self.least)


class JobStep(Struct, frozen=True, kw_only=True):
    """A job's record as it was written, and the receipts that were given with it."""

    recipient: str
    id: str
    record: str
    job: Job
    expires: Instant


class Told(Struct, kw_only=True):
    """One step, taken apart. `at` is the store's time."""

    at: Instant
    kind: Kind
    tenant: str = ""
    person: Name | None = None
    job: JobStep | None = None
    member: Member | None = None
    due: Instant | None = None
    """when the job is looked at again; -1 where it was taken out of the schedule, None where that did not change"""
    receipts: list[dict[str, Any]] = field(default_factory=list)
    note: Note = Note()
    fields: list[Field] = field(default_factory=list)
    lives: list[tuple[Name, Life]] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    letters: list[dict[str, str]] = field(default_factory=list)
    """entries that went to the dead"""

    @property
    def names(self) -> list[Name]:
        """Everybody whose key is needed to write this down."""
        own = [] if self.person is None else [self.person]
        return own + [one.subject for one in self.fields] + [name for name, _ in self.lives]


def tell(step: Step, at: Instant, keys: Keys) -> Told | None:
    """One step of the journal; None for one that says nothing to the ledger. Raises msgspec.DecodeError, ValueError."""
    note = Note() if step.note is None else read_note(step.note)
    told = Told(at=at, kind="change", note=note)
    _record(told, step, keys)
    for key, fields, drops, ttl in step.files:
        _file(told, key, fields, drops, ttl, keys)
    for stream, *pairs in step.outputs:
        _output(told, stream, dict(zip(pairs[::2], pairs[1::2], strict=True)), keys)
    for key, value, ttl in step.puts:
        if not key.startswith((keys.reference(""), keys.message("", "")[:-1], keys.address(""))):
            told.kept.append(Kept(PUTS, key, value, at + ttl))
    told.due = None if step.schedule is None else step.schedule[1]
    _about(told, keys)
    if told.kind == "change" and not (told.fields or told.kept):
        return None
    return told


def _record(told: Told, step: Step, keys: Keys) -> None:
    if step.record is None:
        return
    key, text, ttl = step.record
    names = keys.names("job", key)
    if names is None:
        told.kept.append(Kept(PUTS, key, text, told.at + ttl))
    elif text is not None:
        tenant, recipient, job_id = names
        told.tenant, told.person, told.kind = tenant, ("person", tenant, recipient), "job"
        told.job = JobStep(
            recipient=recipient, id=job_id, record=text, job=_job.decode(text), expires=told.at + ttl
        )  # fmt: skip


def _file(told: Told, key: str, fields: Sequence[str], drops: Sequence[str], ttl: int, keys: Keys) -> None:
    written = list(zip(fields[::2], fields[1::2], strict=True))
    for kind in ("person", "household"):
        names = keys.names(kind, key)
        if names is not None:
            subject: Name = ("person" if kind == "person" else "household", names[0], names[1])
            told.fields += [Field(subject, name, value) for name, value in written]
            told.fields += [Field(subject, name, None) for name in drops]
            told.lives.append((subject, Life(None if ttl == 0 else told.at + abs(ttl), ttl < 0)))
            if told.person is None and kind == "person":
                told.tenant, told.person = names[0], subject
            return
    told.kept += [Kept(key, name, value) for name, value in written]
    told.kept += [Kept(key, name, None) for name in drops]


def _output(told: Told, stream: str, pairs: dict[str, str], keys: Keys) -> None:
    if stream == keys.receipts:
        told.receipts.append(_any.decode(pairs["receipt"]))
    elif stream == keys.dead:
        told.letters.append(pairs)


def _about(told: Told, keys: Keys) -> None:
    """What kind of step it was, where the note says so, and whose."""
    note = told.note
    if note.member:
        told.member = member = parse_member(note.member)
        told.tenant, told.person = member.tenant, told.person or ("person", member.tenant, member.recipient)
    kinds: tuple[tuple[Kind, Any], ...] = (
        ("contact", bytes(note.contact)), ("command", bytes(note.command)), ("reply", bytes(note.reply)),
        ("report", told.job is None and bytes(note.report)), ("policy", note.published),
        ("templates", note.templates), ("act", note.act), ("dead_letter", told.letters),
    )  # fmt: skip
    for kind, there in kinds:
        if there:
            told.kind = kind
            break
    for raw in (note.contact, note.command):
        if bytes(raw):
            document = _any.decode(raw)
            told.tenant = document.get("tenant") or "default"
            if document.get("recipient_id"):
                told.person = ("person", told.tenant, document["recipient_id"])
    if told.kind == "act" and note.act.get("recipient"):
        told.tenant = note.act["tenant"]
        told.person = ("person", told.tenant, note.act["recipient"])
