"""One bound connection to an SMSC (SMPP 3.4): requests and their answers by number, and what the SMSC sends by itself.

The codec is smpp34's. Its client is not used: it acknowledges a delivery receipt before anybody has kept it.
"""

import asyncio
import ssl
import struct
from collections.abc import Awaitable, Callable

from smpp34 import DeliverSm, SmppError, decode

HEADER = struct.Struct(">IIII")
MOST_PDU = 64 * 1024
BIND_TRANSCEIVER, SUBMIT_SM, DELIVER_SM, UNBIND, ENQUIRE_LINK, GENERIC_NACK = 0x09, 0x04, 0x05, 0x06, 0x15, 0x80000000
RESPONSE = 0x80000000
INTERFACE_VERSION = 0x34
OK, TEMPORARY_APP_ERROR = 0x00, 0x64
LAST_NUMBER = 0x7FFFFFFF
ANSWER_S = 10.0
"""How long the SMSC may take to answer an enquire_link, or to say goodbye."""


class BindRefusedError(Exception):
    """The SMSC did not take our bind; `status` is its command_status."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the SMSC refused the bind with 0x{status:08X}")
        self.status = status


class Pdu:
    """An answer: its command_status, and for a submit the message id, "" where it has none."""

    __slots__ = ("body", "command", "status")

    def __init__(self, command: int, status: int, body: bytes) -> None:
        self.command, self.status, self.body = command, status, body

    @property
    def message_id(self) -> str:
        return self.body.partition(b"\0")[0].decode("latin-1")


class Session:
    """`hear` is told each deliver_sm and returns the status to answer it with, once it is kept."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, hear: Callable[[DeliverSm], Awaitable[int]]
    ) -> None:
        self._reader, self._writer, self._hear = reader, writer, hear
        self._number = 0
        self._waiting: dict[int, asyncio.Future[Pdu]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.closed = asyncio.Event()
        self._reading = asyncio.create_task(self._read(), name="smpp-read")

    @classmethod
    async def open(
        cls, host: str, port: int, tls: ssl.SSLContext | None, credentials: tuple[str, str, str],
        hear: Callable[[DeliverSm], Awaitable[int]],
    ) -> "Session":  # fmt: skip
        """Connects and binds as a transceiver. Raises OSError, BindRefusedError; cancelled, it leaves nothing open."""
        reader, writer = await asyncio.open_connection(host, port, ssl=tls)
        session = cls(reader, writer, hear)
        try:
            texts = [text.encode("latin-1", "replace") + b"\0" for text in credentials]
            body = b"".join(texts) + bytes((INTERFACE_VERSION, 0, 0)) + b"\0"
            answer = await session.ask(BIND_TRANSCEIVER, body)
        except BaseException:
            await session.close(goodbye=False)
            raise
        if answer.status != OK:
            await session.close(goodbye=False)
            raise BindRefusedError(answer.status)
        return session

    async def ask(self, command: int, body: bytes, wrote: Callable[[], None] = lambda: None) -> Pdu:
        """Sends one request and waits for its answer; `wrote` is called before its first byte leaves. Raises
        ConnectionError where the connection is lost."""
        if self.closed.is_set():
            raise ConnectionError("the connection to the SMSC is closed")
        self._number = self._number % LAST_NUMBER + 1
        number = self._number
        future: asyncio.Future[Pdu] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        try:
            wrote()
            self._write(command, OK, number, body)
            return await future
        finally:
            self._waiting.pop(number, None)

    async def keep_alive(self, every_s: float) -> None:
        """Asks whether the SMSC is there, until the connection is closed; closes it where no answer comes."""
        while not self.closed.is_set():
            try:
                async with asyncio.timeout(every_s):
                    await self.closed.wait()
            except TimeoutError:
                try:
                    async with asyncio.timeout(ANSWER_S):
                        await self.ask(ENQUIRE_LINK, b"")
                except (TimeoutError, ConnectionError):
                    await self.close(goodbye=False)

    async def close(self, *, goodbye: bool = True) -> None:
        """Says goodbye (unbind) and ends; may be called twice."""
        if goodbye and not self.closed.is_set():
            try:
                async with asyncio.timeout(ANSWER_S / 10):
                    await self.ask(UNBIND, b"")
            except (TimeoutError, ConnectionError):
                pass
        self._lost()
        own = [task for task in (self._reading, *self._tasks) if task is not asyncio.current_task()]
        for task in own:
            task.cancel()
        if own:
            await asyncio.wait(own)

    def _write(self, command: int, status: int, number: int, body: bytes) -> None:
        self._writer.write(HEADER.pack(HEADER.size + len(body), command, status, number) + body)

    async def _read(self) -> None:
        try:
            while True:
                head = await self._reader.readexactly(HEADER.size)
                length, command, status, number = HEADER.unpack(head)
                if not HEADER.size <= length <= MOST_PDU:
                    return  # whatever speaks here, it is not SMPP
                self._take(head, command, status, number, await self._reader.readexactly(length - HEADER.size))
        except (OSError, asyncio.IncompleteReadError, ssl.SSLError):
            return
        finally:
            self._lost()

    def _take(self, head: bytes, command: int, status: int, number: int, body: bytes) -> None:
        if command & RESPONSE:
            future = self._waiting.get(number)
            if future is not None and not future.done():
                future.set_result(Pdu(command, status, body))
        elif command == DELIVER_SM:
            task = asyncio.create_task(self._deliver(head + body, number))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif command in (ENQUIRE_LINK, UNBIND):
            self._write(command | RESPONSE, OK, number, b"")
            if command == UNBIND:
                self._lost()
        else:
            self._write(GENERIC_NACK, 0x03, number, b"")  # ESME_RINVCMDID

    async def _deliver(self, raw: bytes, number: int) -> None:
        try:
            pdu = decode(raw)
            status = await self._hear(pdu) if isinstance(pdu, DeliverSm) else TEMPORARY_APP_ERROR
        except SmppError:
            status = 0x02  # ESME_RINVCMDLEN: it cannot be read, and would not be the second time
        if not self.closed.is_set():
            self._write(DELIVER_SM | RESPONSE, status, number, b"\0")

    def _lost(self) -> None:
        if self.closed.is_set():
            return
        self.closed.set()
        self._writer.close()
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(ConnectionError("the connection to the SMSC is lost"))
