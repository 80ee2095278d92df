"""A bundle of evidence for those outside the house: entries, words, policies, proofs, and what verifies them.

The words of an entry are proven without any key: its body holds the SHA-256 of what is sealed in it, in the clear, with
a salt among it, so that nobody can guess it either.
"""

import asyncio
import hashlib
import io
import zipfile
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, select

from gateway.bookkeeping.acts import Act, write_down
from gateway.bookkeeping.keeper import Books
from gateway.domain.clock import Clock, Instant, format_instant
from gateway.ledger import verify_ledger
from gateway.ledger.anchors import PUBLIC, Anchors, read_anchors
from gateway.ledger.chain import canonical, merkle_path
from gateway.ledger.read import hashes, last_seq
from gateway.ledger.signing import HEAD
from gateway.ledger.tables import entries, jobs, versions

FORM = "cng-bundle-v1"
ANCHORED_S = 15.0
"""so long an export waits for what it holds to be anchored"""
_any: msgspec.json.Decoder[Any] = msgspec.json.Decoder()

_VERIFIER = Path(verify_ledger.__file__).read_bytes()
README = """Evidence of a collections notification gateway

entries.jsonl   entries of the ledger, one a line, as docs/ledger.md of the gateway tells their form
words.jsonl     what they seal, in the clear; the body of each entry holds its SHA-256 (`digest`)
proofs.jsonl    the way of each entry's hash to the root of a signed anchor (RFC 6962)
anchors.jsonl, head.json, ledger-public-key.txt   the anchors, the end of the chain, and the key that signed them
policies/       the packs that judged, by version
statement.html  all of it for people, to be printed
manifest.json   the SHA-256 of every file, signed

To verify, with Python 3 and nothing else:

    python verify_ledger.py BUNDLE.zip --key ledger-public-key.txt

Take the key from a place that whoever made the bundle cannot write to. Inside the gateway's house the whole chain is
verified by `gateway ledger verify`.
"""


class Wanted(Struct, frozen=True, kw_only=True):
    """What the bundle is about: a person, an account, a period; all that are given must agree."""

    tenant: str
    recipient: str | None = None
    account: str | None = None
    since: Instant | None = None
    until: Instant | None = None


class TooMuch(ValueError):
    """More entries than were to be in a bundle."""


class Exported(Struct, frozen=True):
    """A bundle as a zip file, how many entries are in it, and whether all of them are anchored: what is not cannot be
    proven yet."""

    data: bytes
    entries: int
    anchored: bool


async def export(
    books: Books, anchors: Anchors, wanted: Wanted, who: str, why: str, clock: Clock, most: int | None = None
) -> Exported:  # fmt: skip
    """Writes down who takes the evidence away and why, waits for the next anchor, and makes the bundle. Raises TooMuch
    above `most` entries, SQLAlchemyError, KeyringError, OSError."""
    subject = await books.subjects.find("person", wanted.tenant, wanted.recipient) if wanted.recipient else None
    act = Act(who=who, what="export", why=why, tenant=wanted.tenant, subject=subject.uid if subject else "")
    before = await last_seq(books.ledger)
    await write_down(books, act, clock.now())
    end = asyncio.get_running_loop().time() + ANCHORED_S
    while anchors.anchored() < before and asyncio.get_running_loop().time() < end:  # noqa: ASYNC110 - another process
        await asyncio.sleep(0.1)
    data, count = await bundle(books, anchors, wanted, clock.now(), most)
    return Exported(data, count, anchors.anchored() >= before)


async def bundle(
    books: Books, anchors: Anchors, wanted: Wanted, now: Instant, most: int | None = None
) -> tuple[bytes, int]:  # fmt: skip
    """The bundle as a zip file, and how many entries are in it. Raises TooMuch above `most` of them, SQLAlchemyError,
    KeyringError, OSError."""
    rows = await _rows(books, wanted, most)
    if most is not None and len(rows) > most:
        raise TooMuch
    sealers = await books.subjects.sealers({row.subject for row in rows if row.subject})
    words: dict[int, bytes] = {}
    for row in rows:
        sealer = sealers.get(row.subject) if row.subject else books.keyring.house
        if row.sealed is not None and sealer is not None:
            words[row.seq] = sealer.open(bytes(row.sealed), "entries", row.tenant, row.subject, str(row.seq))
    files = {
        "README.txt": README.encode(),
        "entries.jsonl": _lines(_entry(row) for row in rows),
        "words.jsonl": _lines({"seq": seq, "words": text.decode()} for seq, text in words.items()),
        "proofs.jsonl": _lines(await _proofs(books, anchors, [row.seq for row in rows])),
        "statement.html": statement(wanted, rows, words, now).encode(),
        "verify_ledger.py": _VERIFIER,
    }
    path = anchors.paths[0]
    for name in (path.name, HEAD, PUBLIC):
        if (file := path.with_name(name)).exists():
            files["anchors.jsonl" if name == path.name else name] = file.read_bytes()
    for label, text in (await _policies(books, rows)).items():
        files[f"policies/{label}.yaml"] = text.encode()
    return await asyncio.to_thread(_zipped, books, files, wanted, now), len(rows)


async def _rows(books: Books, wanted: Wanted, most: int | None) -> Sequence[Any]:
    conditions: list[ColumnElement[bool]] = [entries.c.tenant == wanted.tenant]
    if wanted.recipient is not None:
        subject = await books.subjects.find("person", wanted.tenant, wanted.recipient)
        conditions.append(entries.c.subject == (subject.uid if subject else "nobody"))
    if wanted.account is not None:
        own = select(jobs.c.job).where(jobs.c.account == books.keyring.blind("account", wanted.tenant, wanted.account))
        conditions.append(entries.c.job.in_(own))
    if wanted.since is not None:
        conditions.append(entries.c.at >= wanted.since)
    if wanted.until is not None:
        conditions.append(entries.c.at < wanted.until)
    async with books.ledger.read() as connection:
        chosen = select(entries).where(*conditions).order_by(entries.c.seq)
        return list(await connection.execute(chosen.limit(None if most is None else most + 1)))


async def _proofs(books: Books, anchors: Anchors, wanted: Sequence[int]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for anchor, line in read_anchors(anchors.paths[0]):
        here = [seq for seq in wanted if anchor.first <= seq <= anchor.seq]
        if here:
            own = await hashes(books.ledger, anchor.first, anchor.seq)
            found += [
                {"seq": seq, "anchor": line,
                 "path": [[side, other.hex()] for side, other in merkle_path(own, seq - anchor.first)]}
                for seq in here
            ]  # fmt: skip
    return found


async def _policies(books: Books, rows: Sequence[Any]) -> dict[str, str]:
    labels = {
        label
        for row in rows
        for look in _any.decode(row.body).get("looks", ())
        for label in look["policy"].split(",")
        if label
    }
    chosen = select(versions.c.label, versions.c.text).where(versions.c.kind == "pack", versions.c.label.in_(labels))
    async with books.ledger.read() as connection:
        return {row.label: row.text for row in await connection.execute(chosen)}


def _entry(row: Any) -> dict[str, Any]:
    return {
        "seq": row.seq, "at": row.at, "kind": row.kind, "tenant": row.tenant, "subject": row.subject, "job": row.job,
        "body": row.body, "sealed": None if row.sealed is None else bytes(row.sealed).hex(), "seal": row.seal,
        "prev": bytes(row.prev).hex(), "hash": bytes(row.hash).hex(),
    }  # fmt: skip


def statement(wanted: Wanted, rows: Sequence[Any], words: dict[int, bytes], now: Instant) -> str:
    """What was said to somebody, when, and what was not and why: a page to be printed."""
    lines = []
    for row in rows:
        body, secret = _any.decode(row.body), _any.decode(words[row.seq]) if row.seq in words else {}
        told = "; ".join(
            f"{receipt['status']}" + (f" ({receipt['code']}, {receipt['rule'] or '-'})" if receipt["code"] else "")
            for receipt in body.get("receipts", ())
        )
        said = (secret.get("said") or {}).get("text", "")
        what = " ".join(str(body[name]) for name in ("type", "channel", "event", "what") if name in body)
        if told or said or what:
            cells = format_instant(row.at), row.kind, secret.get("job_id", ""), what or told, said, str(row.seq)
            lines.append("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>")
    about = ", ".join(f"{k} {v}" for k, v in (("person", wanted.recipient), ("account", wanted.account)) if v)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Statement</title>'
        "<style>body{font:10pt sans-serif}table{border-collapse:collapse}td,th{border:1px solid #999;padding:2pt 4pt;"
        "vertical-align:top;text-align:left}</style>"
        f"<h1>Statement of contacts</h1><p>{escape(about or wanted.tenant)}, as of {format_instant(now)}. Every line "
        "is an entry of the ledger; its number is in the last column.</p><table><tr><th>when (UTC)<th>what<th>job<th>"
        f"what became of it<th>words<th>entry</tr>{''.join(lines)}</table></html>\n"
    )


def _zipped(books: Books, files: dict[str, bytes], wanted: Wanted, now: Instant) -> bytes:
    manifest = {
        "form": FORM, "at": now, "tenant": wanted.tenant, "key": books.keyring.key_id,
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())},
    }  # fmt: skip
    signed = {**manifest, "sig": books.keyring.sign(canonical(manifest).encode()).hex()}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
        archive.writestr(zipfile.ZipInfo("manifest.json"), canonical(signed))
    return out.getvalue()


def _lines(documents: Any) -> bytes:
    return "".join(canonical(document) + "\n" for document in documents).encode()
