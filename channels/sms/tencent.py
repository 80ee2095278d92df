"""Tencent Cloud SMS (2021-01-11): registered templates with positional parameters, receipts and replies by callback.

Signed by ourselves (TC3-HMAC-SHA256, cloud.tencent.com/document/api/382/52072). Receipts name a message by its
`SerialNo` alone, so that id is kept; callbacks are not signed: their address ends in a secret.
"""

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, assert_never

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
    kind="tencent", channel="sms", receipts=True, by_message_id=True,
    summary="Tencent Cloud SMS; registered templates with positional parameters",
)  # fmt: skip
VERSION = "2021-01-11"
ANSWER = b'{"result": 0, "errmsg": "OK"}'

Verdict = Literal["address", "opted_out", "final", "later", "tomorrow", "doubt"]

# cloud.tencent.com/document/api/382/59177 and /52075; a name that ends in `*` stands for all that begin so, and the
# longest counts. Those of a number are in its SendStatus, those of the request in Error. But for `doubt` nothing was
# accepted.
ERROR_CODES: dict[str, tuple[Verdict, str]] = {
    "InvalidParameterValue.IncorrectPhoneNumber": ("address", "not a phone number"),
    "FailedOperation.PhoneNumberParseFail": ("address", "not a phone number"),
    "FailedOperation.PhoneNumberInBlacklist": ("opted_out", "the person unsubscribed at the provider"),
    "FailedOperation.ContainSensitiveWord": ("final", "the content holds a forbidden word"),
    "InvalidParameter.DirtyWordFound": ("final", "the content holds a forbidden word"),
    "InvalidParameterValue.ProhibitedUseUrlInTemplateParameter": ("final", "a parameter holds a link"),
    "InvalidParameterValue.TemplateParameterLengthLimit": ("final", "a parameter is too long"),
    "InvalidParameterValue.ContentLengthLimit": ("final", "the text is too long"),
    "InvalidParameterValue.TemplateParameterFormatError": ("final", "a parameter has a form that is not allowed"),
    "UnsupportedOperation.ChineseMainlandTemplateToGlobalPhone": ("final", "a Chinese template to a foreign number"),
    "UnsupportedOperation.GlobalTemplateToChineseMainlandPhone": ("final", "a foreign template to a Chinese number"),
    "UnsupportedOperation.UnsupportedRegion": ("final", "no messages to that region"),
    "LimitExceeded*": ("later", "a limit of the number, the account or the template"),
    "LimitExceeded.PhoneNumberDailyLimit": ("tomorrow", "the number has had its share of the day"),
    "LimitExceeded.PhoneNumberSameContentDailyLimit": ("tomorrow", "the number has had this text often enough today"),
    "LimitExceeded.AppDailyLimit": ("tomorrow", "the application's daily limit"),
    "LimitExceeded.AppMainlandChinaDailyLimit": ("tomorrow", "the application's daily limit for China"),
    "LimitExceeded.AppGlobalDailyLimit": ("tomorrow", "the application's daily limit abroad"),
    "LimitExceeded.AppCountryOrRegionDailyLimit": ("tomorrow", "the application's daily limit for that country"),
    "LimitExceeded.DailyLimit": ("tomorrow", "the daily limit abroad"),
    "RequestLimitExceeded*": ("later", "too many requests"),
    # Among them `Timeout`, `SendAndRecvFail`, `ParseBackendResponseFail`: it asked the carrier and could not hear what
    # came back. That one may try again, as its documentation says of the first, does not say that nothing was sent.
    "InternalError*": ("doubt", "the provider does not know what became of it"),
    "InternalError.Sig*": ("later", "check `secret_id` and `secret_key`"),
    "InternalError.RequestTimeException": ("later", "check the clock"),
    "InternalError.RestApiInterfaceNotExist": ("later", "unknown address: check `base_url`"),
    "InternalError.JsonParseFail": ("later", "the request could not be read"),
    "FailedOperation.FailResolvePacket": ("later", "the request could not be read"),
    "FailedOperation.JsonParseFail": ("later", "the request could not be read"),
    "FailedOperation.MarketingSendTimeConstraint": ("later", "outside the hours of marketing messages"),
    "FailedOperation.InsufficientBalanceInSmsPackage": ("later", "the account has no messages left: pay"),
    "FailedOperation.SignatureIncorrectOrUnapproved": ("later", "the signature is not approved: check `sign`"),
    "FailedOperation.TemplateIncorrectOrUnapproved": ("later", "the template is not approved: check `code`"),
    "FailedOperation.TemplateUnapprovedOrNotExist": ("later", "the template is not approved: check `code`"),
    "FailedOperation.TemplateParamSetNotMatchApprovedTemplate": ("later", "the template has other parameters"),
    "UnauthorizedOperation*": ("later", "the key may not send, or not from here"),
    "AuthFailure*": ("later", "check `secret_id`, `secret_key` and the clock"),
    "Ip*": ("later", "our address is not allowed to send"),
    "Invalid*": ("later", "a parameter of the request is wrong"),
    "MissingParameter*": ("later", "the request lacks a parameter"),
    "UnknownParameter*": ("later", "the request has a parameter too many"),
    "NoSuch*": ("later", "unknown service: check `base_url`"),
    "ActionOffline": ("later", "the service is not offered any more"),
    "Unsupported*": ("later", "the request is not supported: check `region` and `templates`"),
    "Resource*": ("later", "the service is not available for the account"),
}

# errmsg of a failed receipt (cloud.tencent.com/document/product/382/3771): those of which it says that the number does
# not exist, and nothing else. UNDELIV, MI:0013 and most others stand for a phone that is switched off as well, and an
# address is stopped for ever.
DEAD_NUMBERS = frozenset({"MK:0001", "MK00001", "XL:169", "TA:169", "1", "67", "101"})
# On a list of people who unsubscribed or complained; the lists of a gateway, of which that is not said, are not here.
OPTED_OUT = frozenset(
    {"MX:0012", "MX:0011", "TUIDING", "MB:1077", "DB:0141", "DB:0144", "DB00144", "TD:19", "TC:0001", "69", "W-BLACK",
     "MOBILE BLACK"}
)  # fmt: skip


class TencentSettings(Common, frozen=True, kw_only=True, forbid_unknown_fields=True):
    secret_id: Text
    secret_key: Text
    app_id: Text
    """SmsSdkAppId."""
    templates: Annotated[tuple[Registered, ...], Meta(min_length=1)]
    region: Text = "ap-guangzhou"
    callback_secret: CallbackSecret | None = None
    """Without it no receipts are taken in."""
    base_url: WebUrl = "https://sms.tencentcloudapi.com"

    def mistakes(self) -> list[Fault]:
        return [
            Fault("templates", f"`templates`: {template.code} must number its parameters {{1}}, {{2}}, … in order")
            for template in self.templates
            if sorted(template.names, key=_number) != [str(n + 1) for n in range(len(template.names))]
        ]


class _Status(Struct, rename="pascal"):
    code: str = ""
    message: str = ""
    serial_no: str | None = None


class _Error(Struct, rename="pascal"):
    code: str
    message: str = ""


class _Response(Struct, rename="pascal"):
    send_status_set: list[_Status] = field(default_factory=list)
    error: _Error | None = None


class _Answer(Struct):
    response: _Response = field(name="Response")


class _Told(Struct):
    """One element of a callback: a receipt, or a reply."""

    mobile: str = ""
    nationcode: str = "86"
    user_receive_time: str | None = None
    report_status: str | None = None
    errmsg: str | None = None
    description: str | None = None
    sid: str | None = None
    text: str | None = None
    time: Any = None
    """seconds since the epoch"""


_answer = msgspec.json.Decoder(_Answer).decode


class Tencent:
    def __init__(self, settings: TencentSettings, surroundings: Surroundings) -> None:
        self.name = settings.name
        heard = settings.callback_secret is not None and surroundings.public_url is not None
        self.facts = settings.adjust(replace(FACTS, receipts=heard))
        self._settings = settings
        self._url = URL(settings.base_url) / ""
        self._now = surroundings.now
        self._http = Http(concurrency=settings.concurrency, now=surroundings.now)

    async def start(self) -> None:
        await self._http.start()

    async def send(self, message: Message, timeout: float) -> Outcome:
        if not isinstance(message.to, str):
            return Refused("no_number", "a text message needs a phone number", address=True)
        filled = fill(self._settings.templates, message.text)
        if filled is None:
            return Unavailable("unregistered_text", "no registered template says this text: check `templates`")
        document = {
            "PhoneNumberSet": [message.to],
            "SmsSdkAppId": self._settings.app_id,
            "SignName": filled.template.sign,
            "TemplateId": filled.template.code,
            "TemplateParamSet": [filled.values[name] for name in sorted(filled.values, key=_number)],
            "SessionContext": message.reference,
        }
        body = msgspec.json.encode(document)
        now = self._now()
        seen = await self._http.post(self._url, body, timeout, self._headers(body, now // 1000))
        return outcome(seen, now) if isinstance(seen, Answer) else seen

    async def close(self) -> None:
        await self._http.close()

    async def hear(self, callback: Callback) -> Heard | None:
        """Receipts and replies, as a JSON array or one object; the same one may come several times."""
        if not is_ours(callback, self._settings.callback_secret):
            return None
        return Heard(tuple(self._report(one, callback.at) for one in elements(callback.body)), ANSWER)

    def _report(self, told: _Told, now: int) -> Report:
        if told.text is not None and told.report_status is None:
            return self._reply(told, told.text, now)
        failed = told.report_status == "FAIL"
        return ProviderReceipt(
            provider=self.name,
            reference=None,
            message_id=told.sid,
            status="delivered" if told.report_status == "SUCCESS" else "undelivered" if failed else "unknown",
            code=told.errmsg if failed else None,
            message=told.description if failed else None,
            at=instant(told.user_receive_time, now),
            address=failed and told.errmsg in DEAD_NUMBERS,
            opted_out=failed and told.errmsg in OPTED_OUT,
        )

    def _reply(self, told: _Told, text: str, now: int) -> Reply:
        """Nothing names a reply but who wrote it, when and what: two of one second are told apart by their text."""
        written = told.time * 1000 if isinstance(told.time, int) and 0 < told.time * 1000 <= now else None
        said = hashlib.sha256(text.encode()).hexdigest()[:16]
        return Reply(
            provider=self.name,
            id=f"{told.mobile}-{told.time}-{said}" if written else "",
            channel="sms",
            sender=f"+{told.nationcode.lstrip('+')}{told.mobile.removeprefix('+' + told.nationcode)}",
            text=text,
            at=written or now,
        )

    def _headers(self, body: bytes, seconds: int) -> dict[str, str]:
        signed = {"content-type": "application/json; charset=utf-8", "host": self._url.authority}
        return {
            **signed,
            "X-TC-Action": "SendSms",
            "X-TC-Version": VERSION,
            "X-TC-Region": self._settings.region,
            "X-TC-Timestamp": str(seconds),
            "Authorization": authorization(
                "sms", signed, body, seconds, self._settings.secret_id, self._settings.secret_key
            ),
        }


def elements(body: bytes) -> Iterator[_Told]:
    """What a callback tells, in an array or by itself: what cannot be read takes nothing else with it."""
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    for element in document if isinstance(document, list) else [document]:
        try:
            told = msgspec.convert(element, _Told)
        except msgspec.ValidationError:
            continue
        if told.sid or (told.text is not None and told.mobile):
            yield told


def authorization(
    service: str, headers: Mapping[str, str], body: bytes, seconds: int, secret_id: str, secret_key: str
) -> str:  # fmt: skip
    """The Authorization header of TC3 for a POST to `/`. `headers` in lower case, all of them signed; `seconds` since
    the epoch, at most five minutes from the provider's clock."""
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name].strip().lower()}\n" for name in sorted(headers))
    request = "\n".join(("POST", "/", "", lines, names, hashlib.sha256(body).hexdigest()))
    day = f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"
    scope = f"{day}/{service}/tc3_request"
    digest = hashlib.sha256(request.encode()).hexdigest()
    to_sign = f"TC3-HMAC-SHA256\n{seconds}\n{scope}\n{digest}"
    key = f"TC3{secret_key}".encode()
    for part in (day, service, "tc3_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    return f"TC3-HMAC-SHA256 Credential={secret_id}/{scope}, SignedHeaders={names}, Signature={signature}"


def outcome(answer: Answer, now: int) -> Outcome:
    """What an answer means: the code of the one number, or that of the whole request. `now` (ms) is when limits of a
    day are counted from."""
    try:
        response = _answer(answer.body).response
    except (msgspec.DecodeError, UnicodeDecodeError):
        return InDoubt(f"http_{answer.status}", "an answer that cannot be read")
    if response.error is not None:
        return _refusal(response.error.code, response.error.message, now)
    if len(response.send_status_set) != 1:
        return InDoubt(f"http_{answer.status}", "an answer that tells nothing of the number")
    [status] = response.send_status_set
    if status.code == "Ok":
        return (
            Accepted(status.serial_no) if status.serial_no else InDoubt("no_serial", "accepted without an identifier")
        )
    if not status.code:
        return InDoubt(f"http_{answer.status}", "an answer without a code")
    return _refusal(status.code, status.message, now)


def _refusal(code: str, message: str, now: int) -> Outcome:
    verdict, words = _known(code) or ("final", message or "refused, with a code that is unknown here")
    match verdict:
        case "later":
            return Unavailable(code, words)
        case "tomorrow":
            here = datetime.fromtimestamp(now / 1000, CHINA)
            midnight = here.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
            return Unavailable(code, words, (midnight - here).total_seconds())
        case "address" | "opted_out" | "final":
            return Refused(code, words, address=verdict == "address", opted_out=verdict == "opted_out")
        case "doubt":
            return InDoubt(code, words)
        case _:
            assert_never(verdict)


def _known(code: str) -> tuple[Verdict, str] | None:
    """A code's own row, else the one of the longest beginning."""
    rows = [name for name in ERROR_CODES if name.endswith("*") and code.startswith(name[:-1])]
    return ERROR_CODES.get(code) or (ERROR_CODES[max(rows, key=len)] if rows else None)


def _number(name: str) -> int:
    return int(name) if name.isdecimal() else 0


KIND = Kind(FACTS, TencentSettings, Tencent)
