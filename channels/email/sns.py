"""Proves that a callback is Amazon SNS's: its signature over the message, by a certificate of SNS's own host.

docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html. The certificate's address comes with the message
and is believed only on the host of the topic's region; so is the address that confirms a subscription.
"""

import base64
from collections.abc import Awaitable, Callable

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from msgspec import Struct, field
from yarl import URL

SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
MOST_CERTIFICATES = 8

Fetch = Callable[[URL], Awaitable[bytes]]
"""Gets what lies at an address. Raises OSError."""


class Notice(Struct, rename="pascal"):
    """An SNS message as it is posted; only what is signed or needed."""

    type: str
    message_id: str
    topic_arn: str
    message: str
    timestamp: str
    signature_version: str
    signature: str
    signing_cert_url: str | None = field(default=None, name="SigningCertURL")
    subject: str | None = None
    token: str | None = None
    subscribe_url: str | None = field(default=None, name="SubscribeURL")


class Sns:
    """`host` is that of SNS in the topic's region, `topic` the one that may speak."""

    def __init__(self, host: str, topic: str, fetch: Fetch) -> None:
        self._host, self._topic, self._fetch = host, topic, fetch
        self._keys: dict[str, RSAPublicKey] = {}

    async def genuine(self, notice: Notice) -> bool:
        """Whether SNS signed it for our topic. Raises OSError where the certificate cannot be had."""
        if notice.topic_arn != self._topic or notice.type not in SIGNED:
            return False
        url = self.own(notice.signing_cert_url)
        if url is None or not url.path.endswith(".pem"):
            return False
        key = await self._key(url)
        algorithm: hashes.HashAlgorithm = hashes.SHA256() if notice.signature_version == "2" else hashes.SHA1()
        try:
            signature = base64.b64decode(notice.signature, validate=True)
            if key is not None:
                key.verify(signature, signed_text(notice).encode(), PKCS1v15(), algorithm)
        except (InvalidSignature, ValueError):
            return False
        return key is not None

    async def confirm(self, notice: Notice) -> bool:
        """Follows the address that confirms a subscription, if it is SNS's own. Raises OSError."""
        url = self.own(notice.subscribe_url)
        if url is None:
            return False
        await self._fetch(url)
        return True

    def own(self, text: str | None) -> URL | None:
        """An address on SNS's own host, over https; over http on loopback alone."""
        try:
            url = URL(text or "")
            secure = url.scheme == "https" or (url.scheme == "http" and url.host == "127.0.0.1")
            return url if secure and url.authority == self._host else None
        except ValueError:
            return None

    async def _key(self, url: URL) -> RSAPublicKey | None:
        found = self._keys.get(str(url))
        if found is not None:
            return found
        pem = await self._fetch(url)
        try:
            key = x509.load_pem_x509_certificate(pem).public_key()
        except ValueError:
            return None
        if not isinstance(key, RSAPublicKey):
            return None
        if len(self._keys) >= MOST_CERTIFICATES:
            self._keys.clear()
        self._keys[str(url)] = key
        return key


def signed_text(notice: Notice) -> str:
    """Names and values that SNS signs, a line each, in the order that it documents."""
    values = {
        "Message": notice.message, "MessageId": notice.message_id, "Subject": notice.subject, "Token": notice.token,
        "SubscribeURL": notice.subscribe_url, "Timestamp": notice.timestamp, "TopicArn": notice.topic_arn,
        "Type": notice.type,
    }  # fmt: skip
    return "".join(f"{name}\n{values[name]}\n" for name in SIGNED[notice.type] if values[name] is not None)
