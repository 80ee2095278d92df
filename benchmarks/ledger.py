"""How long it takes to verify a ledger: `python -m benchmarks.ledger --entries 1000000`."""

import argparse
import asyncio
import base64
import random
import sqlite3
import tempfile
import time
from pathlib import Path

from gateway.ledger import verify_ledger
from gateway.ledger.anchors import EVERY_ENTRIES, Anchors
from gateway.ledger.chain import Draft, canonical
from gateway.ledger.database import Database
from gateway.ledger.keyring import open_keyring
from gateway.ledger.read import check
from gateway.ledger.writer import writing

SEALED_BYTES = 1_200
BODY = {
    "accepted": 1_764_000_000_000, "due": 1_764_100_000_000,
    "tracks": [{"attempts": 1, "state": "sent", "attempt": {
        "at": 1_764_000_000_000, "channel": "sms", "locale": "en", "policy": "CN@2026-11-24.1,house@2026-11-24.1",
        "provider": "twilio-main", "receipts": True, "reference": "4f3c780ad9eb73849f8d852dae813bf5", "segments": 2,
        "template_version": "sha256:32302f51bcb4dce5e8a2b41a8122cf527601d3a7da90a3bed2b438d98ee20e9c"}}],
}  # fmt: skip
"""of the size of a real entry"""


async def fill(folder: Path, count: int) -> tuple[Database, Anchors]:
    """A ledger of so many entries, anchored as in life."""
    keyring = open_keyring(folder / "keyring.json")
    database = Database(f"sqlite:///{folder}/ledger.db", "ledger")
    await database.migrate()
    anchors = Anchors(database, keyring, folder / "anchors.jsonl", None, 1 << 60)
    await anchors.begin()
    lots = random.Random(1)
    body = canonical(BODY)
    for start in range(0, count, EVERY_ENTRIES):
        drafts = [
            Draft(at=start + i, kind="job", tenant="default", subject="a" * 32, job=f"{start + i:032x}", body=body,
                  sealed=lots.randbytes(SEALED_BYTES))
            for i in range(min(EVERY_ENTRIES, count - start))
        ]  # fmt: skip
        async with database.write() as connection:
            out = writing(database, connection, "gateway")
            written = await out.append(drafts, await out.head(), keyring)
        await anchors.after(written, start)
    return database, anchors


async def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        began = time.perf_counter()
        database, anchors = await fill(folder, count)
        print(f"written   {count:>9} entries in {time.perf_counter() - began:6.1f} s")
        began, cpu = time.perf_counter(), time.process_time()
        report = await check(database, anchors.paths, anchors.keyring.public)
        told("ours", count, time.perf_counter() - began, time.process_time() - cpu, len(report.findings))
        await database.close()
        link = sqlite3.connect(folder / "ledger.db")
        began, cpu = time.perf_counter(), time.process_time()
        key = base64.b64decode((folder / "ledger-public-key.txt").read_text())
        places = [verify_ledger.read_place(folder / "anchors.jsonl"), verify_ledger.own_head(link)]
        found, _ = verify_ledger.check(verify_ledger.connection_rows(link), places, key)
        told("auditors", count, time.perf_counter() - began, time.process_time() - cpu, len(found))
        link.close()


def told(who: str, count: int, seconds: float, cpu: float, findings: int) -> None:
    print(f"{who:9} {count:>9} entries in {seconds:6.1f} s, {cpu / count * 1e6:5.1f} µs CPU each, {findings} findings")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000)
    asyncio.run(main(parser.parse_args().entries))
