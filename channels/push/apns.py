"""APNs: pushes to Apple devices over one HTTP/2 connection of our own, with token authentication.

developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns. APNs tells nothing of
delivery: its 200 is the end. `apns-id` is ours and comes back; sending it twice is two pushes, so nothing is repeated
on a guess, and a stray second copy replaces the first on the device (`apns-collapse-id`).
"""

import asyncio
import hashlib
import ssl
import uuid
from pathlib import Path
from typing import Annotated, Any, Literal

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from msgspec import Meta, Struct
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
from channels.push.h2_connection import H2Connection, Lost, Reply, Untouched
from channels.settings import Common, Kind, Text

MOST_BYTES = 4096
FACTS = Facts(
    kind="apns", channel="push", receipts=False, targets=("apns",), bounds_delivery=True, most_bytes=MOST_BYTES,
    summary="Apple Push Notification service over HTTP/2",
)  # fmt: skip
CONNECT_SHARE = 0.5
# Between goes at an untouched request: a server that refuses every stream must not be flooded.
FIRST_WAIT_S, MOST_WAIT_S = 0.001, 0.1
TOKEN_LIFE_S = 40 * 60
"""A token must be made anew at least every hour and at most every 20 minutes."""
LEAST_TOKEN_LIFE_S = 20 * 60

Verdict = Literal["address", "final", "later", "token"]

# The reasons that APNs documents; each took nothing. What is new: 4xx is the message's, 5xx may pass.
REASONS: dict[str, tuple[Verdict, str]] = {
    # Not the address: with the other environment's `base_url`, or another app's `topic`, every token would seem wrong.
    "BadDeviceToken": ("final", "not a device token, or one of the other environment: check `base_url`"),
    "DeviceTokenNotForTopic": ("final", "the token belongs to another app than `topic`"),
    "Unregistered": ("address", "the app is no longer on the device"),
    "ExpiredToken": ("address", "the device token has expired"),
    "PayloadTooLarge": ("final", "the message is too large"),
    "PayloadEmpty": ("final", "the message is empty"),
    "BadCollapseId": ("final", "the collapse id is wrong"),
    "BadExpirationDate": ("final", "the expiration is wrong"),
    "BadMessageId": ("final", "the id is wrong"),
    "BadPriority": ("final", "the priority is wrong"),
    "DuplicateHeaders": ("final", "a header stands twice"),
    "BadPath": ("final", "the path is wrong"),
    "MethodNotAllowed": ("final", "the method is wrong"),
    "MissingDeviceToken": ("final", "no device token"),
    "ExpiredProviderToken": ("token", "our token has expired: check the clock"),
    "InvalidProviderToken": ("later", "check `key_file`, `key_id` and `team_id`"),
    "MissingProviderToken": ("later", "no token"),
    "BadCertificate": ("later", "the certificate is wrong"),
    "BadCertificateEnvironment": ("later", "the certificate is of the other environment"),
    "BadTopic": ("later", "check `topic`"),
    "MissingTopic": ("later", "check `topic`"),
    "TopicDisallowed": ("later", "the key may not push to `topic`"),
    "InvalidPushType": ("later", "the push type is wrong"),
    "Forbidden": ("later", "forbidden"),
    "IdleTimeout": ("later", "the connection was idle"),
    "TooManyRequests": ("later", "too many pushes to the same device"),
    "TooManyProviderTokenUpdates": ("later", "our token was made anew too often"),
    "InternalServerError": ("later", "the provider's own error, nothing was accepted"),
    "ServiceUnavailable": ("later", "the service is not available"),
    "Shutdown": ("later", "the server shuts down"),
}


class ApnsSettings(Common, frozen=True, kw_only=True, forbid_unknown_fields=True):
    key_file: Text
    """The `.p8` key of the developer account (PEM, P-256)."""
    key_id: Text
    team_id: Text
    topic: Text
    """The app's bundle id."""
    base_url: Annotated[str, Meta(pattern=r"^https://[^\s/?#]+$")] = "https://api.push.apple.com"
    ca_file: Text | None = None
    """PEM of the authorities that may vouch for the server; None: those of the system."""

    def mistakes(self) -> list[Fault]:
        found = []
        try:
            _key(self.key_file)
        except OSError as error:
            found.append(Fault("key_file", f"`key_file` cannot be read: {error.strerror or error}"))
        except (ValueError, TypeError):
            found.append(Fault("key_file", "`key_file` holds no private key for APNs (PEM, P-256)"))
        try:
            ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:
            found.append(Fault("ca_file", f"`ca_file` cannot be read: {error.strerror or error}"))
        return found


class _Answer(Struct):
    reason: str | None = None
    timestamp: int | None = None


_answer = msgspec.json.Decoder(_Answer).decode


class Apns:
    def __init__(self, settings: ApnsSettings, surroundings: Surroundings) -> None:
        self.name = settings.name
        self.facts = settings.adjust(FACTS)
        self._settings = settings
        self._url = URL(settings.base_url)
        self._now = surroundings.now
        self._key: EllipticCurvePrivateKey | None = None
        self._tls: ssl.SSLContext | None = None
        self._token: tuple[int, str] | None = None
        self._opening = asyncio.Lock()
        self._connection: H2Connection | None = None
        self._drained: set[H2Connection] = set()

    async def start(self) -> None:
        self._key = _key(self._settings.key_file)
        self._tls = ssl.create_default_context(cafile=self._settings.ca_file)
        self._tls.set_alpn_protocols(["h2"])

    async def send(self, message: Message, timeout: float) -> Outcome:
        target = message.to
        if not isinstance(target, PushTarget) or target.provider != "apns" or not _is_token(target.token):
            return Refused("BadDeviceToken", "a push needs a device token in hexadecimal digits", address=True)
        if message.expires_at - self._now() < 1000:
            return Unavailable(TOO_LATE, "too little is left of the lawful window")
        body = msgspec.json.encode(_document(message))
        if len(body) > MOST_BYTES:
            return Refused("PayloadTooLarge", f"{len(body)} bytes, of {MOST_BYTES} allowed")
        if self._key is None:
            return Unavailable("not_started", "the provider is not started or already closed")
        sent: list[str] = []
        try:
            async with asyncio.timeout(timeout):
                return await self._deliver(message, str(target.token), body, timeout, sent)
        except TimeoutError:
            words = f"no complete answer within {timeout:g} s"
            return InDoubt("timeout", words) if sent else Unavailable("no_connection", words)
        except Lost as error:
            return InDoubt("broken", str(error))
        except OSError as error:
            return Unavailable("no_connection", f"{type(error).__name__}: {error}"[:200])

    async def close(self) -> None:
        self._key = None
        connection, self._connection = self._connection, None
        for one in (*([connection] if connection else []), *self._drained):
            await one.close()
        self._drained.clear()

    async def _deliver(self, message: Message, token: str, body: bytes, timeout: float, sent: list[str]) -> Outcome:
        """One push. What the server has proven not to have looked at goes out again, on a new connection; a token that
        has expired is made anew once."""
        renewed, wait = False, FIRST_WAIT_S
        while True:
            async with asyncio.timeout(timeout * CONNECT_SHARE):
                connection = await self._connected()
            headers = self._headers(message, token)
            try:
                reply = await connection.request(headers, body, lambda: sent.append(token))
            except Untouched:
                sent.clear()
                await asyncio.sleep(wait)
                wait = min(2 * wait, MOST_WAIT_S)
                continue
            found, again = outcome(reply)
            if again and not renewed and self._renew():
                renewed = True
                sent.clear()
                continue
            return found

    async def _connected(self) -> H2Connection:
        """A connection on which a request may begin; one that drains is kept until its requests have ended."""
        async with self._opening:
            if self._connection is None or not self._connection.usable:
                old, self._connection = self._connection, None
                if old is not None:
                    self._drained.add(old)
                for one in [one for one in self._drained if one.ended]:
                    self._drained.discard(one)
                    await one.close()
                assert self._tls is not None
                host, port = str(self._url.host), self._url.port or 443
                self._connection = await H2Connection.open(host, port, self._tls)
            return self._connection

    def _headers(self, message: Message, token: str) -> list[tuple[str, str]]:
        return [
            (":method", "POST"), (":scheme", "https"), (":authority", self._url.authority),
            (":path", f"/3/device/{token}"), ("authorization", f"bearer {self._bearer()}"),
            ("apns-topic", self._settings.topic), ("apns-push-type", "alert"), ("apns-priority", "10"),
            ("apns-expiration", str(message.expires_at // 1000)), ("apns-collapse-id", message.intent),
            ("apns-id", name_of(message.reference)), ("content-type", "application/json"),
        ]  # fmt: skip

    def _bearer(self) -> str:
        now = self._now() // 1000
        if self._token is None or now >= self._token[0] + TOKEN_LIFE_S or now < self._token[0]:
            assert self._key is not None
            claims = {"iss": self._settings.team_id, "iat": now}
            self._token = now, jwt.encode(claims, self._key, "ES256", headers={"kid": self._settings.key_id})
        return self._token[1]

    def _renew(self) -> bool:
        """Forgets the token, unless that would be too often; whether it did."""
        if self._token is None or self._now() // 1000 - self._token[0] < LEAST_TOKEN_LIFE_S:
            return False
        self._token = None
        return True


def outcome(reply: Reply) -> tuple[Outcome, bool]:
    """What a response means, and whether a new token may help."""
    if reply.status == 200:
        name = reply.headers.get("apns-id")
        return (Accepted(name) if name else InDoubt("no_id", "accepted without an identifier")), False
    try:
        reason = _answer(reply.body).reason
    except (msgspec.DecodeError, UnicodeDecodeError):
        reason = None
    if not reason:
        return InDoubt(f"http_{reply.status}", "an answer without a reason"), False
    default: tuple[Verdict, str] = ("later" if reply.status >= 500 else "final", "refused, with an unknown reason")
    verdict, words = REASONS.get(reason, default)
    if verdict in ("later", "token"):
        return Unavailable(reason, words), verdict == "token"
    return Refused(reason, words, address=verdict == "address"), False


def name_of(reference: str) -> str:
    """The reference as the UUID that APNs wants; one that is no 32 hexadecimal digits is made one."""
    try:
        return str(uuid.UUID(hex=reference))
    except ValueError:
        return str(uuid.UUID(bytes=hashlib.blake2b(reference.encode(), digest_size=16).digest()))


def _document(message: Message) -> dict[str, Any]:
    alert = {"title": message.title or "", "body": message.text}
    return {"aps": {"alert": alert, "sound": "default"}, "reference": message.reference}


def _is_token(token: object) -> bool:
    return isinstance(token, str) and 0 < len(token) <= 200 and all(c in "0123456789abcdefABCDEF" for c in token)


def _key(path: str) -> EllipticCurvePrivateKey:
    """Raises OSError, and ValueError or TypeError where the file holds no key of the right kind."""
    key = load_pem_private_key(Path(path).read_bytes(), None)
    if not isinstance(key, EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise ValueError("not a key on P-256")
    return key


KIND = Kind(FACTS, ApnsSettings, Apns, paths=("key_file", "ca_file"))
