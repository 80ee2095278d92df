"""A provider that is described in the configuration: its address, its request, its answers and its callbacks.

So a house gateway needs no code. Nothing here guesses: what the description does not list proves nothing, so an answer
that stands nowhere is in doubt, and a report with a word that stands nowhere is `unknown`.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import urlencode

import msgspec
from msgspec.structs import replace
from yarl import URL

from channels.contract import (
    TOO_LATE,
    Accepted,
    Callback,
    Facts,
    Heard,
    Idempotency,
    InDoubt,
    Message,
    Outcome,
    ProviderReceipt,
    Refused,
    Surroundings,
    Unavailable,
)
from channels.description import CallbackBy, DescribedSettings, Signature, filled, placeholders
from channels.http import Answer, Http
from channels.settings import Kind

FACTS = Facts(kind="http", channel=None, receipts=False, summary="a provider over HTTP, described in the configuration")

_ABSENT = object()


class Described:
    def __init__(self, settings: DescribedSettings, surroundings: Surroundings) -> None:
        self.name = settings.name
        known = settings.idempotency
        heard = settings.callback is not None and surroundings.public_url is not None
        self.facts = settings.adjust(
            replace(
                FACTS, receipts=heard,
                by_message_id=settings.callback is not None and settings.callback.reference is None,
                bounds_delivery=bool({"ttl_s", "expires_at"} & placeholders(settings.body)),
                idempotency=Idempotency(carried=known.header, window_s=known.window) if known else None,
            )
        )  # fmt: skip
        self._settings = settings
        self._url = URL(settings.url)
        self._now = surroundings.now
        self._http = Http(concurrency=settings.concurrency, now=surroundings.now)

    async def start(self) -> None:
        await self._http.start()

    async def send(self, message: Message, timeout: float) -> Outcome:
        if message.expires_at - self._now() < 1000:
            return Unavailable(TOO_LATE, "too little is left of the lawful window")
        document = filled(self._settings.body, message, self._now())
        body = msgspec.json.encode(document) if self._settings.format == "json" else urlencode(document).encode()
        known = self._settings.idempotency
        headers = self._settings.request_headers() | ({known.header: message.reference} if known else {})
        seen = await self._http.post(self._url, body, timeout, headers)
        return outcome(seen, self._settings, message.reference) if isinstance(seen, Answer) else seen

    async def close(self) -> None:
        await self._http.close()

    async def hear(self, callback: Callback) -> Heard | None:
        """Reports as the description reads them; None unless one of the secrets signed the very bytes in time."""
        by = self._settings.callback
        if by is None or not signed(by.signature, callback):
            return None
        try:
            document = msgspec.json.decode(callback.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return Heard(())
        listed = document if isinstance(document, list) else [document]
        return Heard(tuple(self._receipt(by, one, callback.at) for one in listed if isinstance(one, dict)))

    def _receipt(self, by: CallbackBy, told: Mapping[str, Any], at: int) -> ProviderReceipt:
        word, code = _word(told, by.status), _word(told, by.code) or None
        words = {word, code}
        dead, opted = bool(words & set(by.address)), bool(words & set(by.opted_out))
        failed = word in by.undelivered or ((dead or opted) and word not in by.delivered)
        status: Literal["sent", "delivered", "undelivered", "unknown"] = (
            "delivered"
            if word in by.delivered
            else "undelivered"
            if failed
            else "sent"
            if word in by.sent
            else "unknown"
        )
        return ProviderReceipt(
            provider=self.name, reference=_word(told, by.reference) or None, message_id=_word(told, by.id) or None,
            status=status, code=code, at=at, address=dead, opted_out=opted,
        )  # fmt: skip


def outcome(answer: Answer, settings: DescribedSettings, reference: str) -> Outcome:
    """What an answer means by the description alone; one that stands nowhere proves nothing."""
    try:
        document = msgspec.json.decode(answer.body) if answer.body.strip() else {}
    except (msgspec.DecodeError, UnicodeDecodeError):
        document = _ABSENT
    accepted, refused = settings.accepted, settings.refused
    if answer.status in accepted.status:
        if accepted.id is None:
            return Accepted(reference)
        name = _word(document, accepted.id)
        return Accepted(name) if name else InDoubt("no_id", f"accepted without an identifier at {accepted.id}")
    if answer.status not in refused.status or document is _ABSENT:
        return InDoubt(f"http_{answer.status}", "an answer that the description does not list")
    code = _word(document, refused.code) or f"http_{answer.status}"
    words = _word(document, refused.message) or "refused by the provider"
    if code in refused.later:
        return Unavailable(code, words[:200])
    return Refused(code, words[:200], address=code in refused.address, opted_out=code in refused.opted_out)


def signed(by: Signature, callback: Callback) -> bool:
    """Whether one of the secrets signed this callback, in time where it is stamped."""
    given = callback.headers.get(by.header.lower(), "")
    payload = callback.body
    if by.timestamp is not None:
        stamp = callback.headers.get(by.timestamp.lower(), "")
        if not stamp.isdecimal() or len(stamp) > 12 or abs(int(stamp) - callback.at / 1000) > by.within:
            return False
        payload = stamp.encode() + b"." + payload
    own = [hmac.new(secret.encode(), payload, getattr(hashlib, by.algorithm)).digest() for secret in by.secrets]
    texts = [digest.hex() if by.encoding == "hex" else base64.b64encode(digest).decode() for digest in own]
    return any(hmac.compare_digest(f"{by.prefix}{text}".encode(), given.encode()) for text in texts)


def _word(document: Any, pointer: str | None) -> str:
    """The text or number at a pointer (RFC 6901), "" where there is none."""
    if pointer is None:
        return ""
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(document, Mapping):
            document = document.get(name)
        elif isinstance(document, list) and name.isdecimal() and int(name) < len(document):
            document = document[int(name)]
        else:
            return ""
    return str(document) if isinstance(document, str | int | float) and not isinstance(document, bool) else ""


KIND = Kind(FACTS, DescribedSettings, Described)
