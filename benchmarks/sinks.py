"""Providers that cost nothing: an HTTP/1.1 sink that answers as Twilio, an SMTP sink that says 250. They count.

`python -m benchmarks.sinks http|smtp` prints its port and serves until its input ends.
"""

import asyncio
import json
import sys


class HttpSink(asyncio.Protocol):
    """Answers 201 to every request it has read whole; knows Content-Length and nothing else."""

    taken = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport, self._buffer = transport, b""

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self._buffer) < end + 4 + length:
                return
            self._buffer = self._buffer[end + 4 + length :]
            HttpSink.taken += 1
            body = json.dumps({"sid": f"SM{HttpSink.taken:032x}", "status": "queued", "num_segments": "1"}).encode()
            head = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
            self._transport.write(head + body)


class SmtpSink(asyncio.Protocol):
    """Takes every message; offers nothing but SIZE."""

    taken = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport, self._buffer, self._in_data = transport, b"", False
        transport.write(b"220 sink ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while True:
            mark = b"\r\n.\r\n" if self._in_data else b"\r\n"
            end = self._buffer.find(mark)
            if end < 0:
                return
            line, self._buffer = self._buffer[:end], self._buffer[end + len(mark) :]
            self._transport.write(self._answer(line))

    def _answer(self, line: bytes) -> bytes:
        if self._in_data:
            self._in_data = False
            SmtpSink.taken += 1
            return b"250 2.0.0 Ok: queued\r\n"
        verb = line[:4].upper()
        if verb == b"DATA":
            self._in_data = True
            return b"354 go on\r\n"
        return b"250-sink\r\n250 SIZE 1000000\r\n" if verb == b"EHLO" else b"250 2.0.0 Ok\r\n"


async def serve(kind: str) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server({"http": HttpSink, "smtp": SmtpSink}[kind], "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
