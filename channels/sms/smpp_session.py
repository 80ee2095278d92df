"""A connection to an SMSC that stays bound (SMPP 3.4): requests and their answers by number, and what it sends itself.

A library's client is not used, since those acknowledge a delivery receipt before anybody has kept it.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable

from channels.sms.smpp_pdu import (
    BIND_TRANSCEIVER,
    DELIVER_SM,
    ENQUIRE_LINK,
    GENERIC_NACK,
    HEADER,
    INVALID_COMMAND,
    MOST_PDU,
    OK,
    PERMANENT_APP_ERROR,
    RESPONSE,
    UNBIND,
    Answer,
    Delivered,
    answer_of,
    bind_body,
    delivered_of,
    pdu,
)

LAST_NUMBER = 0x7FFFFFFF
ANSWER_S = 10.0
"""How long the SMSC may take to answer an enquire_link."""
GOODBYE_S = 1.0
WAITS_S = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""From one bind to the next, as long as no session shows that it works: SMSCs lock accounts that bind without end."""

Hear = Callable[[Delivered], Awaitable[int]]
"""Is told each deliver_sm, and returns the status to answer it with once it is kept."""


class BindRefusedError(Exception):
    """The SMSC did not take our bind; `status` is its command_status."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the SMSC refused the bind with 0x{status:08X}")
        self.status = status


class Session:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, hear: Hear) -> None:
        self._reader, self._writer, self._hear = reader, writer, hear
        self._number = 0
        self._waiting: dict[int, asyncio.Future[Answer]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.closed = asyncio.Event()
        self._reading = asyncio.create_task(self._read(), name="smpp-read")

    @classmethod
    async def open(
        cls, host: str, port: int, tls: ssl.SSLContext | None, credentials: tuple[str, str, str], hear: Hear
    ) -> "Session":
        """Connects and binds as a transceiver. Raises OSError, BindRefusedError; cancelled, it leaves nothing open."""
        reader, writer = await asyncio.open_connection(host, port, ssl=tls)
        session = cls(reader, writer, hear)
        try:
            answer = await session.ask(BIND_TRANSCEIVER, bind_body(*credentials))
            if answer.command != BIND_TRANSCEIVER | RESPONSE or answer.status != OK:
                raise BindRefusedError(answer.status)
        except BaseException:
            await session.close(goodbye=False)
            raise
        return session

    async def ask(self, command: int, body: bytes, wrote: Callable[[], None] = lambda: None) -> Answer:
        """Sends one request and waits for its answer; `wrote` is called before its first byte leaves. Raises
        ConnectionError where the connection is lost."""
        if self.closed.is_set():
            raise ConnectionError("the connection to the SMSC is closed")
        self._number = self._number % LAST_NUMBER + 1
        number = self._number
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        try:
            wrote()
            self._writer.write(pdu(command, OK, number, body))
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
                    async with asyncio.timeout(min(ANSWER_S, every_s)):
                        await self.ask(ENQUIRE_LINK, b"")
                except (TimeoutError, ConnectionError):
                    await self.close(goodbye=False)

    async def close(self, *, goodbye: bool = True) -> None:
        """Says goodbye (unbind) and ends; may be called twice."""
        if goodbye and not self.closed.is_set():
            try:
                async with asyncio.timeout(GOODBYE_S):
                    await self.ask(UNBIND, b"")
            except (TimeoutError, ConnectionError):
                pass
        self._lost()
        own = [task for task in (self._reading, *self._tasks) if task is not asyncio.current_task()]
        for task in own:
            task.cancel()
        if own:
            await asyncio.wait(own)

    async def _read(self) -> None:
        try:
            while True:
                head = await self._reader.readexactly(HEADER.size)
                length, command, status, number = HEADER.unpack(head)
                if not HEADER.size <= length <= MOST_PDU:
                    return  # whatever speaks here, it is not SMPP
                self._take(head, command, status, number, await self._reader.readexactly(length - HEADER.size))
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            self._lost()

    def _take(self, head: bytes, command: int, status: int, number: int, body: bytes) -> None:
        if command & RESPONSE:
            future = self._waiting.get(number)
            if future is not None and not future.done():
                future.set_result(answer_of(command, status, body))
        elif command == DELIVER_SM:
            task = asyncio.create_task(self._deliver(head + body, number))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif command in (ENQUIRE_LINK, UNBIND):
            self._writer.write(pdu(command | RESPONSE, OK, number))
            if command == UNBIND:
                self._lost()
        else:
            self._writer.write(pdu(GENERIC_NACK, INVALID_COMMAND, number))

    async def _deliver(self, raw: bytes, number: int) -> None:
        try:
            delivered = delivered_of(raw)
        except ValueError:
            status = PERMANENT_APP_ERROR  # it could not be read the second time either
        else:
            status = await self._hear(delivered)
        if not self.closed.is_set():
            self._writer.write(pdu(DELIVER_SM | RESPONSE, status, number, b"\0"))

    def _lost(self) -> None:
        if self.closed.is_set():
            return
        self.closed.set()
        self._writer.close()
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(ConnectionError("the connection to the SMSC is lost"))


class Link:
    """Binds, and binds anew when the connection is lost, also while nothing is sent, because receipts and replies come
    whenever they like. `open_session` opens and binds one session."""

    def __init__(self, open_session: Callable[[], Awaitable[Session]], bind_s: float, enquire_s: float) -> None:
        self._open, self._bind_s, self._enquire_s = open_session, bind_s, enquire_s
        self._session: Session | None = None
        self._binding: asyncio.Task[None] | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._trouble: Exception = ConnectionError("not bound")
        self._tries, self._again_at = 0, 0.0

    def start(self) -> None:
        self._keeper = asyncio.create_task(self._keep(), name="smpp-keep")

    async def session(self) -> Session:
        """The session, bound anew where it is lost. Raises OSError or BindRefusedError: at once where the last bind
        was in vain and it is too early for the next."""
        if not self._bound():
            if self._binding is None:
                if self.rest() > 0:
                    raise self._trouble.with_traceback(None)
                self._binding = asyncio.create_task(self._bind(), name="smpp-bind")
            await asyncio.wait([self._binding])  # a sender that gives up does not take the bind from the others
        if self._session is None or not self._bound():
            raise self._trouble.with_traceback(None)
        return self._session

    def rest(self) -> float:
        """Seconds until it may bind again."""
        return max(0.0, self._again_at - asyncio.get_running_loop().time())

    def works(self) -> None:
        """The session has answered a request: if it is lost now, it is bound anew at once."""
        self._tries, self._again_at = 0, 0.0

    async def close(self) -> None:
        tasks = [task for task in (self._keeper, self._binding) if task is not None]
        self._keeper = None
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _bound(self) -> bool:
        return self._session is not None and not self._session.closed.is_set()

    async def _bind(self) -> None:
        try:
            async with asyncio.timeout(self._bind_s):
                self._session = await self._open()
            self._trouble = ConnectionError("the connection to the SMSC is lost")
        except TimeoutError:
            self._trouble = ConnectionError(f"no bind within {self._bind_s:g} s")
        except (OSError, BindRefusedError) as error:
            self._trouble = error
        except UnicodeError as error:
            self._trouble = ConnectionError(f"no host of that name: {error}")
        finally:
            wait = WAITS_S[min(self._tries, len(WAITS_S) - 1)]
            self._tries, self._again_at = self._tries + 1, asyncio.get_running_loop().time() + wait
            self._binding = None

    async def _keep(self) -> None:
        while True:
            try:
                await (await self.session()).keep_alive(self._enquire_s)
            except (OSError, BindRefusedError):
                await asyncio.sleep(max(self.rest(), WAITS_S[0] / 10))
