"""The few words a channel speaks: a Message goes in, an Outcome comes back, ProviderReceipts follow.

Whoever writes a provider reads this file and no other. An outcome is a value from a closed set; which one is right
decides whether somebody is contacted twice, so the default is doubt:

| seen                                                                    | outcome       |
| ----------------------------------------------------------------------- | ------------- |
| refused connection, DNS, TLS, no free connection: before the first byte | `Unavailable` |
| 2xx with the provider's id                                              | `Accepted`    |
| a refusal that the provider documents as final                          | `Refused`     |
| 429, 503, SMTP 4xx: documented as *nothing accepted*                    | `Unavailable` |
| anything else                                                           | `InDoubt`     |
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, Protocol, runtime_checkable

from msgspec import Struct

Channel = Literal["sms", "email", "push", "call"]


class PushTarget(Struct, frozen=True):
    """One app installation: `provider` is `fcm`, `apns` or `webpush`; `token` its address there."""

    provider: str
    token: str | dict[str, Any]


class Message(Struct, frozen=True, kw_only=True):
    """One rendered message to one address, ready to leave.

    `reference` is ours: 32 hexadecimal digits, one per attempt, from which a callback finds its job.
    `expires_at` (ms since the epoch) is the end of the lawful window or of the job, whichever is first: the provider
    is told, where it can be, that the message is worthless afterwards. `admitted_at` (ms) is the time of the claim.
    """

    reference: str
    channel: Channel
    to: str | PushTarget
    text: str
    title: str | None = None
    """The subject of an email, the title of a push; never holds a line break."""
    html: str | None = None
    locale: str
    admitted_at: int
    expires_at: int
    job_id: str
    tenant: str
    recipient_id: str
    account: str | None = None
    template: str
    template_version: str


class Accepted(Struct, frozen=True):
    """The provider took it. `message_id` is the provider's own name for it."""

    message_id: str | None


class Refused(Struct, frozen=True):
    """The provider documents this refusal as final: nothing was accepted and asking again is useless.

    `address` tells that the address itself is at fault (unknown mailbox, not a mobile number, token unregistered);
    `opted_out` that the person told the provider to stop.
    """

    code: str
    message: str
    address: bool = False
    opted_out: bool = False


class Unavailable(Struct, frozen=True):
    """Surely not sent; it may be tried again, not before `retry_after` seconds where the provider says so."""

    code: str
    message: str
    retry_after: float | None = None


TOO_LATE = "too_late"
"""The code of an `Unavailable` that is the message's own: too little is left of its time, so nobody was asked."""


class InDoubt(Struct, frozen=True):
    """Nobody can know whether it was accepted. It counts as sent and is never sent again."""

    code: str
    message: str


Outcome = Accepted | Refused | Unavailable | InDoubt


class ProviderReceipt(Struct, frozen=True, kw_only=True):
    """What a provider reports after it accepted.

    `reference` is the message's, or None where only `message_id` is known.
    """

    provider: str
    reference: str | None
    message_id: str | None = None
    status: Literal["sent", "delivered", "undelivered", "unknown"]
    code: str | None = None
    message: str | None = None
    at: int
    """ms since the epoch"""


class Facts(Struct, frozen=True, kw_only=True):
    """What is true of a kind of provider; the line reads it, the README's table is made from it."""

    kind: str
    channel: Channel | None
    """None: serves any channel it is configured under."""
    receipts: bool
    """Whether a report of delivery follows an `Accepted`; if not, `sent` is the end."""
    targets: tuple[str, ...] = ()
    """Of a push provider: the kinds of target that it reaches; empty: any."""
    bounds_delivery: bool = False
    """Whether the provider can be told to drop the message at `expires_at`."""


class Provider(Protocol):
    """A door to one provider. Construction does no work; `start` may open connections, `close` releases them.

    `send` writes the request at most once, finishes within `timeout` seconds, and returns an Outcome for every fault
    that the wire can show; an exception from it is a bug and is settled as `InDoubt`.
    """

    facts: Facts
    name: str

    async def start(self) -> None: ...

    async def send(self, message: Message, timeout: float) -> Outcome: ...

    async def close(self) -> None: ...


class Callback(Struct, frozen=True, kw_only=True):
    """A request that a provider made to us. `url` is the public one with its query, as the provider signed it; header
    names are in lower case; `reference` is the message's, where the address ended in one; `at` is ms since the epoch.
    """

    url: str
    reference: str | None
    headers: Mapping[str, str]
    body: bytes
    at: int


@runtime_checkable
class Listener(Protocol):
    """A provider that reports over HTTP."""

    def hear(self, callback: Callback) -> list[ProviderReceipt] | None:
        """What a callback reports; None if its signature is not the provider's, and then nothing of it is true."""


class Surroundings(Struct, frozen=True, kw_only=True):
    """What the house lends to a provider when it is built."""

    public_url: str | None
    """Callbacks go to `<public_url>/webhooks/<provider name>/<reference>`."""
    hand_over: Callable[[bytes], Awaitable[str]]
    """Puts one call task (JSON) on the stream of calls and returns its entry id.

    Raises ConnectionError (ConnectionRefusedError where it is certain that nothing was written) and TimeoutError.
    """
    report: Callable[[ProviderReceipt], Awaitable[None]]
    """Takes in a receipt that arises inside the process (the sandbox)."""
    now: Callable[[], int]
    """ms since the epoch"""


class Fault(Struct, frozen=True):
    """One mistake in a provider's configuration: the key and a sentence that says what to change."""

    key: str
    message: str


Settings = Mapping[str, Any]
"""One entry of `channels.<channel>.providers` as read from YAML, `${NAME}` already replaced."""
