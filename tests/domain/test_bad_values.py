"""Values that are well formed and still break something further on: found by trying, refused at the door."""

import json
from typing import Any

import pytest

from gateway.domain.clock import format_instant, parse_instant
from gateway.domain.command import Consent, parse_command
from gateway.domain.contact import Contact, parse_contact
from gateway.domain.errors import Fault
from gateway.domain.reminder import Reminder, parse_reminder


def job(**given: Any) -> bytes:
    recipient = {"id": "p", "phone": "+491701234567"} | given.pop("recipient", {})
    return json.dumps({"id": "j", "template": "t", "channels": ["sms"], "recipient": recipient} | given).encode()


def field(raw: bytes) -> str:
    found = parse_reminder(raw)
    assert isinstance(found, Fault), found
    return found.field


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"])
def test_the_first_and_the_last_instant_can_be_written_again(text: str) -> None:
    assert format_instant(parse_instant(text)) == text


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-00:01"])
def test_an_instant_that_an_offset_carries_beyond_the_calendar_is_refused(text: str) -> None:
    """It was taken, and writing it into a receipt ended every worker that tried."""
    with pytest.raises(ValueError, match="years 1 to 9999"):
        parse_instant(text)
    assert field(job(not_before=text)) == "not_before"


def test_a_phone_number_has_ascii_digits() -> None:
    assert field(job(recipient={"phone": "+1٢٣٤٥٦٧٨٩٠"})) == "recipient.phone"


def test_a_locale_is_short() -> None:
    """Looking for the language of a tag with 12,000 parts took four seconds, during which nothing else happened."""
    assert isinstance(parse_reminder(job(recipient={"locale": "zh-Hans-CN-x-bank"})), Reminder)
    assert field(job(recipient={"locale": "en" + "-aaaa" * 16})) == "recipient.locale"


@pytest.mark.parametrize("flags", [["x" * 129], ["two words"], [""], [f"flag-{number}" for number in range(33)]])
def test_flags_are_a_few_words(flags: list[str]) -> None:
    assert field(job(flags=flags)) == "flags"
    contact = {"id": "c", "recipient_id": "p", "channel": "call", "event": "answered", "at": "2026-11-23T02:30:00Z"}
    found = parse_contact(json.dumps(contact | {"flags": flags}).encode())
    assert isinstance(found, Fault)
    assert found.field == "flags"


def test_the_flag_inbound_is_given_by_the_direction_alone() -> None:
    """A job that carried it escaped every cap that excepts what the person began."""
    assert field(job(flags=["response", "inbound"])) == "flags"
    assert isinstance(parse_reminder(job(flags=["response", "Inbound"])), Reminder)
    contact = {"id": "c", "recipient_id": "p", "channel": "call", "event": "answered", "at": "2026-11-23T02:30:00Z"}
    outbound = parse_contact(json.dumps(contact | {"flags": ["inbound"]}).encode())
    assert isinstance(outbound, Fault)
    assert outbound.field == "flags"
    redundant = parse_contact(json.dumps(contact | {"flags": ["inbound"], "direction": "inbound"}).encode())
    assert isinstance(redundant, Contact)


def test_a_consent_that_would_become_the_flag_inbound_is_refused() -> None:
    """The words that a person agreed to are flags of every job for this person."""
    order = {"type": "consent", "id": "o", "at": "2026-11-23T02:30:00Z", "by": "agent", "recipient_id": "p"}
    found = parse_command(json.dumps(order | {"state": "inbound"}).encode())
    assert isinstance(found, Fault)
    assert found.field == "state"
    assert isinstance(parse_command(json.dumps(order | {"state": "response"}).encode()), Consent)


def test_a_number_too_large_for_a_double_is_found_by_its_digits_and_its_exponent_together() -> None:
    large = b"1" + b"0" * 250 + b"e99"
    assert field(job(metadata={"n": 7}).replace(b"7}", large + b"}")) == "metadata.n"
