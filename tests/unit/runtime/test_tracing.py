import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import SpanContext, TraceFlags

from dualspan_runtime import tracing
from dualspan_runtime.tracing import process
from dualspan_runtime.tracing.sampling import AtMost
from dualspan_runtime.tracing.spans import summary_of

IDS = st.tuples(st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), st.sampled_from((0, 1)))


@given(IDS)
def test_what_is_written_is_read(ids: tuple[int, int, int]) -> None:
    trace_id, span_id, flags = ids
    written = tracing.write_traceparent(SpanContext(trace_id, span_id, is_remote=False, trace_flags=TraceFlags(flags)))
    read = tracing.read_traceparent(written)
    assert read is not None
    assert (read.trace_id, read.span_id, read.trace_flags, read.is_remote) == (*ids, True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "00",
        f"00-{'0' * 32}-{'b' * 16}-01",  # clause 3.2.2.3: all zeros stand for none
        f"00-{'a' * 32}-{'0' * 16}-01",
        f"00-{'A' * 32}-{'b' * 16}-01",  # lower case only
        f"00-{'a' * 32}-{'b' * 16}-01-more",
        f"ff-{'a' * 32}-{'b' * 16}-01",
        f"00-{'a' * 32}-{'b' * 16}-01\n",
        "x" * 10_000,
    ],
)
def test_what_is_no_traceparent_is_none(text: str) -> None:
    assert tracing.read_traceparent(text) is None


def test_the_other_flags_are_nobodys_business() -> None:
    read = tracing.read_traceparent(f"00-{'a' * 32}-{'b' * 16}-fe")
    assert read is not None
    assert not read.trace_flags.sampled


@pytest.mark.parametrize(
    ("query", "summary"),
    [
        ("SELECT a, b FROM tag WHERE id = $1", "SELECT tag"),
        ("\n  INSERT INTO frame\n    (tenant_id) SELECT * FROM unnest($1)", "INSERT frame"),
        ("SELECT f.payload FROM unnest($1) AS wanted JOIN frame ON true", "SELECT"),
        ("UPDATE tag SET x = 1", "UPDATE tag"),
        ("DELETE FROM ONLY segment USING unnest($1)", "DELETE segment"),
        ("WITH clock AS (INSERT INTO touched_clock VALUES (1)) SELECT 1", "WITH touched_clock"),
        ("BEGIN READ ONLY; SET LOCAL dualspan.tenant = 'home'", "BEGIN"),
        ("COMMIT", "COMMIT"),
        ("", ""),
    ],
)
def test_a_statement_is_named_by_its_verb_and_first_table(query: str, summary: str) -> None:
    assert summary_of(query) == summary


def test_callers_fill_no_more_than_their_share() -> None:
    sampler = AtMost(5)
    taken = [sampler.should_sample(None, 1, "call").decision for _ in range(20)]
    # What comes in meanwhile is less than one.
    assert taken[:5] == [Decision.RECORD_AND_SAMPLE] * 5
    assert Decision.RECORD_AND_SAMPLE not in taken[6:]


def test_of_an_error_its_type_is_recorded_and_none_of_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database's quote values: Key (email)=(ada@acme.example) already exists."""
    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    monkeypatch.setattr(process._process, "tracer", provider.get_tracer("tests"))

    def fail() -> None:
        with tracing.span("work"), tracing.statement("INSERT INTO account VALUES ($1)", "identity"):
            raise KeyError("ada@acme.example")

    with pytest.raises(KeyError):
        fail()
    spans = kept.get_finished_spans()
    assert [span.name for span in spans] == ["INSERT account", "work"]
    assert [(span.attributes or {})["error.type"] for span in spans] == ["KeyError", "KeyError"]
    assert all(not span.status.is_ok for span in spans)
    assert not any("ada" in span.to_json() for span in spans)


def test_where_nothing_is_traced_nothing_is_recorded() -> None:
    assert not tracing.is_on()
    with tracing.span("work") as work:
        assert not work.is_recording()
        assert tracing.current_traceparent() == ""
        assert tracing.begin_call("/a.B/C") is None
    with tracing.statement("SELECT 1", "historian"):
        assert tracing.current_ids() is None


def test_where_nothing_is_traced_what_records_and_sends_is_not_even_loaded() -> None:
    # Of the SDK, the client of Redis loads its metrics by itself.
    code = """
import sys
import dualspan_historian.__main__
print([name for name in sys.modules if name.startswith(("opentelemetry.sdk.trace", "opentelemetry.exporter"))])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
