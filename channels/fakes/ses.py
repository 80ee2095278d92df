"""An SES v2 that speaks its wire, and the SNS behind it: checks the signature by itself, takes emails, signs events.

A deed that ends in `Exception` or is a name of an error is that error; others are those of `wire`.
"""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.x509.oid import NameOID

from channels.fakes.wire import HttpFake

TOPIC = "arn:aws:sns:eu-central-1:1:events"
STATUS = {"TooManyRequestsException": 429, "NotFoundException": 404, "AccessDeniedException": 403}


class FakeSes(HttpFake):
    """`fetched` and `confirmed` count what SNS's own addresses were asked for."""

    def __init__(self, rate: float = 0.0, seed: int = 0, *, key: str = "AKID", secret: str = "hush-hush-hush") -> None:
        super().__init__(rate, seed)
        self.key, self.secret = key, secret
        self.fetched = self.confirmed = 0

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/v2/email/outbound-emails", self.create),
            web.get("/SimpleNotificationService.pem", self.certificate),
            web.get("/confirm", self.confirm),
        ]

    def entry(self, folder: Path) -> dict[str, Any]:
        return {"name": "email", "kind": "ses", "region": "eu-central-1", "access_key_id": self.key,
                "secret_access_key": self.secret, "from": "Example Bank <notice@example.com>", "topic_arn": TOPIC,
                "base_url": self.url, "sns_host": self.url.removeprefix("http://")}  # fmt: skip

    def refusal(self, status: int) -> tuple[int, Any]:
        return status, {"message": "refused"}

    async def create(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if not self.genuine(request, body):
            return _error("InvalidSignatureException", 403)
        document = json.loads(body)
        tags = {tag["Name"]: tag["Value"] for tag in document["EmailTags"]}
        record = {
            "to": document["Destination"]["ToAddresses"][0], "reference": tags["reference"],
            "raw": base64.b64decode(document["Content"]["Raw"]["Data"]).decode(), "id": f"ses-{self.seen}",
        }  # fmt: skip
        return await self.answer(request, record, (200, {"MessageId": record["id"]}))

    def genuine(self, request: web.Request, body: bytes) -> bool:
        """The provider's own reckoning of the signature, written apart from ours."""
        given = request.headers.get("Authorization", "")
        names = given.partition("SignedHeaders=")[2].partition(",")[0]
        scope = given.partition("Credential=")[2].partition(",")[0].removeprefix(f"{self.key}/")
        lines = [f"{name}:{request.headers.get(name, '')}" for name in names.split(";")]
        canonical = "\n".join(
            ["POST", request.path, "", *lines, "", names, hashlib.sha256(body).hexdigest()]
        )  # fmt: skip
        stamp = request.headers.get("x-amz-date", "")
        text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        key = b"AWS4" + self.secret.encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        return given.endswith(f"Signature={hmac.digest(key, text.encode(), 'sha256').hex()}")

    async def certificate(self, request: web.Request) -> web.Response:
        self.fetched += 1
        return web.Response(body=_certificate().public_bytes(serialization.Encoding.PEM))

    async def confirm(self, request: web.Request) -> web.Response:
        self.confirmed += 1
        return web.Response(text="<ok/>")

    def notice(self, message: str, kind: str = "Notification", version: str = "2", **changes: Any) -> dict[str, Any]:
        """A signed SNS message; `changes` come after the signature."""
        told = {
            "Type": kind, "MessageId": "n1", "TopicArn": TOPIC, "Message": message,
            "Timestamp": "2026-11-23T12:00:00.000Z", "SignatureVersion": version,
            "SigningCertURL": f"{self.url}/SimpleNotificationService.pem",
        }  # fmt: skip
        names = ["Message", "MessageId", "Timestamp", "TopicArn", "Type"]
        if kind == "SubscriptionConfirmation":
            told |= {"SubscribeURL": f"{self.url}/confirm", "Token": "t"}
            names = ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
        text = "".join(f"{name}\n{told[name]}\n" for name in names)
        algorithm = hashes.SHA256() if version == "2" else hashes.SHA1()
        told["Signature"] = base64.b64encode(_key().sign(text.encode(), PKCS1v15(), algorithm)).decode()
        return told | changes

    def event(self, kind: str, reference: str, **parts: Any) -> str:
        """An event of a message, as SES publishes it."""
        mail = {"messageId": "ses-0", "tags": {"reference": [reference], "ses:source-ip": ["1.2.3.4"]}}
        return json.dumps({"eventType": kind, "mail": mail} | parts)

    async def _break(self, request: web.Request, deed: str) -> web.StreamResponse:
        if deed in ("reset", "hang", "half", "not-http"):
            return await super()._break(request, deed)
        return _error(deed, STATUS.get(deed, 400))


def _error(name: str, status: int) -> web.Response:
    return web.json_response({"message": "refused"}, status=status, headers={"x-amzn-ErrorType": f"{name}:http://x"})


async def post(url: str, document: dict[str, Any]) -> int:
    """Posts as SNS does, as text; the status of the answer."""
    body, headers = json.dumps(document).encode(), {"Content-Type": "text/plain; charset=UTF-8"}
    async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=headers) as answer:
        return answer.status


@cache
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def _certificate() -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(_key().public_key())
    made = made.serial_number(1).not_valid_before(begin).not_valid_after(begin + timedelta(days=3650))
    return made.sign(_key(), hashes.SHA256())


FAKE = FakeSes
