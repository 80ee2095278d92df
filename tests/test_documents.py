"""What the documents say is compared with the code, so that neither can go on without the other."""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
from msgspec import Struct

from channels import table as tables
from gateway.cli.main import parser
from gateway.config import Config, shipped
from gateway.domain import lifecycle
from gateway.domain.job import TrackState
from gateway.domain.receipt import Status
from gateway.pipeline.metrics import Metrics
from gateway.policy.document import read_document
from gateway.policy.rules.registry import KINDS
from gateway.rendering.catalog import Catalog
from gateway.rendering.syntax import FILTERS
from gateway.store import keys

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
OPERATIONS = ROOT / "docs" / "operations.md"
SCRIPTS = ROOT / "gateway" / "store" / "lua"
DOCUMENTS = sorted(
    path
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("*/README.md"))
    if ".venv" not in path.parts
)


def table(path: Path, heading: str) -> list[list[str]]:
    """The rows of the table whose first column is headed so."""
    text = path.read_text(encoding="utf-8")
    found = re.search(rf"^\| {re.escape(heading)} \|.*\n\|[ |-]+\|\n((?:\|.*\n)+)", text, re.M)
    assert found, f"{path.name} has no table that begins with {heading}"
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in found[1].splitlines()]


def words(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def plain(cell: str) -> str:
    return cell.strip("`")


def test_the_commands_of_the_readme_are_those_of_help() -> None:
    (actions,) = [a for a in parser()._actions if isinstance(a, argparse._SubParsersAction)]
    listed = [[f"`gateway {choice.dest}`", choice.help] for choice in actions._choices_actions]
    assert table(README, "command") == listed


@pytest.mark.parametrize("name", tables.PLACES)
def test_the_tables_of_providers_are_written_from_their_facts(name: str) -> None:
    document = tables.PLACES[name].read_text("utf-8")
    assert tables.replaced(name, document) == document, "run `make tables`"


@pytest.mark.parametrize("path", [README, ROOT / "templates" / "README.md"], ids=["README", "templates"])
def test_every_filter_is_told(path: Path) -> None:
    told = [re.match(r"`(\w+)", row[0]) for row in table(path, "filter")]
    assert {found[1] for found in told if found} == set(FILTERS)


def test_the_templates_that_are_there_are_told_with_what_they_need() -> None:
    catalog = Catalog.load(ROOT / "templates", "en")
    told = {plain(row[0]): set(words(row[1])) for row in table(ROOT / "templates" / "README.md", "template")}
    assert set(told) == set(catalog.names())
    for name, needs in told.items():
        sheets = [catalog.sheet(name, channel, "en") for channel in catalog.channels(name, "en")]
        assert needs == {need for sheet in sheets if sheet for need in sheet.needs}, name


def test_every_rule_kind_is_told() -> None:
    assert {plain(row[0]) for row in table(ROOT / "config" / "README.md", "kind")} == set(KINDS)


def test_every_status_is_told() -> None:
    assert [plain(row[0]) for row in table(README, "status")] == list(get_args(Status))


def test_every_reason_code_that_the_line_gives_is_told_and_no_other() -> None:
    told = {word for row in table(README, "`reason.code`") for word in words(row[0])}
    given: set[str] = set()
    for path in ROOT.glob("gateway/**/*.py"):
        text = path.read_text(encoding="utf-8")
        given |= set(re.findall(r"(?:Reason\(\s*code=|_rejected\(|code: ClassVar\[str\] = )\"([a-z_]+)\"", text))
        if path.parent.name == "rules":
            for body in re.findall(r"def code\(.*?\n\n", text + "\n\n", re.S):
                given |= set(re.findall(r"\"([a-z_]+)\"", body)) & told
    assert given | {"holiday", "opted_out", "stopped"} == told


def test_the_picture_of_a_jobs_life_is_the_one_beside_the_code() -> None:
    picture = re.search(r"```\n(.*?)```", lifecycle.__doc__ or "", re.S)
    assert picture
    assert picture[1] in ARCHITECTURE.read_text(encoding="utf-8")


def test_every_state_of_a_track_is_told() -> None:
    assert [plain(row[0]) for row in table(ARCHITECTURE, "state of a track")] == list(get_args(TrackState))


def test_the_table_of_keys_is_that_of_the_store() -> None:
    rows = re.findall(r"^ +\| (`.+?) \| (\w+) \|", keys.Keys.__doc__ or "", re.M)
    assert [(row[0], row[1]) for row in table(ARCHITECTURE, "key")] == rows


def test_every_key_that_the_code_makes_is_in_the_table() -> None:
    made = keys.Keys("p")
    names = {name for name in (*made.lanes.values(), *vars(made).values()) if isinstance(name, str)} - {"p"}
    names |= {made.person("t", "r"), made.household("t", "h"), made.job("t", "r", "i"), made.reference("x")}
    names |= {made.order("t", "o"), made.worker("w"), made.rate("p")}
    names |= {made.message("p", "m"), made.address("d"), made.reply("p", "r"), made.endpoint("e"), made.lease("e")}
    names |= {made.idempotency("k"), made.queued("t", "r", "i")}
    told = {word.partition(":<")[0] for row in table(ARCHITECTURE, "key") for word in words(row[0])}
    found = set()
    for name in names:
        short = name.removeprefix("p:")
        found.add(short if short in told else short.partition(":")[0])
    assert found == told


def test_every_script_is_told_with_its_promise() -> None:
    promises = {}
    for path in SCRIPTS.glob("*.lua"):
        found = re.search(r"^-- Promise (.*?)\.?$", path.read_text(encoding="utf-8"), re.M)
        promises[path.stem] = found and found[1]
    assert {plain(row[0]): row[1] for row in table(ARCHITECTURE, "script")} == promises


def test_every_metric_is_told_with_its_type_and_labels() -> None:
    metrics = Metrics()
    told = {plain(row[0]): (row[1], row[2]) for row in table(OPERATIONS, "metric")}
    assert {name: kind for name, (kind, _) in told.items()} == {
        family.name + ("_total" if family.type == "counter" else ""): family.type
        for family in metrics.registry.collect()
    }
    for part in vars(metrics).values():
        name, labels = getattr(part, "_name", None), getattr(part, "_labels", None) or getattr(part, "_labelnames", ())
        if name in told:
            assert told[name][1] == ", ".join(labels), name


def paths(kind: type[Struct], prefix: str = "") -> Iterator[str]:
    """The dotted names of every key that the configuration takes."""
    for name, given in get_type_hints(kind).items():
        if isinstance(given, type) and issubclass(given, Struct):
            yield from paths(given, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


FREE = "channels", "ledger.least", "ledger.most"
"""sections whose keys are names that others chose, or kinds"""


def written(document: dict[str, object], prefix: str = "") -> Iterator[str]:
    for name, value in document.items():
        if isinstance(value, dict) and f"{prefix}{name}" not in FREE:
            yield from written(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def test_the_defaults_file_holds_every_key_and_no_other() -> None:
    document, _ = read_document((shipped("config") / "gateway.yaml").read_text(encoding="utf-8"))
    assert isinstance(document, dict)
    assert set(written(document)) == set(paths(Config))


def test_configuration_keys_that_documents_name_exist() -> None:
    known = set(paths(Config))
    sections = {name.partition(".")[0] for name in known if "." in name}
    for path in DOCUMENTS:
        for name in re.findall(r"`([a-z]+\.[a-z_]+)(?::[^`]*)?`", path.read_text(encoding="utf-8")):
            if name.partition(".")[0] in sections:
                assert name in known, f"{path.name} names {name}"


def test_links_between_documents_lead_somewhere() -> None:
    for path in DOCUMENTS:
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
            assert (path.parent / link).exists(), f"{path.relative_to(ROOT)} links to {link}"


def test_every_decision_is_in_the_index_and_tells_what_was_rejected() -> None:
    folder = ROOT / "docs" / "decisions"
    index = re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", (folder / "README.md").read_text(encoding="utf-8"))
    assert index == sorted(path.name for path in folder.glob("[0-9]*.md"))
    for name in index:
        assert re.findall(r"^## (\w+)$", (folder / name).read_text(encoding="utf-8"), re.M) == [
            "Question", "Decision", "Rejected", "Measured",
        ], name  # fmt: skip


def test_lines_of_documents_fit_a_screen() -> None:
    for path in DOCUMENTS:
        if path.is_relative_to(ROOT / "docs") or path.parent == ROOT:
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                assert len(line) <= 120, f"{path.relative_to(ROOT)}:{number}"
