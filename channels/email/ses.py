"""Amazon SES v2: raw emails over HTTPS, signed by ourselves, and their events back through SNS.

docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html. An `EmailTag` carries our reference and comes back in
every event, so that a message is known even where the answer to its send was lost.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import quote

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace
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
    Surroundings,
    Unavailable,
)
from channels.email.address import mailbox, named
from channels.email.message import Letterhead, UnsafeHeaderError, sender
from channels.email.sns import Notice, Sns
from channels.http import Answer, Http
from channels.settings import Common, Kind, Text, WebUrl

FACTS = Facts(
    kind="ses", channel="email", receipts=True, summary="Amazon SES v2; events through SNS", most_bytes=40_000_000
)
PATH = "/v2/email/outbound-emails"
CERTIFICATE_S = 5.0

Verdict = Literal["final", "later"]

# The errors of SendEmail; each took nothing. Those of ours may pass once somebody mends the account.
ERRORS: dict[str, tuple[Verdict, str]] = {
    "BadRequestException": ("final", "the request is not valid"),
    "MessageRejected": ("final", "the message was rejected for its content"),
    "AccountSuspendedException": ("later", "the account is suspended"),
    "SendingPausedException": ("later", "sending is paused for the account or the configuration set"),
    "MailFromDomainNotVerifiedException": ("later", "the domain of `from` is not verified"),
    "NotFoundException": ("later", "no such identity or configuration set: check `from` and `configuration_set`"),
    "LimitExceededException": ("later", "a quota of the account"),
    "TooManyRequestsException": ("later", "too many requests"),
    "ThrottlingException": ("later", "too many requests"),
    "AccessDeniedException": ("later", "the key may not send: grant it ses:SendEmail"),
    "UnrecognizedClientException": ("later", "check `access_key_id`"),
    "InvalidSignatureException": ("later", "check `secret_access_key` and the clock"),
    "SignatureDoesNotMatch": ("later", "check `secret_access_key` and the clock"),
    "ExpiredTokenException": ("later", "`session_token` has expired"),
}

# eventType of an event -> what it means to us; a complaint proves that the message arrived.
EVENTS: dict[str, Literal["sent", "delivered", "undelivered"]] = {
    "Send": "sent", "DeliveryDelay": "sent", "Delivery": "delivered", "Open": "delivered", "Click": "delivered",
    "Complaint": "delivered", "Subscription": "delivered", "Bounce": "undelivered", "Reject": "undelivered",
    "Rendering Failure": "undelivered",
}  # fmt: skip
DEAD = frozenset({"General", "NoEmail", "Suppressed", "OnAccountSuppressionList"})
"""Subtypes of a permanent bounce that are about the address and not about the message."""


class SesSettings(Common, frozen=True, kw_only=True, forbid_unknown_fields=True):
    region: Text
    access_key_id: Text
    secret_access_key: Text
    session_token: Text | None = None
    from_: Text = field(name="from")
    configuration_set: Text | None = None
    topic_arn: Text | None = None
    """The SNS topic that the configuration set publishes events to; without it none are taken in."""
    base_url: WebUrl | None = None
    sns_host: Text | None = None
    """Host (and port) of SNS; None: `sns.<region>.amazonaws.com`."""

    def mistakes(self) -> list[Fault]:
        author = named(self.from_)
        if author is None or author[1].needs_utf8:
            return [Fault("from", "`from` is not an ASCII mail address")]
        return []


class _Answer(Struct):
    message_id: str | None = field(default=None, name="MessageId")
    type_: str | None = field(default=None, name="__type")
    message: str | None = None


class _Bounce(Struct):
    kind: str = field(default="", name="bounceType")
    subtype: str = field(default="", name="bounceSubType")
    recipients: list[dict[str, Any]] = field(default_factory=list, name="bouncedRecipients")


class _Mail(Struct):
    message_id: str | None = field(default=None, name="messageId")
    tags: dict[str, list[str]] = field(default_factory=dict)


class _Event(Struct):
    kind: str = field(default="", name="eventType")
    mail: _Mail = field(default_factory=_Mail)
    bounce: _Bounce | None = None


_answer = msgspec.json.Decoder(_Answer).decode
_notice = msgspec.json.Decoder(Notice).decode
_event = msgspec.json.Decoder(_Event).decode


class Ses:
    def __init__(self, settings: SesSettings, surroundings: Surroundings) -> None:
        self.name = settings.name
        heard = settings.topic_arn is not None and surroundings.public_url is not None
        self.facts = settings.adjust(replace(FACTS, receipts=heard))
        author = named(settings.from_)
        if author is None:
            raise ValueError("`from` is not a mail address")
        name, self._from = author
        self._letterhead = Letterhead(sender(name, self._from), self._from.domain)
        self._settings, self._now, self._unsubscribe = settings, surroundings.now, surroundings.unsubscribe
        base = settings.base_url or f"https://email.{settings.region}.amazonaws.com"
        self._url = URL(base.rstrip("/") + PATH)
        self._http = Http(concurrency=settings.concurrency, now=surroundings.now)
        host = settings.sns_host or f"sns.{settings.region}.amazonaws.com"
        self._sns = Sns(host, settings.topic_arn, self._fetch) if settings.topic_arn else None

    async def start(self) -> None:
        await self._http.start()

    async def send(self, message: Message, timeout: float) -> Outcome:
        to = mailbox(message.to) if isinstance(message.to, str) else None
        if to is None or to.needs_utf8:
            return Refused("bad_address", "not a mail address that this provider takes (RFC 5321)", address=True)
        now = self._now()
        if message.expires_at <= now:
            return Unavailable(TOO_LATE, "the lawful window has closed")
        try:
            raw = self._letterhead.write(message, to, self._unsubscribe(message))
        except UnsafeHeaderError as error:
            return Refused("unsafe_header", str(error))
        body = msgspec.json.encode(self._document(message, str(to), raw))
        seen = await self._http.post(self._url, body, timeout, self._headers(body, now))
        return outcome(seen) if isinstance(seen, Answer) else seen

    async def close(self) -> None:
        await self._http.close()

    async def hear(self, callback: Callback) -> Heard | None:
        """An event in an SNS notification, or the question whether we want them. Raises OSError where SNS's
        certificate cannot be had."""
        try:
            notice = _notice(callback.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        if self._sns is None or not await self._sns.genuine(notice):
            return None
        if notice.type == "SubscriptionConfirmation":
            return Heard(()) if await self._sns.confirm(notice) else None
        try:
            return Heard((receipt(self.name, _event(notice.message), callback.at),))
        except (msgspec.DecodeError, UnicodeDecodeError):
            return Heard(())

    def _document(self, message: Message, to: str, raw: bytes) -> dict[str, Any]:
        document = {
            "FromEmailAddress": str(self._from),
            "Destination": {"ToAddresses": [to]},
            "Content": {"Raw": {"Data": base64.b64encode(raw).decode()}},
            "EmailTags": [{"Name": "reference", "Value": message.reference}],
        }
        own = self._settings.configuration_set
        return document | {"ConfigurationSetName": own} if own else document

    def _headers(self, body: bytes, now: int) -> dict[str, str]:
        own = self._settings
        signed = {
            "content-type": "application/json",
            "host": self._url.authority,
            "x-amz-date": f"{datetime.fromtimestamp(now // 1000, UTC):%Y%m%dT%H%M%SZ}",
        }
        if own.session_token:
            signed["x-amz-security-token"] = own.session_token
        by = (own.access_key_id, own.secret_access_key, own.region, "ses")
        return signed | {"Authorization": authorization("POST", PATH, {}, signed, body, by)}

    async def _fetch(self, url: URL) -> bytes:
        http = Http(concurrency=1, now=self._now)  # once for a certificate, also in a process that sends nothing
        await http.start()
        try:
            seen = await http.get(url, CERTIFICATE_S)
        finally:
            await http.close()
        if not isinstance(seen, Answer) or seen.status != 200:
            raise ConnectionError(f"{url.host} did not give what SNS names")
        return seen.body


def authorization(
    method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes,
    by: tuple[str, str, str, str],
) -> str:  # fmt: skip
    """The Authorization header of AWS Signature Version 4. `headers` in lower case, all of them signed, `x-amz-date`
    among them; `by` is access key, secret, region, service."""
    key_id, secret, region, service = by
    stamp = headers["x-amz-date"]
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in sorted(headers))
    pairs = "&".join(f"{quote(name, safe='-_.~')}={quote(query[name], safe='-_.~')}" for name in sorted(query))
    request = "\n".join((method, path, pairs, lines, names, hashlib.sha256(body).hexdigest()))
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    digest = hashlib.sha256(request.encode()).hexdigest()
    key = f"AWS4{secret}".encode()
    for part in (stamp[:8], region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}"
    signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    return f"AWS4-HMAC-SHA256 Credential={key_id}/{scope}, SignedHeaders={names}, Signature={signature}"


def outcome(answer: Answer) -> Outcome:
    """What an answer means; the name of an error stands in a header or in the document."""
    try:
        document = _answer(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return InDoubt(f"http_{answer.status}", "an answer that cannot be read")
    if answer.status < 300:
        if document.message_id:
            return Accepted(document.message_id)
        return InDoubt("no_message_id", "accepted without an identifier")
    told = answer.headers.get("x-amzn-ErrorType") or document.type_ or ""
    name = told.partition(":")[0].rpartition("#")[2]
    if not name:
        return InDoubt(f"http_{answer.status}", "a refusal without a name")
    verdict, words = ERRORS.get(name, ("later" if answer.status == 403 else "final", document.message or "refused"))
    return Unavailable(name, words) if verdict == "later" else Refused(name, words)


def receipt(provider: str, event: _Event, at: int) -> ProviderReceipt:
    """One event (docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html)."""
    bounce = event.bounce
    hard = bounce is not None and bounce.kind == "Permanent"
    told = bounce.recipients[0] if bounce and bounce.recipients else {}
    status = told.get("status") or (f"{bounce.kind}/{bounce.subtype}" if bounce else None)
    return ProviderReceipt(
        provider=provider,
        reference=next(iter(event.mail.tags.get("reference", ())), None),
        message_id=event.mail.message_id,
        status=EVENTS.get(event.kind, "unknown"),
        code=str(status) if status else None,
        message=str(told["diagnosticCode"])[:200] if "diagnosticCode" in told else None,
        at=at,
        address=hard and bounce is not None and bounce.subtype in DEAD,
        opted_out=event.kind == "Complaint",
    )


KIND = Kind(FACTS, SesSettings, Ses)
