"""The catalogue: every kind is listed, every mistake is named, and nothing is started by looking."""

import re
from pathlib import Path
from typing import Any, get_args

import pytest

from channels import catalogue
from channels.contract import Channel, Settings
from tests.channels.contract import ChannelContract, House, Rig, message

CHANNELS: tuple[Channel, ...] = get_args(Channel)
ROOM = Path(catalogue.__file__).parent


class TestNull(ChannelContract):
    @pytest.fixture
    def rig(self) -> Rig:
        return Rig("sms", {"name": "null", "kind": "null"}, message, lambda _: None, lambda: None, House())


@pytest.mark.parametrize(
    ("settings", "keys"),
    [
        ("text", [""]),
        ({}, ["kind"]),
        ({"kind": "pigeon"}, ["kind"]),
        ({"kind": ["twilio"]}, ["kind"]),
        ({"kind": "null"}, ["name"]),
        ({"kind": "null", "name": "a b"}, ["name"]),
        ({"kind": "null", "name": 7}, ["name"]),
        ({"kind": "null", "name": "n", "rate": 0}, ["rate"]),
        ({"kind": "null", "name": "n", "concurrency": 0}, ["concurrency"]),
        ({"kind": "null", "name": "n", "concurrency": 10_001}, ["concurrency"]),
        ({"kind": "null", "name": "n", "timeout": 0, "receipts": "maybe"}, ["timeout", "receipts"]),
        ({"kind": "null", "name": "n", "naem": 1, 7: 2}, ["naem", "7"]),
        ({"kind": "twilio", "name": "t", "acount_sid": "AC1"}, ["acount_sid", "account_sid", "auth_token"]),
    ],
)
def test_all_mistakes_are_found_at_once(settings: Any, keys: list[str]) -> None:
    found = catalogue.faults("sms", settings)
    assert [fault.key for fault in found] == keys
    assert all(fault.key in fault.message for fault in found)


def test_a_kind_serves_its_own_channel_only() -> None:
    entry = {"kind": "call", "name": "agents"}
    assert catalogue.faults("call", entry) == []
    (fault,) = catalogue.faults("sms", entry)
    assert fault.key == "kind"
    assert "call" in fault.message
    for channel in CHANNELS:
        assert catalogue.faults(channel, {"kind": "sandbox", "name": "s"}) == []


def test_an_entry_with_faults_is_not_built() -> None:
    with pytest.raises(ValueError, match=r"`name` is missing.*"):
        catalogue.build("sms", {"kind": "null"}, House().lend())


def test_the_environments_text_is_read_as_numbers() -> None:
    entry: Settings = {"kind": "null", "name": "n", "rate": "12.5", "concurrency": "3", "timeout": "2"}
    assert catalogue.faults("sms", entry) == []
    common = catalogue.common(entry)
    assert (common.rate, common.concurrency, common.timeout) == (12.5, 3, 2.0)


def test_a_secret_of_the_wrong_type_is_not_quoted() -> None:
    entry = {"kind": "twilio", "name": "t", "account_sid": "AC1", "auth_token": ["hush"], "from": "+1"}
    (fault,) = catalogue.faults("sms", entry)
    assert fault.key == "auth_token"
    assert "hush" not in fault.message


def test_every_provider_file_is_in_the_catalogue() -> None:
    found = {
        ".".join(("channels", *path.relative_to(ROOM).with_suffix("").parts))
        for path in ROOM.rglob("*.py")
        if re.search(r"^KIND = ", path.read_text(encoding="utf-8"), re.M)
    }
    assert found == set(catalogue.KINDS.values())


def test_every_kind_is_listed_under_its_own_name() -> None:
    assert {name: catalogue.kind_of(name).facts.kind for name in catalogue.KINDS} == {
        name: name for name in catalogue.KINDS
    }
