"""The alerts and the dashboard that come with the gateway: about metrics that there are, in expressions that hold."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from gateway.bookkeeping.bookkeeper import Bookkeeper
from gateway.endpoints.metrics import EndpointMetrics
from gateway.pipeline.metrics import Metrics
from tests.alone import alone

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "config" / "observability"
ALERTS = FOLDER / "alerts.yaml"
NAME = re.compile(r"\bgateway_\w+")
LABELS = re.compile(r"(?:by \(([\w, ]+)\))|(?:\{(\w+)=)")


def exported() -> dict[str, set[str]]:
    """Every metric that the code exports, with its labels."""
    registry = CollectorRegistry()
    keeper = Bookkeeper(*[None] * 5, registry, {})  # type: ignore[arg-type]
    found: dict[str, set[str]] = {}
    for part in (part for of in (Metrics(), EndpointMetrics(registry), keeper) for part in vars(of).values()):
        labels = getattr(part, "_labelnames", None) or getattr(part, "_labels", ())
        if (name := getattr(part, "_name", None)) is not None:
            found[re.sub(r"_total$", "", name)] = set(labels)
    return found


def expressions() -> list[str]:
    rules = yaml.safe_load(ALERTS.read_text())["groups"][0]["rules"]
    panels = json.loads((FOLDER / "dashboard.json").read_text())["panels"]
    return [rule["expr"] for rule in rules] + [target["expr"] for panel in panels for target in panel["targets"]]


def test_every_expression_is_about_metrics_and_labels_that_there_are() -> None:
    known = exported()
    for expression in expressions():
        names = [re.sub(r"_(total|bucket)$", "", name) for name in NAME.findall(expression)]
        assert names, expression
        allowed = {"le"}
        for name in names:
            assert name in known, f"{name} in {expression}"
            allowed |= known[name]
        for grouped, matched in LABELS.findall(expression):
            asked = {label.strip() for label in grouped.split(",")} if grouped else {matched}
            assert asked <= allowed, f"{asked - allowed} in {expression}"


def test_every_alert_says_how_bad_it_is_and_what_to_do() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    headings = {title.lower().replace(" ", "-") for title in re.findall(r"^## (.+)$", text, re.M)}
    for rule in yaml.safe_load(ALERTS.read_text())["groups"][0]["rules"]:
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"].endswith(".")
        assert rule["annotations"]["runbook"] in headings, rule["alert"]


@pytest.fixture(scope="module")
def promtool() -> str:
    """The tool that comes with Prometheus: of the machine, or out of Debian's package, which is not installed."""
    found = shutil.which("promtool")
    place = Path(tempfile.gettempdir()) / "gateway-promtool"
    if found is None and not (place / "usr/bin/promtool").exists() and shutil.which("apt-get"):
        place.mkdir(exist_ok=True)
        fetch = "apt-get download prometheus && dpkg -x prometheus_*.deb ."
        with alone("apt"), contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(["sh", "-c", fetch], cwd=place, capture_output=True, check=False, timeout=60)
    found = found or (str(place / "usr/bin/promtool") if (place / "usr/bin/promtool").exists() else None)
    if found is None:
        pytest.skip("no promtool on this machine; on Debian: apt-get install prometheus")
    return found


def test_promtool_finds_no_mistake_and_the_alerts_ring_when_they_should(promtool: str, tmp_path: Path) -> None:
    checked: Any = subprocess.run([promtool, "check", "rules", ALERTS], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    stories = tmp_path / "alerts.yaml"
    stories.write_text((ROOT / "tests" / "alerts.yaml").read_text().replace("ALERTS", os.fspath(ALERTS)))
    tried = subprocess.run([promtool, "test", "rules", stories], capture_output=True, text=True, check=False)
    assert tried.returncode == 0, tried.stdout + tried.stderr
