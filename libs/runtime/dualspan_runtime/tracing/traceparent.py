"""W3C Trace Context, level 1, as one text. What a caller says is not believed: a text that is none is no context."""

import re

from opentelemetry.trace import SpanContext, TraceFlags, get_current_span

TRACEPARENT_KEY = "traceparent"
# Version 00 only: what later ones add is for later readers. Neither id may be all zeros (clause 3.2.2).
_FORM = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")


def read_traceparent(text: str) -> SpanContext | None:
    """Returns the context that a traceparent tells; None if it is none."""
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    trace_id, span_id, flags = (int(part, 16) for part in found.groups())
    sampled = TraceFlags(flags & TraceFlags.SAMPLED)
    return SpanContext(trace_id, span_id, is_remote=True, trace_flags=sampled)


def write_traceparent(context: SpanContext) -> str:
    """Returns a context as a traceparent."""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags & TraceFlags.SAMPLED:02x}"


def current_traceparent() -> str:
    """Returns the running span's, sampled or not; empty outside of one."""
    context = get_current_span().get_span_context()
    return write_traceparent(context) if context.is_valid else ""
