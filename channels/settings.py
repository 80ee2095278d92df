"""What every provider's entry in the configuration has in common, and how all mistakes in one are found at once."""

from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import FieldInfo, fields, replace

from channels.contract import Facts, Fault, Provider, Settings, Surroundings

Seconds = Annotated[float, Meta(gt=0, le=600)]
Text = Annotated[str, Meta(min_length=1)]
Port = Annotated[int, Meta(ge=1, le=65535)]
WebUrl = Annotated[str, Meta(pattern=r"^https?://[^\s/?#]+[^\s?#]*$")]


class Common(Struct, frozen=True, kw_only=True):
    """The keys that every kind of provider takes; the gateway reads these, the provider reads its own as well."""

    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    """Part of callback URLs and of every receipt; one provider, one name."""
    kind: Text
    rate: Annotated[float, Meta(gt=0)] | None = None
    """Messages a second, over all workers together; None: as fast as the provider takes them."""
    concurrency: Annotated[int, Meta(ge=1, le=10_000)] = 64
    """Requests in flight at once, per worker."""
    timeout: Seconds = 10.0
    """Seconds that one send may take."""
    weight: Annotated[int, Meta(ge=0, le=1000)] | None = None
    """Share of the channel's messages beside the weights of the others; 0: only when none of the others can. None: in
    order of preference, or 1 where another provider of the channel has a weight."""
    doubts: Annotated[int, Meta(ge=1, le=1_000_000)] = 20
    """Doubtful sends in a minute, per worker, after which it is left alone for a while; never fewer than a twentieth of
    what is sent in that minute."""
    receipts: Literal["none", "callback"] | None = None
    """Whether reports of delivery follow; None: what is true of the kind."""

    def mistakes(self) -> list[Fault]:
        """What is wrong although every key by itself is well formed."""
        return []

    def slots(self) -> int:
        """Sends that can be under way at once; less than `concurrency` where a kind's own pool is smaller."""
        return self.concurrency

    def adjust(self, facts: Facts) -> Facts:
        """The kind's facts, with what this entry says of receipts."""
        return facts if self.receipts is None else replace(facts, receipts=self.receipts == "callback")

    # Settings hold secrets, and a repr ends up in logs and tracebacks: it tells the name and nothing else.
    def __repr__(self) -> str:
        return f"<settings of {self.name} ({self.kind})>"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("name", self.name), ("kind", self.kind)]


class Kind(Struct, frozen=True):
    """How to build one kind, and what is true of it; `paths` are the keys that name files."""

    facts: Facts
    settings: type[Common]
    provider: Callable[[Any, Surroundings], Provider]
    paths: tuple[str, ...] = ()


S = TypeVar("S", bound=Common)


def read(kind: type[S], settings: Settings) -> S:
    """The entry as the struct of its kind. Raises `msgspec.ValidationError`; `faults` says it better, and all of it.

    Numbers and booleans may be text, because `${NAME}` in the configuration always gives text.
    """
    return msgspec.convert(settings, kind, strict=False)


def faults(kind: type[Common], settings: Settings) -> list[Fault]:
    """Every mistake in one entry; messages name keys and types, never a value that could be a secret."""
    known = {field.encode_name: field for field in fields(kind)}
    found = [
        Fault(str(key), f"unknown key `{key}`; known are {', '.join(sorted(known))}")
        for key in settings
        if key not in known
    ]
    for key, field in known.items():
        if key in settings:
            found += _unfit(key, field, settings)
        elif field.required:
            found.append(Fault(key, f"`{key}` is missing"))
    return found or read(kind, settings).mistakes()


def _unfit(key: str, field: FieldInfo, settings: Settings) -> list[Fault]:
    try:
        msgspec.convert(settings[key], field.type, strict=False)
    except msgspec.ValidationError as error:
        return [Fault(key, f"`{key}`: {error}")]
    return []
