"""An OpenTelemetry collector: takes traces by OTLP over HTTP, or is silent, or refuses."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Collector:
    """`spans` in the order of their coming; `raw` is everything that came, as it came. `deed` is what it does next:
    take, refuse, or hang for ever."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.services: set[tuple[str, str]] = set()
        self.raw = b""
        self.url = ""
        self.deed = "take"
        self.asked = asyncio.Event()

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.raw += str(request.url).encode() + repr(request.raw_headers).encode() + body
        self.asked.set()
        if self.deed == "hang":
            await asyncio.Event().wait()
        if self.deed == "refuse":
            return web.Response(status=503)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.services |= {(each.key, each.value.string_value) for each in resource.resource.attributes}
            for scope in resource.scope_spans:
                self.spans += scope.spans
        return web.Response(content_type="application/x-protobuf")

    def of(self, entry: str) -> list[Any]:
        """The spans of the trace of a job, by its entry, in the order of their beginning."""
        roots = [span for span in self.spans if told(span).get("messaging.message.id") == entry]
        found = [span for span in self.spans if roots and span.trace_id == roots[0].trace_id]
        return sorted(found, key=lambda span: span.start_time_unix_nano)


def told(span: Any) -> dict[str, Any]:
    """The attributes of a span."""

    def value(given: Any) -> Any:
        kind = given.WhichOneof("value")
        found = getattr(given, kind)
        return [value(each) for each in found.values] if kind == "array_value" else found

    return {each.key: value(each.value) for each in span.attributes}


@asynccontextmanager
async def collecting() -> AsyncIterator[Collector]:
    collector, app = Collector(), web.Application()
    app.router.add_post("/v1/traces", collector.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    collector.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield collector
    finally:
        await runner.cleanup()
