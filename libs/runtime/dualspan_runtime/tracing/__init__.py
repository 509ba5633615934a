"""Traces by OpenTelemetry, sent by OTLP: off unless an endpoint is set."""

from dualspan_runtime.tracing.process import is_on, start_tracing, stop_tracing
from dualspan_runtime.tracing.spans import (
    begin_answer,
    begin_call,
    current_ids,
    end_call,
    record_elsewhere,
    running,
    running_context,
    span,
    statement,
)
from dualspan_runtime.tracing.traceparent import (
    TRACEPARENT_KEY,
    current_traceparent,
    read_traceparent,
    write_traceparent,
)

__all__ = [
    "TRACEPARENT_KEY",
    "begin_answer",
    "begin_call",
    "current_ids",
    "current_traceparent",
    "end_call",
    "is_on",
    "read_traceparent",
    "record_elsewhere",
    "running",
    "running_context",
    "span",
    "start_tracing",
    "statement",
    "stop_tracing",
    "write_traceparent",
]
