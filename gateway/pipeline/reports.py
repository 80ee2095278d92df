"""Takes in what providers report of messages they accepted: each report meets the record of its job, in batches."""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from channels.contract import ProviderReceipt, Reply
from gateway.domain.clock import Clock
from gateway.domain.errors import Fault
from gateway.pipeline.deadletter import dead_letter
from gateway.pipeline.files import Unreadable
from gateway.pipeline.line import Context
from gateway.pipeline.metrics import Metrics
from gateway.pipeline.orphans import adopt, keep, owners
from gateway.pipeline.replies import take_reply
from gateway.pipeline.settling import Settlement, reported
from gateway.store.keys import Member
from gateway.store.redis import WRITTEN, Ask, Change, Seen, Store
from gateway.store.streams import Entry

_report: msgspec.json.Decoder[ProviderReceipt | Reply] = msgspec.json.Decoder(ProviderReceipt | Reply)


class Report(Struct):
    """One report in hand, and the job that it is about, None if nobody here knows the message."""

    entry: Entry
    receipt: ProviderReceipt
    member: Member | None


class Reports:
    """Settles entries of the stream of callbacks. Raises StoreError; then all of them are taken in again."""

    def __init__(self, store: Store, context: Context, clock: Clock, metrics: Metrics) -> None:
        self.store, self.context, self.clock, self.metrics = store, context, clock, metrics

    async def take_in(self, entries: Sequence[Entry]) -> None:
        """Of several reports about one job one at a time, in their order; a lost race is run again."""
        left = await self._read(entries)
        while left:
            turn: dict[str, Report] = {}
            later: list[Report] = []
            for report in left:
                name = str(report.member) if report.member else report.entry.id.decode()
                if name in turn:
                    later.append(report)
                else:
                    turn[name] = report
            left = await self._settle(list(turn.values())) + later

    async def adopt(self) -> None:
        """Looks for the jobs of orphans; those that none appeared for within the horizon are let go, and counted."""
        let_go = await adopt(self.store, self.clock.now() - self.context.limits.doubt_ms)
        if let_go:
            self.metrics.orders.add("orphan_let_go", n=let_go)

    async def _read(self, entries: Sequence[Entry]) -> list[Report]:
        reports: list[tuple[Entry, ProviderReceipt]] = []
        for entry in entries:
            try:
                report = _report.decode(entry.fields.get(b"report", b""))
            except msgspec.DecodeError as error:
                await self._bury(entry, Fault("report", str(error)))
                continue
            if isinstance(report, ProviderReceipt):
                reports.append((entry, report))
            else:
                await take_reply(self.store, report, self.clock.now())
                await self.store.commit([Change(ack=(entry.stream, entry.id.decode()))])
        if not reports:
            return []
        found = await owners(self.store, [receipt for _, receipt in reports])
        return [Report(entry, receipt, member) for (entry, _), (receipt, member) in zip(reports, found, strict=True)]

    async def _settle(self, reports: list[Report]) -> list[Report]:
        """Writes what the reports change; those that somebody was faster than."""
        await keep(self.store, [report.receipt for report in reports if report.member is None])
        known = [report.member for report in reports if report.member is not None]
        asks = [Ask(m.tenant, m.recipient, m.job, m.account, m.household) for m in known]
        seen = iter((await self.store.observe(asks)).seen if asks else ())
        for report in reports:
            self.metrics.reports.add(report.receipt.provider, report.receipt.status if report.member else "orphan")
        settlements = [self._change(report, next(seen) if report.member else None) for report in reports]
        results = await self.store.commit([settlement.change for settlement in settlements])
        for settlement, result in zip(settlements, results, strict=True):
            if result == WRITTEN:
                self.metrics.told(settlement.receipts)
        return [report for report, result in zip(reports, results, strict=True) if result != WRITTEN]

    def _change(self, report: Report, seen: Seen | None) -> Settlement:
        """The change of one report; where it changes nothing, its entry is put away."""
        place = (report.entry.stream, report.entry.id.decode())
        settlement = None
        if report.member is not None and seen is not None:
            try:
                settlement = reported(report.receipt, report.member, seen, self.context)
            except (msgspec.DecodeError, Unreadable) as error:
                fault = Fault("", f"what the store holds of this job or person cannot be read: {error}")
                change = dead_letter(report.entry, fault, self.clock.now(), self.context.keys)
                return Settlement(change, [], again=False)
        settlement = settlement or Settlement(Change(), [], again=False)
        settlement.change.ack = place
        return settlement

    async def _bury(self, entry: Entry, fault: Fault) -> None:
        await self.store.commit([dead_letter(entry, fault, self.clock.now(), self.context.keys)])
        self.metrics.dead.add(entry.stream)
