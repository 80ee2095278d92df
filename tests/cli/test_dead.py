"""Dead letters: seen, put back as they were, or dropped."""

import base64
import json
from typing import Any

from tests.cli.conftest import House, Terminal


def bury(house: House, entry: dict[str, Any] | str, stream: str = "t:reminders", error: str = "x: is bad") -> str:
    text = entry if isinstance(entry, str) else json.dumps(entry)
    return str(house.ask("XADD", "t:dead", "*", "entry", text, "error", error, "stream", stream).decode())


def rows(house: House, stream: str) -> list[dict[bytes, bytes]]:
    return [fields for _, fields in house.ask("XRANGE", stream, "-", "+")]


def test_the_list_is_one_line_an_entry_and_shows_nobody(gateway: Terminal, house: House) -> None:
    first = bury(house, {"job": '{"phone": "+8613800138000"}'}, error="recipient.phone: must be\nE.164")
    second = bury(house, {"contact": "x"}, "t:contacts")
    told = gateway("dead", "list", "--config", house.config)
    assert (told.status, told.err) == (0, "")
    assert told.out.splitlines() == [
        f"{first} t:reminders recipient.phone: must be E.164",
        f"{second} t:contacts x: is bad",
    ]
    assert gateway("dead", "--config", house.config, "list").out == told.out


def test_replay_puts_the_original_fields_back_and_takes_the_letter_away(gateway: Terminal, house: House) -> None:
    kept = bury(house, {"job": "left"})
    odd = {"job": {"base64": base64.b64encode(b"\xff\x00").decode()}, "note": "中"}
    told = gateway("dead", "replay", bury(house, odd, "t:reminders:bulk"), "--config", house.config)
    assert (told.status, told.out) == (0, "1 replayed\n")
    assert rows(house, "t:reminders:bulk") == [{b"job": b"\xff\x00", b"note": "中".encode()}]
    assert gateway("dead", "list", "--config", house.config).out.startswith(kept)


def test_all_are_replayed_or_dropped(gateway: Terminal, house: House) -> None:
    for number in range(3):
        bury(house, {"job": str(number)})
    assert gateway("dead", "replay", "--all", "--config", house.config).out == "3 replayed\n"
    assert [row[b"job"] for row in rows(house, "t:reminders")] == [b"0", b"1", b"2"]
    bury(house, {"job": "a"})
    assert gateway("dead", "drop", "--all", "--config", house.config).out == "1 dropped\n"
    assert rows(house, "t:dead") == []
    assert gateway("dead", "drop", "--all", "--config", house.config).out == "0 dropped\n"


def test_more_letters_than_a_page_are_all_seen(gateway: Terminal, house: House) -> None:
    script = "for i = 1, 1001 do redis.call('XADD', KEYS[1], '*', 'entry', '{}', 'error', i, 'stream', 's') end"
    house.ask("EVAL", script, 1, "t:dead")
    assert len(gateway("dead", "list", "--config", house.config).out.splitlines()) == 1001


def test_what_cannot_be_put_back_stays_and_is_told(gateway: Terminal, house: House) -> None:
    cut = bury(house, {"job": {"text": "a", "truncated": True}})
    alien = bury(house, {"job": "a"}, "elsewhere")
    broken = bury(house, "nonsense")
    told = gateway("dead", "replay", "--all", "--config", house.config)
    assert (told.status, told.out) == (1, "0 replayed\n")
    assert told.complaints == [
        f"{cut}: the field job was cut when it was put aside; send the original again",
        f"{alien}: elsewhere is none of the inbound streams",
        f"{broken}: holds no fields to put back",
    ]
    assert len(rows(house, "t:dead")) == 3


def test_an_id_that_is_not_there_is_told_and_nothing_is_done(gateway: Terminal, house: House) -> None:
    letter = bury(house, {"job": "a"})
    told = gateway("dead", "drop", letter, "1-1", "--config", house.config)
    assert (told.status, told.complaints) == (1, ["1-1: there is no such dead letter"])
    assert len(rows(house, "t:dead")) == 1
