"""Changes of policy by two people: one proposes, another approves the very text; a looser one cools off first.

The gate is here, not in the pages: nobody approves their own, what was in force must still be, and the digest that is
approved must be that of the text.
"""

import hashlib
import secrets
from collections.abc import Mapping
from typing import Any, Literal

import msgspec
import yaml
from msgspec import Struct
from sqlalchemy import func, insert, select, update

from gateway.bookkeeping.keeper import Books
from gateway.domain.clock import Instant
from gateway.ledger.tables import proposals
from gateway.policy.compare import compare, looser
from gateway.policy.document import read_document
from gateway.policy.pack import parse_pack, run_examples
from gateway.store.policies import Approved, approve
from gateway.store.redis import Store

State = Literal["open", "approved", "published", "returned"]


class Proposal(Struct, frozen=True, kw_only=True):
    """A change of one pack. `base` is the label of the pack that it changes, empty for a new one; `changes` what
    becomes of each rule; times in ms."""

    id: str
    code: str
    digest: str
    text: str
    base: str
    looser: bool
    changes: dict[str, str]
    state: State
    proposed: Instant
    proposer: str
    why: str
    effective: Instant
    decided: Instant | None
    decider: str | None
    comment: str | None


class Draft(Struct, frozen=True, kw_only=True):
    """What somebody wants. `base_text` is the text in force of the same code, None if there is none."""

    code: str
    text: str
    base: str
    base_text: str | None
    why: str
    effective: Instant


class No(Struct, frozen=True):
    """Why not: a word for the status (`invalid`, `self`, `stale`, `gone`, `early`, `decided`) and a sentence."""

    word: Literal["invalid", "self", "stale", "gone", "early", "decided"]
    sentence: str


async def propose(books: Books, draft: Draft, who: str, now: Instant) -> Proposal | No:
    """Writes a proposal down. Raises SQLAlchemyError."""
    faults = check(draft)
    if faults:
        return No("invalid", "; ".join(faults))
    before = None if draft.base_text is None else _document(draft.base_text)
    after = _document(draft.text)
    made = Proposal(
        id=secrets.token_hex(8), code=draft.code, digest=hashlib.sha256(draft.text.encode()).hexdigest(),
        text=draft.text, base=draft.base, looser=looser(before, after), changes=dict(compare(before, after)),
        state="open", proposed=now, proposer=who, why=draft.why, effective=max(draft.effective, now), decided=None,
        decider=None, comment=None,
    )  # fmt: skip
    row = msgspec.to_builtins(made) | {"changes": msgspec.json.encode(made.changes).decode()}
    async with books.ledger.write() as connection:
        await connection.execute(insert(proposals).values(**row))
    return made


def check(draft: Draft) -> list[str]:
    """What is wrong with a text, as sentences: it must be a pack, and judge its own examples as they say."""
    try:
        pack, faults = parse_pack(draft.text, draft.code, draft.code)
    except yaml.YAMLError as error:
        return [str(error)]
    if faults or pack is None:
        return list(faults)
    if draft.base and pack.label == draft.base:
        return [f"version: {pack.version} is in force with another text; a change needs a version of its own"]
    return run_examples(pack)


async def decide(
    books: Books, id_: str, digest: str, base: str, who: str, comment: str, now: Instant, cool_off_ms: int, *,
    yes: bool,
) -> Proposal | No:  # fmt: skip
    """Approves or returns a proposal; `digest` is of the text that was looked at, `base` the label in force now.
    Raises SQLAlchemyError."""
    async with books.ledger.write() as connection:
        row = (await connection.execute(select(proposals).where(proposals.c.id == id_).with_for_update())).first()
        if row is None:
            return No("gone", "there is no such proposal")
        found = _read(row)
        if (no := _refused(found, digest, base, who, yes=yes)) is not None:
            return no
        earliest = now + (cool_off_ms if found.looser else 0)
        changed = {
            "state": "approved" if yes else "returned", "decided": now, "decider": who, "comment": comment,
            "effective": max(found.effective, earliest),
        }  # fmt: skip
        await connection.execute(update(proposals).where(proposals.c.id == id_).values(**changed))
        return msgspec.structs.replace(found, **changed)


def _refused(found: Proposal, digest: str, base: str, who: str, *, yes: bool) -> No | None:
    if found.state != "open":
        return No("decided", f"it was {found.state} by {found.decider}")
    if digest != found.digest:
        return No("stale", "the digest is not that of the proposal's text")
    if yes and who == found.proposer:
        return No("self", "nobody approves their own proposal")
    if yes and base != found.base:
        return No("stale", f"{base or 'nothing'} is in force, and it was proposed against {found.base or 'nothing'}")
    return None


async def publish_approved(books: Books, store: Store) -> int:
    """Hands what was approved to the workers, who put it in force at its time; how many. Whatever interrupts it, it is
    done again. Raises SQLAlchemyError, StoreError."""
    found = await every(books, "approved", 100)
    for one_ in found:
        await approve(store, one_.code, Approved(text=one_.text, effective=one_.effective, proposal=one_.id))
        async with books.ledger.write() as connection:
            mine = proposals.c.id == one_.id, proposals.c.state == "approved"
            await connection.execute(update(proposals).where(*mine).values(state="published"))
    return len(found)


async def every(books: Books, state: State | None, most: int, code: str | None = None) -> list[Proposal]:
    """The proposals (of one pack, or of all), the newest first. Raises SQLAlchemyError."""
    chosen = select(proposals).order_by(proposals.c.proposed.desc(), proposals.c.id).limit(most)
    if state is not None:
        chosen = chosen.where(proposals.c.state == state)
    if code is not None:
        chosen = chosen.where(proposals.c.code == code)
    async with books.ledger.read() as connection:
        return [_read(row) for row in await connection.execute(chosen)]


async def one(books: Books, id_: str) -> Proposal | None:
    """A proposal. Raises SQLAlchemyError."""
    async with books.ledger.read() as connection:
        row = (await connection.execute(select(proposals).where(proposals.c.id == id_))).first()
    return None if row is None else _read(row)


async def waiting(books: Books) -> int:
    """How many wait for a second person. Raises SQLAlchemyError."""
    async with books.ledger.read() as connection:
        chosen = select(func.count()).select_from(proposals).where(proposals.c.state == "open")
        return int(await connection.scalar(chosen) or 0)


def _document(text: str) -> Mapping[str, Any]:
    document, _ = read_document(text)
    return document if isinstance(document, Mapping) else {}


def _read(row: Any) -> Proposal:
    values = {str(name): value for name, value in row._mapping.items()}  # the names are of a kind of their own
    return msgspec.convert({**values, "changes": msgspec.json.decode(values["changes"])}, Proposal)
