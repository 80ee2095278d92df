"""A mail relay (aiosmtpd) whose answer at every stage can be scripted; keeps envelope and bytes of what it took.

`script` holds (stage, deed) for the next transactions, in order: stages are MAIL, RCPT, DATA (the command) and DOT (the
end of the message); a deed is a reply such as `550 5.1.1 no such user`, or `drop`, `hang`, `garbage`, and at DOT also
`took-drop` and `took-hang`. Then `rule(stage, value)` is asked.
"""

import asyncio
import random
import ssl
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope


class Mail(NamedTuple):
    sender: str
    recipients: tuple[str, ...]
    content: bytes


class FakeSmtp:
    def __init__(
        self,
        rate: float = 0.0,
        seed: int = 0,
        *,
        utf8: bool = True,
        login: tuple[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.script: deque[tuple[str, str]] = deque()
        self.rule: Callable[[str, str], str | None] | None = None
        self.log: list[Mail] = []
        self.connections = 0
        self.delay = 0.0
        self.host, self.port = "127.0.0.1", 0
        self.rate = rate
        self.login = login
        self.utf8 = utf8
        self.tls = tls
        """Offered by STARTTLS, and demanded."""
        self.servers: set[_Server] = set()
        self._lots = random.Random(seed)

    @asynccontextmanager
    async def serve(self, port: int = 0, host: str = "127.0.0.1") -> AsyncIterator[Self]:
        server = await asyncio.get_running_loop().create_server(lambda: _Server(self), host, port)
        self.host, self.port = host, server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.hang_up()
            await asyncio.sleep(0.02)

    def entry(self, folder: Path) -> dict[str, Any]:
        return {"name": "email", "kind": "smtp", "host": self.host, "port": self.port, "tls": "none",
                "from": "Example Bank <notice@example.com>"}  # fmt: skip

    def hang_up(self) -> None:
        """Cuts all connections, as a relay does with idle ones."""
        for server in list(self.servers):
            server.cut()

    def deed(self, stage: str, value: str) -> str | None:
        if self.script and self.script[0][0] == stage:
            return self.script.popleft()[1]
        if self.rule:
            return self.rule(stage, value)
        if self._lots.random() < self.rate / 4:
            return "took-drop" if stage == "DOT" else "451 4.3.0 try again"
        return None

    # Hooks of aiosmtpd.

    async def handle_MAIL(self, server: "_Server", _: Any, envelope: Envelope, address: str, options: list[str]) -> str:
        reply = await server.play("MAIL", address)
        if reply is None:
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return reply or "250 2.1.0 ok"

    async def handle_RCPT(self, server: "_Server", _: Any, envelope: Envelope, address: str, options: list[str]) -> str:
        reply = await server.play("RCPT", address)
        if reply is None:
            envelope.rcpt_tos.append(address)
        return reply or "250 2.1.5 ok"

    async def handle_DATA(self, server: "_Server", _: Any, envelope: Envelope) -> str:
        content = envelope.original_content or b""
        deed = self.deed("DOT", envelope.rcpt_tos[0])
        if self.delay:
            await asyncio.sleep(self.delay)
        if deed is None or deed.startswith("took-"):
            self.log.append(Mail(str(envelope.mail_from), tuple(envelope.rcpt_tos), content))
        reply = await server.act(deed.removeprefix("took-")) if deed else None
        return reply or f"250 2.0.0 queued as {len(self.log)}"


class _Server(SMTP):
    def __init__(self, fake: FakeSmtp) -> None:
        options: dict[str, Any] = {"authenticator": self._login, "auth_require_tls": False} if fake.login else {}
        options |= {"tls_context": fake.tls, "require_starttls": True} if fake.tls else {}
        super().__init__(fake, enable_SMTPUTF8=fake.utf8, hostname="fake.test", **options)
        self.fake = fake

    def _login(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        login = self.fake.login or ("", "")
        return AuthResult(success=(data.login.decode(), data.password.decode()) == login, handled=False)

    def connection_made(self, transport: Any) -> None:
        self.fake.connections += 1
        self.fake.servers.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self.fake.servers.discard(self)
        super().connection_lost(error)

    def cut(self) -> None:
        if self.transport is not None:
            cast(asyncio.WriteTransport, self.transport).abort()

    async def smtp_DATA(self, arg: str) -> None:
        reply = await self.play("DATA", "")
        if reply is not None:
            await self.push(reply)
            return
        await super().smtp_DATA(arg)

    async def play(self, stage: str, value: str) -> str | None:
        deed = self.fake.deed(stage, value)
        return await self.act(deed) if deed else None

    async def act(self, deed: str) -> str:
        if deed == "hang":
            await asyncio.Event().wait()
        if deed == "drop":
            self.cut()
        return "what?" if deed == "garbage" else deed


FAKE = FakeSmtp
