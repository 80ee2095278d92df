"""One HTTP/2 connection to a provider, on the sans-IO library h2: requests share it, and each knows its own fate.

Ready-made clients lose requests when a server says GOAWAY. Here a stream beyond the last one that the server names,
and one that it refuses (REFUSED_STREAM), is proven untouched (RFC 9113, 6.8 and 8.7); every other loss after the
request was written proves nothing. h2 counts a connection as closed at the first GOAWAY, though the streams before it
go on; so that frame is read here and never shown to it.
"""

import asyncio
import ssl
from collections.abc import Callable, Mapping, Sequence

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings
from msgspec import Struct

HEAD_BYTES = 9
GOAWAY = 0x07
MOST_FRAME = 16_384
"""What we take in one frame (RFC 9113, 4.2: the least that every side must take)."""
MOST_BODY = 64 * 1024
LAST_STREAM = 2**31 - 1000
"""Stream ids run out; a new connection is opened before."""
PING_S = 60.0
SETTINGS_S = 10.0


class Untouched(Exception):
    """Proven: the server has not looked at the request. It may be sent again, on another connection."""


class Lost(Exception):
    """The request was written, and nobody knows what became of it."""


class Reply(Struct, frozen=True):
    """A whole response; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _Stream:
    __slots__ = ("body", "done", "headers")

    def __init__(self, done: "asyncio.Future[Reply]") -> None:
        self.done = done
        self.headers: dict[str, str] = {}
        self.body = b""


class H2Connection:
    """Open after `open`; `usable` until it drains or is lost."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        self._streams: dict[int, _Stream] = {}
        self._ready = asyncio.Event()
        self._room = asyncio.Condition()
        self._draining = self._lost = False
        self._pongs = 0
        self._tasks = [asyncio.create_task(self._read(), name="h2-read"), asyncio.create_task(self._ping())]

    @classmethod
    async def open(cls, host: str, port: int, context: ssl.SSLContext) -> "H2Connection":
        """Connects, and waits for the server's settings. Raises OSError; cancelled, it leaves nothing open."""
        reader, writer = await asyncio.open_connection(host, port, ssl=context)
        if writer.get_extra_info("ssl_object").selected_alpn_protocol() != "h2":
            writer.close()
            raise ConnectionError("the server does not speak HTTP/2 (ALPN)")
        connection = cls(reader, writer)
        try:
            connection._h2.initiate_connection()
            connection._flush()
            async with asyncio.timeout(SETTINGS_S):
                await connection._ready.wait()
            if connection._lost:
                raise ConnectionError("the server closed the connection before it told its settings")
        except BaseException:
            await connection.close()
            raise
        return connection

    @property
    def usable(self) -> bool:
        """Whether a new request may begin on it."""
        return not self._draining and not self._lost

    @property
    def ended(self) -> bool:
        """Whether nothing is under way on it and nothing can be."""
        return self._lost or (self._draining and not self._streams)

    async def request(
        self, headers: Sequence[tuple[str, str]], body: bytes, wrote: Callable[[], None] = lambda: None
    ) -> Reply:
        """One POST with its whole body; `wrote` is called when it is written. Raises Untouched or Lost; cancelled, the
        server is told so (CANCEL)."""
        number = await self._begin(headers, body)
        wrote()
        stream = self._streams[number]
        try:
            return await stream.done
        except asyncio.CancelledError:
            self._cancel(number)
            raise
        finally:
            self._streams.pop(number, None)
            await self._told()

    async def close(self) -> None:
        """Ends the connection; what is under way is lost. May be called twice."""
        self._end()
        own = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in own:
            task.cancel()
        await asyncio.wait(own)

    async def _begin(self, headers: Sequence[tuple[str, str]], body: bytes) -> int:
        """Waits for a free stream and for the window, then writes it all at once: nothing is ever half sent."""
        async with self._room:
            await self._room.wait_for(lambda: not self.usable or self._has_room(len(body)))
            if not self.usable:
                raise Untouched("the connection ended before the request began")
            number = self._h2.get_next_available_stream_id()
            self._draining = self._draining or number >= LAST_STREAM
            self._streams[number] = _Stream(asyncio.get_running_loop().create_future())
            try:
                self._h2.send_headers(number, headers)
                self._h2.send_data(number, body, end_stream=True)
            except h2.exceptions.ProtocolError as error:
                self._streams.pop(number, None)
                raise Untouched(str(error)) from error
            self._flush()
            return number

    def _has_room(self, size: int) -> bool:
        """Whether the server takes one more stream, and its body at once."""
        window = min(self._h2.outbound_flow_control_window, self._h2.remote_settings.initial_window_size)
        frame = self._h2.max_outbound_frame_size
        return self._h2.open_outbound_streams < self._h2.remote_settings.max_concurrent_streams and size <= min(
            window, frame
        )

    def _cancel(self, number: int) -> None:
        try:
            self._h2.reset_stream(number, h2.errors.ErrorCodes.CANCEL)
            self._flush()
        except h2.exceptions.ProtocolError:
            return  # it is closed already

    def _flush(self) -> None:
        data = self._h2.data_to_send()
        if data and not self._lost:
            self._writer.write(data)

    async def _read(self) -> None:
        try:
            while True:
                head = await self._reader.readexactly(HEAD_BYTES)
                length = int.from_bytes(head[:3], "big")
                if length > MOST_FRAME:
                    return
                payload = await self._reader.readexactly(length)
                if head[3] == GOAWAY:
                    self._go_away(int.from_bytes(payload[:4], "big") & 0x7FFFFFFF)
                    await self._told()  # who waits for a stream goes elsewhere, however long the others here take
                    continue
                for event in self._h2.receive_data(head + payload):
                    self._take(event)
                self._flush()
                await self._told()
        except (OSError, asyncio.IncompleteReadError, h2.exceptions.ProtocolError, UnicodeDecodeError):
            pass
        finally:
            self._end()
            await self._told()

    def _take(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.RemoteSettingsChanged():
                self._ready.set()
            case h2.events.ResponseReceived(stream_id=int(number), headers=headers) if number in self._streams:
                self._streams[number].headers = {str(name): str(value) for name, value in headers or ()}
            case h2.events.DataReceived(stream_id=int(number), data=data, flow_controlled_length=int(length)):
                self._h2.acknowledge_received_data(length, number)
                if number in self._streams:
                    self._streams[number].body = (self._streams[number].body + bytes(data or b""))[:MOST_BODY]
            case h2.events.StreamEnded(stream_id=int(number)) if number in self._streams:
                self._ended(self._streams[number])
            case h2.events.StreamReset(stream_id=int(number), error_code=code) if number in self._streams:
                refused = code == h2.errors.ErrorCodes.REFUSED_STREAM
                self._fail(number, Untouched("refused") if refused else Lost(f"the stream was reset ({code})"))
            case h2.events.PingAckReceived():
                self._pongs += 1
            case _:
                pass

    def _go_away(self, last: int) -> None:
        self._draining = True
        for number in [number for number in self._streams if number > last]:
            self._fail(number, Untouched("the server goes away and has not looked at it"))

    def _ended(self, stream: _Stream) -> None:
        if stream.done.done():
            return
        status = stream.headers.get(":status", "")
        if status.isdecimal():
            stream.done.set_result(Reply(int(status), stream.headers, stream.body))
        else:
            stream.done.set_exception(Lost("a response without a status"))

    def _fail(self, number: int, error: Exception) -> None:
        done = self._streams[number].done
        if not done.done():
            done.set_exception(error)

    def _end(self) -> None:
        if self._lost:
            return
        self._lost = True
        self._ready.set()
        self._writer.close()
        for number in self._streams:
            self._fail(number, Lost("the connection was lost"))

    async def _told(self) -> None:
        """Wakes those who wait for room."""
        async with self._room:
            self._room.notify_all()

    async def _ping(self) -> None:
        """Finds out that a silent connection is dead before a message does."""
        while not self._lost:
            await asyncio.sleep(PING_S)
            before = self._pongs
            try:
                self._h2.ping(b"gateway.")
            except h2.exceptions.ProtocolError:
                break
            self._flush()
            await asyncio.sleep(SETTINGS_S)
            if self._pongs == before:
                break
        self._end()
        await self._told()
