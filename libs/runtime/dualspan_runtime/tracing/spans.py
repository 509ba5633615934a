"""What is recorded, named by OpenTelemetry's semantic conventions. Where nothing is sent, nothing happens here."""

import re
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import grpc
from opentelemetry.trace import (
    INVALID_SPAN,
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    get_current_span,
    set_span_in_context,
    use_span,
)
from opentelemetry.util.types import AttributeValue

from dualspan_runtime.tracing.process import elsewhere, now_ns, told, tracer
from dualspan_runtime.tracing.traceparent import read_traceparent

Attributes = Mapping[str, AttributeValue]
_MOST_QUERY = 2000
# Longer than any answer takes. What goes on after that is a stream, whose statements nobody looks for one by one.
_LONGEST_NS = 300 * 10**9
# As gRPC's conventions have it: what these say, the server is to blame for.
_SERVER_ERRORS = frozenset({"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"})
_NUMBERS: Mapping[str, int] = {code.name: code.value[0] for code in grpc.StatusCode}
# The first table; a function that is read from is none.
_TARGET = re.compile(
    r"\b(?:INTO|UPDATE)\s+([a-z_][a-z0-9_.]*)|\bFROM\s+(?:ONLY\s+)?([a-z_][a-z0-9_.]*)\b(?!\s*\()", re.IGNORECASE
)


def current_ids() -> tuple[str, str] | None:
    """Returns the running span's trace and span in hexadecimal, for the log; None outside of one that is recorded."""
    context = running_context()
    return None if context is None else (f"{context.trace_id:032x}", f"{context.span_id:016x}")


def running_context() -> SpanContext | None:
    """Returns the running span; None outside of one that is recorded."""
    context = get_current_span().get_span_context()
    return context if context.is_valid and context.trace_flags.sampled else None


@contextmanager
def span(
    name: str,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    parent: SpanContext | None = None,
    links: Sequence[SpanContext] = (),
    attributes: Attributes | None = None,
    start_ns: int | None = None,
    inherits: bool = True,
) -> Generator[Span]:
    """Records a piece of work, and is the running span while the context lasts.

    Args:
        name: Of few values.
        kind: Whose side of a call it is.
        parent: From elsewhere; the running span without.
        links: What else it belongs to.
        attributes: About it.
        start_ns: When it began, if before now.
        inherits: Whether it is a part of the running span, where there is no `parent`; else it begins a trace.
    """
    made = tracer()
    if made is None:
        yield INVALID_SPAN
        return
    within = get_current_span() if inherits else INVALID_SPAN
    above = within if parent is None else NonRecordingSpan(parent)
    begun = made.start_span(
        name,
        set_span_in_context(above),
        kind=kind,
        links=[Link(one) for one in links],
        attributes=attributes,
        start_time=start_ns,
    )
    with _ending(begun):
        yield begun


@contextmanager
def _ending(begun: Span) -> Generator[None]:
    """Makes a span the running one and ends it with the context.

    Of an error its type is recorded, not its words: those of the database quote what was to be stored. They are in the
    log.
    """
    try:
        with running(begun):
            yield
    except Exception as error:
        begun.set_attribute("error.type", type(error).__qualname__)
        begun.set_status(Status(StatusCode.ERROR, type(error).__qualname__))
        raise
    finally:
        begun.end()


def record_elsewhere(context: SpanContext, name: str, start_ns: int, end_ns: int, attributes: Attributes) -> None:
    """Records what a gateway did, under the ids that it has chosen, which begins its trace."""
    made = elsewhere()
    if made is None:
        return
    token = told.set(context)
    try:
        begun = made.start_span(
            name, set_span_in_context(INVALID_SPAN), SpanKind.PRODUCER, attributes, start_time=start_ns
        )
    finally:
        told.reset(token)
    begun.end(end_ns)


@contextmanager
def statement(query: str, schema: str) -> Generator[None]:
    """Records a statement of SQL as a part of what is recorded, if it is; of itself it begins no trace."""
    made, within = tracer(), get_current_span()
    if made is None or not within.is_recording() or now_ns() - _start_of(within) > _LONGEST_NS:
        yield
        return
    summary = summary_of(query)
    about = {
        "db.system.name": "postgresql",
        "db.namespace": schema,
        "db.operation.name": summary.partition(" ")[0],
        "db.query.summary": summary,
        "db.query.text": query.strip()[:_MOST_QUERY],
    }
    with _ending(made.start_span(summary, kind=SpanKind.CLIENT, attributes=about)):
        yield


def summary_of(query: str) -> str:
    """Returns a statement's verb and first table: few values, however many statements there are."""
    words = query.split(None, 1)
    verb = words[0].upper().rstrip(";") if words else ""
    found = _TARGET.search(query)
    return verb if found is None else f"{verb} {(found.group(1) or found.group(2)).lower()}"


def begin_call(method: str) -> Span | None:
    """Begins the span of a call to another service; None if the caller is not recorded."""
    made = tracer()
    if made is None or not get_current_span().is_recording():
        return None
    return made.start_span(method.lstrip("/"), kind=SpanKind.CLIENT, attributes=_about_call(method))


def begin_answer(method: str, traceparent: str) -> Span:
    """Begins the span of a call from outside, in the caller's trace if it tells of one."""
    made = tracer()
    if made is None:
        return INVALID_SPAN
    parent = read_traceparent(traceparent)
    above = set_span_in_context(INVALID_SPAN if parent is None else NonRecordingSpan(parent))
    return made.start_span(method.lstrip("/"), above, SpanKind.SERVER, _about_call(method))


def end_call(begun: Span, code: str) -> None:
    """Ends the span of a call that ended with a gRPC status code's name."""
    is_wrong = code in _SERVER_ERRORS if getattr(begun, "kind", None) is SpanKind.SERVER else code != "OK"
    begun.set_attribute("rpc.grpc.status_code", _NUMBERS.get(code, _NUMBERS["UNKNOWN"]))
    if is_wrong:
        begun.set_status(Status(StatusCode.ERROR, code))
    begun.end()


@contextmanager
def running(begun: Span) -> Generator[None]:
    """Makes a span the running one while the context lasts. Whoever began it ends it."""
    with use_span(begun, record_exception=False, set_status_on_exception=False):
        yield


def _about_call(method: str) -> Attributes:
    service, _, name = method.lstrip("/").partition("/")
    return {"rpc.system": "grpc", "rpc.service": service, "rpc.method": name}


def _start_of(one: Any) -> int:
    # The SDK's spans know it; the interface has no word for it.
    return getattr(one, "start_time", None) or 0
