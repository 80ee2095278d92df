"""SMPP 3.4: text messages over a connection that stays bound, with delivery receipts and replies on the same one.

A message of several parts is certain only as a whole: refused or unavailable where the first part was, and none taken;
once a part was taken and another was not, it is in doubt and never sent again. The receipt is asked for with the last
part, whose id is the message's: carriers tell of each part apart, and the last one arriving is the best single sign.
"""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Literal
from zlib import crc32

from msgspec import Meta, field

from channels.contract import (
    TOO_LATE,
    Accepted,
    Facts,
    Fault,
    InDoubt,
    Message,
    Outcome,
    Refused,
    Surroundings,
    Unavailable,
)
from channels.settings import Common, Kind, Port, Seconds, Text
from channels.sms.smpp_pdu import (
    OK,
    RESPONSE,
    SUBMIT_SM,
    TEMPORARY_APP_ERROR,
    UDH,
    Answer,
    Delivered,
    Submit,
    submit_body,
)
from channels.sms.smpp_report import ReceiptIds, answered, report_of
from channels.sms.smpp_session import BindRefusedError, Link, Session
from channels.sms.smpp_text import Alphabet, parts_of

FACTS = Facts(
    kind="smpp", channel="sms", receipts=True, by_message_id=True, bounds_delivery=True,
    summary="an SMSC over SMPP 3.4, with receipts and replies on the same connection",
)  # fmt: skip
CONNECT_SHARE = 0.5
LEAST_LEFT_MS = 1000

Verdict = Literal["address", "final", "later"]

# SMPP 3.4, 5.1.3: what is wrong with the request, the account or the moment, so that nothing was taken. Those that are
# not listed prove nothing (decision 0024). What every request of ours has in common is our own mistake, not a person's.
STATUSES: dict[int, tuple[Verdict, str]] = {
    0x01: ("final", "ESME_RINVMSGLEN: the message is too long"),
    0x02: ("later", "ESME_RINVCMDLEN: the request was not understood"),
    0x03: ("later", "ESME_RINVCMDID: the request was not understood"),
    0x04: ("later", "ESME_RINVBNDSTS: not bound for this"),
    0x05: ("later", "ESME_RALYBND: bound already, by another process of this account"),
    0x06: ("later", "ESME_RINVPRTFLG: the SMSC wants another priority"),
    0x07: ("later", "ESME_RINVREGDLVFLG: the SMSC gives no receipts; set `receipts: none`"),
    0x0A: ("later", "ESME_RINVSRCADR: check `from`"),
    0x0B: ("address", "ESME_RINVDSTADR: not a number"),
    0x0D: ("later", "ESME_RBINDFAIL: check `system_id`, and how many binds the account may have"),
    0x0E: ("later", "ESME_RINVPASWD: check `password`"),
    0x0F: ("later", "ESME_RINVSYSID: check `system_id`"),
    0x14: ("later", "ESME_RMSGQFUL: the SMSC's queue is full"),
    0x15: ("later", "ESME_RINVSERTYP: check `service_type`"),
    0x33: ("later", "ESME_RINVNUMDESTS: the request was not understood"),
    0x43: ("later", "ESME_RINVESMCLASS: the SMSC takes no messages of several parts"),
    0x48: ("later", "ESME_RINVSRCTON: check `from`"),
    0x49: ("later", "ESME_RINVSRCNPI: check `from`"),
    0x50: ("later", "ESME_RINVDSTTON: the SMSC takes no international numbers"),
    0x51: ("later", "ESME_RINVDSTNPI: the SMSC takes no E.164 numbers"),
    0x53: ("later", "ESME_RINVSYSTYP: check `system_type`"),
    0x58: ("later", "ESME_RTHROTTLED: too many messages; lower `rate`"),
    0x61: ("later", "ESME_RINVSCHED: the request was not understood"),
    0x62: ("later", "ESME_RINVEXPIRY: the SMSC does not take the end of the lawful window"),
    0xC0: ("later", "ESME_RINVOPTPARSTREAM: the request was not understood"),
    0xC1: ("later", "ESME_ROPTPARNOTALLWD: the request was not understood"),
    0xC2: ("later", "ESME_RINVPARLEN: a field is too long; check `from` and `service_type`"),
    0xC3: ("later", "ESME_RMISSINGOPTPARAM: the SMSC wants a parameter that is not sent"),
    0xC4: ("later", "ESME_RINVOPTPARAMVAL: the request was not understood"),
}


class SmppSettings(Common, frozen=True, kw_only=True, forbid_unknown_fields=True):
    host: Text
    port: Port = 2775
    tls: bool = False
    ca_file: Text | None = None
    """PEM of the authorities that may vouch for the SMSC; None: those of the system."""
    system_id: Annotated[str, Meta(min_length=1, max_length=15)]
    password: Annotated[str, Meta(max_length=8)] = ""
    system_type: Annotated[str, Meta(max_length=12)] = ""
    service_type: Annotated[str, Meta(max_length=5)] = ""
    from_: Annotated[str, Meta(pattern=r"^(\+?\d{3,20}|[ -~]{1,11})$")] = field(name="from")
    """E.164, a short code, or up to 11 letters."""
    window: Annotated[int, Meta(ge=1, le=1000)] = 10
    """Submits that may be unanswered at once."""
    enquire: Seconds = 30.0
    """Seconds between two questions whether the SMSC is there."""
    alphabet: Alphabet = "gsm7"
    """What the SMSC takes data_coding 0 for: GSM 03.38, or Latin-1. `ucs2`: everything goes out as UCS-2."""
    receipt_ids: ReceiptIds = "same"
    """How the text of a receipt writes the id of a message: as the answer to the submit did, or as the same number in
    the other base: `hex` where the answer was decimal, `decimal` where it was hexadecimal."""
    statuses: dict[Annotated[str, Meta(pattern=r"^0x[0-9A-Fa-f]{2,8}$")], Verdict] = field(default_factory=dict)
    """What the carrier's handbook says of statuses: nothing was taken, and it is `final`, the `address` is at fault, or
    `later` is the time. Precedes the table."""

    def slots(self) -> int:
        return min(self.concurrency, self.window)

    def mistakes(self) -> list[Fault]:
        try:
            _context(self)
        except OSError as error:
            return [Fault("ca_file", f"`ca_file` cannot be read: {error.strerror or error}")]
        return []


class Smpp:
    def __init__(self, settings: SmppSettings, surroundings: Surroundings) -> None:
        self.name = settings.name
        self.facts = settings.adjust(FACTS)
        self._settings = settings
        self._now, self._report = surroundings.now, surroundings.report
        self._window = asyncio.Semaphore(settings.window)
        self._link = Link(self._open, settings.timeout * CONNECT_SHARE, settings.enquire)
        said: dict[int, tuple[Verdict, str]] = {
            int(status, 16): (verdict, "as `statuses` says") for status, verdict in settings.statuses.items()
        }
        self._statuses = STATUSES | said

    async def start(self) -> None:
        self._link.start()

    async def close(self) -> None:
        await self._link.close()

    async def send(self, message: Message, timeout: float) -> Outcome:
        if not isinstance(message.to, str):
            return Refused("no_number", "a text message needs a phone number", address=True)
        if message.expires_at - self._now() < LEAST_LEFT_MS:
            return Unavailable(TOO_LATE, "too little is left of the lawful window")
        written: list[bytes] = []
        try:
            async with asyncio.timeout(timeout), self._window:
                async with asyncio.timeout(timeout * CONNECT_SHARE):
                    session = await self._link.session()
                return await self._submit(session, message, written)
        except BindRefusedError as error:
            words = self._statuses.get(error.status, ("later", str(error)))[1]
            return Unavailable(_code(error.status), words, self._link.rest() or None)
        except TimeoutError:
            code, words = "timeout", f"the SMSC did not answer within {timeout:g} s"
        except OSError as error:
            code, words = "no_connection", f"{type(error).__name__}: {error}"[:200]
        return InDoubt(code, words) if written else Unavailable(code, words, self._link.rest() or None)

    async def _open(self) -> Session:
        own = self._settings
        who = (own.system_id, own.password, own.system_type)
        return await Session.open(own.host, own.port, _context(own), who, self._hear)

    async def _submit(self, session: Session, message: Message, written: list[bytes]) -> Outcome:
        cut = parts_of(message.text, crc32(message.reference.encode()) & 0xFF, self._settings.alphabet)
        last = len(cut.parts) - 1
        for index, part in enumerate(cut.parts):
            submit = self._part(message, part, cut.data_coding, headed=cut.headed, last=index == last)
            answer = await session.ask(SUBMIT_SM, submit_body(submit), _noting(written, part))
            self._link.works()
            seen = outcome(answer, taken=index, statuses=self._statuses, ids=self._settings.receipt_ids)
            if index == last or not isinstance(seen, Accepted):
                return seen
        raise AssertionError("a text has at least one part")

    def _part(self, message: Message, part: bytes, coding: int, *, headed: bool, last: bool) -> Submit:
        return Submit(
            service_type=self._settings.service_type, source=_source(self._settings.from_),
            to=(str(message.to).lstrip("+"), 1, 1), esm_class=UDH if headed else 0,
            validity_period=f"{datetime.fromtimestamp(message.expires_at // 1000, UTC):%y%m%d%H%M%S}000+",
            registered_delivery=1 if last and self.facts.receipts else 0, data_coding=coding, text=part,
        )  # fmt: skip

    async def _hear(self, delivered: Delivered) -> int:
        """Keeps a receipt or a reply; the SMSC is told to come again where that fails."""
        own = self._settings
        try:
            await self._report(report_of(delivered, self.name, self._now(), own.receipt_ids, own.alphabet))
        except OSError:
            return TEMPORARY_APP_ERROR
        return OK


def outcome(
    answer: Answer,
    *,
    taken: int,
    statuses: Mapping[int, tuple[Verdict, str]] = STATUSES,
    ids: ReceiptIds = "same",
) -> Outcome:
    """What a submit_sm_resp means, after `taken` parts of the same message were accepted."""
    if answer.status == OK and answer.command == SUBMIT_SM | RESPONSE:
        if answer.message_id:
            return Accepted(answered(answer.message_id, ids))
        return InDoubt("no_message_id", "accepted without an identifier")
    code = _code(answer.status)
    if taken:
        return InDoubt(code, f"{taken} parts of the message were taken, and the next was not")
    if answer.status not in statuses:
        return InDoubt(code, "a status that does not tell whether the message was taken")
    verdict, words = statuses[answer.status]
    return Unavailable(code, words) if verdict == "later" else Refused(code, words, address=verdict == "address")


def _source(given: str) -> tuple[str, int, int]:
    """The source address with its type of number and numbering plan (5.2.5, 5.2.6)."""
    if not given.lstrip("+").isdigit():
        return given, 5, 0
    return (given.lstrip("+"), 1, 1) if given.startswith("+") or len(given) > 8 else (given, 3, 0)


def _context(settings: SmppSettings) -> ssl.SSLContext | None:
    """Raises OSError (ssl.SSLError among them) where `ca_file` cannot be used."""
    return ssl.create_default_context(cafile=settings.ca_file) if settings.tls else None


def _noting(written: list[bytes], part: bytes) -> Callable[[], None]:
    return lambda: written.append(part)


def _code(status: int) -> str:
    return f"0x{status:02X}"


KIND = Kind(FACTS, SmppSettings, Smpp, paths=("ca_file",))
