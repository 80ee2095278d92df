"""The end of the chain, and the proof that one entry belongs to it."""

from msgspec import Struct
from sqlalchemy import select

from gateway.bookkeeping.keeper import Books
from gateway.domain.clock import format_instant
from gateway.ledger.anchors import Anchors, read_anchors
from gateway.ledger.chain import merkle_path
from gateway.ledger.read import hashes
from gateway.ledger.tables import entries, signed


class Entry(Struct, frozen=True, kw_only=True):
    """An entry as anybody may see it, `hash`, `prev` and `seal` hexadecimal; `body` is JSON as it was hashed."""

    seq: int
    at: str
    kind: str
    tenant: str
    subject: str
    job: str
    body: str
    seal: str
    prev: str
    hash: str


class Step(Struct, frozen=True, kw_only=True):
    """One neighbour on the way to the root."""

    side: str
    hash: str


class Proof(Struct, frozen=True, kw_only=True):
    """`path` leads from the entry's hash to the root of `anchor`, a signed line; both empty until it is anchored."""

    entry: Entry
    path: list[Step]
    anchor: str | None


class SignedHead(Struct, frozen=True, kw_only=True):
    """The signed end of the chain, the last anchor, and the public key (hexadecimal) that signed both."""

    head: str | None
    anchor: str | None
    public_key: str


async def head_of(books: Books, anchors: Anchors) -> SignedHead:
    """Raises SQLAlchemyError, OSError."""
    async with books.ledger.read() as connection:
        head = await connection.scalar(select(signed.c.head))
    lines = read_anchors(anchors.paths[0])
    return SignedHead(head=head, anchor=lines[-1][1] if lines else None, public_key=books.keyring.public.hex())


async def proof_of(books: Books, anchors: Anchors, seq: int, tenants: frozenset[str] | None) -> Proof | None:
    """The proof of an entry of these tenants (None: of any). Raises SQLAlchemyError, OSError."""
    async with books.ledger.read() as connection:
        row = (await connection.execute(select(entries).where(entries.c.seq == seq))).first()
    if row is None or (tenants is not None and row.tenant not in tenants):
        return None
    own = Entry(
        seq=row.seq, at=format_instant(row.at), kind=row.kind, tenant=row.tenant, subject=row.subject, job=row.job,
        body=row.body, seal=row.seal, prev=bytes(row.prev).hex(), hash=bytes(row.hash).hex(),
    )  # fmt: skip
    for anchor, line in read_anchors(anchors.paths[0]):
        if anchor.first <= seq <= anchor.seq:
            found = await hashes(books.ledger, anchor.first, anchor.seq)
            path = [Step(side=side, hash=other.hex()) for side, other in merkle_path(found, seq - anchor.first)]
            return Proof(entry=own, path=path, anchor=line)
    return Proof(entry=own, path=[], anchor=None)
