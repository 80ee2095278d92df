"""Reads the configuration: YAML over the shipped defaults in, frozen structs or every mistake out; starts nothing."""

import re
from collections.abc import Callable, Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from msgspec import Meta, Struct
from msgspec.structs import fields

from channels import catalogue
from channels.contract import Channel, Settings
from gateway.domain.errors import Fault
from gateway.domain.reminder import Role
from gateway.endpoints.settings import Endpoint, mistakes
from gateway.identity import ApiRole, Oidc, sign_in_faults
from gateway.shape import Discreet, Duration, duration, parsed, read, sentence, under, unknown
from gateway.yamlfile import fill, read_file

CHANNELS: tuple[Channel, ...] = get_args(Channel)
_SQLITE = "sqlite:///"
ENTRY_KINDS = ("job", "contact", "command", "report", "reply", "dead_letter")
Positive = Annotated[int, Meta(ge=1)]


def _redis_url(given: Any) -> str:
    scheme = given.partition(":")[0] if isinstance(given, str) else ""
    if scheme in ("redis+sentinel", "redis+cluster"):
        raise ValueError(f"this release does not support {scheme}:// yet; use embedded, redis://, rediss:// or unix://")
    if given != "embedded" and not re.fullmatch(r"(redis|rediss|unix)://\S+", str(given)):
        raise ValueError("must be embedded, or an address that begins with redis://, rediss:// or unix://")
    return str(given)


def _shards(given: Any) -> int:
    if isinstance(given, bool) or str(given) != "1":
        raise ValueError("this release does not support more than 1 shard yet; leave it at 1")
    return 1


def _prefix(given: Any) -> str:
    if not isinstance(given, str) or not re.fullmatch(r"[A-Za-z0-9._:-]{1,64}", given):
        raise ValueError("must be 1 to 64 letters, digits and . _ - :")
    return given


def _ledger_url(given: Any) -> str | None:
    if given is None:
        return None
    if not isinstance(given, str) or not re.fullmatch(r"(sqlite:///|postgresql://)\S+", given):
        raise ValueError("must begin with sqlite:/// and name a file, or begin with postgresql://, or be null")
    return given


def _spans(given: Any) -> dict[str, int]:
    """Durations by kind of entry."""
    if not isinstance(given, Mapping):
        raise ValueError("expected a mapping of kinds of entries to durations")
    if unheard := [kind for kind in given if kind not in ENTRY_KINDS]:
        raise ValueError(f"{unheard[0]}: no such kind of entry; there are {', '.join(ENTRY_KINDS)}")
    try:
        return {str(kind): duration(span) for kind, span in given.items()}
    except ValueError as error:
        raise ValueError(f"a duration with its unit, such as 1095d: {error}") from None


def _http_url(given: Any) -> str | None:
    if given is not None and not re.fullmatch(r"https?://[^\s/?#]+[^\s?#]*", str(given)):
        raise ValueError("must begin with https:// or http://, without ? and #, or be null")
    return None if given is None else str(given).rstrip("/")


def _sha256(given: Any) -> str:
    if not isinstance(given, str) or not re.fullmatch(r"[0-9a-fA-F]{64}", given):
        raise ValueError("must be the 64 hexadecimal digits of the secret's SHA-256")
    return given.lower()


def _locale(given: Any) -> str:
    if not isinstance(given, str) or not re.fullmatch(r"[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*", given):
        raise ValueError("must be a BCP 47 tag, such as zh-CN")
    return given


def _jurisdiction(given: Any) -> str:
    if not isinstance(given, str) or not re.fullmatch(r"[A-Z]{2}(-[A-Z0-9]{1,3})?", given):
        raise ValueError("must be an ISO 3166 code, such as CN or US-FL")
    return given


class Redis(Discreet, frozen=True, kw_only=True):
    """Where the store is. `data` is the folder of the embedded one."""

    url: Annotated[str, parsed(_redis_url)]
    prefix: Annotated[str, parsed(_prefix)]
    shards: Annotated[int, parsed(_shards)]
    data: Path


class Ledger(Discreet, frozen=True, kw_only=True):
    """Where evidence is kept; `url` None for nowhere. `keys` is the store of people's keys, `keyring` the file of the
    house's own, `anchors` the file that the chain is anchored in, `second` another place for the same. `anchor_every`
    in ms."""

    url: Annotated[str | None, parsed(_ledger_url)]
    keys: Annotated[str | None, parsed(_ledger_url)]
    keyring: Path
    anchors: Path
    second: Path | None
    anchor_every: Duration
    least: Annotated[dict[str, int], parsed(_spans)]
    most: Annotated[dict[str, int], parsed(_spans)]
    """for how long entries are kept, by kind, in ms"""

    @property
    def keys_url(self) -> str:
        """People's keys: beside a SQLite ledger, else in the same database."""
        url = self.url or ""
        return self.keys or (url.removesuffix(".db") + "-keys.db" if url.startswith(_SQLITE) else url)


class Key(Discreet, frozen=True, kw_only=True):
    """Who may use the API."""

    id: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    sha256: Annotated[str, parsed(_sha256)]
    roles: tuple[ApiRole, ...]
    tenants: tuple[str, ...]
    """`*` is every tenant"""


class Web(Discreet, frozen=True, kw_only=True):
    host: Annotated[str, Meta(min_length=1)]
    port: Annotated[int, Meta(ge=0, le=65535)]
    """0: any that is free."""
    public_url: Annotated[str | None, parsed(_http_url)]
    keys: tuple[Key, ...]
    oidc: Oidc | None
    cool_off: Duration
    """how long (ms) after its approval a looser policy comes in force at the earliest"""
    secrets: tuple[Annotated[str, Meta(min_length=16)], ...]
    """seal the links in messages and sign-ins under way; the first seals, any opens"""


class Bounces(Discreet, frozen=True, kw_only=True):
    """Where bounces of emails are taken in; the first secret signs envelope senders, any of them proves."""

    host: Annotated[str, Meta(min_length=1)] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)]
    protocol: Literal["lmtp", "smtp"] = "lmtp"
    secrets: Annotated[tuple[Annotated[str, Meta(min_length=16)], ...], Meta(min_length=1)]
    complaints: Annotated[str | None, Meta(pattern=r"^[^\s@]+@[^\s@]+$")] = None
    """the mailbox that feedback loops of mail providers report to"""


class Defaults(Struct, frozen=True, kw_only=True):
    locale: Annotated[str, parsed(_locale)]
    jurisdiction: Annotated[str, parsed(_jurisdiction)]
    role: Role


class Horizons(Struct, frozen=True, kw_only=True):
    """In ms."""

    idempotency: Duration
    receipts: Duration
    outputs: Duration


class Retry(Struct, frozen=True, kw_only=True):
    """`first` and `most` in ms."""

    first: Duration
    most: Duration
    attempts: Positive


class Worker(Struct, frozen=True, kw_only=True):
    """`batch` in entries, `drain` in ms."""

    batch: Annotated[int, Meta(ge=1, le=10_000)]
    drain: Duration


class Telemetry(Discreet, frozen=True, kw_only=True):
    """Where traces go; `endpoint` None for nowhere. `sample` is the share of jobs that are told of."""

    endpoint: Annotated[str | None, parsed(_http_url)]
    sample: Annotated[float, Meta(ge=0, le=1)]


class Log(Struct, frozen=True, kw_only=True):
    level: Literal["debug", "info", "warning", "error"]


class _Section(Struct, frozen=True, kw_only=True):
    """One channel as it is written."""

    providers: list[Any]
    fallback_after: Annotated[int | None, parsed(duration)] = None


class Providers(Struct, frozen=True, kw_only=True):
    """A channel: its providers in order of preference, and after how long (ms) without a report of delivery a job goes
    on to its next channel, None if never."""

    providers: tuple[Settings, ...]
    fallback_after: int | None = None


class Config(Discreet, frozen=True, kw_only=True):
    """The whole configuration. `channels` holds every channel that has providers."""

    redis: Redis
    ledger: Ledger
    web: Web
    bounces: Bounces | None
    defaults: Defaults
    templates: Path
    policies: Path
    channels: dict[Channel, Providers]
    endpoints: tuple[Endpoint, ...]
    horizons: Horizons
    retry: Retry
    worker: Worker
    telemetry: Telemetry
    log: Log


def shipped(name: str) -> Path:
    """Data that comes with the program (`config`, `templates`): in the package if installed, else in the checkout."""
    package = Path(str(resources.files("gateway")))
    installed = package / "shipped" / name
    return installed if installed.exists() else package.parent / name


def load(path: Path | None, environ: Mapping[str, str]) -> Config | list[Fault]:
    """The configuration of the file over the shipped defaults (None: these alone), or every mistake in it."""
    found: list[Fault] = []
    own = {} if path is None else read_file(path, found)
    unset: list[Fault] = []
    # Not resolved: a file may be a link into a place where nothing else lies, as Kubernetes mounts it.
    folder = Path.cwd() if path is None else path.absolute().parent
    document = _located(_merged(fill(own, environ, unset)), folder)
    misfits: list[Fault] = []
    document["channels"] = _channels(document["channels"], folder, misfits)
    config = read(Config, document, "", misfits)
    misfits += [*_endpoint_faults(document["endpoints"]), *sign_in_faults(document["web"], document["ledger"])]
    # What is missing need not also be told to be of the wrong type.
    told = {fault.field for fault in unset}
    found += unset + [fault for fault in misfits if fault.field not in told]
    return found if found or config is None else config


def _merged(own: Mapping[str, Any]) -> dict[str, Any]:
    """The shipped defaults with the user's keys over them; a section that is there and empty changes nothing."""
    file = shipped("config") / "gateway.yaml"
    found: list[Fault] = []
    result = read_file(file, found)
    assert not found, found
    for key in ("templates", "policies"):
        result[key] = str((file.parent / result[key]).resolve())
    for key, value in own.items():
        if isinstance(value, Mapping) and isinstance(result.get(key), Mapping):
            result[key] = {**result[key], **value}
        elif value is not None:
            result[key] = value
    return result


def _located(document: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The document with its relative paths made absolute; those of providers apart."""

    def absolute(value: Any) -> Any:
        return str(folder / value) if isinstance(value, str) and value else value

    redis, ledger = document["redis"], document["ledger"]
    if isinstance(redis, Mapping):
        document["redis"] = {**redis, "data": absolute(redis["data"])}
    if isinstance(ledger, Mapping):
        document["ledger"] = _ledger_located(ledger, folder, absolute)
    return document | {key: absolute(document[key]) for key in ("templates", "policies")}


def _ledger_located(ledger: Mapping[str, Any], folder: Path, absolute: Callable[[Any], Any]) -> dict[str, Any]:
    """The section with its paths made absolute; the files that it does not name stand beside a SQLite ledger."""
    urls = {
        name: _SQLITE + absolute(ledger[name].removeprefix(_SQLITE))
        for name in ("url", "keys")
        if str(ledger[name]).startswith(_SQLITE)
    }
    beside = Path(urls["url"].removeprefix(_SQLITE)).parent if "url" in urls else folder / "var"
    files = {"keyring": str(beside / "keyring.json"), "anchors": str(beside / "anchors.jsonl"), "second": None}
    return {**ledger, **urls, **{name: absolute(ledger[name]) or default for name, default in files.items()}}


def _channels(given: Any, folder: Path, found: list[Fault]) -> dict[str, Providers]:
    """Every channel that has providers; each of these is checked by the catalogue, names by us."""
    if not isinstance(given, Mapping):
        found.append(Fault("channels", "expected a mapping of keys"))
        return {}
    result: dict[str, Providers] = {}
    names: dict[str, str] = {}
    for channel in CHANNELS:
        section = given.get(channel)
        entries = None if section is None else read(_Section, section, f"channels.{channel}", found)
        listed: list[Settings] = []
        for index, entry in enumerate(entries.providers if entries else ()):
            path = f"channels.{channel}.providers[{index}]"
            settings = catalogue.located(entry, folder) if isinstance(entry, Mapping) else entry
            found += _provider_faults(channel, settings, path)
            if isinstance(settings, Mapping) and isinstance(name := settings.get("name"), str):
                if name in names:
                    found.append(Fault(f"{path}.name", f"{name} is also the name of {names[name]}"))
                names.setdefault(name, path)
                listed.append(settings)
        if entries and listed:
            result[channel] = Providers(providers=tuple(listed), fallback_after=entries.fallback_after)
    found += [Fault(f"channels.{key}", unknown(key, CHANNELS)) for key in given if key not in CHANNELS]
    return result


def _endpoint_faults(given: Any) -> Iterator[Fault]:
    """What is wrong between the keys of an endpoint, and between endpoints, as far as each can be read."""
    listed = given if isinstance(given, list) else []
    return mistakes([read(Endpoint, one, "", []) for one in listed], "endpoints")


def _provider_faults(channel: Channel, settings: Any, path: str) -> Iterator[Fault]:
    """The catalogue's faults in the words and with the paths of this file."""
    for fault in catalogue.faults(channel, settings):
        message = sentence(fault.message.removeprefix(f"`{fault.key}`").lstrip(": "))
        if message.startswith("unknown key"):
            message = unknown(fault.key, [field.encode_name for field in fields(_settings_of(settings))])
        yield Fault(under(path, fault.key) if fault.key else path, message)


def _settings_of(settings: Settings) -> type[Struct]:
    return catalogue.kind_of(settings["kind"]).settings
