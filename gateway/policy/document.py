"""Reads YAML the way packs mean it, and remembers at which line every key stands.

PyYAML speaks YAML 1.1, in which `NO` is false, `22:00` is a number and a date is an object. A pack's country is Norway
and its hours are texts, so only true, false, null and plain numbers are anything but text here.
"""

import re
from typing import Any

import yaml

Path = tuple[str, ...]

_BOOL = re.compile(r"true|false")
_NULL = re.compile(r"null|~|")
_INT = re.compile(r"[-+]?\d+")
_FLOAT = re.compile(r"[-+]?\d+\.\d+")
_MAYBE_ALIAS = re.compile(r"(?:^|[\s\[{,:-])\*\w", re.M)


Resolvers = dict[str, list[tuple[str, re.Pattern[str]]]]


class _Loader(yaml.SafeLoader):
    """The safe loader, with its own small set of types."""

    yaml_implicit_resolvers: Resolvers = {}  # noqa: RUF012, as PyYAML declares it


class _LoaderInC(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The same in a fourteenth of the time, where PyYAML brings it; it tells mistakes less exactly."""

    yaml_implicit_resolvers: Resolvers = {}  # noqa: RUF012


def _whole(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    return int(str(loader.construct_scalar(node)))  # PyYAML reads 010 as eight


for _kind in (_Loader, _LoaderInC):
    for _tag, _pattern, _first in (
        ("bool", _BOOL, "tf"),
        ("int", _INT, "-+0123456789"),
        ("float", _FLOAT, "-+0123456789"),
    ):
        _kind.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_pattern.pattern})$"), list(_first))
    _kind.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(f"(?:{_NULL.pattern})$"), ["~", "n", ""])
    _kind.add_constructor("tag:yaml.org,2002:int", _whole)


class Lines:
    """The line of every key, and the keys that stand twice in one mapping, of which YAML would keep the last."""

    def __init__(self, root: yaml.Node | None) -> None:
        self.duplicates: list[tuple[int, Path]] = []
        self._lines: dict[Path, int] = {}
        if root is not None:
            self._walk(root, ())

    def of(self, path: Path) -> int:
        """The line of a key, or of the nearest thing above it that is there."""
        while path not in self._lines and path:
            path = path[:-1]
        return self._lines.get(path, 1)

    def _walk(self, node: yaml.Node, path: Path) -> None:
        self._lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, value in node.value:
                name, line = str(key.value), key.start_mark.line + 1
                if name in seen:
                    self.duplicates.append((line, (*path, name)))
                seen.add(name)
                self._lines[(*path, name)] = line
                self._walk(value, (*path, name))
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                self._walk(value, (*path, str(index)))


def read_document(text: str) -> tuple[Any, Lines]:
    """The document and where its keys stand. Raises yaml.YAMLError, also for aliases: a pack of a few lines could
    unfold into gigabytes, and an officer reads better what stands there."""
    if _MAYBE_ALIAS.search(text):
        _refuse_aliases(text)
    try:
        return _read(_LoaderInC(text))
    except (yaml.YAMLError, ValueError):
        return _read(_Loader(text))  # for the words of its mistake


def _read(loader: Any) -> tuple[Any, Lines]:
    try:
        node = loader.get_single_node()
        lines = Lines(node)
        return (None if node is None else loader.construct_document(node)), lines
    finally:
        loader.dispose()


def _refuse_aliases(text: str) -> None:
    loader = _Loader(text)
    try:
        for token in iter(loader.get_token, None):
            if isinstance(token, yaml.AliasToken):
                raise yaml.YAMLError(f"line {token.start_mark.line + 1} uses an alias (*); write it out")
    finally:
        loader.dispose()
