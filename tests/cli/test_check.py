"""Everything that is wrong, told before anything is sent."""

from importlib import resources
from pathlib import Path

import pytest

from gateway.domain.clock import tzdata_release
from tests.cli.conftest import House, Terminal

PACK = """\
code: NO
title: Norway
version: "1"
rules:
  - id: no.hours
    kind: window
    source: a law
    status: unverified
    hours: {mon-fri: 08:00-21:00}
"""


@pytest.fixture(autouse=True)
def _no_host_zones(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether this host's own zones are stale is nothing that these tests are about."""
    monkeypatch.setenv("PYTHONTZPATH", "")


@pytest.fixture
def small(house: House) -> House:
    """A house with one small pack of its own."""
    folder = house.config.parent / "policies"
    folder.mkdir()
    (folder / "NO.yaml").write_text(PACK)
    house.config.write_text(house.config.read_text() + "policies: policies\n")
    return house


def test_what_is_shipped_has_no_faults(gateway: Terminal, house: House) -> None:
    told = gateway("check", "--config", house.config)
    assert (told.status, told.err) == (0, "")
    assert told.out.splitlines()[0] == "channels   sms (box), call (calls)"
    assert told.out.endswith("no faults\n")
    assert not house.data.exists()


def test_mistakes_of_the_configuration_are_one_line_each(gateway: Terminal, house: House) -> None:
    house.config.write_text("redsi: {}\nweb: {port: x}\nchannels: {sms: {providers: [{name: a, kind: twilio}]}}")
    told = gateway("check", "--config", house.config)
    assert (told.status, told.out) == (1, "")
    assert "redsi: unknown key; did you mean redis?" in told.complaints
    assert "web.port: expected a whole number, got text" in told.complaints
    assert "channels.sms.providers[0].account_sid: is missing" in told.complaints


def test_mistakes_of_policies_examples_and_templates_are_told_together(
    gateway: Terminal, house: House, tmp_path: Path
) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies/FR.yaml").write_text("nonsense: 1\n")
    folder = tmp_path / "templates/en/note"
    folder.mkdir(parents=True)
    (folder / "sms.txt").write_text("Dear {{ name.__class__ }}")
    house.config.write_text("templates: templates\npolicies: policies\n")
    told = gateway("check", "--config", house.config)
    assert (told.status, told.out) == (1, "")
    assert any("FR.yaml" in line for line in told.complaints)
    assert any("sms.txt" in line for line in told.complaints)


def test_folders_that_are_not_there_are_told(gateway: Terminal, house: House) -> None:
    house.config.write_text("templates: nowhere\npolicies: nowhere\n")
    told = gateway("check", "--config", house.config)
    assert (told.status, len(told.complaints)) == (1, 2)


@pytest.mark.parametrize("release", ["2025b", None])
def test_a_host_with_stale_zones_is_told_which_they_are(
    gateway: Terminal, house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, release: str | None
) -> None:
    shipped = resources.files("tzdata").joinpath("zoneinfo/America")
    folder = tmp_path / "zones"
    (folder / "America").mkdir(parents=True)
    for name, source in (("Vancouver", "Los_Angeles"), ("New_York", "New_York")):
        (folder / "America" / name).write_bytes(shipped.joinpath(source).read_bytes())
    if release:
        (folder / "tzdata.zi").write_text(f"# version {release}\n")
    monkeypatch.setenv("PYTHONTZPATH", str(folder))
    house.config.write_text("policies: nowhere\n")
    told = gateway("check", "--config", house.config)
    assert (told.status, told.out) == (1, "")
    assert "nowhere" in told.complaints[0]
    assert told.complaints[-1].startswith(f"time zones: this host's copy ({folder}, ")
    assert "in 1 of 2 zones: America/Vancouver; update the host's tzdata" in told.complaints[-1]
    assert (release or "of an unknown release") in told.complaints[-1]


def test_a_host_whose_zones_agree_is_said_to(
    gateway: Terminal, small: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "zones/Europe/Berlin"
    path.parent.mkdir(parents=True)
    path.write_bytes(resources.files("tzdata").joinpath("zoneinfo/Europe/Berlin").read_bytes())
    monkeypatch.setenv("PYTHONTZPATH", str(tmp_path / "zones"))
    told = gateway("check", "--config", small.config)
    assert (told.status, told.err) == (0, "")
    assert f"zones      tzdata {tzdata_release()}, with which this host's copy agrees (release unknown)" in told.out


def test_what_an_officer_should_look_at_is_a_note_and_no_fault(gateway: Terminal, small: House) -> None:
    told = gateway("check", "--config", small.config)
    assert (told.status, told.err) == (0, "")
    lines = told.out.splitlines()
    assert lines[1:3] == ["policies   1 packs, 0 examples agree (NO)", "rules      1: 1 unverified"]
    assert f"zones      tzdata {tzdata_release()}, no copy on this host to compare with" in lines
    assert [line.partition(":")[0] for line in lines if line.startswith("note")] == ["note       NO"] * 2
    assert "note       NO: rule no.hours: no example shows that it blocks; add one that names it in `because`" in lines


def test_rules_that_cannot_be_meant_are_told_with_what_else_is_wrong(gateway: Terminal, small: House) -> None:
    pack = small.config.parent / "policies/NO.yaml"
    pack.write_text(pack.read_text() + "    effective: {from: 2026-01-01, until: 2025-01-01}\n")
    (pack.parent / "UK.yaml").write_text("nonsense: 1\n")
    small.config.write_text("templates: nowhere\npolicies: policies\n")
    told = gateway("check", "--config", small.config)
    assert (told.status, told.out) == (1, "")
    places = ["UK.yaml", "NO: rule no.hours: effective: until 2025-01-01 is not after from 2026-01-01", "nowhere"]
    found = [[place in line for place in places].index(True) for line in told.complaints]
    assert found == sorted(found)
    assert set(found) == {0, 1, 2}
