"""The description of a provider over HTTP, as it stands in the configuration, and the filling of its request.

What could never come true (a list of codes that nobody reads, a callback that names no message) is a fault, as is what
would break every request; so a description that passes `gateway check` means what it says.
"""

import base64
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import msgspec
from msgspec import Meta, Struct, field
from multidict import CIMultiDict
from yarl import URL

from channels.contract import Fault, Message
from channels.settings import Common, Text

Pointer = Annotated[str, Meta(pattern=r"^(/[^/]*)*\Z")]
"""RFC 6901: where in a JSON document a value stands; `/` before each step."""
HeaderName = Annotated[str, Meta(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")]
"""RFC 9110, 5.1."""
Words = tuple[Text, ...]
# Anything in braces is meant as a placeholder, so that a misspelt one is a fault and never sent as it stands.
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_BY_STATUS = re.compile(r"http_\d{3}")
TYPES = {"json": "application/json", "form": "application/x-www-form-urlencoded"}
FRAMING = frozenset({"connection", "content-length", "host", "transfer-encoding"})
"""Headers that the connection writes itself; another value would cut the message short."""


class Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A block of the description. Some hold secrets, so none is shown."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return []


class Basic(Part, frozen=True, kw_only=True, tag_field="type", tag="basic"):
    username: Annotated[str, Meta(pattern=r"^[^:]+\Z")]
    """Without a colon (RFC 7617)."""
    password: Text

    def headers(self) -> dict[str, str]:
        pair = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}


class Bearer(Part, frozen=True, kw_only=True, tag_field="type", tag="bearer"):
    token: Text

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


class OwnHeader(Part, frozen=True, kw_only=True, tag_field="type", tag="header"):
    """A key in a header of the provider's own."""

    header: HeaderName
    token: Text

    def headers(self) -> dict[str, str]:
        return {self.header: self.token}


class AcceptedBy(Part, frozen=True, kw_only=True):
    """Which answers are an acceptance: these statuses, with the provider's own name for the message at `id`."""

    status: Annotated[tuple[Annotated[int, Meta(ge=200, le=299)], ...], Meta(min_length=1)] = (200, 201, 202)
    id: Pointer | None = None
    """None: the status alone accepts, and the message is named by our reference."""


class RefusedBy(Part, frozen=True, kw_only=True):
    """Which answers are a refusal, documented as *nothing accepted*: these statuses, with a code at `code`, where it is
    given. A code in `later` may be tried again, one in `address` is the address's fault, one in `opted_out` the
    person's wish, any other is final. `http_401` in a list stands for that status without a code.

    A status may be an acceptance as well; then only the codes that stand in a list refuse.
    """

    status: Annotated[tuple[Annotated[int, Meta(ge=200, le=499)], ...], Meta(min_length=1)]
    code: Pointer | None = None
    message: Pointer | None = None
    final: Words = ()
    later: Words = ()
    address: Words = ()
    opted_out: Words = ()

    @property
    def codes(self) -> frozenset[str]:
        """All that stand in a list."""
        return frozenset(self.final + self.later + self.address + self.opted_out)


class Repeatable(Part, frozen=True, kw_only=True):
    """The header by which the provider knows the same message again, and for how many seconds."""

    header: HeaderName
    window: Annotated[int, Meta(ge=1)]


class Signature(Part, frozen=True, kw_only=True):
    """How callbacks are signed: an HMAC over the body, or over `<timestamp>.<body>` where a timestamp's header is
    named, which must then be at most `within` seconds (of Unix time) from ours. Any of the secrets may have signed."""

    header: HeaderName
    secrets: Annotated[Words, Meta(min_length=1)]
    algorithm: Literal["sha256", "sha512", "sha1"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = ""
    timestamp: HeaderName | None = None
    within: Annotated[int, Meta(ge=1)] = 300


class CallbackBy(Part, frozen=True, kw_only=True):
    """What a callback says, an object or a list of them: pointers to our reference or the provider's id, to the status
    and a code. `sent`, `delivered`, `undelivered` list what the status may be; `address` and `opted_out` list statuses
    or codes that tell of the address or of the person besides."""

    signature: Signature
    reference: Pointer | None = None
    id: Pointer | None = None
    status: Pointer
    code: Pointer | None = None
    sent: Words = ()
    delivered: Words = ()
    undelivered: Words = ()
    address: Words = ()
    opted_out: Words = ()


class DescribedSettings(Common, frozen=True, kw_only=True, forbid_unknown_fields=True):
    url: Annotated[str, Meta(pattern=r"^https?://[^\s#]+\Z")]
    """Every message is one POST to it; there is no other method."""
    body: dict[str, Any]
    """What is posted; texts may hold `{to}` and the other placeholders. One that is nothing else keeps its type."""
    format: Literal["json", "form"] = "json"
    headers: dict[HeaderName, str] = field(default_factory=dict)
    auth: Basic | Bearer | OwnHeader | None = None
    accepted: AcceptedBy = AcceptedBy()
    refused: RefusedBy | None = None
    idempotency: Repeatable | None = None
    callback: CallbackBy | None = None

    def request(self, message: Message, now: int) -> tuple[CIMultiDict[str], bytes]:
        """The headers and the body that say it; made for each, so that no secret lies about in the provider."""
        headers = CIMultiDict({"Content-Type": TYPES[self.format]})
        headers.update(self.headers)
        headers.update(self.auth.headers() if self.auth else {})
        headers.update({self.idempotency.header: message.reference} if self.idempotency else {})
        document = filled(self.body, message, now)
        if self.format == "json":
            return headers, msgspec.json.encode(document)
        return headers, urlencode({key: _text(value) for key, value in document.items()}).encode()

    def mistakes(self) -> list[Fault]:
        found = [*_of_url(self), *_of_headers(self), *_of_body(self), *_of_answers(self), *_of_callback(self)]
        return [Fault(key, f"`{key}`: {sentence}") for key, sentence in found]


Mistakes = list[tuple[str, str]]
"""Keys, each with what to change."""


def _of_url(own: DescribedSettings) -> Mistakes:
    if placeholders(own.url):
        return [("url", "placeholders stand in `body` only")]
    try:
        url = URL(own.url)
    except ValueError:  # whose words could quote what is a secret
        return [("url", "is no address of the web; look at its host and port")]
    if not url.host:
        return [("url", "names no host")]
    return [("url", "holds credentials; give them under `auth`")] if url.user or url.password else []


def _of_headers(own: DescribedSettings) -> Mistakes:
    found = [
        ("headers", f"{name} is written by the connection itself; leave it out")
        for name in own.headers
        if name.lower() in FRAMING
    ]
    found += [
        ("headers", f"{name} holds a placeholder; these stand in `body` only")
        for name, value in own.headers.items()
        if placeholders(value)
    ]
    parts = (("headers", own.headers), ("auth", own.auth.headers() if own.auth else {}))
    found += [
        (key, f"the value for {name} holds a line break or another control character")
        for key, part in parts
        for name, value in part.items()
        if _CONTROL.search(value)
    ]
    return found


def _of_body(own: DescribedSettings) -> Mistakes:
    known, used = ", ".join(sorted(PLACEHOLDERS)), placeholders(own.body)
    found = [
        ("body", f"unknown placeholder {{{name}}}; known are {known}") for name in sorted(used - PLACEHOLDERS.keys())
    ]
    return found if {"to", "text"} <= used else [*found, ("body", "must hold {to} and {text}")]


def _of_answers(own: DescribedSettings) -> Mistakes:
    by = own.refused
    if by is None:
        return []
    found = [
        ("refused", f"`status`: {status} is decided by HTTP alone (429: later; a redirect: in doubt); leave it out")
        for status in by.status
        if status == 429 or 300 <= status < 400
    ]
    if by.code is None and not all(_BY_STATUS.fullmatch(word) for word in by.codes):
        found.append(("refused", "`code` is missing: it says where the codes stand that are listed"))
    both = set(by.status) & set(own.accepted.status)
    if both and not (by.code and by.codes and own.accepted.id):
        found.append(
            (
                "refused",
                f"`status`: {min(both)} is also an acceptance; to tell them apart, `accepted.id`, `refused.code` and "
                "the codes that refuse (`final`, `later`, `address`, `opted_out`) are needed",
            )
        )
    return found


def _of_callback(own: DescribedSettings) -> Mistakes:
    by = own.callback
    if by is None:
        needed = "is missing: with `receipts: callback` it says how they are signed"
        return [("callback", needed)] if own.receipts == "callback" else []
    found: Mistakes = []
    if by.reference is None and by.id is None:
        found.append(("callback", "must name a message by `reference` or by `id`"))
    elif by.reference is None and own.accepted.id is None:
        found.append(("callback", "names a message by `id` only, so `accepted.id` must tell where an answer has it"))
    elif by.reference is not None and "reference" not in placeholders(own.body) and own.idempotency is None:
        found.append(("callback", "names a message by `reference`, so `body` must hold {reference}"))
    listed = [*by.sent, *by.delivered, *by.undelivered]
    found += [
        ("callback", f"{word!r} stands in two of `sent`, `delivered` and `undelivered`")
        for word in sorted({word for word in listed if listed.count(word) > 1})
    ]
    return found


PLACEHOLDERS: dict[str, Callable[[Message, int], Any]] = {
    "to": lambda m, now: m.to if isinstance(m.to, str) else m.to.token,
    "text": lambda m, now: m.text,
    "title": lambda m, now: m.title or "",
    "html": lambda m, now: m.html or "",
    "reference": lambda m, now: m.reference,
    "locale": lambda m, now: m.locale,
    "template": lambda m, now: m.template,
    "tenant": lambda m, now: m.tenant,
    "job_id": lambda m, now: m.job_id,
    "recipient_id": lambda m, now: m.recipient_id,
    "account": lambda m, now: m.account or "",
    "expires_at": lambda m, now: m.expires_at // 1000,
    "ttl_s": lambda m, now: max(0, (m.expires_at - now) // 1000),
}
"""Placeholder → its value; times in seconds (`expires_at`: Unix time)."""


def placeholders(value: Any) -> set[str]:
    """The names in braces, wherever they stand in it."""
    if isinstance(value, str):
        return set(_PLACEHOLDER.findall(value))
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return {name for part in parts for name in placeholders(part)}


def filled(value: Any, message: Message, now: int) -> Any:
    """The body with its placeholders filled. Values are data: a brace in one of them is a brace."""
    if isinstance(value, Mapping):
        return {key: filled(part, message, now) for key, part in value.items()}
    if isinstance(value, list):
        return [filled(part, message, now) for part in value]
    if not isinstance(value, str):
        return value
    if alone := _PLACEHOLDER.fullmatch(value):
        return PLACEHOLDERS[alone[1]](message, now)
    return _PLACEHOLDER.sub(lambda found: _text(PLACEHOLDERS[found[1]](message, now)), value)


def _text(value: Any) -> str:
    """A value as part of a text or of a form: a text as it is, anything else as JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
