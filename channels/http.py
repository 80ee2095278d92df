"""The road to every HTTP provider: one request, written once, and the one table from what the wire shows to outcomes.

| seen                                                         | means         |
| ------------------------------------------------------------ | ------------- |
| DNS, refused connection, TLS, no connection free in time     | `Unavailable` |
| 429, 503                                                     | `Unavailable` |
| time-out, reset or end of stream after that                  | `InDoubt`     |
| an answer that is not HTTP, 3xx, any other 5xx               | `InDoubt`     |
| 2xx, other 4xx                                               | the provider's own table decides |
"""

from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from functools import lru_cache

import aiohttp
from msgspec import Struct
from yarl import URL

from channels.contract import InDoubt, Unavailable

# Shorter than the keep-alive of common servers and balancers (5 to 75 s): a connection that the server closes
# just as we write to it is a send in doubt.
KEEP_ALIVE_S = 4.0
# No provider answers a send with more; what is longer is cut, cannot be parsed, and is therefore in doubt.
ANSWER_LIMIT_BYTES = 64 * 1024
# Connecting may take this share of a send's time. Because it ends first, a time-out of the whole send can only strike
# after a connection was there, and the two are never confused.
CONNECT_SHARE = 0.5
RETRY_AFTER_LIMIT_S = 24 * 3600.0
# aiohttp rounds longer time-outs up to whole seconds, which would break the promise to finish in time.
_EXACT_S = 1e9


class Answer(Struct, frozen=True):
    """A whole response; `body` is cut at `ANSWER_LIMIT_BYTES`, header names are case-insensitive."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Http:
    """A pool of at most `concurrency` connections. `start` must run inside the event loop, `close` ends it."""

    def __init__(self, *, concurrency: int, now: Callable[[], int], headers: Mapping[str, str] | None = None) -> None:
        self._concurrency = concurrency
        self._now = now
        self._headers = {"Accept-Encoding": "identity", "Accept": "application/json"} | dict(headers or {})
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._concurrency, keepalive_timeout=KEEP_ALIVE_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=self._headers,
            auto_decompress=False,
            trust_env=False,
        )

    async def post(
        self, url: URL, body: bytes, timeout: float, headers: Mapping[str, str] | None = None
    ) -> Answer | Unavailable | InDoubt:
        """Writes the request at most once; follows no redirect. 429, 503, 3xx and other 5xx are already outcomes."""
        return await self._request("POST", url, body, timeout, headers)

    async def get(self, url: URL, timeout: float) -> Answer | Unavailable | InDoubt:
        """Reads what lies at an address, on the same terms."""
        return await self._request("GET", url, None, timeout, None)

    async def _request(
        self, method: str, url: URL, body: bytes | None, timeout: float, headers: Mapping[str, str] | None
    ) -> Answer | Unavailable | InDoubt:
        if self._session is None:
            return Unavailable("not_started", "the provider is not started or already closed")
        try:
            async with self._session.request(
                method, url, data=body, headers=headers, timeout=_limits(timeout), allow_redirects=False
            ) as response:
                answer = Answer(response.status, response.headers, await _body(response.content))
        except (
            aiohttp.ConnectionTimeoutError,
            aiohttp.ClientConnectorError,  # DNS, refused, TLS and certificates
            aiohttp.ServerFingerprintMismatch,
            aiohttp.InvalidURL,
        ) as error:
            return Unavailable("no_connection", _said(error))
        except TimeoutError:
            return InDoubt("timeout", f"no complete answer within {timeout:g} s")
        except (aiohttp.ClientError, OSError) as error:
            return InDoubt("broken", _said(error))
        return self._judge(answer)

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _judge(self, answer: Answer) -> Answer | Unavailable | InDoubt:
        status = answer.status
        if status in (429, 503):
            wait = retry_after(answer.headers.get("Retry-After"), self._now())
            return Unavailable(f"http_{status}", "the provider asks to come back later", wait)
        if 300 <= status < 400 or status >= 500 or status < 200:
            return InDoubt(f"http_{status}", "an answer that does not tell whether the message was taken")
        return answer


def retry_after(value: str | None, now: int) -> float | None:
    """Seconds to wait from a Retry-After header (RFC 9110, 10.2.3: seconds or a date); None where it says nothing."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit() and len(text) < 12:
        return min(float(text), RETRY_AFTER_LIMIT_S)
    try:
        seconds = parsedate_to_datetime(text).timestamp() - now / 1000
    except (ValueError, OverflowError):
        return None
    return min(max(seconds, 0.0), RETRY_AFTER_LIMIT_S)


@lru_cache(maxsize=64)
def _limits(timeout: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=timeout, connect=timeout * CONNECT_SHARE, ceil_threshold=_EXACT_S)


async def _body(content: aiohttp.StreamReader) -> bytes:
    body = await content.readany()
    while not content.at_eof() and len(body) <= ANSWER_LIMIT_BYTES:
        body += await content.readany()
    return body[:ANSWER_LIMIT_BYTES]


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:200]
