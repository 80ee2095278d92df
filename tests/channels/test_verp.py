"""Envelope senders that only we can make: in whose hands they prove a message, and how a relay is given them."""

from collections.abc import AsyncIterator
from typing import Any, cast
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from channels import catalogue
from channels.contract import Accepted, Callback, Heard, Listener, Message, Provider, ProviderReceipt
from channels.email.address import LOCAL_LIMIT_BYTES, mailbox
from channels.email.smtp import MOST_LOCAL
from channels.email.verp import MOST_TOKEN, SIGNATURE_BYTES, Verp
from channels.fakes.smtp import FakeSmtp
from tests.channels.contract import NOW, House, message
from tests.channels.test_bounces import bounced

REFERENCE = "0123456789abcdef0123456789abcdef"
OURS = Verp(["a secret of sixteen"])


def test_only_an_address_that_we_made_names_a_message() -> None:
    made = f"b+{OURS.token(REFERENCE)}@bounces.example"
    assert OURS.reference(made) == REFERENCE
    assert OURS.reference(f"<{made.upper()}>") == REFERENCE, "mail systems fold case"
    assert Verp(["another, longer one", "a secret of sixteen"]).reference(made) == REFERENCE
    assert Verp(["another, longer one"]).reference(made) is None
    signature = OURS.token(REFERENCE).rpartition("-")[2]
    for forged in (
        f"b+{REFERENCE}@x", f"b+{REFERENCE}-@x", f"b+{'1' * 32}-{signature}@x", "b@x", "", "+@",
        f"b+{OURS.token(REFERENCE)[:-1]}@x", made.replace("@", "a@"), f"b+-{'a' * 16}@x", "b+é-é@x",
        "b+\udcff-\udcff@x",
    ):  # fmt: skip
        assert OURS.reference(forged) is None, forged


@given(st.text("0123456789abcdef", min_size=1, max_size=32), st.text(max_size=80))
def test_what_we_sign_proves_itself_and_nothing_else_does(reference: str, other: str) -> None:
    assert OURS.reference(f"b+{OURS.token(reference)}@x") == reference
    assert OURS.reference(other) is None


def test_a_token_is_strong_survives_folding_and_leaves_room_for_the_name_of_the_mailbox() -> None:
    assert SIGNATURE_BYTES * 8 >= 80
    token = OURS.token(REFERENCE)
    assert (len(token), token.lower()) == (MOST_TOKEN, token)
    longest = f"{'m' * MOST_LOCAL}+{token}@bounces.example"
    assert mailbox(longest) is not None
    assert OURS.reference(longest.replace("m+", "+cards+", 1)) == REFERENCE, "a delimiter of the mailbox's own"
    assert MOST_LOCAL + 1 + MOST_TOKEN == LOCAL_LIMIT_BYTES
    assert len("mailer-daemon") <= MOST_LOCAL


@pytest.fixture
async def fake() -> AsyncIterator[FakeSmtp]:
    async with FakeSmtp().serve() as fake:
        yield fake


def relay(fake: FakeSmtp, *, taken_in: bool = True, **more: Any) -> Provider:
    entry = {"name": "relay", "kind": "smtp", "host": "127.0.0.1", "port": fake.port, "tls": "none",
             "from": "notice@example.com", "bounces": "bounces@mx.example.com", **more}  # fmt: skip
    return catalogue.build("email", entry, replace(House().lend(), bounces=OURS if taken_in else None))


def mail(**more: Any) -> Message:
    return message(channel="email", to="li@example.com", reference=REFERENCE, **more)


@pytest.mark.parametrize(
    ("taken_in", "more", "expected"),
    [
        (True, {}, f"bounces+{OURS.token(REFERENCE)}@mx.example.com"),
        (False, {}, f"bounces+{REFERENCE}@mx.example.com"),
        (True, {"bounces": None}, "notice@example.com"),
    ],
)
async def test_a_message_leaves_under_a_sender_that_proves_itself_where_bounces_are_taken_in(
    fake: FakeSmtp, taken_in: bool, more: dict[str, Any], expected: str
) -> None:
    provider = relay(fake, taken_in=taken_in, **more)
    assert isinstance(await provider.send(mail(), 5), Accepted)
    await provider.close()
    assert fake.log[0].sender == expected


@pytest.mark.parametrize(
    ("taken_in", "dsn", "receipts", "reports"),
    [(True, True, True, True), (True, False, False, True), (False, True, False, False)],
)
def test_what_is_told_of_a_message_later_depends_on_what_is_asked_and_taken_in(
    fake: FakeSmtp, taken_in: bool, dsn: bool, receipts: bool, reports: bool
) -> None:
    facts = relay(fake, taken_in=taken_in, dsn=dsn).facts
    assert (facts.receipts, facts.keeps_reference) == (receipts, reports)


async def test_reports_are_not_asked_of_a_relay_that_does_not_offer_them(fake: FakeSmtp) -> None:
    """The fake refuses options that it does not know (555)."""
    provider = relay(fake, dsn=True)
    assert isinstance(await provider.send(mail(), 5), Accepted)
    await provider.close()


MADE = f"bounces+{OURS.token(REFERENCE)}@mx.example.com"


async def heard(fake: FakeSmtp, query: str, head: str = "", **more: Any) -> Heard | None:
    url = f"https://notify.example.com/webhooks/relay{query}"
    body = head.encode() + bounced("failed", "5.1.1").replace(b"To: b@bounces.example\r\n", b"")
    provider = cast(Listener, relay(fake, **more))
    return await provider.hear(Callback(url=url, reference=None, headers={}, body=body, at=NOW))


@pytest.mark.parametrize(
    ("query", "head"),
    [
        (f"?recipient={quote(MADE)}", ""),
        (f"?recipient={MADE}", ""),
        ("", f"Delivered-To: {MADE}\r\n"),
        ("", f"X-Original-To: <{MADE}>\r\n"),
        ("", f"To: Bounces <{MADE}>\r\n"),
        ("?recipient=b@example.com", f"To: {MADE}\r\n"),
    ],
)
async def test_a_bounce_that_is_posted_is_believed_by_the_address_that_it_came_to(
    fake: FakeSmtp, query: str, head: str
) -> None:
    told = await heard(fake, query, head)
    assert told is not None
    [receipt] = told.reports
    assert isinstance(receipt, ProviderReceipt)
    assert (receipt.reference, receipt.status, receipt.address) == (REFERENCE, "undelivered", True)


@pytest.mark.parametrize(
    "query", ["", f"?recipient=b+{REFERENCE}@x", f"?recipient=b+{REFERENCE}-{'a' * 16}@x", "?x=%ff"]
)
async def test_a_bounce_that_is_posted_to_no_address_of_ours_is_not_believed(fake: FakeSmtp, query: str) -> None:
    assert (
        await heard(fake, query, f"To: b+{REFERENCE}-{'a' * 16}@x, \udcff\r\n".encode("utf-8", "replace").decode())
        is None
    )
    assert await heard(fake, f"?recipient={MADE}", taken_in=False) is None
