import subprocess
import sys

from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, use_span

from dualspan_runtime.tracing import read_traceparent
from dualspan_sdk._credentials import AccessToken

TOKEN = AccessToken("secret", "tenants/acme", 0.0)


def test_a_call_within_an_apps_span_is_in_its_trace() -> None:
    context = SpanContext(5, 7, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))
    with use_span(NonRecordingSpan(context)):
        told = dict(TOKEN.metadata)
    read = read_traceparent(told["traceparent"])
    assert read is not None
    assert (read.trace_id, read.span_id, read.trace_flags) == (5, 7, TraceFlags.SAMPLED)
    assert dict(TOKEN.metadata) == {"authorization": "Bearer secret"}


def test_an_app_that_traces_nothing_loads_nothing_for_it() -> None:
    code = "import sys, dualspan_sdk; print([name for name in sys.modules if name.startswith('opentelemetry')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
