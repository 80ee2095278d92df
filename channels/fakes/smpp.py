"""An SMSC that speaks SMPP 3.4: binds, takes submits, refuses by status, and sends receipts and messages of people.

Deeds: `ok`, a status (`0x0B`), `reset`, `hang`, `took-reset`, `took-hang`, `garbage` (accepted without an id). The log
holds each message once all its parts are there.
"""

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

from smpp34 import DeliverSm, SubmitSm, Tlv, decode

from channels.sms.smpp_pdu import (
    BIND_TRANSCEIVER,
    DELIVER_SM,
    ENQUIRE_LINK,
    HEADER,
    RECEIPT,
    RESPONSE,
    SUBMIT_SM,
    UDH,
    UNBIND,
    pdu,
)
from channels.sms.smpp_text import text_of

CHANCES = ("0x58", "0x14", "took-reset", "reset", "garbage")
WRONG_PASSWORD = 0x0E


class FakeSmsc:
    """`receipts` is the word of the receipt that follows an acceptance where one is asked for, None for none; `acks`
    are the statuses with which receipts and messages were answered; `most_at_once` submits waited for an answer."""

    def __init__(self, rate: float = 0.0, seed: int = 0, *, password: str = "hush") -> None:
        self.password = password
        self.rate, self.lots = rate, random.Random(seed)
        self.script: deque[str] = deque()
        self.log: list[dict[str, Any]] = []
        self.submits: list[SubmitSm] = []
        self.receipts: str | None = "DELIVRD"
        self.acks: list[int] = []
        self.binds = self.goodbyes = self.most_at_once = 0
        self.fickle = False
        """Whether it ends every connection once it is bound."""
        self.deaf = False
        """Whether it answers nothing but binds, as one that hangs does."""
        self.delay = 0.0
        self.port = 0
        self._parts: dict[tuple[str, int], dict[int, bytes]] = {}
        self._writers: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._number = self._at_once = 0

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

    def leave(self) -> None:
        """Says goodbye on every connection, as an orderly shutdown does."""
        for writer in self._writers:
            writer.write(pdu(UNBIND, 0, 1))

    def deliver(
        self, text: bytes, *, esm_class: int = 0, sender: str = "8613800138000", tlvs: dict[int, bytes] | None = None
    ) -> None:
        """Sends a deliver_sm over the connection that is oldest."""
        self._deliver(self._writers[0], text, esm_class, sender, tlvs or {})

    def _deliver(
        self, writer: asyncio.StreamWriter, text: bytes, esm_class: int, sender: str, tlvs: dict[int, bytes]
    ) -> None:
        self._number += 1
        optional = [Tlv(tag, value) for tag, value in tlvs.items()]
        told = DeliverSm(sender, "10690", text, esm_class=esm_class, sequence_number=self._number, tlvs=optional)
        writer.write(told.encode())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        try:
            while True:
                head = await reader.readexactly(HEADER.size)
                length, command, status, number = HEADER.unpack(head)
                self._take(head + await reader.readexactly(length - HEADER.size), command, status, number, writer)
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            writer.transport.abort()
            if writer in self._writers:
                self._writers.remove(writer)

    def _take(self, raw: bytes, command: int, status: int, number: int, writer: asyncio.StreamWriter) -> None:
        if command == BIND_TRANSCEIVER:
            self.binds += 1
            good = raw[HEADER.size :].split(b"\0")[1] == self.password.encode()
            _answer(writer, command, 0 if good else WRONG_PASSWORD, number, b"fake\0" if good else b"")
            if self.fickle:
                writer.close()
        elif command == DELIVER_SM | RESPONSE:
            self.acks.append(status)
        elif self.deaf:
            return
        elif command == SUBMIT_SM:
            task = asyncio.get_running_loop().create_task(self._submit(decode(raw), number, writer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif command in (ENQUIRE_LINK, UNBIND):
            self.goodbyes += command == UNBIND
            _answer(writer, command, 0, number, b"")

    async def _submit(self, submit: Any, number: int, writer: asyncio.StreamWriter) -> None:
        self.submits.append(submit)
        name, deed = f"m_{len(self.submits)}", self.script.popleft() if self.script else "ok"
        if deed == "ok" and self.rate and self.lots.random() < self.rate:
            deed = self.lots.choice(CHANCES)
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        await asyncio.sleep(self.delay)
        self._at_once -= 1
        if deed.startswith("0x"):
            return _answer(writer, SUBMIT_SM, int(deed, 16), number, b"")
        if deed in ("ok", "garbage", "took-reset", "took-hang"):
            self._taken(submit, name)
        if deed.endswith("reset"):
            return writer.transport.abort()
        if deed.endswith("hang"):
            return None
        _answer(writer, SUBMIT_SM, 0, number, b"\0" if deed == "garbage" else name.encode() + b"\0")
        if self.receipts and deed == "ok" and submit.registered_delivery & 1:
            told = (
                f"id:{name} sub:001 dlvrd:001 submit date:2611231200 done date:2611231200 stat:{self.receipts} err:000"
            )
            quoted = b" text:" + submit.short_message[:20]
            self._deliver(writer, told.encode() + quoted, RECEIPT, submit.destination_addr, {})
        return None

    def _taken(self, submit: SubmitSm, name: str) -> None:
        record = {"to": submit.destination_addr, "from": submit.source_addr, "validity": submit.validity_period,
                  "id": name}  # fmt: skip
        if not submit.esm_class & UDH:
            self.log.append(record | {"text": text_of(submit.short_message, submit.data_coding, False)})
            return
        tied, count, index = submit.short_message[3:6]
        parts = self._parts.setdefault((submit.destination_addr, tied), {})
        parts[index] = submit.short_message
        if len(parts) == count:
            texts = [text_of(parts[n + 1], submit.data_coding, True) for n in range(count)]
            self.log.append(record | {"text": "".join(texts)})
            del self._parts[submit.destination_addr, tied]


def _answer(writer: asyncio.StreamWriter, command: int, status: int, number: int, body: bytes) -> None:
    writer.write(pdu(command | RESPONSE, status, number, body))


FAKE = FakeSmsc
