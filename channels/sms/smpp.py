"""SMPP 3.4: text messages over a connection that stays bound, with delivery receipts and replies on the same one.

A message of several parts is certain only as a whole: refused or unavailable where the first part was, and none taken;
once a part was taken and another was not, it is in doubt and never sent again. The receipt is asked for with the last
part, whose id is the message's: carriers tell of each part apart, and the last one arriving is the best single sign.
"""

import asyncio
import re
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Literal
from zlib import crc32

from msgspec import Meta, field
from smpp34 import DeliverSm, SubmitSm

from channels.contract import (
    TOO_LATE,
    Accepted,
    Facts,
    InDoubt,
    Message,
    Outcome,
    ProviderReceipt,
    Refused,
    Reply,
    Report,
    Surroundings,
    Unavailable,
)
from channels.settings import Common, Kind, Port, Seconds, Text
from channels.sms.smpp_session import HEADER, OK, SUBMIT_SM, TEMPORARY_APP_ERROR, BindRefusedError, Pdu, Session
from channels.sms.smpp_text import parts_of, text_of

FACTS = Facts(
    kind="smpp", channel="sms", receipts=True, by_message_id=True, bounds_delivery=True,
    summary="an SMSC over SMPP 3.4, with receipts and replies on the same connection",
)  # fmt: skip
CONNECT_SHARE = 0.5
WAITS_S = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""between attempts to bind, while nothing is being sent"""

Verdict = Literal["address", "final", "later"]

# SMPP 3.4, 5.1.3. A submit_sm_resp with any of these took nothing; those not listed prove nothing.
STATUSES: dict[int, tuple[Verdict, str]] = {
    0x01: ("final", "ESME_RINVMSGLEN: the message is too long"),
    0x04: ("later", "ESME_RINVBNDSTS: not bound for this"),
    0x0A: ("later", "ESME_RINVSRCADR: check `from`"),
    0x0B: ("address", "ESME_RINVDSTADR: not a number"),
    0x0D: ("later", "ESME_RBINDFAIL: check `system_id`"),
    0x0E: ("later", "ESME_RINVPASWD: check `password`"),
    0x0F: ("later", "ESME_RINVSYSID: check `system_id`"),
    0x14: ("later", "ESME_RMSGQFUL: the SMSC's queue is full"),
    0x15: ("later", "ESME_RINVSERTYP: check `service_type`"),
    0x33: ("final", "ESME_RINVNUMDESTS: wrong number of destinations"),
    0x48: ("later", "ESME_RINVSRCTON: check `from`"),
    0x49: ("later", "ESME_RINVSRCNPI: check `from`"),
    0x50: ("address", "ESME_RINVDSTTON: not a number of this kind"),
    0x51: ("address", "ESME_RINVDSTNPI: not a number of this kind"),
    0x58: ("later", "ESME_RTHROTTLED: too many messages"),
    0x61: ("final", "ESME_RINVSCHED: the time is wrong"),
    0x62: ("final", "ESME_RINVEXPIRY: the validity is wrong"),
}

RECEIPTED_MESSAGE_ID, MESSAGE_STATE = 0x001E, 0x0427
"""Tags of optional parameters (5.3.2.12, 5.3.2.35)."""

# message_state (5.2.28), and the words of a receipt's text (appendix B).
STATES: dict[int, str] = {
    1: "ENROUTE", 2: "DELIVRD", 3: "EXPIRED", 4: "DELETED", 5: "UNDELIV", 6: "ACCEPTD", 7: "UNKNOWN", 8: "REJECTD",
}  # fmt: skip
WORDS: dict[str, Literal["sent", "delivered", "undelivered", "unknown"]] = {
    "ENROUTE": "sent", "ACCEPTD": "sent", "DELIVRD": "delivered", "EXPIRED": "undelivered", "DELETED": "undelivered",
    "UNDELIV": "undelivered", "REJECTD": "undelivered", "UNKNOWN": "unknown",
}  # fmt: skip
_RECEIPT = re.compile(r"\bid:(?P<id>\S+)|\bstat:(?P<stat>\w+)|\berr:(?P<err>\w+)", re.I)


class SmppSettings(Common, frozen=True, kw_only=True, forbid_unknown_fields=True):
    host: Text
    port: Port = 2775
    tls: bool = False
    ca_file: Text | None = None
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
    receipt_ids: Literal["same", "hex", "decimal"] = "same"
    """How receipts write the id that the answer to the submit gave: `hex` or `decimal` where it is the other there."""

    def slots(self) -> int:
        return min(self.concurrency, self.window)


class Smpp:
    def __init__(self, settings: SmppSettings, surroundings: Surroundings) -> None:
        self.name = settings.name
        self.facts = settings.adjust(FACTS)
        self._settings = settings
        self._now, self._report = surroundings.now, surroundings.report
        self._window = asyncio.Semaphore(settings.window)
        self._binding = asyncio.Lock()
        self._session: Session | None = None
        self._keeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._keeper = asyncio.create_task(self._keep(), name=f"smpp-{self.name}")

    async def send(self, message: Message, timeout: float) -> Outcome:
        if not isinstance(message.to, str):
            return Refused("no_number", "a text message needs a phone number", address=True)
        if message.expires_at - self._now() < 1000:
            return Unavailable(TOO_LATE, "too little is left of the lawful window")
        written: list[bytes] = []
        try:
            async with asyncio.timeout(timeout), self._window:
                async with asyncio.timeout(timeout * CONNECT_SHARE):
                    session = await self._bound()
                return await self._submit(session, message, written)
        except BindRefusedError as error:
            return Unavailable(f"0x{error.status:02X}", STATUSES.get(error.status, ("later", str(error)))[1])
        except TimeoutError:
            return _lost(written, "timeout", f"the SMSC did not answer within {timeout:g} s")
        except (OSError, ssl.SSLError) as error:
            return _lost(written, "no_connection", f"{type(error).__name__}: {error}"[:200])

    async def close(self) -> None:
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.cancel()
            await asyncio.wait([keeper])
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _submit(self, session: Session, message: Message, written: list[bytes]) -> Outcome:
        cut = parts_of(message.text, crc32(message.reference.encode()) & 0xFF)
        answer: Pdu | None = None
        for index, part in enumerate(cut.parts):
            last = index + 1 == len(cut.parts)
            pdu = self._pdu(message, part, cut.data_coding, cut.esm_class, last)
            answer = await session.ask(SUBMIT_SM, pdu.encode()[HEADER.size :], _noting(written, part))
            if answer.status != OK:
                return outcome(answer, taken=index)
        assert answer is not None
        return outcome(answer, taken=0)

    def _pdu(self, message: Message, part: bytes, coding: int, esm_class: int, last: bool) -> SubmitSm:
        source, ton, npi = _source(self._settings.from_)
        return SubmitSm(
            source, str(message.to).lstrip("+"), part, service_type=self._settings.service_type,
            source_addr_ton=ton, source_addr_npi=npi, dest_addr_ton=1, dest_addr_npi=1, esm_class=esm_class,
            validity_period=f"{datetime.fromtimestamp(message.expires_at // 1000, UTC):%y%m%d%H%M%S}000+",
            registered_delivery=1 if last else 0, data_coding=coding,
        )  # fmt: skip

    async def _bound(self) -> Session:
        """The session, bound anew if it is lost. Raises OSError, BindRefusedError."""
        async with self._binding:
            if self._session is None or self._session.closed.is_set():
                own = self._settings
                tls = ssl.create_default_context(cafile=own.ca_file) if own.tls else None
                who = (own.system_id, own.password, own.system_type)
                self._session = await Session.open(own.host, own.port, tls, who, self._hear)
            return self._session

    async def _keep(self) -> None:
        """Stays bound while nothing is sent too, because receipts and replies come whenever they like."""
        failures = 0
        while True:
            try:
                async with asyncio.timeout(self._settings.timeout):
                    session = await self._bound()
                failures = 0
                await session.keep_alive(self._settings.enquire)
            except (OSError, TimeoutError, BindRefusedError):
                failures += 1
            await asyncio.sleep(WAITS_S[min(failures, len(WAITS_S) - 1)])

    async def _hear(self, pdu: DeliverSm) -> int:
        """Keeps a receipt or a reply; the SMSC is told to come again where that fails."""
        try:
            await self._report(report_of(pdu, self.name, self._now(), self._settings.receipt_ids))
        except OSError:
            return TEMPORARY_APP_ERROR
        return OK


def outcome(answer: Pdu, *, taken: int) -> Outcome:
    """What a submit_sm_resp means, after `taken` parts of the same message were accepted."""
    if answer.status == OK and answer.command == SUBMIT_SM | 0x80000000:
        if answer.message_id:
            return Accepted(answer.message_id)
        return InDoubt("no_message_id", "accepted without an identifier")
    code = f"0x{answer.status:02X}"
    if taken:
        return InDoubt(code, f"{taken} parts of the message were taken, and the next was not")
    if answer.status not in STATUSES:
        return InDoubt(code, "a status that does not tell whether the message was taken")
    verdict, words = STATUSES[answer.status]
    return Unavailable(code, words) if verdict == "later" else Refused(code, words, address=verdict == "address")


def report_of(pdu: DeliverSm, provider: str, now: int, ids: Literal["same", "hex", "decimal"]) -> Report:
    """A deliver_sm: a receipt where esm_class says so (5.2.12), else what a person wrote."""
    text = text_of(pdu.short_message, pdu.data_coding, bool(pdu.esm_class & 0x40))
    if not pdu.esm_class & 0x3C:
        sender = pdu.source_addr if pdu.source_addr.startswith("+") else f"+{pdu.source_addr}"
        name = f"{pdu.source_addr}-{pdu.sequence_number}-{now}"
        return Reply(provider=provider, id=name, channel="sms", sender=sender, text=text, at=now)
    found = {name: value for match in _RECEIPT.finditer(text) for name, value in match.groupdict().items() if value}
    tlvs = {tlv.tag: tlv for tlv in pdu.tlvs}
    state, named = tlvs.get(MESSAGE_STATE), tlvs.get(RECEIPTED_MESSAGE_ID)
    word = found.get("stat", "").upper() or (STATES.get(state.as_int() or 0, "") if state else "")
    told = (named.as_string() if named else found.get("id")) or ""
    failed = WORDS.get(word) == "undelivered"
    return ProviderReceipt(
        provider=provider, reference=None, message_id=_same_id(told.rstrip("\0"), ids),
        status=WORDS.get(word, "unknown"), code=found.get("err") if failed else None,
        message=word if failed else None, at=now,
    )  # fmt: skip


def _same_id(name: str, ids: Literal["same", "hex", "decimal"]) -> str:
    """The id as the answer to the submit wrote it, where the receipt counts in the other base."""
    try:
        return name if ids == "same" else str(int(name, 16)) if ids == "hex" else f"{int(name):X}"
    except ValueError:
        return name


def _source(given: str) -> tuple[str, int, int]:
    """The source address with its type of number and numbering plan (5.2.5, 5.2.6)."""
    if not given.lstrip("+").isdigit():
        return given, 5, 0
    return (given.lstrip("+"), 1, 1) if given.startswith("+") or len(given) > 8 else (given, 3, 0)


def _noting(written: list[bytes], part: bytes) -> Callable[[], None]:
    return lambda: written.append(part)


def _lost(written: list[bytes], code: str, words: str) -> InDoubt | Unavailable:
    return InDoubt(code, words) if written else Unavailable(code, words)


KIND = Kind(FACTS, SmppSettings, Smpp, paths=("ca_file",))
