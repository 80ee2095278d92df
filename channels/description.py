"""The description of a provider over HTTP, as it stands in the configuration, and the filling of its request."""

import base64
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from channels.contract import Fault, Message
from channels.settings import Common, Text

Pointer = Annotated[str, Meta(pattern=r"^(/[^/]*)*$")]
"""RFC 6901: where in a JSON document a value stands; `/` before each step."""
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


class Auth(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How we say who we are: HTTP basic, a bearer token, or a header of the provider's own."""

    type: Literal["basic", "bearer", "header"]
    username: Text | None = None
    password: Text | None = None
    token: Text | None = None
    header: Text | None = None

    def headers(self) -> dict[str, str]:
        """Raises ValueError naming the key that is missing."""
        needs = {"basic": ("username", "password"), "bearer": ("token",), "header": ("header", "token")}[self.type]
        for key in needs:
            if getattr(self, key) is None:
                raise ValueError(f"`auth.{key}` is missing for the type {self.type}")
        if self.type == "basic":
            pair = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
            return {"Authorization": f"Basic {pair}"}
        return (
            {"Authorization": f"Bearer {self.token}"} if self.type == "bearer" else {str(self.header): str(self.token)}
        )


class AcceptedBy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which answers are an acceptance: these statuses, and at `id` the provider's own name for the message."""

    status: tuple[int, ...] = (200, 201, 202)
    id: Pointer | None = None


class RefusedBy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which answers are a refusal, documented as *nothing accepted*: these statuses, with the code at `code`. Codes in
    `later` may be tried again, those in `address` are the address's fault, those in `opted_out` the person's wish."""

    status: tuple[int, ...] = ()
    code: Pointer | None = None
    message: Pointer | None = None
    later: tuple[str, ...] = ()
    address: tuple[str, ...] = ()
    opted_out: tuple[str, ...] = ()


class Repeatable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The header by which the provider knows the same message again, and for how many seconds."""

    header: Text
    window: Annotated[int, Meta(ge=1)]


class Signature(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How callbacks are signed: an HMAC over the body, or over `<timestamp>.<body>` where a timestamp's header is
    named, which must then be at most `within` seconds (of Unix time) from ours. Any of the secrets may have signed."""

    header: Text
    secrets: Annotated[tuple[Text, ...], Meta(min_length=1)]
    algorithm: Literal["sha256", "sha512", "sha1"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = ""
    timestamp: Text | None = None
    within: Annotated[int, Meta(ge=1)] = 300


class CallbackBy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a callback says, an object or a list of them: pointers to our reference or the provider's id, to the status,
    and the words that the status may be."""

    signature: Signature
    reference: Pointer | None = None
    id: Pointer | None = None
    status: Pointer
    code: Pointer | None = None
    sent: tuple[str, ...] = ()
    delivered: tuple[str, ...] = ()
    undelivered: tuple[str, ...] = ()
    address: tuple[str, ...] = ()
    opted_out: tuple[str, ...] = ()


class DescribedSettings(Common, frozen=True, kw_only=True, forbid_unknown_fields=True):
    url: Annotated[str, Meta(pattern=r"^https?://[^\s#]+$")]
    body: dict[str, Any]
    """What is posted; texts may hold `{to}` and the other placeholders. One that is nothing else keeps its type."""
    format: Literal["json", "form"] = "json"
    headers: dict[str, str] = field(default_factory=dict)
    auth: Auth | None = None
    accepted: AcceptedBy = AcceptedBy()
    refused: RefusedBy = RefusedBy()
    idempotency: Repeatable | None = None
    callback: CallbackBy | None = None

    def request_headers(self) -> dict[str, str]:
        """Those of every request; made for each, so that no secret lies about in the provider."""
        own = {"Content-Type": "application/json" if self.format == "json" else "application/x-www-form-urlencoded"}
        return own | self.headers | (self.auth.headers() if self.auth else {})

    def mistakes(self) -> list[Fault]:
        found = []
        for name in sorted(placeholders(self.body) - PLACEHOLDERS.keys()):
            known = ", ".join(sorted(PLACEHOLDERS))
            found.append(Fault("body", f"`body`: unknown placeholder {{{name}}}; known are {known}"))
        if not {"to", "text"} <= placeholders(self.body):
            found.append(Fault("body", "`body` must hold {to} and {text}"))
        if self.auth is not None:
            try:
                self.auth.headers()
            except ValueError as error:
                found.append(Fault("auth", str(error)))
        if self.receipts == "callback" and self.callback is None:
            found.append(
                Fault("callback", "`callback` is missing: with `receipts: callback` it says how they are signed")
            )
        if self.callback is not None and self.callback.reference is None and self.callback.id is None:
            found.append(Fault("callback", "`callback` must name a message by `reference` or by `id`"))
        both = set(self.accepted.status) & set(self.refused.status)
        if both:
            found.append(Fault("refused", f"`refused.status`: {min(both)} is also an acceptance"))
        return found


PLACEHOLDERS: dict[str, Any] = {
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
"""Placeholder → its value; times in seconds."""


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
    return _PLACEHOLDER.sub(lambda found: str(PLACEHOLDERS[found[1]](message, now)), value)
