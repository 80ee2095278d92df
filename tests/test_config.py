"""The configuration: whatever is wrong is said at once, with its key; what is right is complete and absolute."""

import re
from pathlib import Path
from typing import Any

import pytest

from gateway.config import Config, load, shipped
from gateway.domain.errors import Fault

DAY_MS = 86_400_000


def write(folder: Path, text: str) -> Path:
    path = folder / "gateway.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def good(folder: Path, text: str, **environ: str) -> Config:
    config = load(write(folder, text), environ)
    assert isinstance(config, Config), [fault.sentence for fault in config]
    return config


def faults(folder: Path, text: str, **environ: str) -> list[str]:
    found = load(write(folder, text), environ)
    assert isinstance(found, list)
    assert all(isinstance(fault, Fault) for fault in found)
    return [fault.sentence for fault in found]


def test_an_empty_file_is_the_shipped_defaults(tmp_path: Path) -> None:
    config = good(tmp_path, "")
    assert config.redis.url == "embedded"
    assert config.redis.data == tmp_path / "var/redis"
    assert config.ledger.url == f"sqlite:///{tmp_path}/var/ledger.db"
    assert config.templates == shipped("templates").resolve()
    assert config.policies == shipped("config").resolve() / "policies"
    assert {channel: of.providers for channel, of in config.channels.items()} == {
        "call": ({"name": "calls", "kind": "call"},)
    }
    assert (config.horizons.idempotency, config.horizons.receipts) == (7 * DAY_MS, 3 * DAY_MS)
    assert (config.retry.first, config.retry.most, config.retry.attempts) == (30_000, 3_600_000, 12)
    assert config.defaults.role == "creditor"


def test_every_key_of_the_shipped_file_has_a_comment_that_says_what_it_means() -> None:
    text = (shipped("config") / "gateway.yaml").read_text()
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if re.match(r"  \w+: \S", line) and not lines[number - 1].strip().startswith("#"):
            assert re.match(r"  (port|most|attempts):", line), line


def test_a_file_changes_only_what_it_names_and_a_channel_as_a_whole(tmp_path: Path) -> None:
    config = good(
        tmp_path,
        """
        web: {port: 0}
        defaults:
        horizons: {receipts: 1h30m}
        templates: mine
        channels:
          sms: {providers: [{name: a, kind: sandbox}, {name: b, kind: "null"}]}
          call: {providers: []}
        """,
    )
    assert (config.web.port, config.web.host) == (0, "127.0.0.1")
    assert config.horizons.receipts == 5_400_000
    assert config.horizons.outputs == 7 * DAY_MS
    assert config.templates == tmp_path / "mine"
    assert [settings["name"] for settings in config.channels["sms"].providers] == ["a", "b"]
    assert "call" not in config.channels


def test_paths_are_relative_to_the_file_also_those_of_providers(tmp_path: Path) -> None:
    text = "channels: {push: {providers: [{name: fcm, kind: fcm, credentials: secrets/fcm.json}]}}"
    (unread,) = faults(tmp_path, text)
    assert unread.startswith("channels.push.providers[0].credentials: cannot be read")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/fcm.json").write_text("{}")
    (read,) = faults(tmp_path, text)
    assert read.startswith("channels.push.providers[0].credentials: ")
    assert "cannot be read" not in read
    config = good(tmp_path, "{redis: {data: /abs}, ledger: {url: 'sqlite:////abs/l.db'}, policies: p}")
    assert config.redis.data == Path("/abs")
    assert config.ledger.url == "sqlite:////abs/l.db"
    assert config.policies == tmp_path / "p"


def test_environment_variables_fill_text_and_numbers(tmp_path: Path) -> None:
    text = """
        redis: {url: "redis://:${SECRET}@host/0"}
        web: {port: "${PORT}", host: "$${HOST}"}
        """
    config = good(tmp_path, text, SECRET="a ${B}".replace(" ", ""), PORT="99")
    assert config.redis.url == "redis://:a${B}@host/0"
    assert (config.web.port, config.web.host) == (99, "${HOST}")


def test_a_missing_variable_is_one_fault_that_names_it(tmp_path: Path) -> None:
    text = """
        web: {port: "${PORT}"}
        channels: {sms: {providers: [{name: a, kind: sandbox, timeout: "${WAIT}"}]}}
        log: {level: "${"}
        """
    assert faults(tmp_path, text) == [
        "web.port: the environment variable PORT is not set",
        "channels.sms.providers[0].timeout: the environment variable WAIT is not set",
        "log.level: holds ${ without the name of an environment variable and }; write $${ for the text",
    ]


def test_all_mistakes_are_told_at_once_each_with_its_key(tmp_path: Path) -> None:
    text = """
        redis: {url: "redis+cluster://x", shards: 3, prefx: a, prefix: "a b"}
        web: {keys: [{id: cards, sha256: ab, roles: [producer]}], public_url: "ftp://x", port: abc}
        defaults: {locale: 3, jurisdiction: us, role: boss}
        horizons: {receipts: 72}
        worker: {batch: 0, drain: soon}
        log: 3
        chanels: 3
        channels:
          sms: {providers: [{name: a, kind: sandbox, timeout: soon, timout: 3}, {name: a, kind: smoke}, 3]}
          email: {providers: {}}
          fax: {}
        """
    known = dict(sentence.split(": ", 1) for sentence in faults(tmp_path, text))
    assert known.pop("channels.sms.providers[1].kind").startswith("'smoke' is unknown; known are alibaba, ")
    assert known == {
        "redis.url": "this release does not support redis+cluster:// yet; use embedded, redis://, rediss:// or unix://",
        "redis.shards": "this release does not support more than 1 shard yet; leave it at 1",
        "redis.prefx": "unknown key; did you mean prefix?",
        "redis.prefix": "must be 1 to 64 letters, digits and . _ - :",
        "web.keys[0].sha256": "must be the 64 hexadecimal digits of the secret's SHA-256",
        "web.keys[0].tenants": "is missing",
        "web.public_url": "must begin with https:// or http://, without ? and #, or be null",
        "web.port": "expected a whole number, got text",
        "defaults.locale": "must be a BCP 47 tag, such as zh-CN",
        "defaults.jurisdiction": "must be an ISO 3166 code, such as CN or US-FL",
        "defaults.role": "must be one of creditor, agency, buyer",
        "horizons.receipts": "expected a duration with its unit, such as 500ms, 30s, 10m, 72h or 7d",
        "worker.batch": "expected a whole number >= 1",
        "worker.drain": "expected a duration with its unit, such as 500ms, 30s, 10m, 72h or 7d",
        "log": "expected a mapping of keys",
        "chanels": "unknown key; did you mean channels?",
        "channels.sms.providers[0].timeout": "expected a number, got text",
        "channels.sms.providers[0].timout": "unknown key; did you mean timeout?",
        "channels.sms.providers[1].name": "a is also the name of channels.sms.providers[0]",
        "channels.sms.providers[2]": "a provider is a mapping of keys",
        "channels.email.providers": "expected a list, got a mapping of keys",
        "channels.fax": "unknown key; known are call, email, push, sms",
    }


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("web: {port: 1", r"gateway\.yaml: line 1, column 14: .*expected ',' or '}'"),
        ("web:\n  port: 1\n bad", r"gateway\.yaml: line 3, column \d+: "),
        ("web:\n  port: 1\n  port: 2\n", r"web\.port: stands twice; the second is in line 3"),
        ("a: &x [1]\nb: *x\n", r"gateway\.yaml: line 2 uses an alias"),
        ("- 1\n", r"gateway\.yaml: expected a mapping of keys"),
        ("? [a]\n: 1\n", r"gateway\.yaml: line 1, column \d+: .*unhashable key"),
        ("a: \x01", r"gateway\.yaml: .*special characters are not allowed"),
        ("a: " + "[" * 5000, r"gateway\.yaml: is nested too deeply"),
        ("a: !!python/object:os.system {}", r"gateway\.yaml: line 1, column 4: could not determine a constructor"),
    ],
)
def test_bad_yaml_is_one_sentence_that_tells_where(tmp_path: Path, text: str, sentence: str) -> None:
    found = faults(tmp_path, text)
    assert any(re.search(sentence, fault) and "\n" not in fault for fault in found), found


def test_a_file_that_is_not_there_or_not_text_is_one_sentence(tmp_path: Path) -> None:
    (fault,) = load(tmp_path / "none.yaml", {})  # type: ignore[misc]
    assert fault.sentence == f"{tmp_path}/none.yaml: cannot be read: No such file or directory"
    (tmp_path / "binary").write_bytes(b"a: \xff")
    (fault,) = load(tmp_path / "binary", {})  # type: ignore[misc]
    assert "is not UTF-8: byte 3" in fault.sentence


SIGN_IN = """
    ledger: {url: %s}
    web:
      public_url: %s
      secrets: %s
      oidc: {issuer: "https://id.example", audience: a, roles: {o: ops}, sign_in: {client_id: c, %s}}
    """


def test_signing_in_by_a_provider_needs_an_address_to_come_back_to_a_secret_and_a_ledger(tmp_path: Path) -> None:
    assert faults(tmp_path, SIGN_IN % ("a", "null", "[]", "scopes: [groups]")) == [
        "ledger.url: must begin with sqlite:/// and name a file, or begin with postgresql://, or be null",
        "web.oidc.sign_in.scopes: expected a list of words without spaces and quotes, openid among them",
        "web.public_url: web.oidc.sign_in needs it: the provider sends people back to it",
        "web.secrets: web.oidc.sign_in needs it: one seals what a sign-in under way must know",
    ]
    assert faults(tmp_path, SIGN_IN % ("null", '"https://x"', "[0123456789abcdef]", "session: 1h")) == [
        "ledger.url: web.oidc.sign_in needs it: sessions are kept there"
    ]
    config = good(
        tmp_path,
        SIGN_IN % ("'sqlite:///l.db'", '"https://x"', "[0123456789abcdef]", "client_secret: '${S}'"),
        S="hunter2",
    )
    assert config.web.oidc is not None
    assert config.web.oidc.sign_in is not None
    assert (config.web.oidc.sign_in.scopes, config.web.oidc.sign_in.session) == (("openid", "profile"), DAY_MS // 3)
    assert config.web.oidc.sign_in.client_secret == "hunter2"
    assert "hunter2" not in f"{config!r} {config.web.oidc!r}"


def test_nothing_secret_is_in_a_repr_or_a_fault(tmp_path: Path) -> None:
    text = """
        redis: {url: "redis://:${SECRET}@host"}
        ledger: {url: "postgresql://u:${SECRET}@host/db"}
        channels: {sms: {providers: [{name: a, kind: twilio, account_sid: AC1, auth_token: ["${SECRET}"]}]}}
        """
    told: Any = load(write(tmp_path, text), {"SECRET": "hunter2"})
    assert isinstance(told, list)
    assert "hunter2" not in str(told)
    config = good(tmp_path, text.partition("channels")[0], SECRET="hunter2")
    assert "hunter2" not in f"{config!r} {config.redis!r} {config.ledger!r} {config}"


@pytest.mark.parametrize("name", ["redis+sentinel://a", "redis://", "http://x", "3"])
def test_an_address_of_the_store_that_this_release_does_not_know_is_refused(tmp_path: Path, name: str) -> None:
    (sentence,) = faults(tmp_path, f"redis: {{url: '{name}'}}")
    assert sentence.startswith("redis.url: ")
