"""What an SMSC tells by itself: delivery receipts, by optional parameters or by their text, and what people write.

Sections are those of SMPP 3.4; appendix B is the text that receipts commonly have, which no standard fixes.
"""

import re
from typing import Literal

from channels.contract import ProviderReceipt, Reply, Report
from channels.sms.smpp_pdu import INTERMEDIATE, MESSAGE_STATE, MESSAGE_TYPE, RECEIPTED_MESSAGE_ID, UDH, Delivered
from channels.sms.smpp_text import Alphabet, text_of

ReceiptIds = Literal["same", "hex", "decimal"]

# message_state (5.2.28), and the words of a receipt's text (appendix B), which some SMSCs write out.
STATES: dict[int, str] = {
    1: "ENROUTE", 2: "DELIVRD", 3: "EXPIRED", 4: "DELETED", 5: "UNDELIV", 6: "ACCEPTD", 7: "UNKNOWN", 8: "REJECTD",
}  # fmt: skip
WORDS: dict[str, Literal["sent", "delivered", "undelivered", "unknown"]] = {
    "ENROUTE": "sent", "ACCEPTD": "sent", "ACCEPTED": "sent", "DELIVRD": "delivered", "DELIVERED": "delivered",
    "EXPIRED": "undelivered", "DELETED": "undelivered", "UNDELIV": "undelivered", "UNDELIVERABLE": "undelivered",
    "REJECTD": "undelivered", "REJECTED": "undelivered", "UNKNOWN": "unknown",
}  # fmt: skip
_FIELDS = re.compile(r"\bid:(?P<id>\S+)|\bstat:\s?(?P<stat>\w+)|\berr:\s?(?P<err>\w+)", re.I)
_QUOTED = re.compile(r"\btext:", re.I)
"""Where a receipt begins to quote the message that it is about."""
_ANSWERED: dict[ReceiptIds, int | None] = {"same": None, "hex": 10, "decimal": 16}
_TOLD: dict[ReceiptIds, int | None] = {"same": None, "hex": 16, "decimal": 10}
"""The base of an id in the answer to a submit (and in receipted_message_id, which repeats it: 5.3.2.12), and in the
text of a receipt."""


def report_of(
    delivered: Delivered, provider: str, now: int, ids: ReceiptIds = "same", alphabet: Alphabet = "gsm7"
) -> Report:
    """A deliver_sm: a receipt where esm_class (5.2.12) or the id of a message says so, else what a person wrote."""
    kind, headed = delivered.esm_class & MESSAGE_TYPE, bool(delivered.esm_class & UDH)
    if kind or RECEIPTED_MESSAGE_ID in delivered.optional:
        return _receipt(delivered, provider, now, ids)
    text = text_of(delivered.text, delivered.data_coding, headed, alphabet)
    # SMPP gives a message of a person no name. One made of its words would hold a second STOP for the first come again.
    name = f"{delivered.source}-{delivered.number}-{now}"
    return Reply(provider=provider, id=name, channel="sms", sender=_sender(delivered), text=text, at=now)


def _receipt(delivered: Delivered, provider: str, now: int, ids: ReceiptIds) -> ProviderReceipt:
    """By its optional parameters, or by its text, which is ASCII whatever data_coding says: SMSCs leave there what the
    message had, and few write the text so as well. Without its zeros UCS-2 is ASCII too."""
    text = _QUOTED.split(delivered.text.decode("latin-1").replace("\0", ""), 1)[0]
    found: dict[str, str] = {}
    for match in _FIELDS.finditer(text):
        found = {name: value for name, value in match.groupdict().items() if value} | found
    state = STATES.get(int.from_bytes(delivered.optional.get(MESSAGE_STATE, b"")), "")
    word = found.get("stat", "").upper()
    word = word if word in WORDS else state or word
    status = WORDS.get(word, "unknown")
    failed = status == "undelivered"
    if failed and delivered.esm_class & INTERMEDIATE:
        status = "sent"  # one attempt failed, and the SMSC goes on
    named = delivered.optional.get(RECEIPTED_MESSAGE_ID, b"").decode("latin-1").rstrip("\0")
    told = answered(named, ids) if named else _number(found.get("id", ""), _TOLD[ids])
    return ProviderReceipt(
        provider=provider, reference=None, message_id=told or None, status=status,
        code=found.get("err") if failed else None, message=word if failed else None, at=now,
    )  # fmt: skip


def answered(name: str, ids: ReceiptIds) -> str:
    """The id in the answer to a submit, in the form in which receipts are compared with it."""
    return _number(name, _ANSWERED[ids])


def _number(name: str, base: int | None) -> str:
    """In the other base nothing is the same but the number: decimal, whatever the zeros and the case were."""
    try:
        return name if base is None else str(int(name, base))
    except ValueError:
        return name


def _sender(delivered: Delivered) -> str:
    """In E.164 where the number is international, or nobody says what it is (5.2.5); another one as it stands."""
    return f"+{delivered.source}" if delivered.source.isdigit() and delivered.ton <= 1 else delivered.source
