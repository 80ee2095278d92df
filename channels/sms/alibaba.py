"""Alibaba Cloud SMS (Dysms, API 2017-05-25): registered templates to Chinese numbers, receipts and replies by callback.

Signed by ourselves (ACS3-HMAC-SHA256, help.aliyun.com/document_detail/2639405.html), so that nothing is repeated or
redirected. `OutId` carries our reference and comes back with the receipt. Callbacks are not signed: their address ends
in a secret that an operator types into the provider's console.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, assert_never
from urllib.parse import quote

import msgspec
from msgspec import Meta, Struct, field
from msgspec.structs import replace
from yarl import URL

from channels.contract import (
    Accepted,
    Callback,
    Facts,
    Fault,
    Heard,
    InDoubt,
    Inquiry,
    Message,
    Outcome,
    ProviderReceipt,
    Refused,
    Reply,
    Report,
    Surroundings,
    Unavailable,
)
from channels.http import Answer, Http
from channels.settings import Common, Kind, Text, WebUrl
from channels.sms.chinese import CHINA, CallbackSecret, instant, is_ours
from channels.sms.registered import Registered, fill

FACTS = Facts(
    kind="alibaba", channel="sms", receipts=True, lookup=True,
    summary="Alibaba Cloud SMS; registered templates, Chinese numbers",
)  # fmt: skip
VERSION = "2017-05-25"
COUNTRY = "+86"
ANSWER = '{"code": 0, "msg": "成功"}'.encode()

Verdict = Literal["address", "opted_out", "final", "later", "tomorrow", "next_month", "doubt"]

# help.aliyun.com/document_detail/101346.html. HTTP is 200 for all of these; `isv` is our fault, `isp` theirs.
# Of an `isp` that is not here nobody says that nothing was accepted.
ERROR_CODES: dict[str, tuple[Verdict, str]] = {
    "isv.MOBILE_NUMBER_ILLEGAL": ("address", "not a mobile number"),
    "isv.CUSTOMER_REFUSED": ("opted_out", "the person unsubscribed at the provider"),
    "isv.MOBILE_COUNT_OVER_LIMIT": ("final", "too many numbers"),
    "isv.BLACK_KEY_CONTROL_LIMIT": ("final", "blacklisted: the number, or a word in a parameter"),
    "isv.SMS_CONTENT_ILLEGAL": ("final", "the content is forbidden"),
    "isv.PARAM_LENGTH_LIMIT": ("final", "a parameter is too long"),
    "isv.PARAM_NOT_SUPPORT_URL": ("final", "a parameter holds a link"),
    "isv.BUSINESS_LIMIT_CONTROL": ("later", "the number has had its share for now"),
    "isv.DAY_LIMIT_CONTROL": ("tomorrow", "the account's daily limit"),
    "isv.MONTH_LIMIT_CONTROL": ("next_month", "the account's monthly limit"),
    "isp.SYSTEM_ERROR": ("later", "system error: to be called again, as its documentation says"),
    "isv.OUT_OF_SERVICE": ("later", "the account is stopped: pay"),
    "isv.AMOUNT_NOT_ENOUGH": ("later", "the account has no money left: pay"),
    "isv.ACCOUNT_ABNORMAL": ("later", "the account is abnormal"),
    "isv.ACCOUNT_NOT_EXISTS": ("later", "the account does not exist: check `access_key_id`"),
    "isv.PRODUCT_UN_SUBSCRIPT": ("later", "the product is not opened for the account"),
    "isv.PRODUCT_UNSUBSCRIBE": ("later", "the product is not opened for the account"),
    "isv.SECURITY_FROZEN_ACCOUNT": ("later", "the account is frozen: it was not used for long"),
    "isv.SMS_SIGNATURE_ILLEGAL": ("later", "the signature is not registered: check `sign`"),
    "isv.SMS_SIGN_ILLEGAL": ("later", "the signature is not registered: check `sign`"),
    "isv.SIGN_STATE_ILLEGAL": ("later", "the signature is not approved"),
    "isv.SIGN_NAME_ILLEGAL": ("later", "the signature is not registered: check `sign`"),
    "isv.SMS_SIGNATURE_SCENE_ILLEGAL": ("later", "the signature may not be used for this template"),
    "isv.SMS_TEMPLATE_ILLEGAL": ("later", "the template is not approved: check `code`"),
    "isv.DOMESTIC_NUMBER_NOT_SUPPORTED": ("later", "the template is for foreign numbers: check `code`"),
    "template_parameter_count_illegal": ("later", "the template is for one code only: check `code`"),
    "isv.TEMPLATE_MISSING_PARAMETERS": ("later", "the registered template has other parameters: check `text`"),
    "isv.TEMPLATE_PARAMS_ILLEGAL": ("later", "the registered template has other parameters: check `text`"),
    "isv.INVALID_PARAMETERS": ("later", "a parameter of the request is wrong"),
    "isv.INVALID_JSON_PARAM": ("later", "a parameter of the request is wrong"),
    "isp.RAM_PERMISSION_DENY": ("later", "the key may not send: grant it AliyunDysmsFullAccess"),
    "isv.DENY_IP_RANGE": ("later", "our address is not allowed to send"),
    "SignatureDoesNotMatch": ("later", "check `access_key_secret`"),
    "InvalidAccessKeyId.NotFound": ("later", "check `access_key_id`"),
    "Throttling.User": ("later", "too many requests"),
    "Throttling.Api": ("later", "too many requests"),
    "Throttling": ("later", "too many requests"),
}

# err_code of a receipt that did not succeed (help.aliyun.com/document_detail/101347.html). MOBILE_NOT_ON_SERVICE and
# INVALID_NUMBER are not here: a phone that is switched off or out of reach has them too, and an address is stopped for
# ever. MK:0001 is the carrier's own: no subscriber has the number.
DEAD_NUMBERS = frozenset({"MK:0001"})
OPTED_OUT = frozenset({"MOBILE_IN_BLACK", "USER_REJECT"})
UNREPORTED = "REQUEST_SUCCESS"
"""The err_code of a message that was taken and of which no carrier reported: nobody knows whether it arrived."""

FAILED = 2
SEND_STATUSES: dict[int, Literal["sent", "delivered", "undelivered"]] = {
    1: "sent",
    FAILED: "undelivered",
    3: "delivered",
}
"""SendStatus of QuerySendDetails."""


class AlibabaSettings(Common, frozen=True, kw_only=True, forbid_unknown_fields=True):
    access_key_id: Text
    access_key_secret: Text
    templates: Annotated[tuple[Registered, ...], Meta(min_length=1)]
    callback_secret: CallbackSecret | None = None
    """Without it no receipts are taken in."""
    base_url: WebUrl = "https://dysmsapi.aliyuncs.com"

    def mistakes(self) -> list[Fault]:
        return [
            Fault("templates", f"`templates`: the text of {template.code} has no placeholder of the form ${{name}}")
            for template in self.templates
            if "${" in template.text and not template.names
        ]


class _Answer(Struct, rename="pascal"):
    code: str | None = None
    message: str | None = None
    biz_id: str | None = None


class _Detail(Struct, rename="pascal"):
    """What QuerySendDetails knows of one message."""

    out_id: str | None = None
    send_status: int | None = None
    err_code: str | None = None
    receive_date: str | None = None


class _Details(Struct):
    listed: list[_Detail] = field(default_factory=list, name="SmsSendDetailDTO")


class _Known(Struct):
    code: str | None = field(default=None, name="Code")
    details: _Details = field(default_factory=_Details, name="SmsSendDetailDTOs")


class _Told(Struct):
    """One element of a callback: SmsReport (a receipt) or SmsUp (a reply)."""

    phone_number: str = ""
    send_time: str | None = None
    report_time: str | None = None
    success: bool | None = None
    err_code: str | None = None
    err_msg: str | None = None
    biz_id: str | None = None
    out_id: str | None = None
    content: str | None = None
    sequence_id: int | str | None = None

    @property
    def is_reply(self) -> bool:
        return self.success is None and self.content is not None and bool(self.phone_number)


_answer = msgspec.json.Decoder(_Answer).decode
_known = msgspec.json.Decoder(_Known).decode


class Alibaba:
    def __init__(self, settings: AlibabaSettings, surroundings: Surroundings) -> None:
        self.name = settings.name
        heard = settings.callback_secret is not None and surroundings.public_url is not None
        self.facts = settings.adjust(replace(FACTS, receipts=heard))
        self._settings = settings
        self._url = URL(settings.base_url)
        self._now = surroundings.now
        self._http = Http(concurrency=settings.concurrency, now=surroundings.now)

    async def start(self) -> None:
        await self._http.start()

    async def send(self, message: Message, timeout: float) -> Outcome:
        if not isinstance(message.to, str):
            return Refused("no_number", "a text message needs a phone number", address=True)
        if not message.to.startswith(COUNTRY):
            return Refused("not_domestic", "this provider sends to Chinese numbers (+86) only")
        filled = fill(self._settings.templates, message.text)
        if filled is None:
            return Unavailable("unregistered_text", "no registered template says this text: check `templates`")
        query = {
            "PhoneNumbers": message.to.removeprefix(COUNTRY),
            "SignName": filled.template.sign,
            "TemplateCode": filled.template.code,
            "TemplateParam": msgspec.json.encode(filled.values).decode(),
            "OutId": message.reference,
        }
        now = self._now()
        url, headers = self._signed("SendSms", query, now)
        seen = await self._http.post(url, b"", timeout, headers)
        return outcome(seen, now) if isinstance(seen, Answer) else seen

    async def look_up(self, inquiry: Inquiry, timeout: float) -> ProviderReceipt | None:
        """What QuerySendDetails tells of the messages of that day in China to that number: ours is found by `OutId`."""
        day = f"{datetime.fromtimestamp(inquiry.at / 1000, CHINA):%Y%m%d}"
        query = {"PhoneNumber": str(inquiry.to).removeprefix(COUNTRY), "SendDate": day, "PageSize": "50"}
        now = self._now()
        url, headers = self._signed("QuerySendDetails", query | {"CurrentPage": "1"}, now)
        seen = await self._http.post(url, b"", timeout, headers)
        try:
            found = _known(seen.body).details.listed if isinstance(seen, Answer) else []
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        detail = next((one for one in found if one.out_id == inquiry.reference), None)
        if detail is None or detail.send_status not in SEND_STATUSES:
            return None
        at = instant(detail.receive_date, now)
        told = ProviderReceipt(
            provider=self.name, reference=inquiry.reference, status=SEND_STATUSES[detail.send_status], at=at
        )
        return failed(told, detail.err_code) if detail.send_status == FAILED else told

    async def close(self) -> None:
        await self._http.close()

    async def hear(self, callback: Callback) -> Heard | None:
        """Receipts (SmsReport) and replies (SmsUp), as a JSON array; the same one may come several times."""
        if not is_ours(callback, self._settings.callback_secret):
            return None
        return Heard(tuple(self._report(one, callback.at) for one in elements(callback.body)), ANSWER)

    def _report(self, told: _Told, now: int) -> Report:
        if told.is_reply:
            at = instant(told.send_time, now)
            name = str(told.sequence_id or f"{told.phone_number}-{at}")
            return Reply(
                provider=self.name,
                id=name,
                channel="sms",
                sender=_e164(told.phone_number),
                text=told.content or "",
                at=at,
            )
        receipt = ProviderReceipt(
            provider=self.name,
            reference=told.out_id or None,
            message_id=told.biz_id,
            status="delivered" if told.success else "unknown",
            message=None if told.success else told.err_msg,
            at=instant(told.report_time, now),
        )
        return failed(receipt, told.err_code) if told.success is False else receipt

    def _signed(self, action: str, query: Mapping[str, str], now: int) -> tuple[URL, dict[str, str]]:
        canonical = canonical_query(query)
        headers = {
            "host": self._url.authority,
            "x-acs-action": action,
            "x-acs-content-sha256": hashlib.sha256(b"").hexdigest(),
            "x-acs-date": f"{datetime.fromtimestamp(now // 1000, UTC):%Y-%m-%dT%H:%M:%SZ}",
            "x-acs-signature-nonce": secrets.token_hex(16),
            "x-acs-version": VERSION,
        }
        key, secret = self._settings.access_key_id, self._settings.access_key_secret
        signed = headers | {"Authorization": authorization("POST", "/", canonical, headers, key, secret)}
        return URL(f"{self._url.origin()}/?{canonical}", encoded=True), signed


def elements(body: bytes) -> Iterator[_Told]:
    """What a callback tells: an element that cannot be read takes none of the others with it."""
    try:
        listed = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    for element in listed if isinstance(listed, list) else ():
        try:
            told = msgspec.convert(element, _Told)
        except msgspec.ValidationError:
            continue
        if told.is_reply or told.success is not None or told.out_id:
            yield told


def failed(receipt: ProviderReceipt, code: str | None) -> ProviderReceipt:
    """The receipt of a message that did not succeed, with the little or much that its code says."""
    return replace(
        receipt,
        status="sent" if code == UNREPORTED else "undelivered",
        code=code,
        address=code in DEAD_NUMBERS,
        opted_out=code in OPTED_OUT,
    )


def canonical_query(query: Mapping[str, str]) -> str:
    """Sorted, each name and value by RFC 3986."""
    return "&".join(f"{quote(key, safe='~')}={quote(query[key], safe='~')}" for key in sorted(query))


def authorization(method: str, path: str, query: str, headers: Mapping[str, str], key: str, secret: str) -> str:
    """The Authorization header of signature V3. `query` is canonical; `headers` in lower case, all of them signed."""
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in sorted(headers))
    request = "\n".join((method, path, query, lines, names, headers["x-acs-content-sha256"]))
    to_sign = "ACS3-HMAC-SHA256\n" + hashlib.sha256(request.encode()).hexdigest()
    signature = hmac.new(secret.encode(), to_sign.encode(), hashlib.sha256).hexdigest()
    return f"ACS3-HMAC-SHA256 Credential={key},SignedHeaders={names},Signature={signature}"


def outcome(answer: Answer, now: int) -> Outcome:
    """What an answer means; `now` (ms) is when limits of a day or a month are counted from."""
    try:
        document = _answer(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return InDoubt(f"http_{answer.status}", "an answer that cannot be read")
    if document.code == "OK" and answer.status < 300:
        return Accepted(document.biz_id) if document.biz_id else InDoubt("no_biz_id", "accepted without an identifier")
    if not document.code or document.code == "OK":
        return InDoubt(f"http_{answer.status}", "an answer without a code")
    verdict, words = ERROR_CODES.get(document.code) or (_unlisted(document.code, answer.status), document.message or "")
    match verdict:
        case "later":
            return Unavailable(document.code, words)
        case "tomorrow" | "next_month":
            return Unavailable(document.code, words, _until_reset(verdict, now))
        case "address" | "opted_out" | "final":
            return Refused(document.code, words, address=verdict == "address", opted_out=verdict == "opted_out")
        case "doubt":
            return InDoubt(document.code, words)
        case _:
            assert_never(verdict)


def _unlisted(code: str, status: int) -> Verdict:
    """A code that is not listed: `isv.` is the message's, a 4xx came from before the service, else who knows."""
    if code.startswith("isv."):
        return "final"
    return "later" if status >= 400 else "doubt"


def _until_reset(verdict: Literal["tomorrow", "next_month"], now: int) -> float:
    """Seconds until the next midnight in China, or the first of the next month."""
    here = datetime.fromtimestamp(now / 1000, CHINA)
    midnight = here.replace(hour=0, minute=0, second=0, microsecond=0)
    reset = midnight + timedelta(days=1)
    if verdict == "next_month":
        reset = (midnight.replace(day=1) + timedelta(days=32)).replace(day=1)
    return (reset - here).total_seconds()


def _e164(number: str) -> str:
    digits = number.lstrip("+")
    return f"+{digits}" if digits.startswith("86") and len(digits) > 11 else f"{COUNTRY}{digits}"


KIND = Kind(FACTS, AlibabaSettings, Alibaba)
