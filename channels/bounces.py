"""The door for what comes back of emails: an LMTP or SMTP listener that takes bounces of our own messages alone.

An address that we did not make is an unknown mailbox (550 5.1.1) before anything of the mail is read; a report is taken
with 250 once it is kept, and with 451 where it cannot be, so that the sender comes again (RFC 2033, RFC 5321).
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal, cast
from weakref import WeakSet

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session

from channels.contract import Bounces, Report
from channels.email.bounces import MOST_BYTES, addresses_in, read_bounce
from channels.email.verp import Verp

NAME = "bounces"
"""Under which its reports are counted."""
IDLE_S = 60
MOST_LINES = 100
"""Connections at once, so that strangers cannot take all the files of the process."""

_log = logging.getLogger(__name__)


def verp(secrets: Sequence[str]) -> Bounces | None:
    """Envelope senders that only whoever holds the secrets can make; None without any."""
    return Verp(secrets) if secrets else None


@asynccontextmanager
async def take_bounces(
    host: str, port: int, protocol: Literal["lmtp", "smtp"], bounces: Bounces,
    report: Callable[[Report], Awaitable[None]], now: Callable[[], int], complaints: str | None = None,
) -> AsyncIterator[int]:  # fmt: skip
    """Listens until the end of the block; gives the port, which is another than `port` if that is 0. `complaints` is
    the mailbox that mail providers were told to send complaints to. Raises OSError if the port cannot be had. Whoever
    has no answer yet when it ends comes again."""
    handler, kind = _Handler(bounces, report, now, complaints), LMTP if protocol == "lmtp" else SMTP
    # SMTPUTF8, because a bounce of such a message is one itself, and its server would have nowhere to bring it.
    options: dict[str, Any] = {
        "data_size_limit": MOST_BYTES, "timeout": IDLE_S, "hostname": NAME, "ident": "ready", "enable_SMTPUTF8": True,
    }  # fmt: skip
    lines: WeakSet[SMTP] = WeakSet()

    def answer() -> asyncio.Protocol:
        if sum(line.transport is not None for line in lines) >= MOST_LINES:
            return _Full()
        line = kind(handler, **options)
        lines.add(line)
        return line

    server = await asyncio.get_running_loop().create_server(answer, host, port)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for line in list(lines):  # since Python 3.12 they would be waited for
            if line.transport is not None:
                cast(asyncio.WriteTransport, line.transport).abort()
        await server.wait_closed()


class _Full(asyncio.Protocol):
    def connection_made(self, transport: Any) -> None:
        transport.write(b"421 4.3.2 too many connections; come again\r\n")
        transport.close()


class _Handler:
    """Hooks of aiosmtpd; each answers with the line that the client gets."""

    def __init__(
        self, bounces: Bounces, report: Callable[[Report], Awaitable[None]], now: Callable[[], int],
        complaints: str | None,
    ) -> None:  # fmt: skip
        self._bounces, self._report, self._now = bounces, report, now
        self._complaints = complaints and complaints.casefold()

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:  # fmt: skip
        if address.casefold() != self._complaints and self._bounces.reference(address) is None:
            return "550 5.1.1 no such mailbox"
        if envelope.rcpt_tos:  # a bounce has one; two would need two answers
            return "452 4.5.3 one recipient at a time"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        raw = envelope.original_content or b""
        named = [envelope.rcpt_tos[0]]
        if named[0].casefold() == self._complaints:  # our address stands in the message that is complained of
            named = addresses_in(raw)
        reference = next((found for found in map(self._bounces.reference, named) if found is not None), None)
        if reference is None:
            return "550 5.7.1 it names no message of ours"
        try:
            await self._report(read_bounce(NAME, reference, raw, self._now()))
        except OSError:
            return "451 4.3.0 it cannot be kept now; come again"
        return "250 2.0.0 kept"

    async def handle_exception(self, error: Exception) -> str:
        _log.error("bounces_trouble", extra={"error": type(error).__name__})
        return "451 4.3.0 come again"
