"""The laws of the house that no linter knows: what must be listed, where things may stand, what must not be there."""

import ast
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from channels import catalogue
from gateway.cli import main
from gateway.policy.rules.registry import KINDS
from gateway.store.redis import SCRIPTS

ROOT = Path(__file__).parents[1]
CODE = [path for room in ("gateway", "channels") for path in sorted((ROOT / room).rglob("*.py"))]
TESTS = sorted((ROOT / "tests").rglob("*.py"))
SCRIPT_FILES = sorted((ROOT / "gateway" / "store" / "lua").glob("*.lua"))
MOST_LINES = 400
MOST_PATCHES = 10


def short(path: Path) -> str:
    return str(path.relative_to(ROOT))


def tracked() -> list[Path]:
    """What is under version control, as text (so no pictures); the licence is not ours to word."""
    try:
        answer = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        if os.environ.get("CI"):
            raise
        pytest.skip("not a git checkout")
    paths = [ROOT / name for name in answer.stdout.decode().split("\0") if name and name != "LICENSE"]
    return [path for path in paths if path.is_file() and path.suffix != ".png"]


def finds(pattern: str, paths: list[Path], flags: int = 0) -> list[str]:
    """Every line on which the pattern is found; this file, which must name what it looks for, left out."""
    found = []
    for path in paths:
        if path != Path(__file__):
            lines = path.read_text(encoding="utf-8").splitlines()
            found += [f"{short(path)}:{n}" for n, line in enumerate(lines, 1) if re.search(pattern, line, flags)]
    return found


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def test_no_file_is_so_long_that_it_must_be_two() -> None:
    long = {short(path): len(path.read_text(encoding="utf-8").splitlines()) for path in (*CODE, *TESTS)}
    assert {name: lines for name, lines in long.items() if lines > MOST_LINES} == {}


def test_every_module_says_first_what_it_is_for() -> None:
    silent = [short(path) for path in CODE if not re.match(r"\S.*[.?!:]", ast.get_docstring(tree(path)) or "", re.S)]
    assert silent == []


def test_every_provider_has_a_test_that_inherits_the_contract() -> None:
    inheriting = {
        (path.stem, name)
        for path in (ROOT / "tests" / "channels").glob("test_*.py")
        for name in re.findall(r"^class (\w+)\(\w*Contract\):", path.read_text(encoding="utf-8"), re.M)
    }
    for kind in map(catalogue.kind_of, catalogue.KINDS):
        module, own = kind.provider.__module__.rpartition(".")[2], f"Test{kind.provider.__name__}"
        assert any(stem == f"test_{module}" or name == own for stem, name in inheriting), module


def test_every_file_of_a_rule_kind_is_in_the_registry() -> None:
    listed = {kind.__module__.rpartition(".")[2] for kind in KINDS.values()}
    folder = ROOT / "gateway" / "policy" / "rules"
    helpers = {"__init__", "base", "registry", "counting"}
    assert {path.stem for path in folder.glob("*.py")} - helpers == listed
    assert {path.stem.removeprefix("test_") for path in (ROOT / "tests/policy/rules").glob("test_*.py")} >= listed


def test_every_file_of_a_command_is_listed() -> None:
    registering = {
        path.stem
        for path in (ROOT / "gateway" / "cli").glob("*.py")
        if any(isinstance(node, ast.FunctionDef) and node.name == "register" for node in tree(path).body)
    }
    assert {command.__name__.rpartition(".")[2] for command in main.COMMANDS} == registering


def test_every_script_is_listed_and_headed_by_keys_arguments_answer_and_promise() -> None:
    # `replay` belongs to the dead letters, which have a door of their own.
    assert {path.stem for path in SCRIPT_FILES} == {*SCRIPTS, "replay"}
    for path in SCRIPT_FILES:
        head = re.match(r"(?:--.*\n)+", path.read_text(encoding="utf-8"))
        assert head, f"{path.name} has no head"
        words = re.findall(r"^-- (KEYS|ARGV|Answer|Promise)\b", head[0], re.M)
        assert list(dict.fromkeys(words)) == ["KEYS", "ARGV", "Answer", "Promise"], path.name


def spoken(module: ast.Module) -> Iterator[tuple[int, str]]:
    """The names and texts that a module works with: not its comments, not its docstrings."""
    prose = {id(node.value) for node in ast.walk(module) if isinstance(node, ast.Expr)}
    for node in ast.walk(module):
        match node:
            case ast.Constant(value=str(text)) if id(node) not in prose:
                yield node.lineno, text
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name) | ast.alias(name=name):
                yield node.lineno, name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield node.lineno, name
            case ast.ImportFrom(module=str(name)):
                yield node.lineno, name


def test_a_vendors_name_is_known_by_its_own_file_and_the_catalogue() -> None:
    # Not `fcm`: the contract itself uses it as the kind of an address.
    vendors = re.compile(r"twilio|firebase|google|sendgrid", re.I)
    own = {f"{module.replace('.', '/')}.py" for module in catalogue.KINDS.values()}
    own |= {"channels/push/google_token.py", "channels/catalogue.py"}
    found = [
        f"{short(path)}:{line} {text!r}"
        for path in CODE
        if short(path) not in own and path.parent.name != "fakes"
        for line, text in spoken(tree(path))
        if vendors.search(text)
    ]
    assert found == []


def test_no_stream_is_trimmed_by_its_length() -> None:
    """Trimming by length loses what a slow consumer has not read."""
    calls = []
    for path in CODE:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                named = {keyword.arg for keyword in node.keywords}
                if node.func.attr in ("xadd", "xtrim") and "maxlen" in named:
                    calls.append(f"{short(path)}:{node.lineno}")
    assert calls == []
    assert finds(r"maxlen", SCRIPT_FILES, re.I) == []


def test_nothing_is_left_for_later_in_a_mark() -> None:
    assert finds(r"\b(TODO|FIXME|XXX|HACK)\b", tracked()) == []


def test_no_file_names_a_place_on_somebodys_machine_or_the_host_of_a_package_index() -> None:
    machine = r"(?<![\w.])/(?:home|root|work|Users)/\w"
    hosts = r"pypi\.org|pythonhosted|npmjs|deb\.debian\.org|--(?:extra-)?index-url|find-links"
    assert finds(f"{machine}|{hosts}", tracked()) == []


def test_no_file_holds_a_secret() -> None:
    keys = r"BEGIN [A-Z ]*PRIVATE KEY|\bAKIA[0-9A-Z]{16}\b|\b(?:AC|SK)[0-9a-f]{32}\b|\bgh[pousr]_\w{30,}"
    assert finds(keys, tracked()) == []


def test_tests_put_hardly_anything_in_the_place_of_our_own_parts() -> None:
    patches = finds(r"monkeypatch\.setattr|\bmock\b|\bpatch\(", TESTS)
    assert len(patches) <= MOST_PATCHES, patches


def test_every_key_of_the_defaults_is_explained() -> None:
    """A comment stands above each key, or above the neighbours that it explains together."""
    silent, explained, depth = [], False, -1
    for number, line in enumerate((ROOT / "config" / "gateway.yaml").read_text(encoding="utf-8").splitlines(), 1):
        text = line.strip()
        key = re.match(r"( *)([a-z_]+):(.*)", line)
        if text.startswith("#"):
            explained, depth = True, len(line) - len(line.lstrip())
        elif not text:
            explained = False
        elif key:
            section = not key[3].strip() and not key[1]
            if not section and not (explained and depth == len(key[1])):
                silent.append(f"{number}: {key[2]}")
            # A comment above a section speaks of the section, not of the keys in it.
            explained = explained and not section
    # The one provider that is there by default is explained in its own line's comment.
    assert [name for name in silent if not name.endswith((": call", ": providers"))] == []
