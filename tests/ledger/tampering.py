"""Tampers with a ledger by lot, in every way that is known, and asks both verifiers what was done and where.

`python -m tests.ledger.tampering --count 10000 --seed 1` runs the long campaign.
"""

import argparse
import asyncio
import base64
import copy
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from gateway.ledger import verify_ledger
from gateway.ledger.anchors import Anchors
from gateway.ledger.chain import Draft, Entry, canonical, link
from gateway.ledger.database import Database
from gateway.ledger.keyring import Keyring, open_keyring
from gateway.ledger.read import signed_head, walk
from gateway.ledger.signing import HEAD
from gateway.ledger.verify import Place, verify
from gateway.ledger.writer import Head, writing

PARTS = (60, 50, 70, 40)
"""entries before each anchor, and after the last"""
KINDS = ("job", "contact", "command", "act")
FIELDS = ("at", "kind", "tenant", "subject", "job", "body", "sealed", "seal", "prev", "hash")


class Copy(Struct, kw_only=True):
    """A ledger as somebody holds it: its entries, and both places where it is anchored."""

    entries: list[Entry]
    lines: list[str]
    head: str
    second_lines: list[str]
    second_head: str
    own: str
    """the head that the database itself holds"""


class Ledger(Struct, kw_only=True):
    """The ledger as it was written, and as it was yesterday."""

    now: Copy
    yesterday: Copy
    public: bytes
    firsts: list[int]
    """where each anchor begins, and what follows the last"""

    def first_of(self, seq: int) -> int:
        """The beginning of the stretch that an entry is anchored in."""
        return max(first for first in self.firsts if first <= seq)


async def write(folder: Path, lots: random.Random) -> Ledger:
    """A ledger with three anchors, through the code that writes every ledger."""
    keyring = open_keyring(folder / "keyring.json")
    database = Database(f"sqlite:///{folder}/ledger.db", "ledger")
    await database.migrate()
    anchors = Anchors(database, keyring, folder / "anchors.jsonl", folder / "second", 1 << 60)
    (folder / "second").mkdir()
    await anchors.begin()
    firsts, copies = [1], []
    for number, part in enumerate(PARTS):
        async with database.write() as connection:
            out = writing(database, connection, "gateway")
            head = await out.head()
            written = await out.append([draft(keyring, lots) for _ in range(part)], head, keyring)
        await anchors.after(written, written[-1].at)
        if number == 1:
            copies.append(await held(database, folder))
        if number < len(PARTS) - 1:
            await anchors.anchor(written[-1].at)
            firsts.append(written[-1].seq + 1)
    copies.append(await held(database, folder))
    await database.close()
    return Ledger(now=copies[1], yesterday=copies[0], public=keyring.public, firsts=firsts)


def draft(keyring: Keyring, lots: random.Random) -> Draft:
    sealed = keyring.house.seal(lots.randbytes(40), "x") if lots.random() < 0.8 else None
    return Draft(
        at=1_764_000_000_000 + lots.randrange(10**6), kind=lots.choice(KINDS), tenant="default",
        subject=lots.randbytes(16).hex(), job=lots.randbytes(16).hex(),
        body=canonical({"state": lots.choice(["open", "sent"]), "n": lots.randrange(100), "text": "逾期"}),
        sealed=sealed,
    )  # fmt: skip


async def held(database: Database, folder: Path) -> Copy:
    async with database.read() as connection:
        entries = [entry async for page in walk(connection) for entry in page]
        own = await signed_head(connection)
    assert own is not None
    lines, second = (
        (place / "anchors.jsonl").read_text().split("\n")[:-1] for place in (folder, folder / "second")
    )  # fmt: skip
    heads = [(place / HEAD).read_text() for place in (folder, folder / "second")]
    return Copy(entries=entries, lines=lines, head=heads[0], second_lines=second, second_head=heads[1], own=own)


class Tampered(Struct):
    """What was done, and the entries of which one must be named."""

    what: str
    copy: Copy
    places: set[int]


Tamper = Callable[[Ledger, random.Random], Tampered]


def flip(ledger: Ledger, lots: random.Random) -> Tampered:
    """One bit of one field of one entry."""
    copy_, index, name = fresh(ledger), *spot(ledger, lots), lots.choice(FIELDS)
    entry = copy_.entries[index]
    value = getattr(entry, name)
    if value is None or value == "":
        name, value = "body", entry.body
    if isinstance(value, int):
        changed: object = value ^ (1 << lots.randrange(40))
    elif isinstance(value, bytes):
        at = lots.randrange(len(value) * 8)
        changed = bytes(b ^ (1 << at % 8) if i == at // 8 else b for i, b in enumerate(value))
    else:
        at = lots.randrange(len(value))
        changed = value[:at] + chr(ord(value[at]) ^ (1 << lots.randrange(5))) + value[at + 1 :]
    copy_.entries[index] = msgspec.structs.replace(entry, **{name: changed})
    return Tampered(f"flip {name}", copy_, {entry.seq})


def edit(ledger: Ledger, lots: random.Random) -> Tampered:
    """An entry that tells something else, with a hash that is right for it."""
    copy_, index = fresh(ledger), *spot(ledger, lots)
    entry = copy_.entries[index]
    body = entry.body.replace("open", "lost").replace("sent", "open").replace('"n"', '"m"')
    [copy_.entries[index]] = relinked([msgspec.structs.replace(entry, body=body)], entry.seq - 1, entry.prev)
    follower = {entry.seq + 1} if index + 1 < len(copy_.entries) else {ledger.first_of(entry.seq)}
    return Tampered("edit", copy_, follower)


def delete(ledger: Ledger, lots: random.Random) -> Tampered:
    copy_, index = fresh(ledger), *spot(ledger, lots)
    gone = copy_.entries.pop(index)
    return Tampered("delete", copy_, {gone.seq})


def insert(ledger: Ledger, lots: random.Random) -> Tampered:
    """One more entry, well formed, and those behind it renumbered."""
    copy_, index = fresh(ledger), *spot(ledger, lots)
    before = copy_.entries[index]
    made = relinked([copy_.entries[lots.randrange(len(copy_.entries))]], before.seq, before.hash)
    moved = [msgspec.structs.replace(entry, seq=entry.seq + 1) for entry in copy_.entries[index + 1 :]]
    copy_.entries[index + 1 :] = made + moved
    return Tampered("insert", copy_, {before.seq + 2} if moved else {ledger.first_of(before.seq), before.seq + 1})


def swap(ledger: Ledger, lots: random.Random) -> Tampered:
    copy_ = fresh(ledger)
    one, other = sorted(lots.sample(range(len(copy_.entries)), 2))
    a, b = copy_.entries[one], copy_.entries[other]
    copy_.entries[one] = msgspec.structs.replace(b, seq=a.seq)
    copy_.entries[other] = msgspec.structs.replace(a, seq=b.seq)
    return Tampered("swap", copy_, {a.seq})


def double(ledger: Ledger, lots: random.Random) -> Tampered:
    """An entry that stands there twice: as an export can hold it."""
    copy_, index = fresh(ledger), *spot(ledger, lots)
    copy_.entries.insert(index, copy_.entries[index])
    return Tampered("double", copy_, {copy_.entries[index].seq})


def truncate(ledger: Ledger, lots: random.Random) -> Tampered:
    copy_ = fresh(ledger)
    left = lots.randrange(len(copy_.entries))
    del copy_.entries[left:]
    return Tampered("truncate", copy_, {left + 1})


def fork(ledger: Ledger, lots: random.Random) -> Tampered:
    """Everything from one entry on told anew, with hashes that are right."""
    copy_, index = fresh(ledger), *spot(ledger, lots)
    entry = copy_.entries[index]
    changed = msgspec.structs.replace(entry, at=entry.at + 1)
    copy_.entries[index:] = relinked([changed, *copy_.entries[index + 1 :]], entry.seq - 1, entry.prev)
    return Tampered("fork", copy_, {ledger.first_of(entry.seq)})


def roll_back(ledger: Ledger, lots: random.Random) -> Tampered:
    """Yesterday's database; with it perhaps yesterday's head, perhaps all that stands beside it."""
    copy_ = fresh(ledger)
    copy_.entries, copy_.own = list(ledger.yesterday.entries), ledger.yesterday.own
    how = lots.choice(("database", "database and head", "all but the second place"))
    if how != "database":
        copy_.head = ledger.yesterday.head
    if how == "all but the second place":
        copy_.lines = list(ledger.yesterday.lines)
    return Tampered(f"roll back {how}", copy_, {len(copy_.entries) + 1})


def unseal(ledger: Ledger, lots: random.Random) -> Tampered:
    """What was said is taken out."""
    copy_ = fresh(ledger)
    index = lots.choice([i for i, entry in enumerate(copy_.entries) if entry.sealed is not None])
    copy_.entries[index] = msgspec.structs.replace(copy_.entries[index], sealed=None)
    return Tampered("unseal", copy_, {copy_.entries[index].seq})


def anchors(ledger: Ledger, lots: random.Random) -> Tampered:
    """The anchors themselves: one left out, cut off, edited; or the head."""
    copy_ = fresh(ledger)
    index = lots.randrange(len(copy_.lines))
    places = set(ledger.firsts) | {0}
    match lots.choice(("drop", "cut", "edit", "head", "no head", "sign")):
        case "drop":
            del copy_.lines[index]
        case "cut":
            del copy_.lines[index:]
        case "edit":
            line = copy_.lines[index]
            at = lots.randrange(len(line))
            copy_.lines[index] = line[:at] + chr(ord(line[at]) ^ 1) + line[at + 1 :]
        case "head":
            copy_.head = copy_.head.replace('"seq":', '"seq":1')
        case "no head":
            copy_.head = ""
        case "sign":
            other = Keyring({1: bytes(32)}, bytes(32), lots.randbytes(32))
            line = msgspec.json.decode(copy_.lines[index])
            del line["sig"]
            line["sig"] = base64.b64encode(other.sign(canonical(line).encode())).decode()
            copy_.lines[index] = canonical(line)
    return Tampered("anchors", copy_, places)


TAMPERINGS: tuple[Tamper, ...] = (
    flip, flip, edit, delete, insert, swap, double, truncate, fork, roll_back, unseal, anchors,
)  # fmt: skip


def fresh(ledger: Ledger) -> Copy:
    now = ledger.now
    return msgspec.structs.replace(copy.copy(now), entries=list(now.entries), lines=list(now.lines))


def spot(ledger: Ledger, lots: random.Random) -> tuple[int]:
    return (lots.randrange(len(ledger.now.entries)),)


def relinked(entries: list[Entry], seq: int, prev: bytes) -> list[Entry]:
    drafts = [Draft(**{name: getattr(entry, name) for name in Draft.__struct_fields__}) for entry in entries]
    return link(drafts, Head(seq, prev).seq, prev)


def ours(copy_: Copy, public: bytes) -> list[int]:
    """The entries that our verifier names."""
    places = [
        Place(name="first", lines=copy_.lines, head=copy_.head or None),
        Place(name="second", lines=copy_.second_lines, head=copy_.second_head),
        Place(name="own", lines=[], head=copy_.own),
    ]
    return [finding.seq for finding in verify([copy_.entries], places, public).findings]


def theirs(copy_: Copy, public: bytes) -> list[int]:
    """The entries that the auditors' verifier names."""
    rows = ({name: getattr(entry, name) for name in Entry.__struct_fields__} for entry in copy_.entries)
    places: list[verify_ledger.Place] = [
        ("first", copy_.lines, copy_.head or None), ("second", copy_.second_lines, copy_.second_head),
        ("own", [], copy_.own),
    ]  # fmt: skip
    found, _ = verify_ledger.check(rows, places, public)
    return [seq for seq, _ in found]


def missed(tampered: Tampered, public: bytes) -> list[str]:
    """Which verifier did not find a tampering, or not where it was."""
    wrong = []
    for name, verifier in (("ours", ours), ("theirs", theirs)):
        found = verifier(tampered.copy, public)
        if not found:
            wrong.append(f"{name} found nothing")
        elif not tampered.places & set(found):
            wrong.append(f"{name} named {found[:5]}, not one of {sorted(tampered.places)[:5]}")
    return wrong


def campaign(ledger: Ledger, count: int, seed: int) -> tuple[Counter[str], list[str]]:
    """So many tamperings; how many of each kind, and what was missed."""
    lots = random.Random(seed)
    done: Counter[str] = Counter()
    wrong: list[str] = []
    while done.total() < count:
        tampered = lots.choice(TAMPERINGS)(ledger, lots)
        if tampered.copy == ledger.now:
            continue
        done[tampered.what.split()[0]] += 1
        wrong += [f"{tampered.what}: {why}" for why in missed(tampered, ledger.public)]
    return done, wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ledger = asyncio.run(write(Path(folder), random.Random(chosen.seed)))
    done, wrong = campaign(ledger, chosen.count, chosen.seed)
    print(dict(done), f"{len(wrong)} missed", *wrong[:20], sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
