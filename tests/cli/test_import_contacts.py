"""The contacts of a portfolio that changes hands: all of the file or nothing, and it counts as if it had been ours."""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.clock import DAY, SystemClock, format_instant
from tests.cli.conftest import House, Terminal


def ago(days: int) -> str:
    return format_instant(SystemClock().now() - days * DAY)


def contact(number: int, **more: Any) -> dict[str, Any]:
    return {"id": f"c{number}", "recipient_id": "p", "channel": "call", "event": "answered", "at": ago(2)} | more


def queue(house: House) -> list[dict[str, Any]]:
    return [json.loads(fields[b"contact"]) for _, fields in house.ask("XRANGE", "t:contacts", "-", "+")]


def test_json_lines_are_imported(gateway: Terminal, house: House) -> None:
    text = "\n".join(json.dumps(contact(n)) for n in range(1200)).encode()
    told = gateway("import-contacts", "--config", house.config, "-", stdin=text)
    assert (told.status, told.err, told.out) == (0, "", "1200 contacts on t:contacts\n")
    assert queue(house) == [contact(n, at=one["at"]) for n, one in enumerate(queue(house))]


def test_a_table_is_imported_and_empty_cells_are_nothing(gateway: Terminal, house: House, tmp_path: Path) -> None:
    file = tmp_path / "old.csv"
    at = ago(3)
    file.write_text(
        "\ufeffid,recipient_id,channel,event,at,account,flags,collector\n"
        f'a,p,call,conversation,{at},"card,1",response call_consent,agency-a\n'
        f"b,q,letter,sent,{at},,,\n",
        encoding="utf-8",
    )
    told = gateway("import-contacts", "--config", house.config, file)
    assert (told.status, told.err) == (0, "")
    assert queue(house) == [
        {"id": "a", "recipient_id": "p", "channel": "call", "event": "conversation", "at": at, "account": "card,1",
         "flags": ["response", "call_consent"], "collector": "agency-a"},
        {"id": "b", "recipient_id": "q", "channel": "letter", "event": "sent", "at": at},
    ]  # fmt: skip


def test_one_wrong_line_keeps_the_file_out_and_every_one_is_told(gateway: Terminal, house: House) -> None:
    lines = [contact(1), contact(2, at="yesterday"), contact(3, chanel="sms"), contact(4)]
    told = gateway("import-contacts", "--config", house.config, "-", stdin="\n".join(map(json.dumps, lines)).encode())
    assert told.status == 1
    assert [line.split(":")[0:2] for line in told.complaints[:2]] == [["line 2", " at"], ["line 3", " chanel"]]
    assert told.complaints[-1] == "2 lines are wrong, so nothing was imported"
    assert queue(house) == []


def test_what_is_too_old_to_count_is_left_out_and_told(gateway: Terminal, house: House) -> None:
    lines = [contact(1, at=ago(41)), contact(2, at=ago(39))]
    told = gateway("import-contacts", "--config", house.config, "-", stdin="\n".join(map(json.dumps, lines)).encode())
    assert told.out == "1 contacts on t:contacts, 1 are older than 40 days and left out\n"


@pytest.mark.parametrize(
    ("data", "says"),
    [(b"id,recipient_id\na,b,c\n", "more cells"), (b'id,at\n"a,b\n', "is no CSV"), (b"\xff\xfe", "is no CSV")],
)
def test_a_file_that_is_no_table_is_told_in_a_line(
    gateway: Terminal, house: House, tmp_path: Path, data: bytes, says: str
) -> None:
    file = tmp_path / "x.csv"
    file.write_bytes(data)
    told = gateway("import-contacts", "--config", house.config, file)
    assert told.status == 1
    assert says in told.err


def test_a_file_that_is_not_there(gateway: Terminal, house: House) -> None:
    told = gateway("import-contacts", "--config", house.config, "no.csv")
    assert (told.status, told.err) == (1, "no.csv: cannot be read: No such file or directory\n")
