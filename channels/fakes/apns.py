"""An APNs that speaks its wire: HTTP/2 over TLS, tokens checked by ES256, reasons by name, GOAWAY as often as asked.

Deeds: `ok`, a reason (`Unregistered`), `reset`, `hang`, `took-reset`, `took-hang`, `garbage` (200 without an id),
`refused-stream` (RST_STREAM: not looked at), `bad-header` (taken; a header that is no UTF-8).
"""

import asyncio
import ipaddress
import json
import random
import ssl
import tempfile
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Self

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings
import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

STATUS = {
    "Unregistered": 410, "ExpiredToken": 410, "TooManyRequests": 429, "PayloadTooLarge": 413,
    "InternalServerError": 500,
    "ServiceUnavailable": 503, "Shutdown": 503, "InvalidProviderToken": 403, "ExpiredProviderToken": 403,
}  # fmt: skip
CHANCES = ("TooManyRequests", "ServiceUnavailable", "took-reset", "reset", "garbage")


class FakeApns:
    """After `goaway_every` requests a connection says GOAWAY: what came later on it is not looked at. `cut_share` of
    requests break the connection after they were taken. `streams` is MAX_CONCURRENT_STREAMS, `first_streams` what is
    told before the first request was believed."""

    def __init__(self, rate: float = 0.0, seed: int = 0) -> None:
        self.rate, self.lots = rate, random.Random(seed)
        self.script: deque[str] = deque()
        self.log: list[dict[str, Any]] = []
        self.answered: Counter[str] = Counter()
        """Deeds done, each as often as it was."""
        self.connections = self.goaways = self.most_at_once = 0
        self.goaway_every: int | None = None
        self.cut_share = 0.0
        self.streams, self.first_streams = 1000, 1000
        self.delay = 0.0
        self.url = ""
        self.tasks: set[asyncio.Task[None]] = set()
        self._open: set[asyncio.StreamWriter] = set()

    def entry(self, folder: Path) -> dict[str, Any]:
        """The entry of a configuration that sends here; the key and the certificate are written into `folder`."""
        return {"name": "push", "kind": "apns", "key_file": self.key(folder), "key_id": "KEY1", "team_id": "TEAM1",
                "topic": "com.example.bank", "base_url": self.url, "ca_file": self.certificate(folder)}  # fmt: skip

    def key(self, folder: Path) -> str:
        """Writes the developer account's key and gives its path."""
        path = folder / "key.p8"
        path.write_bytes(_pem(_house()))
        return str(path)

    def certificate(self, folder: Path) -> str:
        """Writes the authority that vouches for this server and gives its path."""
        path = folder / "ca.pem"
        path.write_bytes(_certificate().public_bytes(serialization.Encoding.PEM))
        return str(path)

    @asynccontextmanager
    async def serve(self, port: int = 0, host: str = "127.0.0.1") -> AsyncIterator[Self]:
        server = await asyncio.start_server(self._serve, host, port, ssl=server_context())
        self.url = f"https://{host}:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()
            for writer in list(self._open):
                writer.transport.abort()
            for task in list(self.tasks):
                task.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        try:
            await _Peer(self, reader, writer).run()
        except (OSError, h2.exceptions.ProtocolError):
            pass
        finally:
            self._open.discard(writer)
            writer.transport.abort()

    def deed(self) -> str:
        """What happens to the next request."""
        if self.script:
            return self.script.popleft()
        if self.cut_share and self.lots.random() < self.cut_share:
            return "took-reset"
        return self.lots.choice(CHANCES) if self.rate and self.lots.random() < self.rate else "ok"


class _Peer:
    """One connection."""

    def __init__(self, fake: FakeApns, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.fake, self.reader, self.writer = fake, reader, writer
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        self.requests: dict[int, tuple[dict[str, str], bytes]] = {}
        self.taken = self.busy = 0
        self.gone = False

    async def run(self) -> None:
        first = {h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: self.fake.first_streams}
        self.h2.local_settings = h2.settings.Settings(client=False, initial_values=first)
        self.h2.initiate_connection()
        self.flush()
        while data := await self.reader.read(65536):
            for event in self.h2.receive_data(data):
                self.take(event)
            self.flush()

    def flush(self) -> None:
        self.writer.write(self.h2.data_to_send())

    def take(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.RequestReceived(stream_id=int(number), headers=headers):
                self.requests[number] = {str(n): str(v) for n, v in headers or ()}, b""
            case h2.events.DataReceived(stream_id=int(number), data=data, flow_controlled_length=int(length)):
                self.h2.acknowledge_received_data(length, number)
                head, body = self.requests[number]
                self.requests[number] = head, body + bytes(data or b"")
            case h2.events.StreamEnded(stream_id=int(number)) if not self.gone:
                self.begin(number)
            case _:
                pass

    def begin(self, number: int) -> None:
        """One whole request; after the last that it looks at, the connection says goodbye."""
        self.taken += 1
        self.busy += 1
        self.fake.most_at_once = max(self.fake.most_at_once, self.busy)
        if self.taken == 1 and self.fake.first_streams != self.fake.streams:
            self.h2.update_settings({h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: self.fake.streams})
        task = asyncio.get_running_loop().create_task(self.answer(number))
        self.fake.tasks.add(task)
        task.add_done_callback(self.fake.tasks.discard)
        every = self.fake.goaway_every
        if every is not None and self.taken >= every:
            self.gone = True
            self.fake.goaways += 1
            self.writer.write(self.h2.data_to_send() + _goaway(number))

    async def answer(self, number: int) -> None:
        head, body = self.requests.pop(number)
        await asyncio.sleep(self.fake.delay)
        deed = self.fake.deed()
        if not _genuine(head):
            deed = "InvalidProviderToken"
        if deed in ("ok", "took-reset", "took-hang", "garbage", "bad-header"):
            document = json.loads(body)
            self.fake.log.append({
                "to": head[":path"].rpartition("/")[2], "reference": document["reference"], "message": document,
                "headers": head,
            })  # fmt: skip
        self.busy -= 1
        self.fake.answered[deed] += 1
        if deed.endswith("hang"):
            return
        if deed.endswith("reset"):
            self.writer.transport.abort()
            return
        try:
            self.reply(number, deed, head.get("apns-id", ""))
        except h2.exceptions.ProtocolError:
            return  # whoever asked has gone
        if self.gone and self.busy == 0:
            self.writer.close()

    def reply(self, number: int, deed: str, name: str) -> None:
        if deed == "refused-stream":
            self.h2.reset_stream(number, h2.errors.ErrorCodes.REFUSED_STREAM)
        elif deed == "bad-header":
            self.h2.send_headers(number, [(b":status", b"200"), (b"apns-id", b"\xff")], end_stream=True)
        elif deed in ("ok", "garbage"):
            headers = [(":status", "200")] + ([("apns-id", name)] if deed == "ok" else [])
            self.h2.send_headers(number, headers, end_stream=True)
        else:
            self.h2.send_headers(number, [(":status", str(STATUS.get(deed, 400))), ("apns-id", name)])
            self.h2.send_data(number, json.dumps({"reason": deed}).encode(), end_stream=True)
        self.flush()


def _goaway(last: int) -> bytes:
    """The frame itself (RFC 9113, 6.8): h2 would count the connection as closed, and answer nothing more."""
    return b"\x00\x00\x08\x07\x00\x00\x00\x00\x00" + last.to_bytes(4, "big") + bytes(4)


def _genuine(head: dict[str, str]) -> bool:
    token = head.get("authorization", "").removeprefix("bearer ")
    try:
        claims = jwt.decode(token, _house().public_key(), ["ES256"], options={"verify_iat": False})
        return bool(claims["iss"] == "TEAM1" and jwt.get_unverified_header(token)["kid"] == "KEY1")
    except (jwt.InvalidTokenError, KeyError):
        return False


@cache
def _house() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@cache
def _server() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@cache
def _certificate() -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(_server().public_key())
    made = made.serial_number(1).not_valid_before(begin).not_valid_after(begin + timedelta(days=3650))
    where = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = made.add_extension(x509.SubjectAlternativeName(where), critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return made.sign(_server(), hashes.SHA256())


def server_context() -> ssl.SSLContext:
    """TLS with ALPN h2 and the certificate that `certificate` vouches for."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    with tempfile.NamedTemporaryFile() as file:
        file.write(_pem(_server()) + _certificate().public_bytes(serialization.Encoding.PEM))
        file.flush()
        context.load_cert_chain(file.name)
    context.set_alpn_protocols(["h2"])
    return context


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


FAKE = FakeApns
