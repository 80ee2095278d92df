"""CPU of one worker per message, policy on: SMS over loopback HTTP, email over loopback SMTP, and a null channel; each
with the journal that the ledger reads and without it.

`make bench`; figures are CPU, which repeats within 10 %, not wall time. With `--queued`, memory at 100,000 queued jobs;
with `--traces`, a null channel of which a collector is told, against one of which none is.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path

import redis.asyncio as redis

from gateway.store.embedded import embedded

COUNT = 10_000
QUEUED = 100_000


def noon() -> str:
    """A zone in which it is about noon now, so that no window is closed."""
    offset = 12 - datetime.now(UTC).hour
    return f"Etc/GMT{-offset:+d}" if offset else "Etc/GMT"


def job(n: int, channel: str) -> bytes:
    return json.dumps({
        "id": f"bench-{n}", "template": "overdue_reminder", "channels": [channel], "role": "agency",
        "recipient": {
            "id": f"cust-{n}", "locale": "zh-CN", "jurisdiction": "US", "time_zone": noon(),
            "phone": f"+1212{5550000 + n % 10_000}", "email": f"cust{n}@example.com",
        },
        "account": f"card-{n}",
        "params": {
            "name": "李雷", "creditor": "示例银行", "amount_due": {"value": f"{n}.50", "currency": "CNY"},
            "due_date": "2026-11-20", "days_overdue": 3, "contact_phone": "400-800-0000",
        },
        "metadata": {"campaign": "dpd3"},
    }).encode()  # fmt: skip


@contextmanager
def sink(kind: str) -> Iterator[int]:
    """A sink on the other core; its port."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.sinks", kind], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin
    assert process.stdout
    try:
        yield int(process.stdout.readline())
    finally:
        process.stdin.close()
        process.wait(10)


def provider(channel: str, port: int) -> dict[str, object]:
    match channel:
        case "sms":
            return {"name": "p", "kind": "twilio", "account_sid": "AC1", "auth_token": "t", "from": "+15005550006",
                    "base_url": f"http://127.0.0.1:{port}", "concurrency": 64}  # fmt: skip
        case "email":
            return {"name": "p", "kind": "smtp", "host": "127.0.0.1", "port": port, "tls": "none",
                    "from": "Bank <notice@example.com>", "connections": 16}  # fmt: skip
        case _:
            return {"name": "p", "kind": "null", "concurrency": 200}


async def scenario(
    name: str, channel: str, port: int, count: int, *, journal: bool = True, traces: dict[str, object] | None = None
) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        async with embedded(Path(folder, "data")) as url:
            config = Path(folder, "gateway.yaml")
            listed = {channel: {"providers": [provider(name, port)]}}
            ledger = {"url": f"sqlite:///{folder}/ledger.db" if journal else None}
            document = {"redis": {"url": url}, "channels": listed, "log": {"level": "info"}, "ledger": ledger}
            document |= {"telemetry": traces or {}}
            config.write_text(json.dumps(document))
            client = redis.from_url(url)
            for first in range(0, count, 1000):
                pipeline = client.pipeline(transaction=False)
                for n in range(first, min(first + 1000, count)):
                    pipeline.xadd("gateway:reminders", {"job": job(n, channel)})
                await pipeline.execute()
            worker = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "benchmarks.worker", str(config), str(count), stdout=subprocess.PIPE
            )
            output, _ = await worker.communicate()
            sent = [json.loads(f[b"receipt"])["status"] for _, f in await client.xrange("gateway:receipts")]
            assert sent.count("sent") == count, {status: sent.count(status) for status in set(sent)}
            await client.aclose()
            return json.loads(output)


async def main() -> None:
    print(f"{'channel':<22}{'µs CPU/message':>15}{'messages/s':>12}{'peak MiB':>10}{'no journal':>12}{'ratio':>7}")
    for name, channel, kind in (("null", "sms", None), ("sms", "sms", "http"), ("email", "email", "smtp")):
        with sink(kind) if kind else nullcontext(0) as port:
            bare = await scenario(name, channel, port, COUNT, journal=False)
            show(name, await scenario(name, channel, port, COUNT), bare)
    if "--traces" in sys.argv:
        with sink("http") as port:
            bare = await scenario("null", "sms", 0, COUNT)
            for sample in (1, 0.1):
                told = {"endpoint": f"http://127.0.0.1:{port}", "sample": sample}
                show(f"null, traces {sample}", await scenario("null", "sms", 0, COUNT, traces=told), bare)
    if "--queued" in sys.argv:
        show("null, 100,000 queued", await scenario("null", "sms", 0, QUEUED))


def show(name: str, figures: dict[str, float], bare: dict[str, float] | None = None) -> None:
    ratio = f"{bare['us']:>12.0f}{figures['us'] / bare['us']:>7.2f}" if bare else ""
    print(
        f"{name:<22}{figures['us']:>15.0f}{figures['per_second']:>12.0f}{figures['peak_mib']:>10.0f}{ratio}", flush=True
    )


if __name__ == "__main__":
    asyncio.run(main())
