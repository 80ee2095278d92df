"""The road to a producer's endpoint: one POST to an address that was checked, and what the answer means.

| seen                                              | means            |
| ------------------------------------------------- | ---------------- |
| 2xx                                               | `Taken`          |
| 410                                               | `Gone`           |
| 429 and 503                                       | `Failed`, not before their Retry-After |
| anything else, also 3xx, time-outs, bad addresses | `Failed`         |
"""

import asyncio
import contextlib
import socket
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from ipaddress import ip_address

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import AddrInfoType
from aiohttp.resolver import ThreadedResolver
from msgspec import Struct

from gateway.domain.clock import DAY, SECOND, Clock
from gateway.endpoints.guard import Network, forbidden
from gateway.endpoints.settings import Endpoint

TIMEOUT_S = 15.0
"""for the whole attempt; what Standard Webhooks recommends"""
ANSWER_LIMIT_BYTES = 4 * 1024
KEEP_ALIVE_S = 4.0
AT_ONCE = 16
MOST_WAIT_MS = DAY


class Taken(Struct, frozen=True):
    """The producer has it."""


class Gone(Struct, frozen=True):
    """The producer wants no more, ever."""


class Failed(Struct, frozen=True):
    """It must be tried again, after `wait_ms` at the earliest. `code` is a word of ours, never of the other side."""

    code: str
    wait_ms: int = 0


Answer = Taken | Gone | Failed


class Forbidden(OSError):
    """The target lies where nothing may be posted to."""


class GuardedResolver(AbstractResolver):
    """Asks another resolver once, and gives its addresses only if every one of them may be connected to. One question
    at a time: a name server that does not answer must not take every thread of the process."""

    def __init__(self, inner: AbstractResolver, networks: Sequence[Network], only_listed: bool) -> None:
        self._inner, self._networks, self._only_listed = inner, networks, only_listed
        self._asking = asyncio.Lock()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        async with self._asking:
            found = await self._inner.resolve(host, port, family)
        for one in found:
            check(one["host"], self._networks, self._only_listed)
        return found

    async def close(self) -> None:
        await self._inner.close()


def check(host: str, networks: Sequence[Network], only_listed: bool) -> None:
    """Raises Forbidden for an address where nothing may be posted to, and for what is none."""
    try:
        why = forbidden(ip_address(host.partition("%")[0]), networks, only_listed=only_listed)
    except ValueError:
        why = "no address"
    if why:
        raise Forbidden(why)


class Wire:
    """The connections to one endpoint, to be used as a context. `resolver` is asked for its addresses, and closed."""

    def __init__(self, endpoint: Endpoint, clock: Clock, resolver: AbstractResolver | None = None) -> None:
        self._endpoint, self._clock, self._resolver = endpoint, clock, resolver

    async def __aenter__(self) -> "Wire":
        self._resolver = GuardedResolver(
            self._resolver or ThreadedResolver(), self._endpoint.networks, self._endpoint.plain
        )
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                resolver=self._resolver, use_dns_cache=False, socket_factory=self._socket,
                limit=AT_ONCE, keepalive_timeout=KEEP_ALIVE_S,
            ),
            cookie_jar=aiohttp.DummyCookieJar(), trust_env=False, auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
            headers={"Content-Type": "application/json", "Accept-Encoding": "identity", "User-Agent": "gateway"},
        )  # fmt: skip
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()
        if self._resolver is not None:
            await self._resolver.close()

    async def post(self, content: bytes, headers: Mapping[str, str]) -> Answer:
        """One attempt; whatever goes wrong is an Answer. Follows no redirect, reads little of what is answered."""
        try:
            async with self._session.post(
                self._endpoint.url, data=content, headers=headers, allow_redirects=False
            ) as response:
                answer = self._judge(response)
                # Read so that the connection can be used again; one whose answer goes on is closed instead.
                with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
                    await response.content.read(ANSWER_LIMIT_BYTES)
                    if not response.content.at_eof():
                        response.close()
                return answer
        except TimeoutError:
            return Failed("timeout")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Failed("forbidden_target" if _caused_by_guard(error) else "no_connection")

    def _judge(self, response: aiohttp.ClientResponse) -> Answer:
        match response.status:
            case status if 200 <= status < 300:
                return Taken()
            case 410:
                return Gone()
            case 429 | 503 as status:
                return Failed(f"http_{status}", wait_ms(response.headers.get("Retry-After"), self._clock.now()))
            case status:
                return Failed(f"http_{status}")

    def _socket(self, info: AddrInfoType) -> socket.socket:
        """The last gate, for the very address that is connected to; a literal in the URL comes this way alone."""
        family, kind, protocol, _, address = info
        check(str(address[0]), self._endpoint.networks, self._endpoint.plain)
        return socket.socket(family, kind, protocol)


def wait_ms(value: str | None, now: int) -> int:
    """What a Retry-After header asks for (RFC 9110, 10.2.3: seconds or a date), at most a day; 0 for nothing."""
    text = (value or "").strip()
    if text.isascii() and text.isdigit() and len(text) < 12:
        return min(int(text) * SECOND, MOST_WAIT_MS)
    try:
        wait = int(parsedate_to_datetime(text).timestamp() * SECOND) - now
    except (ValueError, OverflowError):
        return 0
    return min(max(wait, 0), MOST_WAIT_MS)


def _caused_by_guard(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, Forbidden):
            return True
        error = error.__cause__
    return False
