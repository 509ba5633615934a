"""Where the spans of this process go. A process that traces nothing does not even import what would send them."""

import time
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

from opentelemetry.trace import SpanContext, Tracer

from dualspan_runtime.settings import PlatformSettings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

GATEWAY = "gateway"
_SCOPE = "dualspan_runtime"
# Callers that say "sampled" are followed, up to so many a second: nobody is to fill the collector from outside.
_MOST_FOLLOWED = 200.0
# A collector that does not answer keeps a service from stopping for so long.
_SEND_SECONDS = 3
told: ContextVar[SpanContext | None] = ContextVar("dualspan_told_span", default=None)
"""The ids of the next span that is recorded for somebody who has chosen them."""


@dataclass(slots=True)
class _Process:
    """What was started in this process, which is one thing, as its logs are."""

    tracer: Tracer | None = None
    elsewhere: Tracer | None = None
    providers: Sequence["TracerProvider"] = ()


_process = _Process()


def is_on() -> bool:
    """Whether this process sends spans."""
    return _process.tracer is not None


def tracer() -> Tracer | None:
    """Returns what makes this process's spans; None if it makes none."""
    return _process.tracer


def elsewhere() -> Tracer | None:
    """Returns what makes spans in the name of gateways; None if this process makes none."""
    return _process.elsewhere


def start_tracing(service: str, settings: PlatformSettings) -> None:
    """Sends this process's spans to the endpoint that is set; without one it does nothing.

    After a fork, not before: neither gRPC nor the thread that sends comes along.

    Args:
        service: In whose name.
        settings: Where to, and how many.
    """
    if not settings.otlp_endpoint or is_on():
        return
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import RandomIdGenerator, TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased, TraceIdRatioBased

    from dualspan_runtime.tracing.sampling import AtMost

    class ToldIds(RandomIdGenerator):
        """Gives a span the ids that somebody else has chosen for it."""

        def generate_span_id(self) -> int:
            chosen = told.get()
            return super().generate_span_id() if chosen is None else chosen.span_id

        def generate_trace_id(self) -> int:
            chosen = told.get()
            return super().generate_trace_id() if chosen is None else chosen.trace_id

    release = version("dualspan-runtime")

    def resource(name: str) -> Resource:
        return Resource.create({"service.namespace": "dualspan", "service.name": name, "service.version": release})

    sampler = ParentBased(TraceIdRatioBased(settings.trace_ratio), remote_parent_sampled=AtMost(_MOST_FOLLOWED))
    own = TracerProvider(sampler=sampler, resource=resource(service), shutdown_on_exit=False)
    gateways = TracerProvider(
        sampler=ALWAYS_ON, resource=resource(GATEWAY), id_generator=ToldIds(), shutdown_on_exit=False
    )
    sender = BatchSpanProcessor(OTLPSpanExporter(endpoint=settings.otlp_endpoint, timeout=_SEND_SECONDS))
    own.add_span_processor(sender)
    gateways.add_span_processor(sender)
    _process.providers = (own, gateways)
    _process.tracer, _process.elsewhere = own.get_tracer(_SCOPE, release), gateways.get_tracer(_SCOPE, release)


def stop_tracing() -> None:
    """Sends what waits, for some seconds at the most, and ends. Safe to be called again."""
    providers, _process.providers = _process.providers, ()
    _process.tracer = _process.elsewhere = None
    for provider in providers:
        provider.shutdown()


def now_ns() -> int:
    """The time as spans have it: nanoseconds since 1970."""
    return time.time_ns()
