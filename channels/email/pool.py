"""A pool of SMTP connections that are known to be alive before a message is entrusted to them."""

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Literal

from aiosmtplib import SMTP, SMTPException
from msgspec import Struct

# Servers drop idle clients after some minutes, firewalls sooner: whoever idled longer than this is asked first.
FRESH_S = 30.0
# Servers cap messages per connection (Postfix, Exim: often 100); leaving first costs less than being sent away.
MESSAGES_PER_CONNECTION = 100
QUIT_S = 1.0


class Relay(Struct, frozen=True, kw_only=True):
    """Where a connection goes to and how; its repr is withheld, for it holds a password."""

    host: str
    port: int
    tls: Literal["none", "starttls", "implicit"]
    context: ssl.SSLContext | None
    username: str | None
    password: str | None
    greeting: str
    """Our name in EHLO. Given, because the library would ask DNS for it."""

    def __repr__(self) -> str:
        return f"<relay {self.host}:{self.port}>"

    def line(self) -> SMTP:
        return SMTP(
            hostname=self.host,
            port=self.port,
            username=self.username,
            password=self.password,
            local_hostname=self.greeting,
            use_tls=self.tls == "implicit",
            start_tls=self.tls == "starttls",
            tls_context=self.context,
            # The caller bounds every send as a whole; a second clock per command costs and confuses.
            timeout=None,
        )


class Line:
    """One connection and what happened on it. `dirty`: a transaction was left half way and must be reset."""

    __slots__ = ("carried", "dirty", "idle_since", "smtp")

    def __init__(self, smtp: SMTP) -> None:
        self.smtp = smtp
        self.carried = 0
        self.dirty = False
        self.idle_since = 0.0


class Pool:
    """At most `size` connections. The caller bounds the time; every line taken is given back or dropped."""

    def __init__(self, make: Callable[[], SMTP], size: int) -> None:
        self._make = make
        self._free = asyncio.Semaphore(size)
        self._idle: list[Line] = []
        self._closed = False

    async def take(self) -> Line:
        """A live connection, ready for MAIL. Raises SMTPException, OSError (TimeoutError among them)."""
        await self._free.acquire()
        try:
            while self._idle:
                line = self._idle.pop()
                if await self._alive(line):
                    return line
            return Line(await self._connected())
        except BaseException:
            self._free.release()
            raise

    def give_back(self, line: Line) -> None:
        line.carried += 1
        if self._closed or not line.smtp.is_connected or line.carried >= MESSAGES_PER_CONNECTION:
            self.drop(line)
            return
        line.idle_since = asyncio.get_running_loop().time()
        self._idle.append(line)
        self._free.release()

    def drop(self, line: Line) -> None:
        """The state of the conversation is unknown or the connection is used up: it is never used again."""
        line.smtp.close()
        self._free.release()

    async def close(self) -> None:
        self._closed = True
        lines, self._idle = self._idle, []
        await asyncio.gather(*(_quit(line) for line in lines))

    async def _connected(self) -> SMTP:
        smtp = self._make()
        try:
            await smtp.connect()
            # Greets now, so that the extensions are known before the first MAIL.
            if smtp.is_ehlo_or_helo_needed:
                await smtp.ehlo()
        except BaseException:
            smtp.close()
            raise
        return smtp

    async def _alive(self, line: Line) -> bool:
        if not line.smtp.is_connected:
            line.smtp.close()
            return False
        if not line.dirty and asyncio.get_running_loop().time() - line.idle_since < FRESH_S:
            return True
        try:
            await line.smtp.rset()
        except (SMTPException, OSError):
            line.smtp.close()
            return False
        except BaseException:
            line.smtp.close()
            raise
        line.dirty = False
        return True


async def _quit(line: Line) -> None:
    with suppress(SMTPException, OSError, TimeoutError):
        async with asyncio.timeout(QUIT_S):
            await line.smtp.quit()
    line.smtp.close()
