"""A host's copy of the zone data that differs from ours is found, to the second and by name, and no other is."""

import struct
import sysconfig
from datetime import date
from importlib import resources
from pathlib import Path

import pytest

from gateway.domain.clock import tzdata_release
from gateway.domain.hostzones import compare, host_folders

TODAY = date(2026, 11, 24)
LIBRARY = resources.files("tzdata").joinpath("zoneinfo")


def data(name: str) -> bytes:
    return LIBRARY.joinpath(*name.split("/")).read_bytes()


def put(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return folder


def compiled(rule: str) -> bytes:
    """A zone file that has nothing but a rule for all time, as RFC 9636 lays it out."""
    head = b"TZif2" + bytes(15)
    block = head + struct.pack(">6l", 0, 0, 0, 0, 1, 4) + struct.pack(">lbb", -28800, 0, 0) + b"PST\0"
    return block * 2 + b"\n" + rule.encode() + b"\n"


def test_a_stale_zone_is_named_and_the_others_are_not(tmp_path: Path) -> None:
    put(tmp_path, "America/Vancouver", data("America/Los_Angeles"))
    put(tmp_path, "Canada/Pacific", data("America/Los_Angeles"))
    put(tmp_path, "America/New_York", data("America/New_York"))
    put(tmp_path, "tzdata.zi", b"# version 2025b\n# redo posix_only\n")
    found = compare([tmp_path], TODAY)
    assert (found.compared, found.differing) == (3, ("America/Vancouver", "Canada/Pacific"))
    assert found.release == "2025b"
    (sentence,) = found.faults
    for part in (str(tmp_path), "2025b", tzdata_release(), "2 of 3 zones: America/Vancouver, Canada/Pacific;"):
        assert part in sentence
    assert "update the host's tzdata" in sentence
    assert "PYTHONTZPATH" in sentence


def test_the_package_agrees_with_itself(tmp_path: Path) -> None:
    names = resources.files("tzdata").joinpath("zones").read_text().split()
    for name in names:
        put(tmp_path, name, data(name))
    found = compare([tmp_path], TODAY)
    assert (found.compared, found.differing, found.faults) == (len(names), (), ())
    assert len(names) > 500


def test_what_differs_only_in_the_past_or_in_writing_does_not_differ(tmp_path: Path) -> None:
    put(tmp_path, "Europe/Paris", data("Europe/Berlin"))
    put(tmp_path, "America/Los_Angeles", compiled("PST8PDT,M3.2.0,M11.1.0"))
    assert data("Europe/Paris") != data("Europe/Berlin")
    assert compare([tmp_path], TODAY).differing == ()


def test_a_change_of_the_clock_that_is_a_second_late_differs(tmp_path: Path) -> None:
    put(tmp_path, "America/Los_Angeles", compiled("PST8PDT,M3.2.0/2:00:01,M11.1.0"))
    assert compare([tmp_path], TODAY).differing == ("America/Los_Angeles",)


def test_a_change_in_two_years_is_seen(tmp_path: Path) -> None:
    put(tmp_path, "Europe/Berlin", compiled("CET-1CEST,M3.5.0,M10.5.0/3"))
    assert compare([tmp_path], TODAY).differing == ()
    put(tmp_path, "Europe/Berlin", compiled("CET-1CEST,M3.5.0,M10.5.0/4"))
    assert compare([tmp_path], TODAY).differing == ("Europe/Berlin",)


@pytest.mark.parametrize(
    "content",
    [b"", b"no zone", b"TZif2" + b"\xff" * 60, data("Europe/Paris")[:60], data("Europe/Paris")[:-9] + b"x" * 9],
)
def test_a_file_that_is_no_zone_differs(tmp_path: Path, content: bytes) -> None:
    put(tmp_path, "Europe/Paris", content)
    assert compare([tmp_path], TODAY).differing == ("Europe/Paris",)


def test_the_first_folder_that_has_a_zone_counts(tmp_path: Path) -> None:
    good, stale = tmp_path / "good", tmp_path / "stale"
    put(good, "America/Vancouver", data("America/Vancouver"))
    put(stale, "America/Vancouver", data("America/Los_Angeles"))
    put(stale, "+VERSION", b"2024a\n")
    assert compare([good, stale], TODAY).differing == ()
    found = compare([tmp_path / "nowhere", stale, good], TODAY)
    assert found.differing == ("America/Vancouver",)
    assert (found.release, found.folders) == ("2024a", (str(stale), str(good)))


def test_without_a_copy_there_is_nothing_to_compare(tmp_path: Path) -> None:
    for folders in ([], [tmp_path], [tmp_path / "nowhere"]):
        found = compare(folders, TODAY)
        assert (found.compared, found.faults, found.release) == (0, (), None)


def test_a_release_that_is_not_told_is_said_to_be_unknown(tmp_path: Path) -> None:
    put(tmp_path, "America/Vancouver", data("America/Los_Angeles"))
    put(tmp_path, "tzdata.zi", b"R d 1916 o\n")
    assert "of an unknown release" in compare([tmp_path], TODAY).faults[0]


def test_the_copy_is_where_python_would_look(tmp_path: Path) -> None:
    compiled_in = tuple(Path(folder) for folder in (sysconfig.get_config_var("TZPATH") or "").split(":") if folder)
    assert host_folders({}) == compiled_in
    assert host_folders({"PYTHONTZPATH": ""}) == ()
    assert host_folders({"PYTHONTZPATH": f"{tmp_path}:relative:/else"}) == (tmp_path, Path("/else"))
