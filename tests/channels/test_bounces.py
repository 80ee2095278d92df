"""What comes back of emails: who is believed, what a report says, and a door that takes nothing it cannot keep."""

import asyncio
import logging
import smtplib
from asyncio import to_thread
from base64 import encodebytes
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from quopri import encodestring
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.bounces import MOST_LINES, take_bounces, verp
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
        ("failed", "5.2.1", ("undelivered", True)),
        ("failed", "5.1.0", ("undelivered", False)),
        ("failed", "5.2.2", ("undelivered", False)),
        ("failed", "5.7.1", ("undelivered", False)),
        ("failed", "5.1.8", ("undelivered", False)),
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


def test_whom_it_reached_once_is_not_written_to_again() -> None:
    more = "\r\nFinal-Recipient: rfc822; other@example.com\r\nAction: {}\r\nStatus: {}\r\n"
    told = read(bounced("failed", "5.1.1", more=more.format("delivered", "2.0.0")))
    assert (told.status, told.address) == ("delivered", False)
    told = read(bounced("delayed", "4.4.1", more=more.format("failed", "5.1.1")))
    assert (told.status, told.address) == ("undelivered", True)


@pytest.mark.parametrize("encoding", ["8bit", "base64", "quoted-printable"])
def test_a_report_of_an_address_that_is_not_ascii_is_read_like_any_other(encoding: str) -> None:
    fields = (
        "Reporting-MTA: dns; mx\r\n\r\nFinal-Recipient: utf-8; 李雷@例子.com\r\nAction: failed\r\nStatus: 5.1.1\r\n"
    )
    write = {"8bit": bytes, "base64": encodebytes, "quoted-printable": encodestring}[encoding]
    body = write(fields.replace("\n\r\n", "\n \r\n").encode())  # some leave a space on the line between the blocks
    head = (
        'MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary="=b"\r\n\r\n'
        f"--=b\r\nContent-Type: message/global-delivery-status\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    )
    told = read(head.encode() + body + b"\r\n--=b--\r\n")
    assert (told.status, told.code, told.address) == ("undelivered", "5.1.1", True)


def wrapped(kind: str, raw: bytes) -> bytes:
    """The mail as a part of another."""
    return f'Content-Type: {kind}; boundary="=w"\r\n\r\n--=w\r\n'.encode() + raw + b"\r\n--=w--\r\n"


def test_a_report_that_a_gateway_wrapped_is_read_and_one_in_the_mail_that_came_back_is_not() -> None:
    report = bounced("failed", "5.1.1")
    assert read(wrapped("multipart/mixed", report)).address
    assert read(wrapped("multipart/mixed", b"Content-Type: message/rfc822\r\n\r\n" + report)).status == "unknown"


@pytest.mark.parametrize(
    ("kind", "stops"), [("abuse", True), ("Fraud", True), ("not-spam", False), ("virus", False), ("strange", False)]
)
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


@pytest.mark.parametrize(
    "raw",
    [
        b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (i, i) for i in range(8000)),
        b"Content-Type: message/rfc822\r\n\r\n" * 15_000,
        b"Content-Type: message/delivery-status\r\n\r\n" * 10_000,
        b"Content-Type: multipart/report; boundary*" + b"9" * 5000 + b"=x\r\n\r\n",
    ],
    ids=["parts in parts", "mails in mails", "reports in reports", "a number without an end"],
)
def test_a_mail_that_goes_deeper_than_any_report_is_none(raw: bytes) -> None:
    assert read(raw).status == "unknown"


def test_no_code_of_content_or_fullness_or_of_our_own_sender_is_a_dead_address() -> None:
    ours = ("5.1.0", "5.1.7", "5.1.8", "5.2.2", "5.4.4")
    assert not [code for code in DEAD if code.startswith(("4.", "5.3", "5.6", "5.7")) or code in ours]


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
        forged = f"b+{REFERENCE}-{'a' * 16}@bounces.example"
        assert await opened.bring(forged, bounced("failed", "5.1.1"), client) == (550, "5.1.1 no such mailbox")
        assert (await opened.bring("postmaster@bounces.example", b"hello", client))[0] == 550
    [told] = opened.house.receipts
    assert isinstance(told, ProviderReceipt)
    assert (told.reference, told.status, told.address) == (REFERENCE, "undelivered", True)


async def test_a_forged_address_is_refused_before_anything_of_the_mail_is_taken() -> None:
    async with door() as opened:

        def talk() -> tuple[int, int]:
            with smtplib.LMTP("127.0.0.1", opened.port, timeout=5) as line:
                line.ehlo_or_helo_if_needed()
                line.mail("")
                return line.rcpt(f"b+{REFERENCE}-{'a' * 16}@bounces.example")[0], line.docmd("DATA")[0]

        assert await to_thread(talk) == (550, 503)


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


async def test_a_bounce_to_us_may_come_from_an_address_that_is_not_ascii() -> None:
    async with door() as opened:

        def bring() -> int:
            with smtplib.LMTP("127.0.0.1", opened.port, timeout=5) as line:
                line.ehlo_or_helo_if_needed()
                assert line.has_extn("smtputf8")
                assert line.mail("李雷@例子.com", ["SMTPUTF8", "BODY=8BITMIME"])[0] == 250
                assert line.rcpt(f"b+{OURS.token(REFERENCE)}@bounces.example")[0] == 250
                return line.data(bounced("failed", "5.1.1"))[0]

        assert await to_thread(bring) == 250


async def test_a_client_that_stays_connected_does_not_hold_up_the_end() -> None:
    async with asyncio.timeout(5):
        async with door() as opened:
            reader, writer = await asyncio.open_connection("127.0.0.1", opened.port)
            assert (await reader.readline()).startswith(b"220")
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        writer.close()


async def test_who_comes_when_all_lines_are_taken_is_asked_to_come_again() -> None:
    async with door() as opened:
        lines = [await asyncio.open_connection("127.0.0.1", opened.port) for _ in range(MOST_LINES)]
        assert {(await reader.readline())[:3] for reader, _ in lines} == {b"220"}
        late, writer = await asyncio.open_connection("127.0.0.1", opened.port)
        assert (await late.read())[:3] == b"421"
        lines[0][1].close()
        await asyncio.sleep(0.05)
        again, other = await asyncio.open_connection("127.0.0.1", opened.port)
        assert (await again.readline())[:3] == b"220"
        for line in (writer, other, *(writer for _, writer in lines[1:])):
            line.close()


NOISE = [
    b"", b"\x00\xff", b"MAIL FROM:<\xff\xfe@x>", b"RCPT TO:<b+\xff-\xff@x>", b"MAIL FROM:<> SMTPUTF8", b"RCPT TO:<>",
    b"RCPT TO:<b+" + b"a" * 400 + b"@x>", b"RCPT TO:<b+\xe6\x9d\x8e-\xe6\x9d\x8e@x>", b"DATA", b"AUTH PLAIN AAAA",
    b"BDAT 5", b"STARTTLS", b"MAIL FROM:<> SIZE=999999999999", b"MAIL FROM:<> SIZE=x", b"VRFY \xff", b"HELP \xff",
    b"x" * 5000, b"RSET",
]  # fmt: skip


@pytest.mark.parametrize("protocol", ["lmtp", "smtp"])
async def test_whatever_a_client_says_is_answered_and_troubles_nobody(
    protocol: Any, caplog: pytest.LogCaptureFixture
) -> None:
    hello = b"LHLO x" if protocol == "lmtp" else b"EHLO x"
    with caplog.at_level(logging.WARNING):
        async with asyncio.timeout(20), door(protocol) as opened:
            for said in (words for word in NOISE for words in (word, b"MAIL FROM:<> SMTPUTF8\r\n" + word)):
                reader, writer = await asyncio.open_connection("127.0.0.1", opened.port)
                writer.write(hello + b"\r\n" + said + b"\r\nQUIT\r\n")
                answers = (await reader.read()).splitlines()
                assert all(line[:3].isdigit() for line in answers), answers
                assert answers[-1].startswith((b"221", b"552")), (said, answers)
                writer.close()
    assert opened.house.receipts == []
    assert not [record for record in caplog.records if record.exc_info or record.levelno >= logging.ERROR]


async def test_a_complaint_at_the_mailbox_of_feedback_loops_is_about_the_message_that_it_holds() -> None:
    house = House()
    made = f"b+{OURS.token(REFERENCE)}@bounces.example"
    ours = complaint("abuse").replace(b"Version: 1", f"Version: 1\r\nOriginal-Mail-From: <{made}>".encode())
    within = complaint("abuse").replace(b"Subject: x", f"Return-Path: <{made}>\r\nSubject: x".encode())
    async with take_bounces("127.0.0.1", 0, "lmtp", OURS, house.report, lambda: NOW, "fbl@example.com") as port:
        opened = Door(port, house)
        assert (await opened.bring("FBL@example.com", ours))[0] == 250
        assert (await opened.bring("fbl@example.com", within))[0] == 250
        assert (await opened.bring("fbl@example.com", complaint("abuse")))[0] == 550
        assert (await opened.bring("other@example.com", ours))[0] == 550
    told = [(one.reference, one.opted_out) for one in house.receipts if isinstance(one, ProviderReceipt)]
    assert told == [(REFERENCE, True)] * 2
