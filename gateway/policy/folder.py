"""Reads the folder of packs as it is now, and turns texts of packs into a policy.

The age of a folder is that of its latest change (`st_ctime`: an edit, a rename, a copy or a checkout, whatever date the
file claims), so of two folders that differ the one changed last is known, and a change is seen without reading.
"""

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from gateway.policy.pack import Pack, parse_pack
from gateway.policy.policy import Policy


class Folder(Struct, frozen=True, kw_only=True):
    """What stands in a folder. `texts` are the packs by code; `age` is in ns since the epoch of the file system."""

    path: str
    age: int
    texts: Mapping[str, str]
    faults: tuple[str, ...] = ()

    def policy(self) -> Policy:
        """The packs, read. What is wrong is in the policy's `faults`."""
        packs: dict[str, Pack] = {}
        faults = list(self.faults)
        for code, text in self.texts.items():
            pack, found = parse_pack(text, code, f"{self.path}/{code}.yaml")
            faults += found
            if pack is not None and not found:
                packs[pack.code] = pack
        return Policy(packs, tuple(faults))


_TRIES = 20
Marks = tuple[tuple[str, int, int, int], ...]


def marks_of(path: Path) -> Marks:
    """Name, change time, size and inode of everything in the folder that may be a pack: equal while nothing changed."""
    found = []
    for file in [path, *sorted(path.glob("*.y*ml"))]:
        try:
            seen = file.stat()
        except OSError:
            found.append((file.name, 0, 0, 0))
        else:
            found.append((file.name, seen.st_ctime_ns, seen.st_size, seen.st_ino))
    return tuple(found)


def read_at_rest(path: Path) -> tuple[Marks, Folder]:
    """The folder, read if possible while nothing in it changed, and its marks from before: if it did change, they are
    not those of the next look."""
    for _ in range(_TRIES):
        marks, folder = marks_of(path), read_folder(path)
        if marks_of(path) == marks:
            break
    return marks, folder


def read_folder(path: Path) -> Folder:
    """Every `<CODE>.yaml` of the folder. Nothing is raised: what cannot be read is in `faults`."""
    texts: dict[str, str] = {}
    faults: list[str] = []
    age = max(changed for _, changed, _, _ in marks_of(path))
    if not path.is_dir():
        faults.append(f"{path}: is no folder, so there are no policies")
    for file in sorted(path.glob("*.y*ml")):
        if file.suffix != ".yaml":
            faults.append(f"{file}: must end in .yaml")
            continue
        try:
            texts[file.stem] = file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            faults.append(f"{file}: cannot be read: {error}")
    return Folder(path=str(path), age=age, texts=texts, faults=tuple(faults))
