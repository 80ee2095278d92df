"""What an entry says: in the clear what tells of nobody, and sealed what only the person's key opens. Pure."""

from typing import Any

import msgspec

from gateway.bookkeeping.tell import Told
from gateway.domain.job import NOTHING, Attempt, Track
from gateway.domain.ruling import Look

_EMPTY = b""
_any: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


def document_of(told: Told) -> dict[str, Any]:
    """The reminder of a job's step, empty where it is not there any more."""
    assert told.job is not None
    raw = bytes(told.note.doc) or (bytes(told.job.job.doc) if told.job.job.doc != NOTHING else _EMPTY)
    return _any.decode(raw) if raw else {}


def clear_of(told: Told) -> dict[str, Any]:
    """What an entry says without telling of a person."""
    body: dict[str, Any] = {}
    if told.job is not None:
        body = {"accepted": told.job.job.accepted, "tracks": [_track(track) for track in told.job.job.tracks]}
        if told.note.member:
            looks = [_look(track.look) for track in told.job.job.tracks if track.look is not None]
            body |= {"looks": looks} if looks else {}
    if told.receipts:
        body["receipts"] = [_receipt(receipt) for receipt in told.receipts]
    if told.note.findings:
        body["findings"] = [
            {"channel": channel, "rule": found.rule, "pack": found.pack, "blocks": found.blocks, "code": found.code,
             "until": found.until}
            for channel, findings in told.note.findings.items()
            for found in findings
        ]  # fmt: skip
    if told.due is not None:
        body["due"] = told.due
    act = told.note.act
    return body | {name: act[name] for name in ("who", "what") if name in act} | _named(told)


def _named(told: Told) -> dict[str, Any]:
    """What is closed sets and the house's own names in documents that came from outside."""
    found: dict[str, Any] = {}
    if bytes(told.note.command):
        command = _any.decode(told.note.command)
        found = {name: command[name] for name in ("type", "reason", "state", "channel", "provider") if name in command}
    elif bytes(told.note.contact):
        contact = _any.decode(told.note.contact)
        found = {name: contact[name] for name in ("channel", "event", "direction") if name in contact}
    elif bytes(told.note.report):
        report = _any.decode(told.note.report)
        found = {name: report.get(name) for name in ("provider", "status", "code", "reference", "at")}
    elif told.note.published:
        found = {"publication": told.note.published["name"], "packs": sorted(told.note.published["packs"])}
    elif told.note.templates:
        found = {"templates": sorted(told.note.templates)}
    elif told.letters:
        found = {"stream": told.letters[0].get("stream", "")}
    return found


def _track(track: Track) -> dict[str, Any]:
    found: dict[str, Any] = {"state": track.state, "attempts": track.attempts}
    if track.until is not None:
        found["until"] = track.until
    if track.attempt is not None:
        found["attempt"] = _attempt(track.attempt)
    if track.earlier:
        found["earlier"] = [_attempt(attempt) for attempt in track.earlier]
    return found


def _attempt(attempt: Attempt) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(attempt)
    found.pop("address", None)
    found.pop("owner", None)
    return found


def _look(look: Look) -> dict[str, Any]:
    return {
        "at": look.at, "policy": look.policy, "tzdata": look.tzdata, "zones": look.zones,
        "jurisdictions": look.jurisdictions,
        "weighed": [
            {"channel": one.candidate.channel, "decision": one.decision, "until": one.until,
             "blocked_by": one.blocked_by, "warned": one.warned}
            for one in look.weighed
        ],
    }  # fmt: skip


def _receipt(receipt: dict[str, Any]) -> dict[str, Any]:
    reason = receipt["reason"] or {}
    return {
        "n": int(receipt["id"].rpartition("#")[2]), "status": receipt["status"], "final": receipt["final"],
        "channel": receipt["channel"], "provider": receipt["provider"], "at": receipt["at"], "code": reason.get("code"),
        "rule": reason.get("rule"), "until": reason.get("until"), "provider_code": reason.get("provider_code"),
    }  # fmt: skip


def secret_of(told: Told, first: bool) -> dict[str, Any]:
    """What only the person's key opens: names, words, addresses, figures."""
    found: dict[str, Any] = {}
    note = told.note
    if told.job is not None:
        found = {"recipient": told.job.recipient, "job_id": told.job.id}
        if first:
            found["doc"] = document_of(told)
        looks = [track.look for track in told.job.job.tracks if track.look is not None]
        if note.member and looks:
            found["candidates"] = [[one.candidate for one in look.weighed] for look in looks]
    if told.receipts:
        found["receipts"] = told.receipts
    if note.said is not None:
        found["said"] = note.said
    if note.findings:
        found["findings"] = note.findings
    for name in ("contact", "command", "reply", "report"):
        raw = bytes(getattr(note, name))
        if raw:
            found[name] = msgspec.Raw(raw)
    if note.act:
        found["act"] = note.act
    if told.letters:
        found["letters"] = told.letters
    return found
