"""The three providers of a story: Twilio, FCM and a mail relay, real servers whose every answer is drawn by lot."""

import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from channels.fakes.fcm import FakeFcm
from channels.fakes.smtp import FakeSmtp
from channels.fakes.twilio import FakeTwilio
from tests.stories.world import PARAMS

TWILIO = ("429", "503", "21211")
FCM = ("429", "503", "UNREGISTERED")
SMTP = (("RCPT", "451 4.3.0 try again"), ("MAIL", "421 4.7.0 come back later"), ("RCPT", "550 5.1.1 no such user"))
"""An answer that nothing was taken and it may be tried again, twice, and a refusal for good."""


class Providers:
    """`fault` of all answers are a 429, a 503 or a refusal; `delay` (seconds) lies before every answer."""

    def __init__(self, twilio: FakeTwilio, fcm: FakeFcm, smtp: FakeSmtp, folder: Path) -> None:
        self.twilio, self.fcm, self.smtp, self._folder = twilio, fcm, smtp, folder

    def channels(self, **more: Any) -> dict[str, list[dict[str, Any]]]:
        """Their entries in a configuration. Nobody calls back in these stories, and the entry says so."""
        return {
            "sms": [{"name": "twilio", "kind": "twilio", "account_sid": "AC1", "auth_token": "secret",
                     "from": "+15005550006", "base_url": self.twilio.url, "receipts": "none", **more}],
            "push": [{"name": "fcm", "kind": "fcm", "credentials": self.fcm.credentials(self._folder),
                      "base_url": self.fcm.url, **more}],
            "email": [{"name": "relay", "kind": "smtp", "host": "127.0.0.1", "port": self.smtp.port, "tls": "none",
                       "from": "Example Bank <notice@example.com>", "connections": 8, **more}],
        }  # fmt: skip

    def taken(self) -> dict[str, Counter[str]]:
        """By channel, how often each address was taken on."""
        return {
            "sms": Counter(record["To"] for record in self.twilio.log),
            "push": Counter(record["to"] for record in self.fcm.log),
            "email": Counter(address for mail in self.smtp.log for address in mail.recipients),
        }

    @property
    def total(self) -> int:
        return sum(sum(counted.values()) for counted in self.taken().values())


@asynccontextmanager
async def providers(folder: Path, fault: float = 0.0, seed: int = 1, delay: float = 0.0) -> AsyncIterator[Providers]:
    twilio, fcm, smtp = FakeTwilio(), FakeFcm(), FakeSmtp()
    fcm.retry_after = "1"  # without it a 429 of FCM means a minute
    lots = random.Random(seed)
    twilio.rule = lambda record: lots.choice(TWILIO) if lots.random() < fault else "ok"
    fcm.rule = lambda record: lots.choice(FCM) if lots.random() < fault else "ok"

    def relay(stage: str, value: str) -> str | None:
        when, deed = lots.choice(SMTP)
        return deed if stage == when and lots.random() < fault else None

    smtp.rule = relay
    twilio.delay = fcm.delay = smtp.delay = delay
    async with contextlib.AsyncExitStack() as stack:
        for fake in (twilio, fcm, smtp):
            await stack.enter_async_context(fake.serve())
        yield Providers(twilio, fcm, smtp, folder)


def addressed(number: int, channels: Sequence[str], strategy: str = "first", **given: Any) -> dict[str, Any]:
    """A job of a person of its own, with addresses of its own, so that every send can be counted."""
    who = {
        "id": f"p{number}", "time_zone": "Europe/Berlin", "locale": "en", "phone": f"+4917{number:08d}",
        "email": f"p{number}@example.com", "push": [{"provider": "fcm", "token": f"token-{number}"}],
    }  # fmt: skip
    return {
        "id": f"j{number}", "template": "overdue_reminder", "channels": list(channels), "strategy": strategy,
        "params": PARAMS, "recipient": who,
    } | given  # fmt: skip


def address(job: dict[str, Any], channel: str) -> str:
    who = job["recipient"]
    return str({"sms": who["phone"], "email": who["email"], "push": who["push"][0]["token"]}[channel])
