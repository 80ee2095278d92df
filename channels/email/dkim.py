"""DKIM signatures (RFC 6376) for relays that do not sign themselves; the library is optional."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from channels.settings import Text

try:
    import dkim
except ImportError:
    dkim = None

# RFC 8058 demands that both List-Unsubscribe headers are signed.
SIGNED = (
    "From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Auto-Submitted", "List-Unsubscribe",
    "List-Unsubscribe-Post", "Content-Type",
)  # fmt: skip


class DkimSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    domain: Text
    selector: Text
    key_file: Text
    """PEM of an RSA key; relative to the configuration file."""


class Signer:
    """Signs finished bytes. Construction raises RuntimeError without the library, OSError without the key."""

    def __init__(self, settings: DkimSettings) -> None:
        if dkim is None:
            raise RuntimeError("DKIM needs the extra `dkim`: pip install collections-notification-gateway[dkim]")
        self._domain = settings.domain.encode()
        self._selector = settings.selector.encode()
        self._key = Path(settings.key_file).read_bytes()
        self._sign: Callable[..., bytes] = dkim.sign

    async def signed(self, message: bytes) -> bytes:
        """The message with its signature on top. RSA takes about a millisecond, hence in a thread."""
        return await asyncio.to_thread(self._signed, message)

    def _signed(self, message: bytes) -> bytes:
        head = message.partition(b"\r\n\r\n")[0].lower()
        names = [name.encode() for name in SIGNED if name == "From" or b"\r\n" + name.lower().encode() + b":" in head]
        signature = self._sign(
            message,
            self._selector,
            self._domain,
            self._key,
            canonicalize=(b"relaxed", b"relaxed"),
            include_headers=names,
        )
        return signature + message
