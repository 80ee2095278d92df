"""The PDUs of SMPP 3.4 as our own few words, so that the library that writes and reads them could be another one.

Numbers are those of the standard's section 5.1 (commands, statuses) and 5.3.2 (optional parameters).
"""

import struct

from msgspec import Struct
from smpp34 import DeliverSm, SmppError, SubmitSm, decode

HEADER = struct.Struct(">IIII")
"""command_length, command_id, command_status, sequence_number (3.2)."""
MOST_PDU = 64 * 1024
BIND_TRANSCEIVER, SUBMIT_SM, DELIVER_SM, UNBIND, ENQUIRE_LINK = 0x09, 0x04, 0x05, 0x06, 0x15
GENERIC_NACK = RESPONSE = 0x80000000
INTERFACE_VERSION = 0x34

OK, INVALID_COMMAND, TEMPORARY_APP_ERROR, PERMANENT_APP_ERROR = 0x00, 0x03, 0x64, 0x65

RECEIPTED_MESSAGE_ID, MESSAGE_PAYLOAD, MESSAGE_STATE = 0x001E, 0x0424, 0x0427

UDH, MESSAGE_TYPE, RECEIPT, INTERMEDIATE = 0x40, 0x3C, 0x04, 0x20
"""Bits of esm_class (5.2.12): a header before the text, the mask of the kind of message, and two of the kinds."""


class Answer(Struct, frozen=True):
    """What came back for a request; `message_id` is a submit's, "" where it has none."""

    command: int
    status: int
    message_id: str = ""


class Submit(Struct, frozen=True, kw_only=True):
    """A submit_sm (4.4.1); each address with its type of number and numbering plan (5.2.5, 5.2.6)."""

    service_type: str
    source: tuple[str, int, int]
    to: tuple[str, int, int]
    esm_class: int
    validity_period: str
    registered_delivery: int
    data_coding: int
    text: bytes


class Delivered(Struct, frozen=True, kw_only=True):
    """A deliver_sm (4.6.1). `ton` is the sender's type of number; `text` is the payload's where that carries it."""

    source: str
    ton: int
    esm_class: int
    data_coding: int
    text: bytes
    number: int
    optional: dict[int, bytes]


def pdu(command: int, status: int, number: int, body: bytes = b"") -> bytes:
    return HEADER.pack(HEADER.size + len(body), command, status, number) + body


def bind_body(system_id: str, password: str, system_type: str) -> bytes:
    """Of a bind_transceiver (4.1.5), for any address."""
    texts = [text.encode("latin-1", "replace") + b"\0" for text in (system_id, password, system_type)]
    return b"".join(texts) + bytes((INTERFACE_VERSION, 0, 0)) + b"\0"


def submit_body(submit: Submit) -> bytes:
    (source, ton, npi), (to, to_ton, to_npi) = submit.source, submit.to
    encoded: bytes = SubmitSm(
        source, to, submit.text, service_type=submit.service_type, source_addr_ton=ton, source_addr_npi=npi,
        dest_addr_ton=to_ton, dest_addr_npi=to_npi, esm_class=submit.esm_class,
        validity_period=submit.validity_period, registered_delivery=submit.registered_delivery,
        data_coding=submit.data_coding,
    ).encode()  # fmt: skip
    return encoded[HEADER.size :]


def answer_of(command: int, status: int, body: bytes) -> Answer:
    return Answer(command, status, body.partition(b"\0")[0].decode("latin-1"))


def delivered_of(raw: bytes) -> Delivered:
    """A whole deliver_sm. Raises ValueError for one that cannot be read."""
    try:
        read = decode(raw)
    except SmppError as error:
        raise ValueError(str(error)) from error
    if not isinstance(read, DeliverSm):
        raise ValueError("not a deliver_sm")
    optional = {tlv.tag: bytes(tlv.value) for tlv in read.tlvs}
    return Delivered(
        source=read.source_addr, ton=read.source_addr_ton, esm_class=read.esm_class, data_coding=read.data_coding,
        text=bytes(read.short_message) or optional.get(MESSAGE_PAYLOAD, b""), number=read.sequence_number,
        optional=optional,
    )  # fmt: skip
