"""Writes the end of the chain down outside the database, signed: a chain alone cannot tell that its end was cut off.

`anchors.jsonl` is only ever added to; `head.json` beside it holds the latest end, written after each transaction, so
that nothing that was ever told as written can vanish unseen. Both may stand in a second place too.
"""

import asyncio
import base64
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Struct

from gateway.domain.clock import Instant
from gateway.ledger.chain import Entry, canonical, merkle_root
from gateway.ledger.database import Database
from gateway.ledger.keyring import Keyring
from gateway.ledger.read import hashes

EVERY_ENTRIES = 10_000
HEAD = "head.json"
PUBLIC = "ledger-public-key.txt"
FORM = "cng-anchor-v1"


class Anchor(Struct, frozen=True, kw_only=True):
    """What is said of the chain at one moment. `root` is the Merkle root over the hashes of `first` to `seq`, `hash`
    that of `seq`, both hexadecimal; `before` the SHA-256 of the line before; `sig` signs the rest (Ed25519, base64)."""

    form: str = FORM
    at: Instant
    first: int
    seq: int
    hash: str
    root: str
    before: str
    key: str
    sig: str = ""


_anchor = msgspec.json.Decoder(Anchor)


class Head(Struct, frozen=True, kw_only=True):
    """The end of the chain after the latest transaction, signed likewise."""

    at: Instant
    seq: int
    hash: str
    key: str
    sig: str = ""


class Anchors:
    """The files of one ledger. Raises OSError where they cannot be written."""

    def __init__(
        self, database: Database, keyring: Keyring, path: Path, second: Path | None, every_ms: int
    ) -> None:  # fmt: skip
        self.database, self.keyring, self.every_ms = database, keyring, every_ms
        self.paths = [path, *([second / path.name] if second is not None else [])]
        self._last: Anchor | None = None
        self._line = ""
        self._head = (0, b"")
        self._at: Instant = 0

    async def begin(self) -> None:
        """Reads where the anchors end, and writes down whose signatures they bear."""
        for path in self.paths:
            path.parent.mkdir(parents=True, exist_ok=True)
            (path.parent / PUBLIC).write_text(base64.b64encode(self.keyring.public).decode() + "\n", encoding="ascii")
        found = read_anchors(self.paths[0])
        if found:
            self._last, self._line = found[-1]
            self._at = self._last.at

    def age_s(self, now: Instant) -> float:
        """Seconds since the last anchor, 0 where nothing is waiting for one."""
        waits = self._head[0] > (self._last.seq if self._last else 0)
        return max(0, now - self._at) / 1000 if waits and self._at else 0.0

    async def after(self, entries: Sequence[Entry], now: Instant) -> None:
        """The chain has grown: the head is written down, and an anchor where it is time."""
        last = entries[-1]
        self._head = (last.seq, last.hash)
        self._at = self._at or now
        head = Head(at=now, seq=last.seq, hash=last.hash.hex(), key=self.keyring.key_id)
        text = canonical(msgspec.structs.replace(head, sig=self._signature(head)))
        await asyncio.to_thread(self._write_head, text)
        since = last.seq - (self._last.seq if self._last else 0)
        if since >= EVERY_ENTRIES or now - self._at >= self.every_ms:
            await self.anchor(now)

    async def anchor(self, now: Instant) -> None:
        """Anchors what the last anchor does not hold yet."""
        first = (self._last.seq if self._last else 0) + 1
        found = await hashes(self.database, first, None)
        if not found:
            return
        anchor = Anchor(
            at=now, first=first, seq=first + len(found) - 1, hash=found[-1].hex(), root=merkle_root(found).hex(),
            before=hashlib.sha256(self._line.encode()).hexdigest(), key=self.keyring.key_id,
        )  # fmt: skip
        anchor = msgspec.structs.replace(anchor, sig=self._signature(anchor))
        self._line = canonical(anchor)
        await asyncio.to_thread(self._append, self._line)
        self._last, self._at = anchor, now

    def _signature(self, signed: Anchor | Head) -> str:
        return base64.b64encode(self.keyring.sign(unsigned(signed))).decode()

    def _append(self, line: str) -> None:
        for path in self.paths:
            with path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
                file.flush()
                os.fsync(file.fileno())

    def _write_head(self, text: str) -> None:
        for path in self.paths:
            draft = path.with_name(f".{HEAD}")
            draft.write_text(text + "\n", encoding="utf-8")
            os.replace(draft, path.with_name(HEAD))


def unsigned(signed: Anchor | Head) -> bytes:
    """What a signature signs: the document without it, as canonical JSON."""
    found = msgspec.to_builtins(signed)
    del found["sig"]
    return canonical(found).encode()


def signed_by(public: bytes, signed: Anchor | Head) -> bool:
    """Whether the signature is of this key."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(base64.b64decode(signed.sig), unsigned(signed))
    except (InvalidSignature, ValueError):
        return False
    return True


def read_anchors(path: Path) -> list[tuple[Anchor, str]]:
    """The anchors of a file with their lines; a last line that a crash cut short is none. Raises ValueError for any
    other that cannot be read."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")
    return [(_anchor.decode(line), line) for line in lines[:-1]]


def read_head(path: Path) -> Head | None:
    """The head beside a file of anchors, None where there is none. Raises ValueError."""
    file = path.with_name(HEAD)
    return msgspec.json.decode(file.read_bytes(), type=Head) if file.exists() else None
