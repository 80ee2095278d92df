"""SMTP: the contract, certainty stage by stage, and connections that live long."""

import asyncio
import datetime
import email
import email.policy
import ipaddress
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import dkim
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from channels import catalogue
from channels.contract import Accepted, InDoubt, Message, Refused, Unavailable
from channels.email import pool
from channels.fakes.smtp import FakeSmtp
from tests.channels.contract import SECRET, House, Rig, WireContract, dead_port, message, once

WORDS = {
    "refuse": ("RCPT", "550 5.1.1 no such user"),
    "later": ("RCPT", "451 4.7.1 greylisted"),
    "reset": ("DOT", "drop"),
    "took-reset": ("DOT", "took-drop"),
    "hang": ("DOT", "hang"),
    "took-hang": ("DOT", "took-hang"),
    "unreadable": ("DOT", "took-garbage"),
}


def mail(**changes: Any) -> Message:
    return message(**({"channel": "email", "to": "li@example.com", "html": "<p>李雷</p>"} | changes))


@pytest.fixture
async def fake() -> AsyncIterator[FakeSmtp]:
    async with FakeSmtp(login=("cards", SECRET)).serve() as fake:
        yield fake


@pytest.fixture
async def rig(fake: FakeSmtp) -> Rig:
    return Rig(
        channel="email",
        settings={
            "name": "relay", "kind": "smtp", "host": "127.0.0.1", "port": fake.port, "tls": "none",
            "username": "cards", "password": SECRET, "from": "Example Bank <notice@example.com>", "connections": 4,
        },
        message=mail,
        play=lambda deed: fake.script.append(WORDS[deed]),
        taken=lambda: len(fake.log),
        house=House(),
        stray={"port": dead_port()},
    )  # fmt: skip


class TestContract(WireContract):
    pass


async def test_the_envelope_and_the_message_are_as_configured(rig: Rig, fake: FakeSmtp) -> None:
    seen = await once(rig, bounces="bounce@mx.example.com", unsubscribe="https://notify.example.com/u/")
    taken = fake.log[0]
    assert seen == Accepted("<abcdefghijklmnopqrstuvwxyz@example.com>")
    assert taken.sender == "bounce+abcdefghijklmnopqrstuvwxyz@mx.example.com"
    assert taken.recipients == ("li@example.com",)
    read = email.message_from_bytes(taken.content, policy=email.policy.default)
    assert read["From"] == "Example Bank <notice@example.com>"
    assert read["Message-ID"] == "<abcdefghijklmnopqrstuvwxyz@example.com>"
    assert read["Auto-Submitted"] == "auto-generated"
    assert read["List-Unsubscribe"] == "<https://notify.example.com/u/abcdefghijklmnopqrstuvwxyz>"
    assert read["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA", "DOT"])
@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        ("421 4.3.2 closing", Unavailable),
        ("451 4.7.1 later", Unavailable),
        ("450 busy", Unavailable),
        ("550 4.7.1 the enhanced code goes first", Unavailable),
        ("530 5.7.0 authenticate", Unavailable),
        ("552 5.3.4 too big", Refused),
        ("554 no", Refused),
    ],
)
async def test_a_reply_is_certain_at_every_stage(rig: Rig, fake: FakeSmtp, stage: str, reply: str, kind: type) -> None:
    fake.script.append((stage, reply))
    provider = rig.build()
    await provider.start()
    seen = await provider.send(mail(), 5)
    assert isinstance(seen, kind), seen
    assert isinstance(await provider.send(mail(), 5), Accepted)
    await provider.close()


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("deed", ["drop", "hang", "garbage"])
async def test_before_the_message_is_written_nothing_is_in_doubt(
    rig: Rig, fake: FakeSmtp, stage: str, deed: str
) -> None:
    fake.script.append((stage, deed))
    assert isinstance(await once(rig, 0.3), Unavailable)
    assert not fake.log


@pytest.mark.parametrize(
    ("stage", "reply", "address"),
    [
        ("RCPT", "550 5.1.1 unknown", True),
        ("RCPT", "550 5.2.1 disabled", True),
        ("RCPT", "550 5.7.1 blocked", False),
        ("RCPT", "550 5.1.0 sender rejected", False),
        ("RCPT", "550 no", False),
        ("DOT", "554 5.1.1 odd", False),
    ],
)
async def test_only_the_recipients_own_fault_costs_the_address(
    rig: Rig, fake: FakeSmtp, stage: str, reply: str, address: bool
) -> None:
    fake.script.append((stage, reply))
    seen = await once(rig)
    assert isinstance(seen, Refused)
    assert seen.address is address
    assert seen.code == (reply[:9] if "." in reply else "550")


@pytest.mark.parametrize("stage", ["MAIL", "RCPT"])
@pytest.mark.parametrize("code", ["5.1.7", "5.1.8"])
async def test_a_sender_that_the_relay_does_not_like_costs_nobody_an_address(
    rig: Rig, fake: FakeSmtp, stage: str, code: str
) -> None:
    """Postfix says so only at the recipient (smtpd_delay_reject)."""
    fake.script.append((stage, f"550 {code} <notice@example.com>: Sender address rejected: Domain not found"))
    assert isinstance(await once(rig), Unavailable)


async def test_a_wrong_password_burns_no_reminder(rig: Rig) -> None:
    seen = await once(rig, password="wrong")
    assert isinstance(seen, Unavailable)


@pytest.mark.parametrize(
    "to", ["", "li", "li@", "a b@example.com", "li@example.com>\r\nRCPT TO:<x@y.z", "<li@example.com>"]
)
async def test_what_is_no_mailbox_never_reaches_the_wire(rig: Rig, fake: FakeSmtp, to: str) -> None:
    rig.message = lambda **_: mail(to=to)
    seen = await once(rig)
    assert isinstance(seen, Refused)
    assert seen.address
    assert fake.connections == 0


async def test_an_address_that_is_not_ascii_needs_smtputf8(rig: Rig, fake: FakeSmtp) -> None:
    rig.message = lambda **_: mail(to="李雷@例子.com")
    assert isinstance(await once(rig), Accepted)
    assert fake.log[0].recipients == ("李雷@xn--fsqu00a.com",)
    fake.utf8 = False
    seen = await once(rig)
    assert isinstance(seen, Refused)
    assert not seen.address, "it is this relay that does not know how"


async def test_a_window_that_closed_while_waiting_sends_nothing(rig: Rig, fake: FakeSmtp) -> None:
    rig.message = lambda **_: mail(expires_at=rig.house.time)
    assert isinstance(await once(rig), Unavailable)
    assert not fake.log


class TestConnections:
    async def test_are_kept_and_no_more_than_allowed(self, rig: Rig, fake: FakeSmtp) -> None:
        provider = rig.build()
        for _ in range(3):
            await asyncio.gather(*(provider.send(mail(), 5) for _ in range(20)))
        await provider.close()
        assert (fake.connections, len(fake.log)) == (4, 60)

    async def test_one_that_the_relay_closed_is_replaced_before_the_message(self, rig: Rig, fake: FakeSmtp) -> None:
        provider = rig.build()
        await provider.send(mail(), 5)
        fake.hang_up()
        await asyncio.sleep(0.02)
        assert isinstance(await provider.send(mail(), 5), Accepted)
        await provider.close()
        assert fake.connections == 2

    async def test_one_that_idled_is_asked_first(
        self, rig: Rig, fake: FakeSmtp, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pool, "FRESH_S", 0.0)
        provider = rig.build()
        for _ in range(3):
            assert isinstance(await provider.send(mail(), 5), Accepted)
        await provider.close()
        assert fake.connections == 1

    async def test_one_retires_after_its_share(self, rig: Rig, fake: FakeSmtp, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pool, "MESSAGES_PER_CONNECTION", 2)
        provider = rig.build()
        for _ in range(5):
            await provider.send(mail(), 5)
        await provider.close()
        assert fake.connections == 3

    async def test_one_with_a_transaction_half_done_is_reset_and_used_again(self, rig: Rig, fake: FakeSmtp) -> None:
        provider = rig.build()
        for _ in range(3):
            fake.script.append(("RCPT", "550 5.1.1 unknown"))
            assert isinstance(await provider.send(mail(), 5), Refused)
            assert isinstance(await provider.send(mail(), 5), Accepted)
        await provider.close()
        assert fake.connections == 1

    async def test_waiting_for_a_free_one_is_surely_not_sent(self, rig: Rig, fake: FakeSmtp) -> None:
        provider = rig.build(connections=1)
        fake.delay = 0.4
        first, second = await asyncio.gather(provider.send(mail(), 5), provider.send(mail(), 0.2))
        await provider.close()
        assert isinstance(first, Accepted)
        assert isinstance(second, Unavailable)

    async def test_none_is_left_out_of_the_gateways_count(self, rig: Rig) -> None:
        assert catalogue.common(rig.settings).concurrency == 4


class TestSettings:
    @pytest.mark.parametrize(
        ("changes", "key"),
        [
            ({"from": "nobody"}, "from"),
            ({"from": "李@example.com"}, "from"),
            ({"bounces": "x"}, "bounces"),
            ({"dsn": True}, "dsn"),
            ({"bounces": "a-very-long-name@mx.example.com"}, "bounces"),
            ({"password": None}, "password"),
            ({"tls": "maybe"}, "tls"),
            ({"port": 0}, "port"),
            ({"tls": "starttls", "ca_file": "absent.pem"}, "ca_file"),
            ({"unsubscribe": "http://example.com"}, "unsubscribe"),
            ({"dkim": {"domain": "example.com", "selector": "s1", "key_file": "absent.pem"}}, "dkim"),
            ({"dkim": {"domain": "example.com", "selector": "s1", "key": "x"}}, "dkim"),
        ],
    )
    def test_a_mistake_is_found_without_starting(self, rig: Rig, changes: dict[str, Any], key: str) -> None:
        assert [fault.key for fault in catalogue.faults("email", rig.settings | changes)] == [key]

    def test_files_are_found_beside_the_configuration(self, rig: Rig) -> None:
        entry = rig.settings | {"ca_file": "ca.pem", "dkim": {"key_file": "keys/k.pem"}}
        placed = catalogue.located(entry, Path("/etc/gateway"))
        assert placed["ca_file"] == "/etc/gateway/ca.pem"
        assert placed["dkim"] == {"key_file": "/etc/gateway/keys/k.pem"}
        assert entry["dkim"] == {"key_file": "keys/k.pem"}


async def test_a_signature_holds_and_covers_the_unsubscribe_headers(rig: Rig, fake: FakeSmtp, tmp_path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = tmp_path / "dkim.pem"
    form = serialization.PrivateFormat.TraditionalOpenSSL
    pem.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    record = b"v=DKIM1; k=rsa; p=" + b"".join(public.split(b"\n")[1:-2])
    rig.message = lambda **_: mail(text=".\r\n..a dot begins a line\n.", html=None)
    await once(
        rig,
        unsubscribe="https://notify.example.com/u/",
        dkim={"domain": "example.com", "selector": "s1", "key_file": str(pem)},
    )
    content = fake.log[0].content
    assert dkim.verify(content, dnsfunc=lambda *_, **__: record)
    signed = str(email.message_from_bytes(content)["DKIM-Signature"]).replace("\r\n", "").replace(" ", "").lower()
    assert ":list-unsubscribe:list-unsubscribe-post:" in signed


async def test_required_tls_is_not_given_up(rig: Rig, fake: FakeSmtp) -> None:
    seen = await once(rig, tls="starttls", username=None, password=None)
    assert isinstance(seen, Unavailable)
    assert not fake.log


def certificate(folder: Path, name: str) -> ssl.SSLContext:
    """A server's context for 127.0.0.1 with a certificate of its own, which `<name>.pem` in `folder` vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "relay")])
    begun = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    made = (
        x509.CertificateBuilder(
            who, who, key.public_key(), x509.random_serial_number(), begun, begun.replace(year=2120)
        )
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / f"{name}.pem").write_bytes(made.public_bytes(pem))
    (folder / f"{name}.key").write_bytes(secret)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
    return context


async def test_tls_is_verified_against_the_authorities_given(rig: Rig, tmp_path: Path) -> None:
    other = certificate(tmp_path, "other")
    assert other is not None
    async with FakeSmtp(tls=certificate(tmp_path, "relay")).serve() as fake:
        entry: dict[str, Any] = {"port": fake.port, "tls": "starttls", "username": None, "password": None}
        assert isinstance(await once(rig, **entry, ca_file=str(tmp_path / "relay.pem")), Accepted)
        assert isinstance(await once(rig, **entry, ca_file=str(tmp_path / "other.pem")), Unavailable)
        assert isinstance(await once(rig, **entry | {"tls": "none"}), Unavailable), "the relay demands TLS (530)"
        assert len(fake.log) == 1


async def test_a_reply_out_of_place_proves_nothing_only_after_the_message(rig: Rig, fake: FakeSmtp) -> None:
    fake.script.extend([("DATA", "250 thanks"), ("DOT", "took-354 go on")])
    assert isinstance(await once(rig), Unavailable)
    assert isinstance(await once(rig), InDoubt)
