"""An SMSC that speaks SMPP 3.4: binds, takes submits, refuses by status, and sends receipts and messages of people.

Deeds: `ok`, a status (`0x0B`), `reset`, `hang`, `took-reset`, `took-hang`, `garbage` (accepted without an id). The log
holds each message once all its parts are there.
"""

import asyncio
import random
import struct
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

from smpp34 import DeliverSm, SubmitSm, decode

from channels.sms.smpp_text import text_of

HEADER = struct.Struct(">IIII")
CHANCES = ("0x58", "0x14", "took-reset", "reset", "garbage")


class FakeSmsc:
    """`receipts` is the word of the receipt that follows an acceptance (`DELIVRD`), None for none; `acks` counts the
    statuses with which receipts and messages were answered."""

    def __init__(self, rate: float = 0.0, seed: int = 0, *, password: str = "hush") -> None:
        self.password = password
        self.rate, self.lots = rate, random.Random(seed)
        self.script: deque[str] = deque()
        self.log: list[dict[str, Any]] = []
        self.submits: list[SubmitSm] = []
        self.receipts: str | None = None
        self.acks: list[int] = []
        self.binds = 0
        self.delay = 0.0
        self.port = 0
        self._parts: dict[tuple[str, int], dict[int, bytes]] = {}
        self._writers: list[asyncio.StreamWriter] = []
        self._number = 0

    @asynccontextmanager
    async def serve(self, port: int = 0, host: str = "127.0.0.1") -> AsyncIterator[Self]:
        server = await asyncio.start_server(self._serve, host, port)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.cut()

    def entry(self, folder: Path) -> dict[str, Any]:
        return {"name": "sms", "kind": "smpp", "host": "127.0.0.1", "port": self.port, "system_id": "bank",
                "password": self.password, "from": "10690"}  # fmt: skip

    def cut(self) -> None:
        """Breaks every connection, as a restart does."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def deliver(self, text: bytes, *, esm_class: int = 0, sender: str = "8613800138000") -> None:
        """Sends a deliver_sm over the first connection."""
        self._number += 1
        pdu = DeliverSm(sender, "10690", text, esm_class=esm_class, sequence_number=self._number)
        self._writers[0].write(pdu.encode())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        try:
            while True:
                head = await reader.readexactly(HEADER.size)
                length, command, status, number = HEADER.unpack(head)
                await self._take(head, command, status, number, await reader.readexactly(length - 16), writer)
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            writer.transport.abort()
            if writer in self._writers:
                self._writers.remove(writer)

    async def _take(
        self, head: bytes, command: int, status: int, number: int, body: bytes, writer: asyncio.StreamWriter
    ) -> None:
        if command == 0x09:
            self.binds += 1
            good = body.split(b"\0")[1] == self.password.encode()
            _answer(writer, command, 0 if good else 0x0E, number, b"fake\0" if good else b"")
        elif command == 0x04:
            await self._submit(decode(head + body), number, writer)
        elif command == 0x80000005:
            self.acks.append(status)
        elif command in (0x15, 0x06):
            _answer(writer, command, 0, number, b"")

    async def _submit(self, pdu: Any, number: int, writer: asyncio.StreamWriter) -> None:
        self.submits.append(pdu)
        deed = self.script.popleft() if self.script else "ok"
        if deed == "ok" and self.rate and self.lots.random() < self.rate:
            deed = self.lots.choice(CHANCES)
        if self.delay:
            await asyncio.sleep(self.delay)
        name = f"m{len(self.submits)}"
        if deed.startswith("0x"):
            return _answer(writer, 0x04, int(deed, 16), number, b"")
        if deed in ("ok", "garbage", "took-reset", "took-hang"):
            self._taken(pdu, name)
        if deed.endswith("reset"):
            return writer.transport.abort()
        if deed.endswith("hang"):
            return None
        _answer(writer, 0x04, 0, number, b"\0" if deed == "garbage" else name.encode() + b"\0")
        if self.receipts and deed == "ok" and pdu.registered_delivery & 1:
            text = (
                f"id:{name} sub:001 dlvrd:001 submit date:2611231200 done date:2611231200 stat:{self.receipts} err:000"
            )
            await self.deliver(text.encode(), esm_class=0x04)
        return None

    def _taken(self, pdu: SubmitSm, name: str) -> None:
        record = {"to": pdu.destination_addr, "from": pdu.source_addr, "validity": pdu.validity_period, "id": name}
        if not pdu.esm_class & 0x40:
            self.log.append(record | {"text": text_of(pdu.short_message, pdu.data_coding, False)})
            return
        tied, count, index = pdu.short_message[3:6]
        parts = self._parts.setdefault((pdu.destination_addr, tied), {})
        parts[index] = pdu.short_message
        if len(parts) == count:
            texts = [text_of(parts[n + 1], pdu.data_coding, True) for n in range(count)]
            self.log.append(record | {"text": "".join(texts)})
            del self._parts[pdu.destination_addr, tied]


def _answer(writer: asyncio.StreamWriter, command: int, status: int, number: int, body: bytes) -> None:
    writer.write(HEADER.pack(HEADER.size + len(body), command | 0x80000000, status, number) + body)


FAKE = FakeSmsc
