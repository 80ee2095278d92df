"""What is written of steps that were taken apart: entries of the chain, and the rows that are read off them. Pure."""

import hashlib
import secrets
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct, field

from gateway.bookkeeping.body import clear_of, document_of, secret_of
from gateway.bookkeeping.standing import Standing, day_of, sends, standing
from gateway.bookkeeping.tell import Field, JobStep, Kept, Life, Told
from gateway.domain.clock import Instant
from gateway.domain.job import Attempt
from gateway.ledger import tables
from gateway.ledger.chain import Draft, canonical
from gateway.ledger.keyring import Keyring
from gateway.ledger.subjects import Name, Subject
from gateway.ledger.writer import Batch, Row, Upsert, added, merged

_encode = msgspec.json.Encoder().encode
_any: msgspec.json.Decoder[Any] = msgspec.json.Decoder()
TALLY = ("tenant", "day", "channel", "status", "reason")


class Rows(Struct, kw_only=True):
    """Gathers the rows of one transaction. `before` are the rows of jobs as they stand in the ledger, by job."""

    keyring: Keyring
    prefix: str
    subjects: Mapping[Name, Subject]
    before: dict[str, Row]
    seq: int
    drafts: list[Draft] = field(default_factory=list)
    jobs: list[Row] = field(default_factory=list)
    sent: dict[str, Row] = field(default_factory=dict)
    known: dict[str, Row] = field(default_factory=dict)
    """messages of which a later step tells; by reference, as `sent`"""
    facts: dict[tuple[str, bytes], Row] = field(default_factory=dict)
    dropped: dict[tuple[str, bytes], Row] = field(default_factory=dict)
    files: dict[str, Life] = field(default_factory=dict)
    kept: dict[tuple[str, bytes], Row] = field(default_factory=dict)
    unkept: dict[tuple[str, bytes], Row] = field(default_factory=dict)
    versions: list[Row] = field(default_factory=list)
    tallies: list[Row] = field(default_factory=list)

    def take(self, told: Told) -> None:
        """Adds one step: its entry, and its rows."""
        self.seq += 1
        subject = None if told.person is None else self.subjects[told.person]
        job = None if told.job is None else job_name(self.subjects, told)
        clear, secret = clear_of(told), secret_of(told, job is not None and job not in self.before)
        sealer = self.keyring.house if subject is None or subject.sealer is None else subject.sealer
        uid = "" if subject is None else subject.uid
        sealed = None
        if secret:
            plain = _encode({**secret, "salt": secrets.token_hex(16)})
            clear["digest"] = hashlib.sha256(plain).hexdigest()
            sealed = sealer.seal(plain, "entries", told.tenant, uid, str(self.seq))
        draft = Draft(
            at=told.at, kind=told.kind, tenant=told.tenant, subject=uid, job=job or "", body=canonical(clear),
            sealed=sealed,
        )  # fmt: skip
        self.drafts.append(draft)
        if told.job is not None and job is not None and subject is not None:
            self._job(told, told.job, job, subject)
        for one in told.fields:
            self._fact(one, told)
        for one_of, life in told.lives:
            uid = self.subjects[one_of].uid
            self.files[uid] = self.files[uid].then(life) if uid in self.files else life
        for house in told.kept:
            self._house(house)
        self._versions(told)

    def _house(self, house: Kept) -> None:
        name = self.keyring.blind(house.place, house.name)
        key = house.place, name
        if house.value is None:
            self.kept.pop(key, None)
            self.unkept[key] = {"b_place": house.place, "b_name": name}
        else:
            sealed = self.keyring.house.seal(_encode([house.name, house.value]), "kept", house.place)
            self.kept[key] = {"place": house.place, "name": name, "expires": house.expires, "sealed": sealed}

    def _job(self, told: Told, step: JobStep, job: str, subject: Subject) -> None:
        old = self.before.get(job)
        where = standing(step.job, told.receipts, None if old is None else _standing(old))
        assert subject.sealer is not None
        member = told.member
        doc = document_of(told)

        def was(column: str) -> Any:
            return "" if old is None else old[column]

        look = next((t.look for t in step.job.tracks if t.look is not None), None)
        account = member.account if member else None
        plain = _encode({"member": told.note.member or _member(old, subject, job), "record": step.record})
        row: Row = {
            "job": job, "prefix": self.prefix, "tenant": told.tenant, "subject": subject.uid,
            "name": self.keyring.blind("job", told.tenant, step.id),
            "account": old["account"] if old else account and self.keyring.blind("account", told.tenant, account),
            "lane": old["lane"] if old else member.lane if member else "",
            "accepted": step.job.accepted, "updated": told.at, "expires": step.expires,
            "due": None if where.ended else _due(told, old), "ended": where.ended,
            "status": where.status, "channel": where.channel, "provider": where.provider,
            "template": old["template"] if old else doc.get("template", ""),
            "jurisdiction": look.jurisdictions[0] if look and look.jurisdictions else was("jurisdiction"),
            "reason": where.reason, "rule": where.rule, "policy": look.policy if look else was("policy"),
            "until": where.until, "sealed": subject.sealer.seal(plain, "jobs", subject.uid, job),
        }  # fmt: skip
        self.jobs.append(row)
        self.tallies += [{**_tally(old), "n": -1}] if old else []
        self.tallies.append({**_tally(row), "n": 1})
        self.before[job] = row
        for send in sends(step.job, told.receipts):
            self._message(told, step, job, subject, send.attempt, send.state, send.code)

    def _message(
        self, told: Told, step: JobStep, job: str, subject: Subject, attempt: Attempt, state: str | None,
        code: str | None,
    ) -> None:  # fmt: skip
        if state == "open" and told.note.said is not None:
            self.known.pop(attempt.reference, None)
            self.sent[attempt.reference] = {
                "reference": attempt.reference, "job": job, "tenant": told.tenant, "subject": subject.uid,
                "at": attempt.at, "channel": attempt.channel, "provider": attempt.provider, "state": "open",
                "message_id": None, "code": None,
                "address": self.keyring.blind("address", attempt.address) if attempt.address else None,
                "segments": attempt.segments, "seq": self.seq,
            }  # fmt: skip
        elif state is not None:
            known = self.known.get(attempt.reference)
            message_id = attempt.message_id or (known["b_message_id"] if known else None)
            code = code or (known["b_code"] if known else None)
            self.known[attempt.reference] = {
                "b_reference": attempt.reference, "b_state": state, "b_message_id": message_id, "b_code": code,
            }  # fmt: skip

    def _fact(self, one: Field, told: Told) -> None:
        subject = self.subjects[one.subject]
        name = self.keyring.blind("field", subject.uid, one.name)
        if one.value is None:
            self._drop(one, subject, name, told)
            return
        owner = subject if told.person is None else self.subjects[told.person]
        assert owner.sealer is not None
        kind, value = one.name[:1], _any.decode(one.value) if one.name[:2] in ("c:", "s:") else {}
        sealed = owner.sealer.seal(_encode([*one.subject, one.name, one.value]), "facts", subject.uid)
        self.facts[subject.uid, name] = {
            "subject": subject.uid, "name": name, "at": value.get("at", told.at), "kind": kind,
            "channel": value.get("channel") or "", "event": value.get("event") or value.get("state") or "",
            "gone": None, "sealer": owner.uid, "sealed": sealed, "seq": self.seq,
        }  # fmt: skip

    def _drop(self, one: Field, subject: Subject, name: bytes, told: Told) -> None:
        """A field that left a file. A claim drops what no rule looks at any more, which happened all the same; else it
        is certain that it never was, or something better known has taken its place."""
        if told.note.said is not None:
            return
        self.facts.pop((subject.uid, name), None)
        self.dropped[subject.uid, name] = {"b_subject": subject.uid, "b_name": name, "b_gone": told.at}
        if told.kind == "job" and one.name.startswith("c:"):
            row = {"b_reference": one.name[2:], "b_state": "taken_back", "b_message_id": None, "b_code": None}
            self.known.setdefault(one.name[2:], row)

    def _versions(self, told: Told) -> None:
        published, templates = told.note.published, told.note.templates
        found = [("template", version, text) for version, text in templates.items()]
        if published:
            found += [("pack", label, text) for label, text in published["packs"].items()]
            found.append(("publication", published["name"], published["publication"]))
        self.versions += [
            {"kind": kind, "label": label, "at": told.at, "text": text if isinstance(text, str) else canonical(text),
             "seq": self.seq}
            for kind, label, text in found
        ]  # fmt: skip

    def _lives(self, *, least: bool) -> list[Row]:
        return [
            {"subject": subject, "expires": life.until} for subject, life in self.files.items() if life.least is least
        ]

    def batch(self) -> Batch:
        """All of it, each key once."""
        return Batch(
            drafts=self.drafts,
            upserts=[
                Upsert(tables.jobs, merged(self.jobs, ["job"])),
                Upsert(tables.messages, list(self.sent.values())),
                Upsert(tables.facts, list(self.facts.values()), keep=("seq",)),
                Upsert(tables.files, self._lives(least=False)),
                Upsert(tables.files, self._lives(least=True), least=("expires",)),
                Upsert(tables.kept, list(self.kept.values())),
                Upsert(tables.versions, merged(self.versions, ["kind", "label"]), keep=("at", "text", "seq")),
                Upsert(tables.tallies, added(self.tallies, TALLY, "n"), add=("n",)),
            ],
        )


def job_name(subjects: Mapping[Name, Subject], told: Told) -> str:
    """The pseudonym of a job, which only the person's key can make."""
    assert told.job is not None
    assert told.person is not None
    sealer = subjects[told.person].sealer
    assert sealer is not None
    return sealer.name("job", told.tenant, told.job.id)


def _standing(row: Row) -> Standing:
    return Standing(*(row[name] for name in ("status", "ended", "channel", "provider", "reason", "rule", "until")))


def _tally(row: Row) -> Row:
    return {
        "tenant": row["tenant"], "day": day_of(row["accepted"]), "channel": row["channel"], "status": row["status"],
        "reason": row["reason"],
    }  # fmt: skip


def _due(told: Told, old: Row | None) -> Instant | None:
    if told.due is None:
        return old["due"] if old else None
    return None if told.due < 0 else told.due


def _member(old: Row | None, subject: Subject, job: str) -> str:
    """The member as an earlier step told it."""
    if old is None or old["sealed"] is None or subject.sealer is None:
        return ""
    member: str = _any.decode(subject.sealer.open(old["sealed"], "jobs", subject.uid, job))["member"]
    return member
