"""Writes the end of the chain down outside the database, signed: a chain alone cannot tell that its end was cut off.

`anchors.jsonl` is only ever added to; `head.json` beside it holds the latest end, written after each transaction, so
that nothing that was ever told as written can vanish unseen. Both may stand in a second place too.
"""

import asyncio
import base64
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from gateway.domain.clock import Instant
from gateway.ledger.chain import Entry, canonical, merkle_root
from gateway.ledger.database import Database
from gateway.ledger.keyring import Keyring
from gateway.ledger.read import hashes, last_seq
from gateway.ledger.signing import HEAD, Anchor, digest, sign_head, signature

EVERY_ENTRIES = 10_000
PUBLIC = "ledger-public-key.txt"


_anchor = msgspec.json.Decoder(Anchor)


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
        self._look()
        self._head = (await last_seq(self.database), b"")

    def anchored(self) -> int:
        """Up to which entry the chain is anchored, by the file, which another process may write."""
        found = read_anchors(self.paths[0])
        return found[-1][0].seq if found else 0

    def age_s(self, now: Instant) -> float:
        """Seconds since the last anchor, 0 where nothing is waiting for one."""
        waits = self._head[0] > (self._last.seq if self._last else 0)
        return max(0, now - self._at) / 1000 if waits and self._at else 0.0

    async def after(self, entries: Sequence[Entry], now: Instant) -> None:
        """The chain has grown: the head is written down, and an anchor where it is time."""
        last = entries[-1]
        self._head = (last.seq, last.hash)
        self._at = self._at or now
        await self._put_head(now)
        since = last.seq - (self._last.seq if self._last else 0)
        if since >= EVERY_ENTRIES or now - self._at >= self.every_ms:
            await self.anchor(now)

    async def in_time(self, now: Instant) -> None:
        """An anchor where it is time, though the chain does not grow: what was written last must not wait for more."""
        if self._waits(now):
            await asyncio.to_thread(self._look)  # another process may have written one meanwhile
        if self._waits(now):
            await self.anchor(now)

    def _look(self) -> None:
        found = read_anchors(self.paths[0])
        if found:
            self._last, self._line = found[-1]
            self._at = self._last.at

    def _waits(self, now: Instant) -> bool:
        return self._head[0] > (self._last.seq if self._last else 0) and now - self._at >= self.every_ms

    async def anchor(self, now: Instant) -> None:
        """Anchors what the last anchor does not hold yet."""
        first = (self._last.seq if self._last else 0) + 1
        found = await hashes(self.database, first, None)
        if not found:
            return
        anchor = Anchor(
            at=now, first=first, seq=first + len(found) - 1, hash=found[-1].hex(), root=merkle_root(found).hex(),
            before=digest(self._line), key=self.keyring.key_id,
        )  # fmt: skip
        anchor = msgspec.structs.replace(anchor, sig=signature(self.keyring, anchor))
        self._line = canonical(anchor)
        await asyncio.to_thread(self._append, self._line)
        self._last, self._at = anchor, now
        self._head = (anchor.seq, found[-1])
        await self._put_head(now)

    async def _put_head(self, now: Instant) -> None:
        seq, own = self._head
        text = sign_head(self.keyring, now, seq, own, self._last.seq if self._last else 0, self._line)
        await asyncio.to_thread(self._write_head, text)

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


def read_anchors(path: Path) -> list[tuple[Anchor, str]]:
    """The anchors of a file with their lines; a last line that a crash cut short is none. Raises ValueError for any
    other that cannot be read."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")
    return [(_anchor.decode(line), line) for line in lines[:-1]]
