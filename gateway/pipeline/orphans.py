"""Finds whose message a report is about, and keeps those that come before anybody knows it until somebody does.

A provider that names messages by an id of its own may report one faster than it answers the send, and only the answer
tells us the id.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from channels.contract import ProviderReceipt
from gateway.domain.clock import Instant
from gateway.store.keys import Member, parse_member
from gateway.store.redis import Store

AT_ONCE = 500

_read = msgspec.json.Decoder(ProviderReceipt)
_encode = msgspec.json.Encoder().encode


async def owners(store: Store, receipts: Sequence[ProviderReceipt]) -> list[tuple[ProviderReceipt, Member | None]]:
    """The receipts with the reference of their message and its job, as far as anybody knows. Raises StoreError."""
    keys = store.keys
    named = [receipt for receipt in receipts if not receipt.reference and receipt.message_id]
    known: dict[tuple[str, str | None], str] = {}
    if named:
        found: list[Any] = await store.redis.mget([keys.message(r.provider, r.message_id or "") for r in named])
        for receipt, reference in zip(named, found, strict=True):
            if reference is not None:
                known[receipt.provider, receipt.message_id] = reference.decode()
    full = [
        receipt if receipt.reference else replace(receipt, reference=known.get((receipt.provider, receipt.message_id)))
        for receipt in receipts
    ]
    members: list[Any] = await store.redis.mget([keys.reference(receipt.reference or "") for receipt in full])
    return [(receipt, parse_member(m.decode()) if m else None) for receipt, m in zip(full, members, strict=True)]


async def keep(store: Store, receipts: Sequence[ProviderReceipt]) -> None:
    """Keeps reports whose message nobody knows; the same one once, however often it comes. Raises StoreError."""
    if receipts:
        scored = {bytes(_encode(replace(receipt, at=0))): receipt.at for receipt in receipts}
        await store.redis.zadd(store.keys.orphans, scored, nx=True)


async def adopt(store: Store, horizon: Instant) -> int:
    """Gives every orphan whose job has appeared back to the stream of callbacks, and lets go those older than
    `horizon` (ms); how many were let go. A report given back twice does no harm. Raises StoreError."""
    start = let_go = 0
    while rows := await _rows(store, start):
        pairs = await owners(store, [replace(_read.decode(raw), at=int(at)) for raw, at in rows])
        known = [(raw, receipt) for (raw, _), (receipt, member) in zip(rows, pairs, strict=True) if member is not None]
        gone = [raw for (raw, at), (_, member) in zip(rows, pairs, strict=True) if member is None and at < horizon]
        if known or gone:
            pipeline = store.redis.pipeline(transaction=True)
            for _, receipt in known:
                pipeline.xadd(store.keys.callbacks, {"report": _encode(receipt)})
            pipeline.zrem(store.keys.orphans, *(raw for raw, _ in known), *gone)
            await pipeline.execute()
        let_go += len(gone)
        start += len(rows) - len(known) - len(gone)
    return let_go


async def _rows(store: Store, start: int) -> list[tuple[bytes, float]]:
    rows: Any = await store.redis.zrange(store.keys.orphans, start, start + AT_ONCE - 1, withscores=True)
    return list(rows)
