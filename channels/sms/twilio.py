"""Twilio: text messages out through its SDK over our own HTTP, and its status callbacks in.

Facts from Twilio's pages on the Messages resource, status callbacks, error codes and webhook security, read 2026-11.
Twilio has no idempotency key: a message whose answer was lost is in doubt, and its callback, which carries our
reference in the URL, is what resolves it. The SDK's own asynchronous client ignores its time-out and can be told to
repeat a POST, hence ours.
"""

import logging
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit

import aiohttp
import msgspec
from msgspec import Struct, field
from msgspec.structs import replace
from multidict import MultiDict
from twilio.http import AsyncHttpClient
from twilio.request_validator import RequestValidator
from twilio.rest import Client
from yarl import URL

from channels.contract import (
    TOO_LATE,
    Accepted,
    Callback,
    Facts,
    Fault,
    Heard,
    InDoubt,
    Message,
    Outcome,
    ProviderReceipt,
    Refused,
    Reply,
    Surroundings,
    Unavailable,
)
from channels.http import Answer, Http
from channels.settings import Common, Kind, Text, WebUrl

FACTS = Facts(
    kind="twilio", channel="sms", receipts=True, bounds_delivery=True, longest_life_s=36_000,
    summary="text messages; receipts by callback, none without a `public_url`",
)  # fmt: skip

# Twilio advises against a ValidityPeriod of 5 s or less: the message would likely die in its own queue.
LEAST_VALIDITY_S = 6
MOST_VALIDITY_S = 36_000

Verdict = Literal["address", "opted_out", "final", "later"]

# What an error code in the answer to a send means. Nothing was accepted in any of them.
ERROR_CODES: dict[int, tuple[Verdict, str]] = {
    21211: ("address", "invalid number"),
    21217: ("address", "number not well formed"),
    21612: ("final", "cannot be reached from this sender"),
    21614: ("address", "not a mobile number"),
    21635: ("address", "a landline"),
    30005: ("address", "unknown handset"),
    30006: ("address", "landline or unreachable carrier"),
    21610: ("opted_out", "the person told Twilio to stop"),
    21408: ("final", "no permission to send to that region"),
    21602: ("final", "empty body"),
    21604: ("final", "no recipient"),
    21606: ("final", "`from` cannot send messages to that number"),
    21617: ("final", "body too long"),
    21659: ("final", "`from` is not a number of this account"),
    21660: ("final", "`from` does not belong to this account"),
    21703: ("final", "the messaging service has no sender"),
    21704: ("final", "the messaging service is disabled"),
    30004: ("final", "blocked"),
    30007: ("final", "filtered by the carrier"),
    30024: ("final", "sender not registered"),
    30032: ("final", "toll-free sender not verified"),
    30034: ("final", "sender not registered (A2P 10DLC)"),
    30450: ("final", "content refused"),
    # Our own credentials or account: a person's reminder must not be burned for them.
    20003: ("later", "authentication failed: check `account_sid` and `auth_token`"),
    20005: ("later", "the account is not active"),
    20404: ("later", "unknown account or address: check `account_sid` and `base_url`"),
    30002: ("later", "the account is suspended"),
    14107: ("later", "rate of messages exceeded"),
    20429: ("later", "too many requests"),
    21611: ("later", "the sender's queue is full"),
    30001: ("later", "queue overflow"),
    30017: ("later", "carrier congested"),
    30022: ("later", "rate limit of the carrier"),
    30023: ("later", "daily cap of the carrier"),
    63038: ("later", "daily limit of the account"),
}

# MessageStatus of a callback -> what it means to us. `canceled` and `failed` come after Twilio had accepted.
STATUSES: dict[str, Literal["sent", "delivered", "undelivered"]] = {
    "accepted": "sent",
    "scheduled": "sent",
    "queued": "sent",
    "sending": "sent",
    "sent": "sent",
    "delivered": "delivered",
    "read": "delivered",
    "undelivered": "undelivered",
    "failed": "undelivered",
    "canceled": "undelivered",
}

# ErrorCode of a callback -> words for the receipt; another code is passed on as it is.
DELIVERY_CODES: dict[str, str] = {
    "30001": "queue overflow",
    "30002": "account suspended",
    "30003": "handset unreachable",
    "30004": "blocked by the carrier or the person",
    "30005": "unknown handset",
    "30006": "landline or unreachable carrier",
    "30007": "filtered by the carrier",
    "30008": "unknown error of the carrier",
    "30017": "carrier congested",
    "30022": "rate limit of the carrier",
    "30023": "daily cap of the carrier",
    "30034": "sender not registered",
    "30036": "validity period over",
    "30410": "time-out of the carrier",
}


INBOUND_STATUSES = ("received", "receiving")
OPTED_OUT_CODE = "21610"
DEAD_CODES = frozenset({"30005", "30006"})
"""ErrorCode of a callback that is about the number itself, not about this moment."""


class TwilioSettings(Common, frozen=True, kw_only=True, forbid_unknown_fields=True):
    account_sid: Text
    auth_token: Text
    secondary_auth_token: Text | None = None
    """The other live token, while tokens are rotated: callbacks signed with either are Twilio's."""
    from_: Text | None = field(default=None, name="from")
    messaging_service_sid: Text | None = None
    base_url: WebUrl = "https://api.twilio.com"

    def mistakes(self) -> list[Fault]:
        if self.from_ or self.messaging_service_sid:
            return []
        return [Fault("from", "one of `from` and `messaging_service_sid` is needed")]


class _Document(Struct):
    """The parts that matter of Twilio's answer, a message resource or an error."""

    sid: str | None = None
    code: int | None = None
    message: str | None = None


_decode = msgspec.json.Decoder(_Document).decode


class _TwilioHttp(AsyncHttpClient):  # type: ignore[misc]  # the SDK is not typed
    """The SDK's door to HTTP, on our road: bounded, on time, never a second POST.

    The SDK passes on what `request` returns untouched, so that it may be an outcome instead of the SDK's Response.
    """

    def __init__(self, http: Http) -> None:
        super().__init__(logging.getLogger(__name__), True, None)
        self._http = http

    async def request(
        self,
        method: str,
        uri: str,
        params: dict[str, object] | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Answer | Unavailable | InDoubt:
        if method != "POST" or timeout is None:
            raise ValueError("only POST with a time-out is made here")
        sent = dict(headers or {})
        if auth:
            sent["Authorization"] = aiohttp.encode_basic_auth(*auth)
        return await self._http.post(URL(uri), urlencode(data or {}).encode(), timeout, sent)


class Twilio:
    """Sends with `Messages.json`; reads status callbacks."""

    def __init__(self, settings: TwilioSettings, surroundings: Surroundings) -> None:
        self.name = settings.name
        base = surroundings.public_url
        self._callback = f"{base.rstrip('/')}/webhooks/{self.name}/" if base else None
        # Without a public URL no callback can come, and waiting for one would be waiting for nothing.
        self.facts = settings.adjust(replace(FACTS, receipts=self._callback is not None))
        self._now = surroundings.now
        self._url = f"{settings.base_url.rstrip('/')}/2010-04-01/Accounts/{settings.account_sid}/Messages.json"
        self._sender: dict[str, Any] = {"From": settings.from_, "MessagingServiceSid": settings.messaging_service_sid}
        self._http = Http(concurrency=settings.concurrency, now=surroundings.now)
        self._client = Client(
            settings.account_sid,
            settings.auth_token,
            http_client=_TwilioHttp(self._http),
            # Empty would mean os.environ, where TWILIO_REGION or TWILIO_EDGE could send us to another host.
            environment={"TWILIO_EDGE": ""},
        )
        tokens = (settings.auth_token, settings.secondary_auth_token)
        self._validators = [RequestValidator(token) for token in tokens if token]

    async def start(self) -> None:
        await self._http.start()

    async def send(self, message: Message, timeout: float) -> Outcome:
        if not isinstance(message.to, str):
            return Refused("no_number", "a text message needs a phone number", address=True)
        left = (message.expires_at - self._now()) // 1000
        if left < LEAST_VALIDITY_S:
            return Unavailable(TOO_LATE, "too little is left of the lawful window")
        form = self._sender | {
            "To": message.to,
            "Body": message.text,
            "ValidityPeriod": min(left, MOST_VALIDITY_S),
            "StatusCallback": self._callback and self._callback + message.reference,
        }
        seen: Answer | Unavailable | InDoubt = await self._client.request_async(
            "POST", self._url, data=form, timeout=timeout
        )
        return outcome(seen) if isinstance(seen, Answer) else seen

    async def close(self) -> None:
        await self._http.close()

    async def hear(self, callback: Callback) -> Heard | None:
        """A status callback (twilio.com/docs/messaging/guides/outbound-message-status-in-status-callbacks), or a
        message that a person sent to us (twilio.com/docs/messaging/guides/webhook-request)."""
        form = MultiDict(parse_qsl(callback.body.decode("utf-8", "replace"), keep_blank_values=True))
        if not self.verify(callback.url, form, callback.headers.get("x-twilio-signature")):
            return None
        if "Body" in form and form.get("SmsStatus") in (None, *INBOUND_STATUSES):
            return Heard((self.reply(form, callback.at),))
        return Heard((self.receipt(callback.reference, form, callback.at),))

    def verify(self, url: str, params: Mapping[str, str], signature: str | None) -> bool:
        """Whether Twilio signed this callback. `url` is the public one, with its query; `params` the decoded form."""
        # The validator would iterate the characters of a text body, and raises on a missing signature.
        if not signature or not isinstance(params, Mapping):
            return False
        try:
            urlsplit(url).port  # noqa: B018 - a port that is none raises here instead of in the validator
            return any(validator.validate(url, params, signature) for validator in self._validators)
        except ValueError:
            return False

    def receipt(self, reference: str | None, form: Mapping[str, str], at: int) -> ProviderReceipt:
        """A verified status callback, whose URL ended in `reference`, as a receipt; `at` is ms since the epoch."""
        code = form.get("ErrorCode") or None
        return ProviderReceipt(
            provider=self.name,
            reference=reference,
            message_id=form.get("MessageSid") or form.get("SmsSid") or None,
            status=STATUSES.get(form.get("MessageStatus") or form.get("SmsStatus") or "", "unknown"),
            opted_out=code == OPTED_OUT_CODE,
            address=code in DEAD_CODES,
            code=code,
            message=DELIVERY_CODES.get(code, f"Twilio error {code}") if code else None,
            at=at,
        )

    def reply(self, form: Mapping[str, str], at: int) -> Reply:
        """A verified inbound message; `OptOutType` tells that Twilio itself took it for a STOP."""
        return Reply(
            provider=self.name,
            id=form.get("MessageSid") or form.get("SmsSid") or "",
            channel="sms",
            sender=form.get("From") or "",
            text=form.get("Body") or "",
            at=at,
            opted_out=form.get("OptOutType") == "STOP",
        )


def outcome(answer: Answer) -> Outcome:
    """What a 2xx or a 4xx of Twilio means; the other statuses never come here."""
    try:
        document = _decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return InDoubt(f"http_{answer.status}", "an answer that cannot be read")
    if answer.status < 300:
        return Accepted(document.sid) if document.sid else InDoubt("no_sid", "accepted without an identifier")
    return _refusal(answer.status, document)


def _refusal(status: int, document: _Document) -> Outcome:
    if document.code is None:
        return InDoubt(f"http_{status}", "a refusal without Twilio's error code")
    # Any 4xx with Twilio's own error document was refused by its API, also with a code that is new to us.
    default: tuple[Verdict, str] = ("later" if status in (401, 403, 404) else "final", document.message or "unknown")
    verdict, words = ERROR_CODES.get(document.code, default)
    code = str(document.code)
    if verdict == "later":
        return Unavailable(code, words)
    return Refused(code, words, address=verdict == "address", opted_out=verdict == "opted_out")


KIND = Kind(FACTS, TwilioSettings, Twilio)
