"""What comes back of emails: who is believed, what a report says, and a door that takes nothing it cannot keep."""

import smtplib
from asyncio import to_thread
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.bounces import take_bounces, verp
from channels.contract import ProviderReceipt
from channels.email.bounces import DEAD, MOST_WORDS, read_bounce
from channels.email.verp import Verp
from tests.channels.contract import NOW, House

REFERENCE = "0123456789abcdef0123456789abcdef"
OURS = Verp(["a secret of sixteen"])


def bounced(action: str, status: str, *, more: str = "") -> bytes:
    """A delivery report as a mail server writes it."""
    return (
        "From: MAILER-DAEMON@mx.example\r\nTo: b@bounces.example\r\nSubject: Undelivered\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="=b"\r\n\r\n'
        "--=b\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n"
        "--=b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n"
        f"Final-Recipient: rfc822; li@example.com\r\nAction: {action}\r\nStatus: {status}\r\n"
        f"Diagnostic-Code: smtp; 550 {status} no such user\r\n{more}\r\n"
        "--=b\r\nContent-Type: text/rfc822-headers\r\n\r\nSubject: x\r\n\r\n--=b--\r\n"
    ).encode()


def complaint(kind: str) -> bytes:
    return (
        "From: fbl@isp.example\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=feedback-report; boundary="=b"\r\n\r\n'
        "--=b\r\nContent-Type: text/plain\r\n\r\nA complaint.\r\n"
        f"--=b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: {kind}\r\nVersion: 1\r\n\r\n"
        "--=b\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nhello\r\n--=b--\r\n"
    ).encode()


def read(raw: bytes) -> ProviderReceipt:
    return read_bounce("relay", REFERENCE, raw, NOW)


@pytest.mark.parametrize(
    ("action", "status", "expected"),
    [
        ("failed", "5.1.1", ("undelivered", True)),
        ("failed", "5.1.10", ("undelivered", True)),
        ("failed", "5.2.2", ("undelivered", False)),
        ("failed", "5.7.1", ("undelivered", False)),
        ("failed", "4.7.1", ("undelivered", False)),
        ("failed", "4.4.7", ("undelivered", False)),
        ("delayed", "4.4.1", ("sent", False)),
        ("delivered", "2.0.0", ("delivered", False)),
        ("relayed", "2.0.0", ("delivered", False)),
        ("Failed ", "5.1.1 (bad)", ("undelivered", True)),
        ("exploded", "5.1.1", ("unknown", False)),
    ],
)
def test_hard_and_soft_are_told_apart_by_the_enhanced_code(action: str, status: str, expected: Any) -> None:
    told = read(bounced(action, status))
    assert (told.status, told.address) == expected
    assert told.reference == REFERENCE
    assert not told.opted_out


def test_of_several_recipients_the_worst_counts() -> None:
    more = "\r\nFinal-Recipient: rfc822; other@example.com\r\nAction: failed\r\nStatus: 5.1.1\r\n"
    assert read(bounced("delivered", "2.0.0", more=more)).address


@pytest.mark.parametrize(("kind", "stops"), [("abuse", True), ("fraud", True), ("not-spam", False), ("strange", False)])
def test_who_complains_has_it_and_wants_no_more(kind: str, stops: bool) -> None:
    told = read(complaint(kind))
    assert (told.opted_out, told.status) == (stops, "delivered" if stops else "unknown")


@given(st.one_of(st.binary(max_size=2000), st.binary(max_size=300).map(lambda raw: bounced("failed", "5.1.1") + raw)))
def test_whatever_a_stranger_sends_is_one_receipt(raw: bytes) -> None:
    told = read(raw)
    assert told.reference == REFERENCE
    assert len(told.message or "") <= MOST_WORDS


@given(st.integers(0, 4000), st.binary(min_size=1, max_size=3))
def test_a_report_that_is_bent_anywhere_says_nothing_worse_than_it_did(place: int, junk: bytes) -> None:
    raw = bounced("delayed", "4.4.1")
    place %= len(raw)
    told = read(raw[:place] + junk + raw[place + 1 :])
    assert not told.address
    assert not told.opted_out


def test_a_mail_of_many_parts_is_read_as_far_as_is_sensible() -> None:
    parts = "".join("--=b\r\nContent-Type: text/plain\r\n\r\nx\r\n" for _ in range(5000))
    head = 'MIME-Version: 1.0\r\nContent-Type: multipart/report; boundary="=b"\r\n\r\n'
    assert read((head + parts + "--=b--\r\n").encode()).status == "unknown"


def test_no_code_of_content_or_fullness_is_a_dead_address() -> None:
    assert not [code for code in DEAD if code.startswith(("4.", "5.3", "5.6", "5.7")) or code == "5.2.2"]


def test_only_an_address_that_we_made_names_a_message() -> None:
    made = f"b+{OURS.token(REFERENCE)}@bounces.example"
    assert OURS.reference(made) == REFERENCE
    assert OURS.reference(f"<{made.upper()}>") == REFERENCE, "mail systems fold case"
    assert Verp(["another, longer one", "a secret of sixteen"]).reference(made) == REFERENCE
    assert Verp(["another, longer one"]).reference(made) is None
    signature = OURS.token(REFERENCE).rpartition("-")[2]
    for forged in (
        f"b+{REFERENCE}@x", f"b+{REFERENCE}-@x", f"b+{'1' * 32}-{signature}@x", "b@x", "", "+@",
        f"b+{OURS.token(REFERENCE)[:-1]}@x", made.replace("@", "0@"), f"b+-{'0' * 24}@x", "b+é-é@x",
    ):  # fmt: skip
        assert OURS.reference(forged) is None, forged


@given(st.text("0123456789abcdef", min_size=1, max_size=32), st.text(max_size=80))
def test_what_we_sign_proves_itself_and_nothing_else_does(reference: str, other: str) -> None:
    assert OURS.reference(f"b+{OURS.token(reference)}@x") == reference
    assert OURS.reference(other) is None


def test_without_a_secret_there_are_no_bounces() -> None:
    assert verp([]) is None


class Door:
    def __init__(self, port: int, house: House) -> None:
        self.port, self.house = port, house

    async def bring(self, address: str, raw: bytes, client: Any = smtplib.LMTP) -> tuple[int, str]:
        """Brings one mail as a mail server would; the answer to whatever was refused, or to its end."""

        def talk() -> tuple[int, str]:
            with client("127.0.0.1", self.port, timeout=5) as line:
                line.ehlo_or_helo_if_needed()
                line.mail("")
                code, words = line.rcpt(address)
                if code == 250:
                    code, words = line.data(raw)
                return code, words.decode()

        return await to_thread(talk)


@asynccontextmanager
async def door(protocol: Literal["lmtp", "smtp"] = "lmtp") -> AsyncIterator[Door]:
    house = House()

    async def report(told: Any) -> None:
        if house.trouble:
            raise house.trouble
        house.receipts.append(told)

    async with take_bounces("127.0.0.1", 0, protocol, OURS, report, lambda: NOW) as port:
        yield Door(port, house)


@pytest.mark.parametrize(("protocol", "client"), [("lmtp", smtplib.LMTP), ("smtp", smtplib.SMTP)])
async def test_a_bounce_of_ours_is_taken_and_any_other_mail_is_not(protocol: Any, client: Any) -> None:
    async with door(protocol) as opened:
        made = f"b+{OURS.token(REFERENCE)}@bounces.example"
        assert (await opened.bring(made, bounced("failed", "5.1.1"), client))[0] == 250
        forged = f"b+{REFERENCE}-{'0' * 24}@bounces.example"
        assert await opened.bring(forged, bounced("failed", "5.1.1"), client) == (550, "5.1.1 no such mailbox")
        assert (await opened.bring("postmaster@bounces.example", b"hello", client))[0] == 550
    [told] = opened.house.receipts
    assert isinstance(told, ProviderReceipt)
    assert (told.reference, told.status, told.address) == (REFERENCE, "undelivered", True)


async def test_what_cannot_be_kept_is_brought_again() -> None:
    async with door() as opened:
        made = f"b+{OURS.token(REFERENCE)}@bounces.example"
        opened.house.trouble = ConnectionError()
        assert (await opened.bring(made, bounced("failed", "5.1.1")))[0] == 451
        opened.house.trouble = None
        assert (await opened.bring(made, bounced("failed", "5.1.1")))[0] == 250
    assert len(opened.house.receipts) == 1


async def test_a_mail_that_is_too_large_is_refused() -> None:
    async with door() as opened:
        made = f"b+{OURS.token(REFERENCE)}@bounces.example"
        code, _ = await opened.bring(made, bounced("failed", "5.1.1") + b"text of a line\r\n" * 60_000)
        assert code == 552
    assert opened.house.receipts == []
