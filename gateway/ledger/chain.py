"""The form of the ledger: what an entry is, and how each holds the one before it (see `docs/ledger.md`). Pure.

hash = SHA-256("cng-ledger-v1" ‖ field ‖ field …), each field as four bytes of length (big-endian) and its bytes:
seq, at, kind, tenant, subject, job, body, seal, prev. Numbers are decimal ASCII, text is UTF-8, `prev` is 32 raw bytes.
"""

import hashlib
from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Struct

DOMAIN = b"cng-ledger-v1"
GENESIS = bytes(32)
"""the hash before the first entry"""

_canonical = msgspec.json.Encoder(order="sorted").encode


class Entry(Struct, frozen=True, kw_only=True):
    """One line of the ledger. `at` in ms; `subject` and `job` are pseudonyms; `body` is canonical JSON in which no
    person can be found; `sealed` is what only the person's key opens, None where it was destroyed or never was; `seal`
    is its SHA-256 in hexadecimal, empty where there was none."""

    seq: int
    at: int
    kind: str
    tenant: str
    subject: str
    job: str
    body: str
    sealed: bytes | None
    seal: str
    prev: bytes
    hash: bytes


class Draft(Struct, frozen=True, kw_only=True):
    """An entry that has no place in the chain yet."""

    at: int
    kind: str
    tenant: str = ""
    subject: str = ""
    job: str = ""
    body: str = "{}"
    sealed: bytes | None = None


def canonical(document: object) -> str:
    """JSON with sorted keys and no space, so that one document is one text."""
    return _canonical(document).decode()


def hash_of(
    seq: int, at: int, kind: str, tenant: str, subject: str, job: str, body: str, seal: str, prev: bytes
) -> bytes:  # fmt: skip
    """The hash of an entry with these fields."""
    fields = (
        b"%d" % seq, b"%d" % at, kind.encode(), tenant.encode(), subject.encode(), job.encode(), body.encode(),
        seal.encode(), prev,
    )  # fmt: skip
    return hashlib.sha256(DOMAIN + b"".join([len(field).to_bytes(4, "big") + field for field in fields])).digest()


def seal_of(sealed: bytes) -> str:
    """The digest by which the chain holds what is sealed."""
    return hashlib.sha256(sealed).hexdigest()


def link(drafts: Iterable[Draft], seq: int, head: bytes) -> list[Entry]:
    """The drafts as the entries after `seq`, whose hash is `head`."""
    entries: list[Entry] = []
    for draft in drafts:
        seq += 1
        seal = "" if draft.sealed is None else seal_of(draft.sealed)
        own = hash_of(
            seq, draft.at, draft.kind, draft.tenant, draft.subject, draft.job, draft.body, seal, head
        )  # fmt: skip
        entries.append(
            Entry(
                seq=seq, at=draft.at, kind=draft.kind, tenant=draft.tenant, subject=draft.subject, job=draft.job,
                body=draft.body, sealed=draft.sealed, seal=seal, prev=head, hash=own,
            )
        )  # fmt: skip
        head = own
    return entries


# Merkle trees over the hashes between two anchors (RFC 6962, 2.1: leaves and nodes have prefixes of their own, so that
# neither can be taken for the other), so that one entry can be proven without the rest.


def merkle_root(hashes: Sequence[bytes]) -> bytes:
    """The root over at least one hash."""
    level = [_leaf(one) for one in hashes]
    while len(level) > 1:
        level = _up(level)
    return level[0]


def merkle_path(hashes: Sequence[bytes], index: int) -> list[tuple[str, bytes]]:
    """What leads from the hash at `index` to the root: on which side the neighbour stands, and the neighbour."""
    path: list[tuple[str, bytes]] = []
    level = [_leaf(one) for one in hashes]
    while len(level) > 1:
        other = index ^ 1
        if other < len(level):
            path.append(("left" if other < index else "right", level[other]))
        level, index = _up(level), index // 2
    return path


def climb(own: bytes, path: Iterable[tuple[str, bytes]]) -> bytes:
    """The root that a path leads to from the hash of an entry."""
    node = _leaf(own)
    for side, other in path:
        node = _node(other, node) if side == "left" else _node(node, other)
    return node


def _leaf(own: bytes) -> bytes:
    return hashlib.sha256(b"\0" + own).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def _up(level: list[bytes]) -> list[bytes]:
    """The level above; who has no neighbour goes up as it is."""
    pairs = [_node(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
    return pairs + level[len(level) & ~1 :]
