"""What may be wrong with an endpoint is told with its key, and its secrets are told to nobody."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from gateway.config import Config, load
from tests.endpoints.producer import OTHER, SECRET

GOOD = {"name": "cards", "url": "https://cards.example.com/receipts", "tenants": ["a"], "secrets": [SECRET]}


def read(folder: Path, *entries: dict[str, Any]) -> Config | list[str]:
    file = folder / "gateway.yaml"
    file.write_text(json.dumps({"endpoints": entries}))
    found = load(file, os.environ)
    return found if isinstance(found, Config) else [fault.sentence for fault in found]


def test_a_good_one_is_read_and_keeps_its_secrets_to_itself(tmp_path: Path) -> None:
    config = read(tmp_path, {**GOOD, "secrets": [SECRET, OTHER], "networks": ["10.0.0.0/8", "fd00::/8"]})
    assert isinstance(config, Config)
    (endpoint,) = config.endpoints
    assert [len(secret) for secret in endpoint.secrets] == [24, 32]
    assert "cards" in repr(endpoint)
    assert "MfKQ9r8" not in f"{endpoint!r} {config!r}"
    assert str(endpoint.secrets[0]) not in f"{endpoint!r}"


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"name": "a b"}, "endpoints[0].name: must be 1 to 64"),
        ({"url": "http://cards.example.com/"}, "endpoints[0].url: must begin with https://; http is for"),
        ({"url": "ftp://cards.example.com/"}, "endpoints[0].url: must be an address"),
        ({"url": "https://"}, "endpoints[0].url: must be an address"),
        ({"url": "https://h:99999/"}, "endpoints[0].url: must be an address"),
        ({"url": 7}, "endpoints[0].url: must be an address"),
        ({"url": "https://u:p@h.example/"}, "endpoints[0].url: must hold neither user"),
        ({"url": "https://h.example/#a"}, "endpoints[0].url: must hold neither user"),
        ({"url": "https://0x7f.1/"}, "endpoints[0].url: write the address 0x7f.1 as 127.0.0.1"),
        ({"url": "https://2130706433/"}, "endpoints[0].url: write the address 2130706433 as 127.0.0.1"),
        ({"url": "https://127.0.0.1/"}, "endpoints[0].url: leads to 127.0.0.1 (loopback)"),
        ({"url": "https://[::ffff:127.0.0.1]/"}, "endpoints[0].url: leads to"),
        ({"url": "https://[64:ff9b::a9fe:a9fe]/"}, "endpoints[0].url: leads to 64:ff9b::a9fe:a9fe (NAT64)"),
        ({"url": "http://8.8.8.8/", "networks": ["10.0.0.0/8"]}, "endpoints[0].url: leads to 8.8.8.8 (not one of"),
        ({"tenants": []}, "endpoints[0].tenants: must be a list"),
        ({"tenants": "a"}, "endpoints[0].tenants: must be a list"),
        ({"secrets": []}, "endpoints[0].secrets: must be a list of one secret"),
        ({"secrets": [SECRET, OTHER, SECRET]}, "endpoints[0].secrets: must be a list of one secret"),
        ({"secrets": ["secret"]}, "endpoints[0].secrets: each must be whsec_"),
        ({"secrets": ["whsec_c2hvcnQ="]}, "endpoints[0].secrets: each must be whsec_"),
        ({"secrets": ["whsec_*" * 9]}, "endpoints[0].secrets: each must be whsec_"),
        ({"networks": ["10.0.0.1/8"]}, "endpoints[0].networks: must be a list of networks"),
        ({"networks": [10]}, "endpoints[0].networks: must be a list of networks"),
        ({"network": []}, "endpoints[0].network: unknown key; did you mean networks?"),
    ],
)
def test_a_mistake_names_its_key(tmp_path: Path, changed: dict[str, Any], sentence: str) -> None:
    found = read(tmp_path, {**GOOD, **changed})
    assert isinstance(found, list)
    assert [one for one in found if one.startswith(sentence)] == found


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    found = read(tmp_path, GOOD, {**GOOD, "url": "http://h.example/"}, {"name": "cards"})
    assert isinstance(found, list)
    assert sorted(one.partition(": ")[0] for one in found) == [
        "endpoints[1].name", "endpoints[1].url", "endpoints[2].secrets", "endpoints[2].tenants", "endpoints[2].url",
    ]  # fmt: skip
