"""The endpoints as an operator sees and mends them."""

import json
from pathlib import Path

import pytest

from gateway.domain.clock import DAY, SystemClock, format_instant
from tests.cli.conftest import House, Terminal

ENTRY = {
    "name": "cards", "url": "https://cards.example.com/receipts", "tenants": ["default"],
    "secrets": ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
}  # fmt: skip


@pytest.fixture
def house(house: House) -> House:
    house.config.write_text(f"{house.config.read_text()}endpoints: {json.dumps([ENTRY])}\n")
    return house


def tell(house: House, *ids: str) -> None:
    for entry in ids:
        house.ask("XADD", "t:receipts", entry, "receipt", "{}")


def test_the_list_tells_of_each_how_it_fares(gateway: Terminal, house: House) -> None:
    told = gateway("endpoints", "list", "--config", house.config)
    assert (told.status, told.out, told.err) == (0, "cards new; begins when a worker first sees it\n", "")
    tell(house, "1000-0")
    house.ask("XGROUP", "CREATE", "t:receipts", "webhook:old", "0")
    house.ask("XGROUP", "CREATE", "t:receipts", "webhook:cards", "1000-0")
    house.ask("HSET", "t:endpoint:cards", "position", "1000-0")
    assert gateway("endpoints", "list", "--config", house.config).out.splitlines() == [
        "cards serving; oldest receipt not taken: none",
        "old not configured; parked once nobody has served it for 5 days",
    ]
    tell(house, f"{SystemClock().now() - DAY}-0")
    house.ask("HSET", "t:endpoint:cards", "failures", "7", "since", "0", "next", "1000", "code", "http_500")
    (line, _) = gateway("endpoints", "list", "--config", house.config).out.splitlines()
    assert line.startswith(
        "cards down since 1970-01-01T00:00:00.000Z (http_500), asked again at 1970-01-01T00:00:01.000Z; "
        "oldest receipt not taken: 864"
    )


def test_a_parked_endpoint_is_resumed_and_what_was_trimmed_meanwhile_is_told(gateway: Terminal, house: House) -> None:
    tell(house, "1000-0", "2000-0", "3000-0", "4000-0")
    house.ask(
        "HSET", "t:endpoint:cards", "position", "2000-0", "held", "1000-0 2000-0", "parked", "9000", "why", "gone"
    )
    told = gateway("endpoints", "list", "--config", house.config)
    assert told.out.startswith("cards parked since 1970-01-01T00:00:09.000Z (gone); oldest")
    house.ask("XTRIM", "t:receipts", "MINID", "2000-0")
    told = gateway("endpoints", "resume", "cards", "--config", house.config)
    assert (told.status, told.out) == (
        0,
        "cards: goes on with what is newer than 1970-01-01T00:00:02.000Z; trimmed of what it had not taken before: 1\n",
    )
    pending = house.ask("XPENDING", "t:receipts", "webhook:cards")
    assert (pending["pending"], pending["min"]) == (1, b"2000-0")
    assert house.ask("HGET", "t:endpoint:cards", "parked") is None


def test_recovery_goes_back_as_far_as_the_stream_and_says_how_far_that_is(gateway: Terminal, house: House) -> None:
    tell(house, "1000-0", "2000-0", "3000-0")
    told = gateway("endpoints", "recover", "cards", "--since", "1970-01-01T00:00:02Z", "--config", house.config)
    assert (told.status, told.out) == (0, "cards: goes on with what is newer than 1970-01-01T00:00:01.999Z\n")
    rows = house.ask("XREADGROUP", "GROUP", "webhook:cards", "x", "STREAMS", "t:receipts", ">")
    assert [entry for entry, _ in rows[0][1]] == [b"2000-0", b"3000-0"]
    house.ask("XTRIM", "t:receipts", "MINID", "3000-0")
    told = gateway("endpoints", "recover", "cards", "--since", "1970-01-01T00:00:00Z", "--config", house.config)
    assert told.out == (
        "cards: goes on with what is newer than 1970-01-01T00:00:00.000Z; the stream begins at "
        "1970-01-01T00:00:03.000Z, and what is older was trimmed\n"
    )


def test_a_time_to_come_leaves_nothing_out(gateway: Terminal, house: House) -> None:
    tell(house, "1000-0", "2000-0")
    house.ask("XGROUP", "CREATE", "t:receipts", "webhook:cards", "1000-0")
    soon = format_instant(SystemClock().now() + DAY)
    assert gateway("endpoints", "recover", "cards", "--since", soon, "--config", house.config).status == 0
    rows = house.ask("XREADGROUP", "GROUP", "webhook:cards", "x", "STREAMS", "t:receipts", ">")
    assert [entry for entry, _ in rows[0][1]] == [b"2000-0"]


@pytest.mark.parametrize(
    ("arguments", "status", "complaint"),
    [
        (["resume", "loans"], 1, "loans: there is no such endpoint; configured are: cards"),
        (["recover", "cards", "--since", "yesterday"], 2, "must be an RFC 3339 time"),
        (["recover", "cards"], 2, "--since"),
        (["resume"], 2, "NAME"),
    ],
)
def test_a_mistake_is_told_in_a_line(
    gateway: Terminal, house: House, arguments: list[str], status: int, complaint: str
) -> None:
    told = gateway("endpoints", *arguments, "--config", house.config)
    assert told.status == status
    assert complaint in told.err


def test_without_a_configuration_nothing_is_done(gateway: Terminal, tmp_path: Path) -> None:
    assert gateway("endpoints", "list").status == 2
    assert gateway("endpoints", "list", "--config", tmp_path / "none.yaml").status == 1
