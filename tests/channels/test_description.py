"""The description of a provider: what a request is made of, and that every mistake in one is named before it sends."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from channels import catalogue, settings
from channels.contract import Message
from channels.description import DescribedSettings, filled
from tests.channels.contract import NOW, SECRET, message
from tests.channels.test_described import DESCRIPTION

ENTRY = DESCRIPTION | {"url": "https://sms.internal/send"}
DOCUMENT = Path(__file__).parents[2] / "docs" / "decisions" / "0025-a-provider-described-in-configuration.md"


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        ({"type": "basic", "username": "me", "password": "a:b"}, "Authorization", "Basic bWU6YTpi"),
        ({"type": "bearer", "token": "t"}, "Authorization", "Bearer t"),
        ({"type": "header", "header": "X-Api-Key", "token": "k"}, "X-Api-Key", "k"),
        (None, "Authorization", "mine"),
    ],
)
def test_each_way_to_say_who_we_are(auth: Any, header: str, value: str) -> None:
    own = {"authorization": "mine", "content-type": "application/vnd.house+json"}
    entry = ENTRY | {"auth": auth, "headers": own}
    assert catalogue.faults("sms", entry) == []
    headers, _ = settings.read(DescribedSettings, entry).request(message(), NOW)
    assert headers.getall(header) == [value]
    assert headers.getall("Content-Type") == ["application/vnd.house+json"]


@given(st.text(), st.text())
def test_what_is_said_is_never_read_as_a_placeholder(text: str, job: str) -> None:
    sent: Message = message(text=text + "{reference}{to}", job_id=job)
    made = filled({"a": "{text}", "b": "x {text} {job_id}"}, sent, NOW)
    assert made == {"a": sent.text, "b": f"x {sent.text} {job}"}


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"body": DESCRIPTION["body"] | {"text": "{txet}"}}, "body"),
        ({"body": {"to": "{to}", "ref": "{reference}"}}, "body"),
        ({"body": DESCRIPTION["body"] | {"deep": [{"job": "{job-id}"}]}}, "body"),
        ({"auth": {"type": "basic", "username": "m:e", "password": "x"}}, "auth"),
        ({"auth": {"type": "basic", "username": "me", "password": "x", "token": "y"}}, "auth"),
        ({"auth": {"type": "bearer", "token": f"{SECRET}\n"}}, "auth"),
        ({"headers": {"X": f"{SECRET}\r\nEvil: 1"}}, "headers"),
        ({"headers": {"X Y": "1"}}, "headers"),
        ({"headers": {"content-length": "3"}}, "headers"),
        ({"headers": {"X-Ref": "{reference}"}}, "headers"),
        ({"auth": {"type": "basic", "username": "me"}}, "auth"),
        ({"auth": {"type": "secret"}}, "auth"),
        ({"callback": None, "receipts": "callback"}, "callback"),
        ({"callback": DESCRIPTION["callback"] | {"reference": None, "id": None}}, "callback"),
        ({"callback": DESCRIPTION["callback"] | {"colour": "red"}}, "callback"),
        ({"callback": DESCRIPTION["callback"] | {"reference": None}, "accepted": {"status": [202]}}, "callback"),
        ({"callback": DESCRIPTION["callback"] | {"sent": ["DONE"]}}, "callback"),
        ({"body": {"to": "{to}", "text": "{text}"}}, "callback"),
        ({"refused": {"status": [202]}}, "refused"),
        ({"refused": {"status": [202], "code": "/c", "final": ["1"]}, "accepted": {"status": [202]}}, "refused"),
        ({"refused": {"status": [422], "later": ["QUOTA"]}}, "refused"),
        ({"refused": {"status": [429]}}, "refused"),
        ({"refused": {"status": [302]}}, "refused"),
        ({"refused": {"status": [503]}}, "refused"),
        ({"accepted": {"status": [400]}}, "accepted"),
        ({"method": "PUT"}, "method"),
        ({"accepted": {"id": "message/id"}}, "accepted"),
        ({"url": "sms.internal/send"}, "url"),
        ({"url": "https://sms.internal:99999/send"}, "url"),
        ({"url": "https:///send"}, "url"),
        ({"url": f"https://me:{SECRET}@sms.internal/send"}, "url"),
        ({"url": "https://sms.internal/send?to={to}"}, "url"),
    ],
)
def test_each_mistake_names_its_key(changes: dict[str, Any], key: str) -> None:
    found = catalogue.faults("sms", ENTRY | changes)
    assert {fault.key for fault in found} == {key}, found
    assert all(f"`{key}`" in fault.message for fault in found)
    assert all(SECRET not in fault.message for fault in found)


def test_no_part_of_a_description_shows_its_secrets() -> None:
    own = settings.read(DescribedSettings, ENTRY)
    assert own.callback is not None
    assert SECRET not in repr(own.auth)
    assert "new" not in repr(own.callback) + repr(own.callback.signature)


def test_the_description_in_the_document_is_a_good_one() -> None:
    """Every key that there is stands in it, so that nobody has to read the source."""
    [text] = re.findall(r"```yaml\n(.*?)```", DOCUMENT.read_text("utf-8"), re.S)
    [entry] = yaml.safe_load(text)
    assert catalogue.faults("sms", entry) == []
    own = settings.read(DescribedSettings, entry)
    assert own.refused is not None
    assert own.callback is not None
    for part, keys in (
        (own, entry | dict.fromkeys(("rate", "concurrency", "timeout", "weight", "doubts", "receipts"))),
        (own.accepted, entry["accepted"]), (own.refused, entry["refused"]), (own.callback, entry["callback"]),
        (own.callback.signature, entry["callback"]["signature"]), (own.idempotency, entry["idempotency"]),
    ):  # fmt: skip
        assert set(part.__struct_fields__) == set(keys)
