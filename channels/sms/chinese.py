"""What providers of text messages in China share: callbacks that nobody signs, and times without an offset."""

import hmac
from datetime import datetime, timedelta, timezone
from typing import Annotated

from msgspec import Meta

from channels.contract import Callback

CHINA = timezone(timedelta(hours=8))
CallbackSecret = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{16,128}$")]
"""The last part of the callback address, which an operator types into the provider's console."""


def is_ours(callback: Callback, secret: str | None) -> bool:
    """Whether a callback came to the address that ends in the secret; never without one."""
    return bool(secret) and hmac.compare_digest(str(secret).encode(), (callback.reference or "").encode())


def instant(text: str | None, now: int) -> int:
    """`2026-11-23 12:00:00` in China's time → ms; `now` where it cannot be read."""
    try:
        return int(datetime.fromisoformat(text or "").replace(tzinfo=CHINA).timestamp() * 1000)
    except ValueError:
        return now
