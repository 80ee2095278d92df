"""Reads a configuration file: YAML with `${NAME}` for environment variables; every mistake names its key or line."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from gateway.domain.errors import Fault
from gateway.policy.document import read_document
from gateway.shape import under

_VARIABLE = re.compile(r"\$\{([^}]*)\}?")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def read_file(path: Path, found: list[Fault]) -> dict[str, Any]:
    """The mapping in the file; empty after a mistake, which was added to `found`."""
    try:
        document, lines = read_document(path.read_text(encoding="utf-8"))
    except OSError as error:
        found.append(Fault("", f"{path}: cannot be read: {error.strerror}"))
    except UnicodeDecodeError as error:
        found.append(Fault("", f"{path}: is not UTF-8: byte {error.start} does not fit"))
    except RecursionError:
        found.append(Fault("", f"{path}: is nested too deeply"))
    except yaml.YAMLError as error:
        found.append(Fault("", f"{path}: {_sentence(error)}"))
    else:
        found += [Fault(_dotted(key), f"stands twice; the second is in line {line}") for line, key in lines.duplicates]
        if isinstance(document, dict):
            return document
        if document is not None:
            found.append(Fault("", f"{path}: expected a mapping of keys"))
    return {}


def fill(value: Any, environ: Mapping[str, str], found: list[Fault], path: str = "") -> Any:
    """The document with every `${NAME}` replaced; `$${` stays as `${`. A variable that is missing is a fault with the
    key, and the value is left as it is."""
    if isinstance(value, dict):
        return {key: fill(item, environ, found, under(path, str(key))) for key, item in value.items()}
    if isinstance(value, list):
        return [fill(item, environ, found, under(path, index)) for index, item in enumerate(value)]
    if not isinstance(value, str) or "${" not in value:
        return value
    parts = [_replace(part, environ, found, path) for part in value.split("$${")]
    return "${".join(parts)


def _replace(text: str, environ: Mapping[str, str], found: list[Fault], path: str) -> str:
    def one(variable: re.Match[str]) -> str:
        name = variable[1]
        if not variable[0].endswith("}") or not _NAME.fullmatch(name):
            found.append(
                Fault(path, "holds ${ without the name of an environment variable and }; write $${ for the text")
            )
        elif name in environ:
            return environ[name]
        else:
            found.append(Fault(path, f"the environment variable {name} is not set"))
        return variable[0]

    return _VARIABLE.sub(one, text)


def _sentence(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        why = " ".join(filter(None, (error.context, error.problem))).replace("\n", " ")
        return f"line {mark.line + 1}, column {mark.column + 1}: {why}"
    return " ".join(str(error).split())


def _dotted(path: tuple[str, ...]) -> str:
    found = ""
    for step in path:
        found = under(found, int(step) if step.isdigit() else step)
    return found
