"""Keeps what was published: every text of a pack by its label, and each policy as the labels it is made of.

The name of the policy in force stands in the control document, whose version guards every claim: once another policy is
published, no claim judged by the old one can be written.
"""

import hashlib
from collections.abc import Iterable, Mapping
from enum import Enum, auto
from typing import Any

import msgspec
from msgspec import Struct

from gateway.domain.note import Note, write_note
from gateway.store.redis import WRITTEN, Change, FileWrite, Store

POLICY = "policy"
"""The control document's field that names the policy in force."""


WOKEN = "woken"
"""The field of the publications that tells for which policy what waits was woken."""


class Published(Struct, frozen=True, kw_only=True):
    """One publication: `packs` are labels by code; `path` and `age` (ns) of the folder that it came from; `at` is
    RFC 3339."""

    path: str
    age: int
    at: str
    packs: dict[str, str]


class Offer(Struct, frozen=True, kw_only=True):
    """A folder that somebody wants to have in force. `labels` are the packs' own, by code; `edited` if it was seen to
    change, which counts for more than any age."""

    name: str
    texts: Mapping[str, str]
    labels: Mapping[str, str]
    path: str
    age: int
    at: str
    edited: bool = False


class Offered(Enum):
    """What became of an offer."""

    PUBLISHED = auto()
    IN_FORCE = auto()
    """it was so already"""
    OUTDATED = auto()
    """the same folder, as it was changed later, is in force"""


def name_of(texts: Mapping[str, str]) -> str:
    """The name of a policy: a digest of its packs' texts."""
    return _digest(msgspec.json.encode(sorted(texts.items())))


async def in_force(store: Store) -> str | None:
    """The name of the policy in force, None if none was ever published here."""
    name = await _any(store).hget(store.keys.control, POLICY)
    return name.decode() if name else None


async def publication(store: Store, name: str) -> Published | None:
    raw = await _any(store).hget(store.keys.policies, name)
    return msgspec.json.decode(raw, type=Published) if raw else None


async def woken(store: Store) -> str | None:
    """The policy for whose sake what waits by a rule was last woken."""
    name = await _any(store).hget(store.keys.policies, WOKEN)
    return name.decode() if name else None


async def mark_woken(store: Store, name: str) -> None:
    await _any(store).hset(store.keys.policies, WOKEN, name)


async def texts_of(store: Store, labels: Iterable[str] | None = None) -> dict[str, str]:
    """The texts of the labelled packs that the store holds; of every pack for None."""
    if labels is None:
        every = await _any(store).hgetall(store.keys.packs)
        return {label.decode(): text.decode() for label, text in every.items()}
    wanted = list(dict.fromkeys(labels))
    found = await _any(store).hmget(store.keys.packs, wanted) if wanted else []
    return {label: text.decode() for label, text in zip(wanted, found, strict=True) if text is not None}


class Approved(Struct, frozen=True, kw_only=True):
    """A pack that two people approved: its text, and from when (ms) it takes the place of the folder's."""

    text: str
    effective: int
    proposal: str


_approved = msgspec.json.Decoder(list[Approved])


async def approvals(store: Store) -> dict[str, list[Approved]]:
    """What was approved of each pack, in the order in which it comes in force."""
    found = await _any(store).hgetall(store.keys.approved)
    return {code.decode(): _approved.decode(raw) for code, raw in found.items() if code != b"v"}


async def approve(store: Store, code: str, own: Approved) -> None:
    """Lets an approved pack come in force at its time, on every worker. Raises StoreError."""
    kept = [one for one in (await approvals(store)).get(code, []) if one.proposal != own.proposal]
    listed = sorted([*kept, own], key=lambda one: one.effective)
    raw = msgspec.json.encode(listed).decode()
    await store.commit([Change(files=[FileWrite(store.keys.approved, -1, (code, raw))])])


def effective(approved: Mapping[str, list[Approved]], now: int) -> dict[str, Approved]:
    """Of each pack the approval that holds now."""
    found = {code: [one for one in listed if one.effective <= now] for code, listed in approved.items()}
    return {code: listed[-1] for code, listed in found.items() if listed}


async def publish(store: Store, offer: Offer) -> Offered:
    """Puts a policy in force, unless it is what a process found when it started, and the same folder as it was changed
    later is in force: a host that has not got the new files yet must not bring the old ones back. A label that is
    another text's already gets a digest behind it: a receipt's `code@version` must never mean two texts."""
    packs = {code: await _label(store, offer.labels[code], text) for code, text in offer.texts.items()}
    while True:
        control = await _any(store).hmget(store.keys.control, ["v", POLICY])
        version, now = int(control[0] or 0), control[1].decode() if control[1] else None
        latest = await publication(store, now) if now else None
        behind = latest.age if latest is not None and latest.path == offer.path else -1
        if now == offer.name and latest is not None:
            return Offered.IN_FORCE
        if behind >= offer.age and not offer.edited:
            return Offered.OUTDATED
        made = Published(path=offer.path, age=max(offer.age, behind + 1), at=offer.at, packs=packs)
        raw = msgspec.json.encode(made).decode()
        await _any(store).hset(store.keys.policies, offer.name, raw)
        await _any(store).hdel(store.keys.policies, WOKEN)
        told = {"name": offer.name, "publication": raw, "packs": _by_label(packs, offer.texts)}
        note = write_note(Note(published=told))
        change = Change(files=[FileWrite(store.keys.control, version, (POLICY, offer.name))], note=note)
        [written] = await store.commit([change])
        if written == WRITTEN:
            return Offered.PUBLISHED


def _by_label(labels: Mapping[str, str], texts: Mapping[str, str]) -> dict[str, str]:
    return {label: texts[code] for code, label in labels.items()}


async def _label(store: Store, label: str, text: str) -> str:
    if await _claimed(store, label, text):
        return label
    own = f"{label}+{_digest(text.encode())[:8]}"
    await _claimed(store, own, text)
    return own


async def _claimed(store: Store, label: str, text: str) -> bool:
    """Whether the label means this text, from now on at the latest."""
    if await _any(store).hsetnx(store.keys.packs, label, text):
        return True
    held = await _any(store).hget(store.keys.packs, label)
    return bool(held == text.encode())


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def _any(store: Store) -> Any:
    """The client without redis-py's types, which say of every answer that it may be text."""
    return store.redis
