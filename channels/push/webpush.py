"""Web Push: to browsers, through the push service that each subscription names (RFC 8030, 8188, 8291, 8292).

pywebpush encrypts and py_vapid signs; the request goes our own road, so that nothing is redirected or repeated. The
endpoint of a subscription comes from a browser, so only the hosts of known push services are ever connected to.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from msgspec import Meta
from py_vapid import Vapid02
from pywebpush import WebPusher, WebPushException
from yarl import URL

from channels.contract import (
    TOO_LATE,
    Accepted,
    Facts,
    Fault,
    Message,
    Outcome,
    PushTarget,
    Refused,
    Surroundings,
    Unavailable,
)
from channels.http import Answer, Http
from channels.settings import Common, Kind, Text

MOST_BYTES = 4096
"""of the encrypted body; push services need take no more (RFC 8030, 7.2)"""
FACTS = Facts(
    kind="webpush", channel="push", receipts=False, targets=("webpush",), bounds_delivery=True, most_bytes=MOST_BYTES,
    summary="Web Push with VAPID, to the push services of browsers",
)  # fmt: skip
SERVICES = (
    "fcm.googleapis.com", "updates.push.services.mozilla.com", "*.push.services.mozilla.com", "*.notify.windows.com",
    "web.push.apple.com", "*.push.apple.com",
)  # fmt: skip
TOKEN_LIFE_S = 12 * 3600
"""A signature may hold for a day at most (RFC 8292, 2)."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")

Verdict = Literal["address", "final", "later"]

# RFC 8030, 5, 7.3 and 8; what services document beyond it. Every one of these took nothing.
STATUSES: dict[int, tuple[Verdict, str]] = {
    400: ("later", "the push service does not understand the request: check `private_key_file` and `subject`"),
    401: ("later", "the push service does not believe our signature: check `private_key_file`"),
    403: ("later", "the subscription belongs to another key than `private_key_file`"),
    404: ("address", "the subscription has expired"),
    406: ("later", "the push service limits us"),
    410: ("address", "the person unsubscribed from pushes"),
    413: ("final", "the message is too large"),
}


class WebPushSettings(Common, frozen=True, kw_only=True, forbid_unknown_fields=True):
    private_key_file: Text
    """PEM of the VAPID key (P-256); browsers subscribed with its public half."""
    subject: Annotated[str, Meta(pattern=r"^(mailto:[^\s@]+@[^\s@]+|https://\S+)$")]
    """Whom a push service may ask about us."""
    services: tuple[Annotated[str, Meta(pattern=r"^[A-Za-z0-9.*:\[\]-]+$")], ...] = SERVICES
    """Hosts that may be connected to, `*.` for any below; with a port only that one. Plain http on loopback alone."""
    urgency: Literal["very-low", "low", "normal", "high"] = "normal"

    def mistakes(self) -> list[Fault]:
        try:
            _key(self.private_key_file)
        except OSError as error:
            return [Fault("private_key_file", f"`private_key_file` cannot be read: {error.strerror or error}")]
        except (ValueError, TypeError):
            return [Fault("private_key_file", "`private_key_file` holds no private key for VAPID (PEM, P-256)")]
        return []


class WebPush:
    def __init__(self, settings: WebPushSettings, surroundings: Surroundings) -> None:
        self.name = settings.name
        self.facts = settings.adjust(FACTS)
        self._settings = settings
        self._now = surroundings.now
        self._http = Http(concurrency=settings.concurrency, now=surroundings.now)
        self._signed: dict[str, tuple[int, dict[str, str]]] = {}
        self._vapid: Vapid02 | None = None

    async def start(self) -> None:
        self._vapid = _key(self._settings.private_key_file)
        await self._http.start()

    async def send(self, message: Message, timeout: float) -> Outcome:
        target = message.to
        if not isinstance(target, PushTarget) or target.provider != "webpush" or not isinstance(target.token, dict):
            return Refused("no_subscription", "a web push needs a subscription object", address=True)
        endpoint = _endpoint(target.token, self._settings.services)
        if endpoint is None:
            return Refused("bad_endpoint", "the endpoint is not of a push service that is allowed: `services`")
        ttl = (message.expires_at - self._now()) // 1000
        if ttl < 1:
            return Unavailable(TOO_LATE, "too little is left of the lawful window")
        if self._vapid is None:
            return Unavailable("not_started", "the provider is not started or already closed")
        body = _encrypted(target.token, message)
        if body is None:
            return Refused("bad_subscription", "the keys of the subscription are none", address=True)
        if len(body) > MOST_BYTES:
            return Refused("too_large", f"{len(body)} bytes encrypted, of {MOST_BYTES} allowed")
        headers = self._headers(endpoint, message, ttl)
        seen = await self._http.post(endpoint, body, timeout, headers)
        return outcome(seen, message.reference) if isinstance(seen, Answer) else seen

    async def close(self) -> None:
        await self._http.close()

    def _headers(self, endpoint: URL, message: Message, ttl: int) -> dict[str, str]:
        return self._authorized(str(endpoint.origin())) | {
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(ttl),
            "Urgency": self._settings.urgency,
            "Topic": message.intent,  # at most 32 characters (RFC 8030, 5.4)
        }

    def _authorized(self, origin: str) -> dict[str, str]:
        """The signature for a push service, used again for half of its life: it costs more than all the rest."""
        now = self._now() // 1000
        until, header = self._signed.get(origin, (0, {}))
        if now > until:
            assert self._vapid is not None
            claims = {"aud": origin, "sub": self._settings.subject, "exp": now + TOKEN_LIFE_S}
            header = dict(self._vapid.sign(claims))
            self._signed[origin] = (now + TOKEN_LIFE_S // 2, header)
        return header


def outcome(answer: Answer, reference: str) -> Outcome:
    """What an answer means; an acceptance is named by its Location, or by our reference where there is none."""
    if answer.status < 300:
        return Accepted(answer.headers.get("Location") or reference)
    verdict, words = STATUSES.get(answer.status, ("final", "refused by the push service"))
    code = f"http_{answer.status}"
    return Unavailable(code, words) if verdict == "later" else Refused(code, words, address=verdict == "address")


def _endpoint(subscription: Mapping[str, Any], services: tuple[str, ...]) -> URL | None:
    """The address to post to, if it is one of a push service that may be connected to."""
    try:
        url = URL(str(subscription.get("endpoint", "")))
        port = url.port
    except ValueError:
        return None
    host = (url.host or "").lower()
    if url.user or url.password or not (url.scheme == "https" or (url.scheme == "http" and host in LOOPBACK)):
        return None
    return url if any(_allows(service.lower(), host, port, url.is_default_port()) for service in services) else None


def _allows(service: str, host: str, port: int | None, default: bool) -> bool:
    name, _, own_port = service.rpartition(":") if service.rpartition(":")[2].isdigit() else (service, "", "")
    if not (default if not own_port else str(port) == own_port):
        return False
    return host.endswith(name[1:]) and len(host) > len(name) - 1 if name.startswith("*.") else host == name


def _encrypted(subscription: Mapping[str, Any], message: Message) -> bytes | None:
    """The body as RFC 8291 encrypts it; None where the subscription's keys are none."""
    payload = {"title": message.title or "", "body": message.text, "data": {"reference": message.reference}}
    try:
        encoded = WebPusher(subscription).encode(msgspec.json.encode(payload))
    except (WebPushException, ValueError, TypeError, AttributeError, IndexError, KeyError):
        return None  # whatever a browser may have called a key
    return bytes(encoded["body"])


def _key(path: str) -> Vapid02:
    """Raises OSError, and ValueError where the file holds no key of the right kind."""
    key = load_pem_private_key(Path(path).read_bytes(), None)
    if not isinstance(key, EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise ValueError("not a key on P-256")
    return Vapid02(key)


KIND = Kind(FACTS, WebPushSettings, WebPush, paths=("private_key_file",))
