"""Tells an OpenTelemetry collector how each job went, from its stream entry to the provider's call (OTLP over HTTP).

A job is one trace, whoever looks at it and however late: the ids of the trace and of its first span are a digest of the
entry that brought the job, which the job's record names. Spans are made when what they tell of is written, at the times
when it was. They hold what a log may hold: no person, no text, no id that a producer chose.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version
from threading import Thread

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Decision, TraceIdRatioBased
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from channels.contract import Accepted, Outcome
from gateway.config import Telemetry
from gateway.domain.clock import Instant
from gateway.domain.job import Attempt
from gateway.domain.receipt import Receipt
from gateway.pipeline.errand import Errand
from gateway.store.streams import Entry

EXPORT_S = 2.0
"""after so long a batch that the collector did not take is dropped"""
FLUSH_S = 3.0
"""so long the end of a process waits for the collector"""
_NS = 1_000_000
_TRACE, _SPAN = 16, 8
"""octets of the ids (W3C Trace Context, 3.2.2)"""


@asynccontextmanager
async def tracing(config: Telemetry) -> AsyncIterator["OtlpTraces"]:
    """What tells the configured collector, until the end of the block. One that is slow or dead costs spans, and at the
    end of the process `FLUSH_S`; never a job's time."""
    exporter = OTLPSpanExporter(f"{config.endpoint}/v1/traces", timeout=EXPORT_S)
    processor = BatchSpanProcessor(exporter)
    try:
        yield OtlpTraces(processor, config.sample)
    finally:
        await _ended(processor)


async def _ended(processor: BatchSpanProcessor) -> None:
    """Until the last spans are told, at most `FLUSH_S`; in a thread that holds up nobody, because it waits for the
    collector in its own way."""
    loop, over = asyncio.get_running_loop(), asyncio.Event()

    def end() -> None:
        processor.shutdown()  # type: ignore[no-untyped-call]
        with suppress(RuntimeError):  # nobody waits any more
            loop.call_soon_threadsafe(over.set)

    Thread(target=end, name="telemetry-end", daemon=True).start()
    with suppress(TimeoutError):
        async with asyncio.timeout(FLUSH_S):
            await over.wait()


class _Ids(RandomIdGenerator):
    """The ids of the spans: of one without a parent those that were set, of others by lot."""

    def __init__(self) -> None:
        self.root: SpanContext | None = None

    def generate_trace_id(self) -> int:
        assert self.root is not None
        return self.root.trace_id

    def generate_span_id(self) -> int:
        root, self.root = self.root, None
        return super().generate_span_id() if root is None else root.span_id


class OtlpTraces:
    """Spans of jobs. `sample` is the share of traces that are told; the same ones in every process."""

    def __init__(self, processor: BatchSpanProcessor, sample: float) -> None:
        self._ids = _Ids()
        told_by = {"service.name": "gateway", "service.version": version("collections-notification-gateway")}
        resource = Resource.create({**told_by, **OTELResourceDetector().detect().attributes})
        provider = TracerProvider(ALWAYS_ON, resource, shutdown_on_exit=False, id_generator=self._ids)
        provider.add_span_processor(processor)
        self._sampler = TraceIdRatioBased(sample)
        self._tracer = provider.get_tracer("gateway")

    def looked(self, errand: Errand, receipts: Sequence[Receipt], first: bool, began: Instant, ended: Instant) -> None:
        home = self._home(errand)
        if home is None:
            return
        if first:
            self._arrived(errand.entry, home, _of(errand), ended)
        reasons = [receipt.reason["code"] for receipt in receipts if receipt.reason is not None]
        blocking = {found.rule for findings in errand.findings.values() for found in findings if found.blocks}
        attributes = {
            **_of(errand),
            "gateway.statuses": [receipt.status for receipt in receipts],
            "gateway.reasons": [str(code) for code in reasons],
            "gateway.rules": sorted(blocking),
        }
        self._tell("look", SpanKind.INTERNAL, home, attributes, began, ended)

    def sent(self, errand: Errand, attempt: Attempt, outcome: Outcome, began: Instant, ended: Instant) -> None:
        home = self._home(errand)
        if home is None:
            return
        attributes: dict[str, AttributeValue] = {
            **_of(errand),
            "gateway.channel": attempt.channel,
            "gateway.provider": attempt.provider,
            "gateway.reference": attempt.reference,
            "gateway.policy": attempt.policy,
            "gateway.outcome": type(outcome).__name__,
        }
        if not isinstance(outcome, Accepted):
            attributes["error.type"] = type(outcome).__name__
        self._tell(f"send {attempt.channel}", SpanKind.CLIENT, home, attributes, began, ended)

    def _home(self, errand: Errand) -> SpanContext | None:
        """The trace of a job and the first span in it, None where it is not one of the sample."""
        assert errand.job is not None
        name = hashlib.blake2b(errand.job.entry.encode(), digest_size=_TRACE + _SPAN).digest()
        trace, span = int.from_bytes(name[:_TRACE]), int.from_bytes(name[_TRACE:])
        if self._sampler.should_sample(None, trace, "").decision is Decision.DROP:
            return None
        return SpanContext(trace, span, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))

    def _arrived(
        self, entry: Entry, home: SpanContext, attributes: Mapping[str, AttributeValue], ended: Instant
    ) -> None:
        """The first span of a job: from the time when the store took its entry to the end of the first look at it."""
        self._ids.root = home
        named = {
            **attributes,
            "messaging.system": "redis",
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
            "messaging.destination.name": entry.stream,
            "messaging.message.id": entry.id.decode(),
        }
        self._tell(f"process {entry.stream}", SpanKind.CONSUMER, None, named, entry.accepted_ms, ended, _links(entry))

    def _tell(
        self, name: str, kind: SpanKind, parent: SpanContext | None, attributes: Mapping[str, AttributeValue],
        began: Instant, ended: Instant, links: Sequence[Link] = (),
    ) -> None:  # fmt: skip
        within = Context() if parent is None else set_span_in_context(NonRecordingSpan(parent), Context())
        span = self._tracer.start_span(name, within, kind, attributes, links, start_time=began * _NS)
        if "error.type" in attributes:
            span.set_status(StatusCode.ERROR)
        span.end(ended * _NS)


def _of(errand: Errand) -> dict[str, AttributeValue]:
    assert errand.reminder is not None
    return {
        "gateway.tenant": errand.member.tenant,
        "gateway.lane": errand.member.lane,
        "gateway.template": errand.reminder.template,
    }


def _links(entry: Entry) -> list[Link]:
    """The span in which the producer wrote the entry, if it says so in the field `traceparent`."""
    given = {"traceparent": entry.fields.get(b"traceparent", b"").decode("ascii", "replace")}
    context = get_current_span(TraceContextTextMapPropagator().extract(given, Context())).get_span_context()
    return [Link(context)] if context.is_valid else []
