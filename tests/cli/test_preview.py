"""What a person would read, and what is missing from it."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Terminal


@pytest.fixture
def config(tmp_path: Path) -> Path:
    folder = tmp_path / "templates/en/note"
    folder.mkdir(parents=True)
    (folder / "sms.txt").write_text("Dear {{ name }}, pay {{ sum }}.")
    (folder / "email.subject.txt").write_text("For {{ name }}")
    (folder / "email.txt").write_text("Dear {{ name }}.")
    (folder / "email.html").write_text("<p>Dear {{ name }}.</p>")
    (folder / "sample.yaml").write_text("name: Sample\nsum: one\n")
    path = tmp_path / "gateway.yaml"
    path.write_text("templates: templates\n")
    return path


def test_an_sms_shows_what_it_costs(gateway: Terminal, config: Path) -> None:
    params = json.dumps({"name": "李雷", "sum": "x" * 70}).encode()
    told = gateway(
        "preview", "note", "--locale", "en", "--channel", "sms", "--params", "-", "--config", config, stdin=params
    )
    assert (told.status, told.err) == (0, "")
    text, _, costs = told.out.partition("\n\n")
    assert text == f"Dear 李雷, pay {'x' * 70}."
    assert costs.splitlines() == ["encoding: UCS-2", "segments: 2", "units per segment: 67, 17"]


def test_an_email_shows_subject_text_and_html(gateway: Terminal, config: Path, tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text('{"name": "A<b"}')
    told = gateway("preview", "note", "--channel", "email", "--params", tmp_path / "p.json", "--config", config)
    assert told.out == "For A<b\n\nDear A<b.\n\n<p>Dear A&lt;b.</p>\n"


def test_without_parameters_it_takes_the_templates_own_sample(gateway: Terminal, config: Path) -> None:
    assert gateway("preview", "note", "--config", config).out.startswith("Dear Sample, pay one.\n")


def test_the_missing_variable_is_named(gateway: Terminal, config: Path) -> None:
    told = gateway("preview", "note", "--channel", "sms", "--params", "-", "--config", config, stdin=b'{"name": "A"}')
    assert (told.status, told.out) == (1, "")
    assert len(told.complaints) == 1
    assert "'sum'" in told.err


@pytest.mark.parametrize("params", [b"", b"[]", b"nonsense", b'{"a": NaN}', b"\xff", b"[" * 100_000])
def test_parameters_that_cannot_be_read_are_one_line(gateway: Terminal, config: Path, params: bytes) -> None:
    told = gateway("preview", "note", "--params", "-", "--config", config, stdin=params)
    assert (told.status, told.out, len(told.complaints)) == (1, "", 1)
    assert told.err.startswith("-: must be a JSON object of parameters")


def test_an_unknown_template_is_one_line(gateway: Terminal, config: Path) -> None:
    told = gateway("preview", "nought", "--config", config)
    assert (told.status, told.complaints) == (1, ["no template is named 'nought'"])


def test_without_a_configuration_the_shipped_templates_are_shown(gateway: Terminal) -> None:
    told = gateway("preview", "overdue_reminder", "--locale", "zh-CN", "--channel", "sms")
    assert told.status == 0, told.err
    assert "encoding: UCS-2" in told.out
