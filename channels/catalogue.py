"""The list of all kinds of provider, one line each: the only place that knows every one of them.

A kind's module is loaded when a configuration names it, so that nobody pays for the libraries of providers they do not
have.
"""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from msgspec.structs import replace

from channels import settings as keys
from channels.contract import Channel, Fault, Provider, Settings, Surroundings
from channels.settings import Common, Kind

KINDS: dict[str, str] = {
    "twilio": "channels.sms.twilio",
    "alibaba": "channels.sms.alibaba",
    "tencent": "channels.sms.tencent",
    "smtp": "channels.email.smtp",
    "ses": "channels.email.ses",
    "fcm": "channels.push.fcm",
    "apns": "channels.push.apns",
    "webpush": "channels.push.webpush",
    "smpp": "channels.sms.smpp",
    "http": "channels.described",
    "call": "channels.call",
    "sandbox": "channels.sandbox",
    "null": "channels.null",
}
"""Kind → the module that exports it as `KIND`."""


@cache
def kind_of(name: str) -> Kind:
    """One kind. Raises KeyError for a name that is not in the list."""
    return cast(Kind, import_module(KINDS[name]).KIND)


def build(channel: Channel, settings: Settings, surroundings: Surroundings) -> Provider:
    """The provider of one entry; starts nothing. Raises ValueError with every fault of an entry that has any."""
    found = faults(channel, settings)
    if found:
        raise ValueError("; ".join(fault.message for fault in found))
    kind = kind_of(settings["kind"])
    return kind.provider(keys.read(kind.settings, settings), surroundings)


def common(settings: Settings) -> Common:
    """The keys that the gateway itself reads, of an entry without faults.

    `concurrency` is no more than the kind can do at once: a claim that waits for a connection is a claim too many.
    """
    own = keys.read(kind_of(settings["kind"]).settings, settings)
    return replace(keys.read(Common, settings), concurrency=own.slots())


def faults(channel: Channel, settings: object) -> list[Fault]:
    """Every mistake in one entry of `channels.<channel>.providers`, each with its key; [] means that it can be built.

    Reads the files that the entry names (credentials, keys), opens no connection.
    """
    if not isinstance(settings, Mapping):
        return [Fault("", "a provider is a mapping of keys")]
    name = settings.get("kind")
    if name is None:
        return [Fault("kind", f"`kind` is missing; known are {', '.join(sorted(KINDS))}")]
    if not isinstance(name, str) or name not in KINDS:
        return [Fault("kind", f"`kind`: {name!r} is unknown; known are {', '.join(sorted(KINDS))}")]
    kind = kind_of(name)
    found = keys.faults(kind.settings, settings)
    if kind.facts.channel not in (None, channel):
        found.append(Fault("kind", f"`kind`: {name} serves the channel {kind.facts.channel}, not {channel}"))
    return found


def located(settings: Settings, folder: Path) -> dict[str, Any]:
    """The entry with its relative file names made absolute against `folder`, that of the configuration file."""
    name = str(settings.get("kind"))
    result: dict[str, Any] = dict(settings)
    for path in kind_of(name).paths if name in KINDS else ():
        *outer, key = path.split(".")
        part = result
        for step in outer:
            if not isinstance(part.get(step), Mapping):
                break
            part[step] = dict(part[step])
            part = part[step]
        else:
            if isinstance(part.get(key), str):
                part[key] = str(folder / part[key])
    return result
