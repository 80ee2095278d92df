"""What the demo knows of a provider to practise with, as the sandbox: the commands know no provider by name."""

from collections.abc import Collection, Iterator
from typing import Protocol, runtime_checkable

from channels.contract import Channel, Message, Outcome
from gateway.pipeline.desks import Desks


@runtime_checkable
class Practice(Protocol):
    """`messages` are those that it took; of so many the receipt is still to come (`unreported`); while `drill` is set,
    every send is answered with it."""

    drill: Outcome | None

    @property
    def messages(self) -> Collection[Message]: ...

    @property
    def unreported(self) -> int: ...


def practised(desks: Desks) -> Iterator[tuple[str, Channel, Practice]]:
    """The providers of that kind, with their names and channels."""
    for desk in desks:
        provider: object = desk.provider
        if isinstance(provider, Practice):
            yield desk.name, desk.channel, provider
