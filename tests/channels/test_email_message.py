"""An email's bytes: no value can become a header, a command or a second message, and people read what was meant."""

import email
import email.policy
import re
from email.header import decode_header, make_header

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from channels.contract import Message
from channels.email.address import Mailbox, mailbox, named, xtext
from channels.email.message import Letterhead, UnsafeHeaderError, checked, clean, encoded, sender
from tests.channels.contract import message

# cpython 121650 (CVE-2024-6923 class): the 3.11 standard library turns it into a real Bcc.
PAYLOAD = "A \U0001f4a9 subject=?UTF-8?Q?=0A?=Bcc: victim@example.com"
HEAD = ["From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Auto-Submitted"]
LETTERHEAD = Letterhead(sender("Example Bank", Mailbox("notice", "example.com")), "example.com")
TO = Mailbox("li", "example.com")

nasty = st.one_of(
    st.text(max_size=300),
    st.lists(
        st.sampled_from([
            "=?", "?=", "=?UTF-8?Q?=0A?=", "=?utf-8?b?Cg==?=", "\r\n", "\n", "\r", "\x0b", "\x85", "\u2028", "\0",
            "a" * 80, "Bcc: a@b.c", ": ", " ", "\t", "李", "\U0001f4a9", "\ud800", ".", "--", "=_gateway_part_=_",
            "\r\n.\r\n", "¨",
        ]),
        max_size=30,
    ).map("".join),
)  # fmt: skip


def mail(**changes: object) -> Message:
    return message(channel="email", to="li@example.com", **changes)


@given(title=nasty, text=nasty, html=st.none() | nasty)
@example(title=PAYLOAD, text="x", html=None)
@example(title=PAYLOAD, text=PAYLOAD, html=PAYLOAD)
def test_whatever_is_written_the_headers_are_the_expected_ones(title: str, text: str, html: str | None) -> None:
    data = LETTERHEAD.write(mail(title=title, text=text, html=html), TO)
    for policy in (email.policy.default, email.policy.SMTP, email.policy.compat32):
        read = email.message_from_bytes(data, policy=policy)
        extra = ["Content-Type"] if html is not None else ["Content-Type", "Content-Transfer-Encoding"]
        assert read.keys() == HEAD + extra
        assert not read.defects
        assert len(read.get_payload()) == 2 if html is not None else not read.is_multipart()


@given(text=nasty, html=st.none() | nasty)
def test_the_wire_sees_one_message_with_clean_line_ends(text: str, html: str | None) -> None:
    data = LETTERHEAD.write(mail(text=text, html=html), TO)
    assert data.endswith(b"\r\n")
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", data), "a bare CR or LF: SMTP smuggling"
    assert data.isascii()
    assert max(map(len, data.split(b"\r\n"))) <= 998


@given(text=nasty)
def test_the_body_reads_as_written(text: str) -> None:
    read = email.message_from_bytes(LETTERHEAD.write(mail(text=text), TO), policy=email.policy.default)
    body = read.get_payload(decode=True)
    assert isinstance(body, bytes)
    plain = text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace").decode()
    assert body.decode().replace("\r\n", "\n") == plain + "\n"


@given(value=nasty)
@example(value=PAYLOAD)
@example(value="=?utf-8?q?a?=")
def test_a_value_reads_as_it_looked_also_when_it_looks_encoded(value: str) -> None:
    written = encoded(value)
    assert all(len(line) <= 200 for line in written.split("\r\n "))
    assert str(make_header(decode_header(written.replace("\r\n ", " ")))) == clean(value) or written == clean(value)
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", written.replace("\r\n ", ""))


@pytest.mark.parametrize(
    ("own", "configured", "expected"),
    [
        ("https://ours.example/u/t", "https://theirs.example/u/", "<https://ours.example/u/t>"),
        (None, "https://theirs.example/u/", "<https://theirs.example/u/abcdefghijklmnopqrstuvwxyz>"),
        ("https://ours.example/u/t", None, "<https://ours.example/u/t>"),
    ],
)
def test_a_message_carries_its_own_link_before_the_configured_one(
    own: str | None, configured: str | None, expected: str
) -> None:
    letterhead = Letterhead(LETTERHEAD.sender, LETTERHEAD.domain, configured)
    read = email.message_from_bytes(letterhead.write(mail(), TO, own))
    assert read.get_all("List-Unsubscribe") == [expected]
    assert read.get_all("List-Unsubscribe-Post") == ["List-Unsubscribe=One-Click"]


def test_a_message_without_a_link_does_not_offer_a_click() -> None:
    read = email.message_from_bytes(LETTERHEAD.write(mail(), TO))
    assert not [name for name in read if name.startswith("List-")]


def test_no_link_brings_a_header_of_its_own() -> None:
    with pytest.raises(UnsafeHeaderError):
        LETTERHEAD.write(mail(), TO, "https://ours.example/u/t>\r\nBcc: <victim@example.com")


@given(name=nasty)
def test_a_senders_name_can_be_anything(name: str) -> None:
    value = sender(name, Mailbox("notice", "example.com"))
    read = email.message_from_bytes(f"From: {value}\r\n\r\n".encode(), policy=email.policy.default)
    assert read["From"].addresses[0].addr_spec == "notice@example.com"
    assert len(read["From"].addresses) == 1


def test_a_head_that_is_not_as_meant_does_not_leave() -> None:
    names = ("From", "To")
    assert checked(b"From: a\r\nTo: b\r\n c\r\n", names)
    for head in (
        b"From: a\r\nBcc: x\r\nTo: b\r\n", b"From: a\r\n", b"From: a\r\nTo: b", b"From: a\nBcc: x\r\nTo: b\r\n",
        b"From: a\rBcc: x\r\nTo: b\r\n", b"To: a\r\nFrom: b\r\n", b"From: a\r\nTo: " + b"b" * 999 + b"\r\n",
        b"From: a\r\n\r\nTo: b\r\n",
    ):  # fmt: skip
        with pytest.raises(UnsafeHeaderError):
            checked(head, names)


@given(local=nasty, domain=nasty)
def test_nothing_in_an_address_ends_a_command(local: str, domain: str) -> None:
    found = mailbox(f"{local}@{domain}")
    assert found is None or not re.search(r"[\x00-\x1f\x7f\u2028\u2029]", str(found))
    if found is not None and not found.local.startswith('"'):
        assert not re.search(r"[\s<>]", str(found))


@pytest.mark.parametrize(
    "text",
    ["li@example.com", "a.b+c@x-y.example", '"a b\\"c"@example.com', "li@[127.0.0.1]", "李@例子.com", "o'hara@x.org"],
)
def test_real_addresses_pass(text: str) -> None:
    assert mailbox(text)


@pytest.mark.parametrize(
    "text",
    ["a..b@x.org", ".a@x.org", "a@-x.org", "a@x..org", "a@x.org.", '"a"b@x.org', "a" * 65 + "@x.org", "a@" + "x" * 260,
     "a@x.org\n", " a@x.org", "a@b@c.org", "a@\u00adx.org" * 9],
)  # fmt: skip
def test_others_do_not(text: str) -> None:
    assert mailbox(text) is None


@given(value=nasty)
@example(value="a+b=c d\u674e")
def test_an_address_in_an_option_is_visible_ascii_and_reads_as_it_was(value: str) -> None:
    """RFC 3461, 4: xtext, of which a mail server makes the address again."""
    value = value.encode("utf-8", "replace").decode()
    written = xtext(value)
    assert re.fullmatch(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*", written)
    assert re.sub(rb"\+(..)", lambda found: bytes.fromhex(found[1].decode()), written.encode()).decode() == value


def test_a_display_name_is_told_from_the_address() -> None:
    assert named("Example Bank <notice@example.com>") == ("Example Bank", Mailbox("notice", "example.com"))
    assert named('"Bank, Example" <notice@example.com>') == ("Bank, Example", Mailbox("notice", "example.com"))
    assert named("notice@example.com") == ("", Mailbox("notice", "example.com"))
    for text in ("Example <notice@example.com", "<>", "a <b> c@d.e", ""):
        assert named(text) is None
