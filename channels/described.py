"""A provider that is described in the configuration: its address, its request, its answers and its callbacks.

So a house gateway needs no code. Nothing here guesses: what the description does not list proves nothing, so an answer
that stands nowhere is in doubt, and a report with a word that stands nowhere is `unknown`.
"""

import base64
import hmac
from collections.abc import Mapping
from typing import Any, Literal

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
from channels.description import CallbackBy, DescribedSettings, RefusedBy, Signature, placeholders
from channels.http import Answer, Http
from channels.settings import Kind

FACTS = Facts(kind="http", channel=None, receipts=False, summary="a provider over HTTP, described in the configuration")

# What a provider says of a refusal ends up in receipts and logs; it may say more than anybody reads.
MOST_CODE, MOST_WORDS = 100, 200
Status = Literal["sent", "delivered", "undelivered", "unknown"]


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
        headers, body = self._settings.request(message, self._now())
        seen = await self._http.post(self._url, body, timeout, headers)
        return outcome(seen, self._settings, message.reference) if isinstance(seen, Answer) else seen

    async def close(self) -> None:
        await self._http.close()

    async def hear(self, callback: Callback) -> Heard | None:
        """Reports as the description reads them; None unless one of the secrets signed the very bytes in time."""
        by = self._settings.callback
        if by is None or not signed(by.signature, callback):
            return None
        document = _read(callback.body)
        listed = document if isinstance(document, list) else [document]
        return Heard(tuple(self._receipt(by, one, callback.at) for one in listed if isinstance(one, dict)))

    def _receipt(self, by: CallbackBy, told: Mapping[str, Any], at: int) -> ProviderReceipt:
        word, code = _word(told, by.status), _word(told, by.code) or None
        dead = not {word, code}.isdisjoint(by.address)
        return ProviderReceipt(
            provider=self.name, reference=_word(told, by.reference) or None, message_id=_word(told, by.id) or None,
            status=_status(by, word, dead), code=code, at=at, address=dead,
            opted_out=not {word, code}.isdisjoint(by.opted_out),
        )  # fmt: skip


def _status(by: CallbackBy, word: str, dead: bool) -> Status:
    if word in by.delivered:
        return "delivered"
    if word in by.undelivered:
        return "undelivered"
    if word in by.sent:
        return "sent"
    # Nothing arrives at an address that is dead. That a person wants no more says nothing of what has arrived.
    return "undelivered" if dead else "unknown"


def outcome(answer: Answer, settings: DescribedSettings, reference: str) -> Outcome:
    """What an answer means by the description alone; one that stands nowhere proves nothing."""
    document, accepted, refused = _read(answer.body), settings.accepted, settings.refused
    code = _word(document, refused.code)[:MOST_CODE] if refused else ""
    if refused and answer.status in refused.status:
        may_accept = answer.status in accepted.status
        if refusal := _refusal(code, f"http_{answer.status}", may_accept, _word(document, refused.message), refused):
            return refusal
    if answer.status not in accepted.status:
        return InDoubt(code or f"http_{answer.status}", "an answer that the description does not list")
    if accepted.id is None:
        return Accepted(reference)
    name = _word(document, accepted.id)
    return Accepted(name) if name else InDoubt(code or "no_id", f"accepted without an identifier at {accepted.id}")


def _refusal(code: str, status: str, may_accept: bool, words: str, by: RefusedBy) -> Refused | Unavailable | None:
    """A code that is listed refuses, and so does `http_…` where it is. Any other does, and the status alone where no
    code is described, unless that status may be an acceptance. Without its code it is not the provider's refusal."""
    proven = not may_accept and (code or by.code is None)
    code, words = code or status, words[:MOST_WORDS] or "refused by the provider"
    if not proven and code not in by.codes:
        return None
    if code in by.later:
        return Unavailable(code, words)
    return Refused(code, words, address=code in by.address, opted_out=code in by.opted_out)


def signed(by: Signature, callback: Callback) -> bool:
    """Whether one of the secrets signed this callback, in time where it is stamped."""
    payload = callback.body
    if by.timestamp is not None:
        stamp = callback.headers.get(by.timestamp.lower(), "")
        if not stamp.isdecimal() or len(stamp) > 12 or abs(int(stamp) - callback.at / 1000) > by.within:
            return False
        payload = stamp.encode() + b"." + payload
    # A header may hold bytes that are no text; they are a wrong signature and not an accident.
    given = callback.headers.get(by.header.lower(), "").encode("utf-8", "surrogateescape")
    own = [hmac.digest(secret.encode(), payload, by.algorithm) for secret in by.secrets]
    texts = [digest.hex() if by.encoding == "hex" else base64.b64encode(digest).decode() for digest in own]
    return any(hmac.compare_digest(f"{by.prefix}{text}".encode(), given) for text in texts)


def _read(body: bytes) -> Any:
    """The JSON document, None where there is none."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


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
