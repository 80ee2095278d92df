"""Holds every template in every language, compiled, and says of each that is wrong where and why.

The layout is `templates/<locale>/<template>/` with the files of `PARTS`; a folder may also hold a `sample.yaml` with
parameters to check it by. What is faulty is left out and named in `faults`; the rest works.
"""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from gateway.rendering import locales
from gateway.rendering.formats import babel_locale
from gateway.rendering.outcome import NoChannel, UnknownTemplate
from gateway.rendering.program import Form, Program, compiled, needs
from gateway.rendering.syntax import Refused

PARTS: dict[str, dict[str, Form]] = {
    "sms": {"sms.txt": Form("text", False, False, 1_600)},
    "email": {
        "email.subject.txt": Form("title", True, False, 500),
        "email.txt": Form("text", False, False, 100_000),
        "email.html": Form("html", False, True, 100_000),
    },
    "push": {
        "push.title.txt": Form("title", True, False, 200),
        "push.txt": Form("text", False, False, 1_500),
    },
    "call": {"call.txt": Form("text", False, False, 20_000)},
}
"""Channel → its files, with the characters that each may render to: Twilio refuses more than 1,600 for an SMS, Gmail
cuts an e-mail at 102 KB, a push message must fit 4 KiB together with its frame."""

OPTIONAL = frozenset({"email.html"})
SAMPLE, LOCALE = "sample.yaml", "locale.yaml"
_MAX_FOUND = 10_000
"""Remembered answers; locales come from outside, so their number has no other bound."""


class Sheet(Struct, frozen=True):
    """A template for one channel in one language. `version` is `sha256:<hex>` over its files' bytes: of the file itself
    where there is one, else of name, length and bytes of each in order."""

    template: str
    channel: str
    locale: str
    version: str
    programs: dict[str, Program]
    needs: tuple[str, ...]
    sources: dict[str, str]
    """the text of each file"""


class Found(Struct, frozen=True):
    """A sheet, and how numbers are written for who asked for it: `en-GB` reads the sheet `en` with British dates."""

    sheet: Sheet
    formats: str


class _LocaleFile(Struct, frozen=True, forbid_unknown_fields=True):
    name: str | None = None


class Catalog:
    """Use `Catalog.load`."""

    def __init__(self, default_locale: str) -> None:
        self.default_locale = default_locale
        self.faults: list[str] = []
        self.language_names: dict[str, str] = {}
        self._sheets: dict[str, dict[str, dict[str, Sheet]]] = {}
        self._samples: dict[tuple[str, str], dict[str, Any]] = {}
        self._found: dict[tuple[str, str, str], Found | UnknownTemplate | NoChannel] = {}

    @classmethod
    def load(cls, path: Path, default_locale: str) -> "Catalog":
        """Reads the folder once. Never raises for what is in it: `faults` has a sentence for each mistake."""
        catalog = cls(default_locale)
        if not path.is_dir():
            catalog.faults.append(f"{path}: there is no such folder of templates")
            return catalog
        seen: dict[str, str] = {}
        for folder in _folders(path):
            language = babel_locale(folder.name)
            if language is None:
                catalog.faults.append(f"{folder}: {folder.name!r} is not a language tag such as en or zh-CN")
            elif (other := seen.setdefault(locales.normal(folder.name), folder.name)) != folder.name:
                catalog.faults.append(f"{folder}: is the same language as the folder {other!r}")
            else:
                catalog._load_locale(folder, language)
        return catalog

    def names(self) -> list[str]:
        return sorted(self._sheets)

    def locales(self, template: str) -> list[str]:
        """The languages that a template has texts in; empty for an unknown one."""
        return sorted({locale for channel in self._sheets.get(template, {}).values() for locale in channel})

    def channels(self, template: str, locale: str) -> list[str]:
        """The channels with a text in exactly this language, without falling back, in the order of `PARTS`."""
        sheets = self._sheets.get(template, {})
        return [channel for channel in PARTS if locale in sheets.get(channel, {})]

    def sheet(self, template: str, channel: str, locale: str) -> Sheet | None:
        """The sheet of exactly this language."""
        return self._sheets.get(template, {}).get(channel, {}).get(locale)

    def sample(self, template: str, locale: str) -> dict[str, Any] | None:
        """The parameters of the template's `sample.yaml`, None if it has none."""
        return self._samples.get((template, locale))

    def texts(self) -> dict[str, dict[str, Any]]:
        """Every sheet by its version, with the texts that it was made from."""
        return {
            sheet.version: {
                "template": sheet.template, "channel": sheet.channel, "locale": sheet.locale, "files": sheet.sources
            }
            for channels in self._sheets.values()
            for locales_ in channels.values()
            for sheet in locales_.values()
        }  # fmt: skip

    def find(self, template: str, channel: str, locale: str) -> Found | UnknownTemplate | NoChannel:
        """The sheet for who reads `locale`: of the languages that have this channel, the first in its chain."""
        key = (template, channel, locale)
        found = self._found.get(key)
        if found is None:
            if len(self._found) >= _MAX_FOUND:
                self._found.clear()
            found = self._found[key] = self._look_up(template, channel, locale)
        return found

    def _look_up(self, template: str, channel: str, locale: str) -> Found | UnknownTemplate | NoChannel:
        if template not in self._sheets:
            return UnknownTemplate(template=template)
        sheets = self._sheets[template].get(channel, {})
        name = locales.best(locale, {locales.normal(name): name for name in sheets}, self.default_locale)
        if name is None:
            return NoChannel(template=template, channel=channel, locale=locale)
        same_language = locales.normal(locale).split("-")[0] == locales.normal(name).split("-")[0]
        formats = babel_locale(locale) if same_language else babel_locale(name)
        return Found(sheets[name], formats or "en")

    def _load_locale(self, folder: Path, language: str) -> None:
        about = folder / LOCALE
        if about.is_file():
            name = _yaml(about, _LocaleFile, self.faults)
            if isinstance(name, _LocaleFile) and name.name:
                self.language_names[folder.name] = name.name
        for template in _folders(folder):
            self._load_template(template, folder.name, language)

    def _load_template(self, folder: Path, locale: str, language: str) -> None:
        present = {file.name for file in folder.iterdir() if not file.name.startswith(".")}
        known = {file for parts in PARTS.values() for file in parts} | {SAMPLE, "README.md"}
        self.faults += [
            f"{folder / name}: is not one of {', '.join(sorted(known))}" for name in sorted(present - known)
        ]
        if SAMPLE in present:
            sample = _yaml(folder / SAMPLE, dict[str, Any], self.faults)
            if isinstance(sample, dict):
                self._samples[folder.name, locale] = sample
        if not present & {file for parts in PARTS.values() for file in parts}:
            self.faults.append(f"{folder}: holds no template")
        for channel, parts in PARTS.items():
            if present & parts.keys():
                sheet = _sheet(folder, channel, locale, language, self.faults)
                if sheet:
                    self._sheets.setdefault(folder.name, {}).setdefault(channel, {})[locale] = sheet


def _sheet(folder: Path, channel: str, locale: str, language: str, faults: list[str]) -> Sheet | None:
    """One channel's files, compiled; None if any of them is faulty or lacking, with the reason among `faults`."""
    before = len(faults)
    sources: dict[str, bytes] = {}
    programs: dict[str, Program] = {}
    for name, form in PARTS[channel].items():
        file = folder / name
        try:
            sources[name] = file.read_bytes()
            programs[form.part] = compiled(name, sources[name], form, language)
        except FileNotFoundError:
            if name not in OPTIONAL:
                faults.append(f"{file}: is missing, and {channel} needs it")
        except OSError as fault:
            faults.append(f"{file}: cannot be read: {fault.strerror}")
        except Refused as fault:
            faults.append(f"{file}, line {fault.line}: {fault.says}")
    if len(faults) > before:
        return None
    texts = {name: source.decode() for name, source in sources.items()}
    return Sheet(folder.name, channel, locale, _version(sources), programs, needs(programs), texts)


def _version(sources: Mapping[str, bytes]) -> str:
    if len(sources) == 1:
        return "sha256:" + sha256(next(iter(sources.values()))).hexdigest()
    digest = sha256()
    for name, source in sources.items():
        digest.update(f"{name}\0{len(source)}\0".encode() + source)
    return "sha256:" + digest.hexdigest()


def _folders(path: Path) -> list[Path]:
    return sorted(folder for folder in path.iterdir() if folder.is_dir() and folder.name[0] not in "._")


def _yaml(file: Path, kind: Any, faults: list[str]) -> object:
    try:
        return msgspec.yaml.decode(file.read_bytes(), type=kind)
    except (msgspec.MsgspecError, OSError, UnicodeDecodeError) as fault:
        faults.append(f"{file}: {' '.join(str(fault).split())}")
        return None
