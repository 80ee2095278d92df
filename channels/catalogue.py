"""The list of all kinds of provider, one line each: the only place that knows every one of them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from channels import call, null, sandbox
from channels import settings as keys
from channels.contract import Channel, Facts, Fault, Provider, Settings, Surroundings
from channels.email import smtp
from channels.push import fcm
from channels.settings import Common
from channels.sms import twilio


class Kind(Struct, frozen=True):
    """How to build one kind, and what is true of it; `paths` are the keys that name files."""

    facts: Facts
    settings: type[Common]
    provider: Callable[[Any, Surroundings], Provider]
    paths: tuple[str, ...] = ()


KINDS: dict[str, Kind] = {
    "twilio": Kind(twilio.FACTS, twilio.TwilioSettings, twilio.Twilio),
    "smtp": Kind(smtp.FACTS, smtp.SmtpSettings, smtp.Smtp, paths=("ca_file", "dkim.key_file")),
    "fcm": Kind(fcm.FACTS, fcm.FcmSettings, fcm.Fcm, paths=("credentials",)),
    "call": Kind(call.FACTS, call.CallSettings, call.Call),
    "sandbox": Kind(sandbox.FACTS, sandbox.SandboxSettings, sandbox.Sandbox),
    "null": Kind(null.FACTS, null.NullSettings, null.Null),
}


def build(channel: Channel, settings: Settings, surroundings: Surroundings) -> Provider:
    """The provider of one entry; starts nothing. Raises ValueError with every fault of an entry that has any."""
    found = faults(channel, settings)
    if found:
        raise ValueError("; ".join(fault.message for fault in found))
    kind = KINDS[settings["kind"]]
    return kind.provider(keys.read(kind.settings, settings), surroundings)


def common(settings: Settings) -> Common:
    """The keys that the gateway itself reads, of an entry without faults.

    `concurrency` is no more than the kind can do at once: a claim that waits for a connection is a claim too many.
    """
    own = keys.read(KINDS[settings["kind"]].settings, settings)
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
    kind = KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        return [Fault("kind", f"`kind`: {name!r} is unknown; known are {', '.join(sorted(KINDS))}")]
    found = keys.faults(kind.settings, settings)
    if kind.facts.channel not in (None, channel):
        found.append(Fault("kind", f"`kind`: {name} serves the channel {kind.facts.channel}, not {channel}"))
    return found


def located(settings: Settings, folder: Path) -> dict[str, Any]:
    """The entry with its relative file names made absolute against `folder`, that of the configuration file."""
    kind = KINDS.get(str(settings.get("kind")))
    result: dict[str, Any] = dict(settings)
    for path in kind.paths if kind else ():
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
