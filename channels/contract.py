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

import hashlib
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

    @property
    def intent(self) -> str:
        """Names the job in 32 hexadecimal digits, the same for every attempt at it: a stray second copy can take the
        place of the first where a provider lets messages replace each other."""
        names = f"{self.tenant}\0{self.recipient_id}\0{self.job_id}".encode()
        return hashlib.blake2b(names, digest_size=16).hexdigest()


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


class ProviderReceipt(Struct, frozen=True, kw_only=True, tag="receipt"):
    """What a provider reports after it accepted.

    `reference` is the message's, or None where only `message_id` is known. `status` is `unknown` for a word that stands
    in no table of ours: it is counted, shown, and moves nothing. `address` tells that the address itself is dead (an
    unknown mailbox, a token that is no longer registered), `opted_out` that the person wants no more (a complaint, a
    STOP that the provider took); either holds whatever `status` says.
    """

    provider: str
    reference: str | None
    message_id: str | None = None
    status: Literal["sent", "delivered", "undelivered", "unknown"]
    code: str | None = None
    message: str | None = None
    at: int
    """ms since the epoch"""
    address: bool = False
    opted_out: bool = False


class Reply(Struct, frozen=True, kw_only=True, tag="reply"):
    """What a person wrote back. `sender` is the person's address in the form of `Message.to` (E.164 for a phone);
    `id` the provider's own name for the message, by which it is known when it comes again. `opted_out` tells that the
    provider has itself taken it for a STOP."""

    provider: str
    id: str
    channel: Channel
    sender: str
    text: str
    at: int
    """ms since the epoch"""
    opted_out: bool = False


Report = ProviderReceipt | Reply
"""Whatever a provider tells us by itself."""


class Idempotency(Struct, frozen=True, kw_only=True):
    """How a provider knows the same message again: `carried` names the header or field that holds the message's
    `reference`, within `window_s` seconds of the first request."""

    carried: str
    window_s: int


class Facts(Struct, frozen=True, kw_only=True):
    """What is true of a kind of provider, as data: the line reads it, the tables of the READMEs are made from it."""

    kind: str
    channel: Channel | None
    """None: serves any channel it is configured under."""
    receipts: bool
    """Whether a report of delivery follows an `Accepted`; if not, `sent` is the end."""
    summary: str = ""
    """What it is, for the table of people, in a few words."""
    reports: bool | None = None
    """Whether anything at all may be told of a message later (a bounce, a complaint), so that its reference is kept;
    None: as `receipts`."""
    by_message_id: bool = False
    """Whether its reports name a message only by the provider's own id, so that the id must be kept."""
    idempotency: Idempotency | None = None
    """None: a repeated request is a second message, so nothing is repeated on a guess."""
    lookup: bool = False
    """Whether the fate of a message can be asked for (`Inquirer`)."""
    targets: tuple[str, ...] = ()
    """Of a push provider: the kinds of target that it reaches; empty: any."""
    bounds_delivery: bool = False
    """Whether the provider can be told to drop the message at `expires_at`."""
    longest_life_s: int | None = None
    """The longest time to live that it takes; None: any, or none can be told."""
    most_bytes: int | None = None
    """The largest payload that it takes; a larger one is refused before anything is sent."""

    @property
    def keeps_reference(self) -> bool:
        """Whether something may be told of a message after its send."""
        return self.lookup or (self.receipts if self.reports is None else self.reports)


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


class Heard(Struct, frozen=True):
    """A genuine callback: what it reports, and the body with which its provider wants to be answered (200 if there is
    one, 204 if not)."""

    reports: tuple[Report, ...]
    answer: bytes = b""
    content_type: str = "application/json"


@runtime_checkable
class Listener(Protocol):
    """A provider that reports over HTTP."""

    async def hear(self, callback: Callback) -> Heard | None:
        """What a callback reports; None if it is not proven to be the provider's (its signature, or the secret in its
        address), and then nothing of it is true. What cannot be read is no report: `Heard(())`. Raises OSError where
        it cannot be verified now (a certificate that cannot be had); the provider is asked to come again."""


class Inquiry(Struct, frozen=True, kw_only=True):
    """A message of which nobody knows whether it was accepted: under which reference, to whom, and when (ms)."""

    reference: str
    to: str | PushTarget
    at: int


@runtime_checkable
class Inquirer(Protocol):
    """A provider that can be asked what became of a message; `facts.lookup` says so."""

    async def look_up(self, inquiry: Inquiry, timeout: float) -> ProviderReceipt | None:
        """What the provider knows of it; None where that is nothing, which proves nothing: absence is no evidence that
        it was not sent. Never raises for what the wire can show."""


class Bounces(Protocol):
    """Envelope senders that only the house can make (VERP)."""

    def token(self, reference: str) -> str:
        """What stands between `+` and `@` in the envelope sender of a message."""

    def reference(self, address: str) -> str | None:
        """The message that a bounce to this address is about; None if the house did not make it."""


class Surroundings(Struct, frozen=True, kw_only=True):
    """What the house lends to a provider when it is built."""

    public_url: str | None
    """Callbacks go to `<public_url>/webhooks/<provider name>/<reference>`."""
    hand_over: Callable[[bytes], Awaitable[str]]
    """Puts one call task (JSON) on the stream of calls and returns its entry id.

    Raises ConnectionError (ConnectionRefusedError where it is certain that nothing was written) and TimeoutError.
    """
    report: Callable[[Report], Awaitable[None]]
    """Takes in a report that arises inside the process (the sandbox, a connection that the provider keeps open); it is
    durable on return. Raises ConnectionError; the report is then told again."""
    now: Callable[[], int]
    """ms since the epoch"""
    unsubscribe: Callable[[Message], str | None] = lambda message: None
    """The address of the one-click unsubscription of a message (RFC 8058), None where none is offered."""
    bounces: Bounces | None = None
    """How bounces prove themselves; None where none are taken in."""


class Fault(Struct, frozen=True):
    """One mistake in a provider's configuration: the key and a sentence that says what to change."""

    key: str
    message: str


Settings = Mapping[str, Any]
"""One entry of `channels.<channel>.providers` as read from YAML, `${NAME}` already replaced."""
