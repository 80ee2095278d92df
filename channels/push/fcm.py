"""FCM: push messages to apps through Firebase's HTTP v1 API, over plain HTTP/1.1.

Facts from Firebase's pages on the send method, its error codes and on scaling (retry rules), read 2026-11. It has
neither an idempotency key nor delivery receipts: what it took is `sent`, and that is the end.
"""

import asyncio
from typing import Any, Literal

import msgspec
from msgspec import Struct
from yarl import URL

from channels.contract import (
    TOO_LATE,
    Accepted,
    Facts,
    Fault,
    InDoubt,
    Message,
    Outcome,
    PushTarget,
    Refused,
    Surroundings,
    Unavailable,
)
from channels.http import Answer, Http
from channels.push.google_token import GoogleToken, account
from channels.settings import Common, Kind, Text, WebUrl

FACTS = Facts(
    kind="fcm", channel="push", receipts=False, targets=("fcm",), bounds_delivery=True, most_bytes=4096,
    summary="Firebase Cloud Messaging, HTTP v1",
)  # fmt: skip

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
# Firebase asks for no retry earlier than this, whatever Retry-After says; and for a minute on 429 without one.
LEAST_WAIT_S = 10.0
QUOTA_WAIT_S = 60.0
# The longest time-to-live that FCM takes: four weeks.
MOST_TTL_S = 28 * 24 * 3600

Verdict = Literal["address", "final", "later", "token"]

# errorCode of an FcmError, or the status of Google's error where there is none. Nothing was accepted in any of them.
ERROR_CODES: dict[str, tuple[Verdict, str]] = {
    "UNREGISTERED": ("address", "the app was removed or its token renewed"),
    # Not the address: with credentials of the wrong project every token would seem to be another sender's.
    "SENDER_ID_MISMATCH": ("final", "the token belongs to another sender: check `credentials`"),
    "INVALID_ARGUMENT": ("final", "the message is not well formed or too large"),
    "UNAUTHENTICATED": ("token", "the access token was not taken"),
    # Our own set-up: a person's reminder must not be burned for it.
    "THIRD_PARTY_AUTH_ERROR": ("later", "Firebase lacks a valid APNs or Web Push certificate"),
    "PERMISSION_DENIED": ("later", "the service account may not send: check its role and project"),
    "NOT_FOUND": ("later", "unknown project: check `credentials` and `base_url`"),
    "QUOTA_EXCEEDED": ("later", "rate of messages exceeded"),
    "RESOURCE_EXHAUSTED": ("later", "rate of messages exceeded"),
    "UNAVAILABLE": ("later", "overloaded"),
}


class FcmSettings(Common, frozen=True, kw_only=True, forbid_unknown_fields=True):
    credentials: Text
    """The service account's key file; relative to the configuration file."""
    base_url: WebUrl = "https://fcm.googleapis.com"
    token_url: WebUrl | None = None
    """None: the `token_uri` of the key file."""

    def mistakes(self) -> list[Fault]:
        try:
            account(self.credentials)
        except OSError as error:
            return [Fault("credentials", f"`credentials` cannot be read: {error.strerror}")]
        except ValueError as error:
            return [Fault("credentials", f"`credentials`: {error}")]
        return []


class _Violation(Struct):
    field: str = ""


class _Detail(Struct):
    errorCode: str | None = None
    fieldViolations: list[_Violation] = []


class _Error(Struct):
    status: str | None = None
    details: list[_Detail] = []


class _Document(Struct):
    name: str | None = None
    error: _Error | None = None


_decode = msgspec.json.Decoder(_Document).decode
_encode = msgspec.json.Encoder().encode


class Fcm:
    def __init__(self, settings: FcmSettings, surroundings: Surroundings) -> None:
        self.name = settings.name
        self.facts = settings.adjust(FACTS)
        self._now = surroundings.now
        found = account(settings.credentials)
        self._http = Http(concurrency=settings.concurrency, now=surroundings.now)
        self._token = GoogleToken(found, SCOPE, settings.token_url, self._http, surroundings.now)
        self._url = URL(f"{settings.base_url.rstrip('/')}/v1/projects/{found.project_id}/messages:send")

    async def start(self) -> None:
        await self._http.start()

    async def send(self, message: Message, timeout: float) -> Outcome:
        target = message.to
        if not isinstance(target, PushTarget) or target.provider != "fcm" or not isinstance(target.token, str):
            return Refused("not_fcm", "the address is not a token of FCM", address=True)
        left = (message.expires_at - self._now()) // 1000
        if left < 1:
            return Unavailable(TOO_LATE, "too little is left of the lawful window")
        body = _encode(document(message, target.token, min(left, MOST_TTL_S)))
        return await self._post(body, timeout)

    async def close(self) -> None:
        await self._token.close()
        await self._http.close()

    async def _post(self, body: bytes, timeout: float) -> Outcome:
        """A token that is refused is renewed once, for a 401 took nothing; all of it within `timeout`."""
        clock = asyncio.get_running_loop().time
        ends = clock() + timeout
        result: Outcome = Unavailable("no_token", "no time was left to send")
        for _ in range(2):
            token = await self._token.get(ends - clock())
            if isinstance(token, Unavailable):
                return token
            if (left := ends - clock()) <= 0:
                break
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
            result, renew = outcome(await self._http.post(self._url, body, left, headers))
            if not renew:
                break
            self._token.forget(token)
        return result


def document(message: Message, token: str, ttl: int) -> dict[str, Any]:
    """The body of messages:send; `ttl` in seconds. A stray second copy replaces the first on the device (tag)."""
    tag = message.intent
    return {
        "message": {
            "token": token,
            "notification": {"title": message.title or "", "body": message.text},
            "data": {"reference": message.reference},
            "android": {"ttl": f"{ttl}s", "priority": "high", "notification": {"tag": tag}},
            "apns": {"headers": {"apns-expiration": str(message.expires_at // 1000), "apns-collapse-id": tag}},
            "webpush": {"headers": {"TTL": str(ttl)}},
        }
    }


def outcome(answer: Answer | Unavailable | InDoubt) -> tuple[Outcome, bool]:
    """What it means, and whether a new access token may help."""
    if isinstance(answer, Unavailable):
        return _patient(answer), False
    if isinstance(answer, InDoubt):
        return answer, False
    unread = InDoubt(f"http_{answer.status}", "an answer that cannot be read")
    try:
        found = _decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return unread, False
    if answer.status < 300:
        return (Accepted(found.name) if found.name else unread), False
    return _refusal(found.error, answer.status) if found.error and found.error.status else (unread, False)


def _refusal(error: _Error, status: int) -> tuple[Outcome, bool]:
    special = next((detail.errorCode for detail in error.details if detail.errorCode), None)
    code = special or error.status or str(status)
    verdict, words = ERROR_CODES.get(code, ("final", "refused, with a code that is unknown here"))
    if verdict in ("later", "token"):
        return Unavailable(code, words), verdict == "token"
    # INVALID_ARGUMENT is the token's fault only where the field is named: a bad payload must not cost an address.
    named = any(violation.field == "message.token" for detail in error.details for violation in detail.fieldViolations)
    return Refused(code, words, address=verdict == "address" or named), False


def _patient(answer: Unavailable) -> Unavailable:
    if answer.code not in ("http_429", "http_503"):
        return answer
    wait = answer.retry_after
    if wait is None:
        wait = QUOTA_WAIT_S if answer.code == "http_429" else LEAST_WAIT_S
    return Unavailable(answer.code, answer.message, max(wait, LEAST_WAIT_S))


KIND = Kind(FACTS, FcmSettings, Fcm, paths=("credentials",))
