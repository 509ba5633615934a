"""The trace of an app that uses OpenTelemetry goes on in the platform. The SDK itself brings nothing along for it."""

import sys
from typing import Any


def trace_metadata() -> tuple[tuple[str, str], ...]:
    """The running span by W3C Trace Context, as call metadata; nothing outside of one, or without OpenTelemetry."""
    loaded: Any = sys.modules.get("opentelemetry.trace")
    if loaded is None:
        return ()
    context = loaded.get_current_span().get_span_context()
    if not context.is_valid:
        return ()
    return (("traceparent", f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags & 1:02x}"),)
