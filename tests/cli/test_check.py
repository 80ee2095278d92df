"""Everything that is wrong, told before anything is sent."""

from pathlib import Path

from tests.cli.conftest import House, Terminal


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
