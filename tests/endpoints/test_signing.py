"""The producers' own package believes what we sign, and nothing that was changed on the way."""

import base64
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from gateway.domain.clock import SystemClock
from gateway.endpoints.signing import body, message_id, read_receipt, signed
from tests.endpoints.producer import OTHER, SECRET

KEYS = [base64.b64decode(secret.removeprefix("whsec_")) for secret in (SECRET, OTHER)]


@given(st.text(), st.binary(min_size=24, max_size=64))
def test_each_of_two_live_secrets_verifies_and_a_third_does_not(text: str, third: bytes) -> None:
    content = json.dumps({"data": text}).encode()
    headers = signed(message_id("1764000000000-0"), SystemClock().now(), content, KEYS)
    for secret in (SECRET, OTHER):
        assert Webhook(secret).verify(content, headers) == {"data": text}
    with pytest.raises(WebhookVerificationError):
        Webhook(third).verify(content, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(content + b" ", headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(content, headers | {"webhook-id": "receipt_1764000000000-1"})


def test_the_time_is_in_whole_seconds_and_the_name_holds_no_full_stop() -> None:
    headers = signed(message_id("1764000000999-7"), 1_764_000_000_999, b"{}", KEYS[:1])
    assert headers["webhook-timestamp"] == str(math.floor(1_764_000_000.999))
    assert headers["webhook-id"] == "receipt_1764000000999-7"
    assert headers["webhook-signature"].count("v1,") == 1


def test_the_receipt_goes_as_it_stands_on_the_stream() -> None:
    at = b'"at":"2026-11-20T08:00:00.000Z"'
    raw = b'{"tenant":"t","job_id":"j", "recipient_id":null,"status":"delivered","x":[1.0],' + at + b"}"
    told = read_receipt(raw)
    assert told is not None
    start = b'{"type":"receipt.delivered","timestamp":"2026-11-20T08:00:00.000Z","data":'
    assert body(told, raw) == start + raw + b"}"


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"\xff", b'{"tenant": "t"}', b'{"tenant": 1, "job_id": "j"}'])
def test_what_is_no_receipt_is_none(raw: bytes) -> None:
    assert read_receipt(raw) is None
