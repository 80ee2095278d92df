"""Finds what was done to a ledger behind its back, and where: in the chain, in its anchors, at its end. Pure.

`docs/ledger.md` tells the form. `verify_ledger.py` beside this file checks the same with code of its own.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec import Struct, field

from gateway.ledger.chain import GENESIS, Entry, hash_of, merkle_root, seal_of
from gateway.ledger.signing import FORM, Anchor, Head, digest, signed_by

_anchor = msgspec.json.Decoder(Anchor)
_head = msgspec.json.Decoder(Head)
_body: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])


class Finding(Struct, frozen=True):
    """Something that is not as it was written. `seq` is the first entry that it may concern, 0 for none of them."""

    seq: int
    what: str


class Place(Struct, frozen=True, kw_only=True):
    """One place where the ledger is anchored: the lines of `anchors.jsonl` and the text of `head.json`; the database
    itself is one with a head and no anchors."""

    name: str
    lines: Sequence[str]
    head: str | None


class Report(Struct, kw_only=True):
    """What a verification saw."""

    entries: int = 0
    anchors: int = 0
    head: str = ""
    anchored: int = 0
    findings: list[Finding] = field(default_factory=list)

    def say(self, seq: int, what: str) -> None:
        self.findings.append(Finding(seq, what))


class Chain:
    """Follows the entries, one after the other, and remembers the hashes that anchors speak of."""

    def __init__(self, report: Report, anchors: Sequence[Anchor], heads: Iterable[Head]) -> None:
        self.report = report
        self._ends = {anchor.seq: anchor for anchor in anchors}
        self._heads: dict[int, list[Head]] = {}
        for head in heads:
            self._heads.setdefault(head.seq, []).append(head)
        self._first = 1
        self._seq, self._hash = 0, GENESIS
        self._since: list[bytes] = []
        self._destroyed: list[tuple[int, str]] = []
        self._retired: list[tuple[int, frozenset[str]]] = []

    def follow(self, entry: Entry) -> None:
        """The next entry."""
        report = self.report
        report.entries += 1
        if entry.seq <= self._seq:
            report.say(entry.seq, f"number {entry.seq} stands after {self._seq}")
        elif entry.seq != self._seq + 1:
            report.say(self._seq + 1, f"entries {self._seq + 1} to {entry.seq - 1} are missing")
        elif entry.prev != self._hash:
            report.say(entry.seq, f"entry {entry.seq} does not follow the one before it")
        own = hash_of(
            entry.seq, entry.at, entry.kind, entry.tenant, entry.subject, entry.job, entry.body, entry.seal, entry.prev
        )  # fmt: skip
        if own != entry.hash:
            report.say(entry.seq, f"entry {entry.seq} was changed")
        self._sealed(entry)
        self._seq, self._hash = entry.seq, entry.hash
        self._since.append(entry.hash)
        if (anchor := self._ends.get(entry.seq)) is not None:
            self._anchored(anchor)
        for head in self._heads.get(entry.seq, ()):
            if head.hash != entry.hash.hex():
                report.say(self._first, f"the entries {self._first} to {entry.seq} are not those that were signed")

    def end(self) -> Report:
        """After the last entry."""
        report = self.report
        report.head, report.anchored = self._hash.hex(), self._first - 1
        last = max([*self._ends, *self._heads], default=0)
        if last > self._seq:
            report.say(self._seq + 1, f"entries {self._seq + 1} to {last} are missing at the end")
        elif last < self._seq:
            report.say(last + 1, f"entries {last + 1} to {self._seq} are not signed by the key")
        for seq, kind in self._destroyed:
            if not any(kind in kinds and seq <= through for through, kinds in self._retired):
                report.say(seq, f"what entry {seq} sealed is gone, and no retention tells of it")
        report.findings.sort(key=lambda finding: finding.seq or 1 << 62)
        return report

    def _sealed(self, entry: Entry) -> None:
        if entry.sealed is None:
            if entry.seal:
                self._destroyed.append((entry.seq, entry.kind))
        elif seal_of(entry.sealed) != entry.seal:
            self.report.say(entry.seq, f"what entry {entry.seq} seals was changed")
        if entry.kind == "retention":
            try:
                told = _body.decode(entry.body)
                self._retired.append((int(told["through"]), frozenset(told["kinds"])))
            except (msgspec.MsgspecError, KeyError, TypeError, ValueError):
                self.report.say(entry.seq, f"entry {entry.seq} is a retention that cannot be read")

    def _anchored(self, anchor: Anchor) -> None:
        first, since = self._first, self._since
        self._first, self._since = anchor.seq + 1, []
        if anchor.first != first:
            return  # said of the anchors already
        if merkle_root(since).hex() != anchor.root or anchor.hash != since[-1].hex():
            self.report.say(first, f"the entries {first} to {anchor.seq} are not those that were anchored")


def verify(entries: Iterable[Sequence[Entry]], places: Sequence[Place], public: bytes) -> Report:
    """Checks pages of entries against every place where the ledger is anchored. Never raises, whatever it is given."""
    chain = begin(places, public)
    for page in entries:
        for entry in page:
            chain.follow(entry)
    return chain.end()


def begin(places: Sequence[Place], public: bytes) -> Chain:
    """What will follow the entries, once the places where they are anchored were looked at."""
    report = Report()
    read = [_place(place, public, report) for place in places]
    anchors: Sequence[Anchor] = max((found for found, _ in read), key=len, default=())
    for (found, _), place in zip(read, places, strict=True):
        if list(anchors[: len(found)]) != list(found):
            report.say(0, f"{place.name}: the anchors are not those of the other place")
    report.anchors = len(anchors)
    return Chain(report, anchors, [head for _, head in read if head is not None])


def _place(place: Place, public: bytes, report: Report) -> tuple[list[Anchor], Head | None]:
    """The anchors and the head of one place, as far as they hold."""
    found: list[Anchor] = []
    before, last = "", 0
    for number, line in enumerate(place.lines, 1):
        where = f"{place.name}: anchor {number}"
        try:
            anchor = _anchor.decode(line)
        except msgspec.MsgspecError:
            report.say(last + 1, f"{where} cannot be read")
            break
        if anchor.form != FORM or anchor.before != digest(before) or not last < anchor.first <= anchor.seq:
            report.say(last + 1, f"{where} does not follow the one before it")
        elif anchor.first != last + 1:
            report.say(last + 1, f"{where} leaves out the entries {last + 1} to {anchor.first - 1}")
        elif not signed_by(public, anchor):
            report.say(anchor.first, f"{where} is not signed by the key")
        else:
            found.append(anchor)
        before, last = line, max(last, anchor.seq)
    head = _read_head(place, public, report)
    if head is not None and head.anchored and head.anchor not in {digest(line) for line in place.lines}:
        report.say((found[-1].seq if found else 0) + 1, f"{place.name}: the anchor of entry {head.anchored} is missing")
    if head is None and place.lines:
        report.say(0, f"{place.name}: head.json is missing")
    return found, head


def _read_head(place: Place, public: bytes, report: Report) -> Head | None:
    if place.head is None:
        return None
    try:
        head = _head.decode(place.head)
    except msgspec.MsgspecError:
        report.say(0, f"{place.name}: head.json cannot be read")
        return None
    if not signed_by(public, head):
        report.say(0, f"{place.name}: head.json is not signed by the key")
        return None
    return head
