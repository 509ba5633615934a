"""A receiver of traces, as a collector is one: OTLP over gRPC."""

import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)


@dataclass(frozen=True, slots=True)
class Received:
    """A span that came; times in nanoseconds."""

    service: str
    name: str
    trace: str
    span: str
    parent: str
    links: tuple[tuple[str, str], ...]
    start: int
    end: int
    attributes: dict[str, Any] = field(hash=False)
    is_error: bool = False


class Receiver(TraceServiceServicer):
    """Keeps what comes."""

    def __init__(self) -> None:
        self.endpoint = ""
        self.spans: list[Received] = []

    def Export(self, request: Any, context: Any) -> ExportTraceServiceResponse:  # noqa: N802 - the contract's name
        for of_resource in request.resource_spans:
            service = _read(of_resource.resource.attributes)["service.name"]
            self.spans += [_received(service, span) for scope in of_resource.scope_spans for span in scope.spans]
        return ExportTraceServiceResponse()

    def of_trace(self, trace: str) -> list[Received]:
        """The spans of a trace, by when they began."""
        return sorted((span for span in list(self.spans) if span.trace == trace), key=lambda span: span.start)

    def wait_for(self, wanted: Callable[[Received], bool], seconds: float = 30.0) -> Received:
        """The first span that is wanted.

        Raises:
            AssertionError: None came in time.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = next((span for span in list(self.spans) if wanted(span)), None)
            if found is not None:
                return found
            time.sleep(0.05)
        raise AssertionError(f"no such span; there were {sorted({(span.service, span.name) for span in self.spans})}")


@contextmanager
def receiving() -> Generator[Receiver]:
    """A receiver that listens, while the context lasts."""
    receiver = Receiver()
    server = grpc.server(ThreadPoolExecutor(2))
    add_TraceServiceServicer_to_server(receiver, server)
    receiver.endpoint = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield receiver
    finally:
        server.stop(None).wait()


def _received(service: str, span: Any) -> Received:
    return Received(
        service=service,
        name=span.name,
        trace=span.trace_id.hex(),
        span=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        links=tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
        start=span.start_time_unix_nano,
        end=span.end_time_unix_nano,
        attributes=_read(span.attributes),
        is_error=span.status.code == span.status.STATUS_CODE_ERROR,
    )


def _read(attributes: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}
