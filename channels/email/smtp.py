"""SMTP: email to a relay over persistent connections, one recipient a transaction, each stage with its own certainty.

Until the message itself is written nothing can have been accepted; from then on only the server's reply tells. That is
why the commands are spoken one by one and not by `sendmail`, which cannot say how far it came (RFC 5321, 4.2.5).
"""

import asyncio
import re
import ssl
from collections.abc import Callable
from email.parser import BytesHeaderParser
from typing import Annotated, Literal
from urllib.parse import parse_qs, urlsplit

from aiosmtplib import SMTPException, SMTPResponse, SMTPResponseException, SMTPServerDisconnected
from msgspec import Meta, Struct, field
from msgspec.structs import replace

from channels.contract import (
    TOO_LATE,
    Accepted,
    Callback,
    Facts,
    Fault,
    Heard,
    InDoubt,
    Message,
    Outcome,
    Refused,
    Surroundings,
    Unavailable,
)
from channels.email.address import LOCAL_LIMIT_BYTES, Mailbox, mailbox, named, xtext
from channels.email.bounces import DEAD, MOST_BYTES, read_bounce
from channels.email.dkim import DkimSettings, Signer
from channels.email.message import Letterhead, UnsafeHeaderError, sender
from channels.email.pool import Line, Pool, Relay
from channels.email.verp import MOST_TOKEN
from channels.settings import Common, Kind, Port, Text

# A relay's 250 is the end; a bounce may follow.
FACTS = Facts(
    kind="smtp", channel="email", receipts=False, summary="a mail relay; its 250 is the end, a bounce may follow"
)

# The server asks who we are or does not like the answer: our configuration, not the person's address (RFC 4954).
AUTH_CODES = (530, 534, 535, 538)
# It does not like our own sender, which many servers say only at the recipient (RFC 3463): no word about the person.
SENDER_CODES = ("5.1.7", "5.1.8")
MOST_LOCAL = LOCAL_LIMIT_BYTES - 1 - MOST_TOKEN
START_INPUT = 354

_ENHANCED = re.compile(r"[45]\.[0-9]{1,3}\.[0-9]{1,3}\b")


class SmtpSettings(Common, frozen=True, kw_only=True, forbid_unknown_fields=True):
    host: Text
    port: Port = 587
    tls: Literal["none", "starttls", "implicit"] = "starttls"
    ca_file: Text | None = None
    """PEM of the authorities that may vouch for the relay; None: those of the system."""
    username: Text | None = None
    password: Text | None = None
    from_: Text = field(name="from")
    """`Name <local@domain>` or the bare address."""
    connections: Annotated[int, Meta(ge=1, le=1000)] = 8
    bounces: Text | None = None
    """Mailbox for bounces; the envelope sender becomes `local+<token>@domain` (VERP). None: the From address."""
    dsn: bool = False
    """Whether a report of delivery is asked for (RFC 3461), where the relay offers it and bounces are taken in."""
    unsubscribe: Annotated[str, Meta(pattern=r"^https://[\x21-\x3b\x3d\x3f-\x7e]+$")] | None = None
    dkim: DkimSettings | None = None

    def slots(self) -> int:
        return min(self.concurrency, self.connections)

    def mistakes(self) -> list[Fault]:
        found = []
        for key, value in (("from", self.from_), ("bounces", self.bounces)):
            author = named(value) if value else None
            if value and (author is None or author[1].needs_utf8):
                found.append(Fault(key, f"`{key}` is not an ASCII mail address"))
            elif author and key == "bounces" and len(author[1].local) > MOST_LOCAL:
                words = f"`{key}` must have at most {MOST_LOCAL} characters before the @, because a token follows them"
                found.append(Fault(key, words))
        if self.dsn and self.bounces is None:
            found.append(Fault("dsn", "`dsn` needs `bounces`: the mailbox that the reports come to"))
        if (self.username is None) != (self.password is None):
            found.append(Fault("password", "`username` and `password` go together"))
        try:
            _relay(self, "")
        except OSError as error:
            found.append(Fault("ca_file", f"`ca_file` cannot be read: {error.strerror or error}"))
        try:
            _signer(self)
        except (OSError, RuntimeError, ValueError) as error:
            found.append(Fault("dkim", f"`dkim`: {error}"))
        return found


class _Envelope(Struct, frozen=True):
    mail: tuple[bytes, ...]
    rcpt: tuple[bytes, ...]
    dsn: tuple[tuple[bytes, ...], tuple[bytes, ...]]
    """what is added to both commands where the relay offers DSN"""
    data: bytes
    utf8: bool
    message_id: str
    expires_at: int


class _Progress:
    """How far a transaction came; a mutable note, because a time-out ends it anywhere."""

    __slots__ = ("written",)

    def __init__(self) -> None:
        self.written = False


class Smtp:
    def __init__(self, settings: SmtpSettings, surroundings: Surroundings) -> None:
        self.name = settings.name
        self._own = surroundings
        back = settings.bounces is not None and surroundings.bounces is not None
        self._dsn = back and settings.dsn
        self.facts = settings.adjust(replace(FACTS, receipts=self._dsn, reports=True if back else None))
        author = named(settings.from_)
        if author is None:
            raise ValueError("`from` is not a mail address")
        name, self._from = author
        self._bounces = mailbox(settings.bounces) if settings.bounces else None
        self._letterhead = Letterhead(sender(name, self._from), self._from.domain, settings.unsubscribe)
        self._signer = _signer(settings)
        self._now = surroundings.now
        self._pool = Pool(_relay(settings, self._from.domain).line, settings.connections)

    async def start(self) -> None:
        """Connections open with the first messages."""

    async def send(self, message: Message, timeout: float) -> Outcome:
        progress = _Progress()
        try:
            async with asyncio.timeout(timeout):
                envelope = await self._envelope(message)
                if isinstance(envelope, Refused):
                    return envelope
                return await self._transact(envelope, progress)
        except TimeoutError:
            return _lost(progress, "timeout", f"the relay did not answer within {timeout:g} s")
        except (SMTPException, OSError) as error:
            return _lost(progress, "no_connection", f"{type(error).__name__}: {error}"[:200])

    async def close(self) -> None:
        await self._pool.close()

    async def hear(self, callback: Callback) -> Heard | None:
        """A bounce that somebody else's mail server posts (the mail itself as the body): the address it came to, in
        the query (`recipient`) or in its head, is the proof."""
        mail = BytesHeaderParser().parsebytes(callback.body[:MOST_BYTES])
        named = [str(value) for key in ("Delivered-To", "X-Original-To", "To") for value in mail.get_all(key, [])]
        # A plus that nobody escaped is a space in a query, which no address of ours holds.
        asked = [one.replace(" ", "+") for one in parse_qs(urlsplit(callback.url).query).get("recipient", [])]
        bounces = self._own.bounces
        found = [bounces.reference(address) for address in (*asked, *named)] if bounces else []
        reference = next((one for one in found if one is not None), None)
        if reference is None:
            return None
        return Heard((read_bounce(self.name, reference, callback.body, callback.at),))

    async def _envelope(self, message: Message) -> _Envelope | Refused:
        to = mailbox(message.to) if isinstance(message.to, str) else None
        if to is None:
            return Refused("bad_address", "not a mail address (RFC 5321)", address=True)
        try:
            data = self._letterhead.write(message, to, self._own.unsubscribe(message))
        except UnsafeHeaderError as error:
            return Refused("unsafe_header", str(error))
        if self._signer:
            data = await self._signer.signed(data)
        options = (b"BODY=8BITMIME", b"SMTPUTF8") if to.needs_utf8 else ()
        asks = self._dsn and not to.needs_utf8  # such an address is written in another way there, which few relays know
        known = (f"RET=HDRS ENVID={message.reference}".encode(),) if asks else ()
        asked = (f"NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;{xtext(str(to))}".encode(),) if asks else ()
        return _Envelope(
            mail=(b"MAIL", f"FROM:<{self._back(message)}>".encode(), *options),
            rcpt=(b"RCPT", f"TO:<{to}>".encode()),
            dsn=(known, asked),
            # Every line that begins with a dot gets another one (RFC 5321, 4.5.2); all line ends are CRLF already.
            data=data.replace(b"\r\n.", b"\r\n..") + b".\r\n",
            utf8=to.needs_utf8,
            message_id=self._letterhead.message_id(message.reference),
            expires_at=message.expires_at,
        )

    def _back(self, message: Message) -> Mailbox:
        """Where bounces go: an address of the message's own, which proves itself where we take bounces in."""
        if self._bounces is None:
            return self._from
        own = self._own.bounces
        token = own.token(message.reference) if own else message.reference
        return Mailbox(f"{self._bounces.local}+{token}", self._bounces.domain)

    async def _transact(self, envelope: _Envelope, progress: _Progress) -> Outcome:
        line = await self._pool.take()
        kept = False
        try:
            result = await _speak(line, envelope, progress, self._now)
            kept = True
            return result
        finally:
            if kept:
                self._pool.give_back(line)
            else:
                self._pool.drop(line)


async def _speak(line: Line, envelope: _Envelope, progress: _Progress, now: Callable[[], int]) -> Outcome:
    """One transaction. Raises SMTPException or OSError where the conversation breaks."""
    smtp = line.smtp
    if envelope.utf8 and not smtp.supports_extension("smtputf8"):
        return Refused("no_smtputf8", "the relay takes no address that is not ASCII")
    offers = smtp.supports_extension("dsn")
    for command, more in zip((envelope.mail, envelope.rcpt), envelope.dsn, strict=True):
        line.dirty = True
        reply = await smtp.execute_command(*command, *(more if offers else ()))
        if not 200 <= reply.code < 300:
            return _refusal(reply, at_recipient=command is envelope.rcpt)
    # A relay cannot be told when a message dies, and the wait for a connection may have been long.
    if now() >= envelope.expires_at:
        return Unavailable(TOO_LATE, "the lawful window closed while waiting for the relay")
    reply = await smtp.execute_command(b"DATA")
    if reply.code != START_INPUT:
        return _refusal(reply, at_recipient=False)
    if smtp.protocol is None:
        raise SMTPServerDisconnected("the connection was lost before the message was written")
    progress.written = True
    smtp.protocol.write(envelope.data)
    reply = await smtp.protocol.read_response()
    if 200 <= reply.code < 300:
        line.dirty = False
        return Accepted(envelope.message_id)
    if reply.code == 421:  # the server leaves; aiosmtplib looks for it only in its own commands
        smtp.close()
    return _refusal(reply, at_recipient=False)


def _refusal(reply: SMTPResponse, *, at_recipient: bool) -> Refused | Unavailable:
    """The enhanced status code (RFC 3463) speaks first, the basic one where there is none.

    Raises SMTPResponseException for a reply that is no refusal and was not to be expected here.
    """
    if reply.code // 100 not in (4, 5):
        raise SMTPResponseException(reply.code, reply.message)
    found = _ENHANCED.match(reply.message)
    code = f"{reply.code} {found[0]}" if found else str(reply.code)
    words = reply.message[:200]
    enhanced = found[0] if found else ""
    if int(enhanced[:1] or reply.code // 100) == 4 or reply.code in AUTH_CODES or enhanced in SENDER_CODES:
        return Unavailable(code, words)
    return Refused(code, words, address=at_recipient and enhanced in DEAD)


def _lost(progress: _Progress, code: str, words: str) -> Unavailable | InDoubt:
    return InDoubt(code, words) if progress.written else Unavailable(code, words)


def _signer(settings: SmtpSettings) -> Signer | None:
    return Signer(settings.dkim) if settings.dkim else None


def _relay(settings: SmtpSettings, greeting: str) -> Relay:
    """Raises OSError (ssl.SSLError among them) where `ca_file` cannot be used."""
    return Relay(
        host=settings.host,
        port=settings.port,
        tls=settings.tls,
        context=None if settings.tls == "none" else ssl.create_default_context(cafile=settings.ca_file),
        username=settings.username,
        password=settings.password,
        greeting=greeting,
    )


KIND = Kind(FACTS, SmtpSettings, Smtp, paths=("ca_file", "dkim.key_file"))
