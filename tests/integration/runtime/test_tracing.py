"""What is traced of calls and statements, as a collector receives it."""

import json
import logging
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Any

import grpc.aio
import pytest
from integration.identity.running import SECRET, Identity, identity_settings, run_identity
from integration.runtime.probe import read_to_the_end, run_probe

from dualspan.historian.v1.service_pb2 import IngestRequest, ListGapsRequest
from dualspan.identity.v1 import service_pb2 as messages
from dualspan.identity.v1.service_pb2_grpc import IdentityServiceStub
from dualspan_console.tracing import TracedRequests
from dualspan_runtime import tracing
from dualspan_runtime.channels import open_channel
from dualspan_runtime.logs import configure_logging
from dualspan_runtime.settings import PlatformSettings
from harness.databases import ClonedDatabase
from harness.otlp import Received, Receiver, receiving

CA = messages.GetGatewayCaRequest()
SIGN_IN = messages.SignInRequest(email="nobody@acme.example", password="not a password")


def sending(endpoint: str, ratio: float) -> PlatformSettings:
    return PlatformSettings.model_validate({"service_secret": SECRET, "otlp_endpoint": endpoint, "trace_ratio": ratio})


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """This process traces all that begins in it, for the length of a test."""
    with receiving() as opened:
        tracing.start_tracing("tests", sending(opened.endpoint, 1.0))
        try:
            yield opened
        finally:
            tracing.stop_tracing()


@pytest.fixture
async def traced(database: ClonedDatabase, receiver: Receiver) -> AsyncGenerator[Identity]:
    async with run_identity(identity_settings(database)) as running:
        yield running


def only(receiver: Receiver, **wanted: str) -> Received:
    found = [span for span in receiver.spans if wanted.items() <= {**span.attributes, "name": span.name}.items()]
    assert len(found) == 1, [(span.name, span.attributes) for span in receiver.spans]
    return found[0]


async def test_a_call_its_answer_and_its_statements_are_one_trace(traced: Identity, receiver: Receiver) -> None:
    async with open_channel(traced.address) as channel:
        stub = IdentityServiceStub(channel)
        await stub.GetGatewayCa(CA)  # outside of everything: a trace of its own
        receiver.spans.clear()
        with tracing.span("work") as work, pytest.raises(grpc.aio.AioRpcError):
            await stub.SignIn(SIGN_IN)
    tracing.stop_tracing()
    trace = f"{work.get_span_context().trace_id:032x}"
    spans = receiver.of_trace(trace)
    client, server = sorted((span for span in spans if "rpc.method" in span.attributes), key=lambda span: span.start)
    assert client.name == server.name == "dualspan.identity.v1.IdentityService/SignIn"
    assert client.parent == only(receiver, name="work").span
    assert server.parent == client.span
    assert client.attributes["rpc.grpc.status_code"] == server.attributes["rpc.grpc.status_code"] == 16
    # A wrong password is the caller's doing: the call went wrong, the server did not.
    assert client.is_error
    assert not server.is_error
    statements = [span for span in spans if span.attributes.get("db.system.name") == "postgresql"]
    assert {"BEGIN", "SELECT account"} <= {span.name for span in statements}
    assert all(span.parent == server.span and span.attributes["db.namespace"] == "identity" for span in statements)
    told = json.dumps([span.attributes for span in receiver.spans])
    assert "nobody@acme.example" not in told
    assert "not a password" not in told


async def test_what_a_browser_asks_begins_the_trace_of_what_services_do_for_it(
    traced: Identity, receiver: Receiver
) -> None:
    async with open_channel(traced.address) as channel:

        async def ask(scope: Any, receive: Any, send: Any) -> None:
            await IdentityServiceStub(channel).GetGatewayCa(CA)
            await send({"type": "http.response.start", "status": 503, "headers": []})

        async def nothing(*given: Any) -> Any:
            return None

        for path in ("/v1/gatewayCa", "/assets/page.js"):
            told = [(b"traceparent", f"00-{'a' * 32}-{'b' * 16}-00".encode())]
            scope = {"type": "http", "method": "GET", "path": path, "scheme": "http", "headers": told}
            await TracedRequests(ask)(scope, nothing, nothing)
    tracing.stop_tracing()
    asked = only(receiver, name="GET /v1")
    assert (asked.parent, asked.attributes["http.response.status_code"], asked.is_error) == ("", 503, True)
    calls = [span for span in receiver.of_trace(asked.trace) if "rpc.method" in span.attributes]
    assert [span.parent for span in calls] == [asked.span, calls[0].span]


async def test_what_is_not_sampled_is_sent_by_nobody_unless_its_caller_says_so(
    database: ClonedDatabase, receiver: Receiver
) -> None:
    tracing.stop_tracing()
    tracing.start_tracing("tests", sending(receiver.endpoint, 0.0))
    asked = f"00-{'a' * 32}-{'b' * 16}-01"
    async with run_identity(identity_settings(database)) as running, open_channel(running.address) as channel:
        stub = IdentityServiceStub(channel)
        await stub.GetGatewayCa(CA)
        for told in (asked, asked.replace("-01", "-00"), "00-nonsense-01", f"00-{'0' * 32}-{'b' * 16}-01"):
            await stub.GetGatewayCa(CA, metadata=(("traceparent", told),))
    tracing.stop_tracing()
    calls = [span for span in receiver.spans if "rpc.method" in span.attributes]
    assert [(span.trace, span.parent) for span in calls] == [("a" * 32, "b" * 16)]


async def test_a_stream_of_requests_is_one_span_and_no_parent_of_what_comes_in_it(
    traced: Identity, receiver: Receiver
) -> None:
    inside = list[tuple[str, str] | None]()
    async with run_probe(traced) as probe:
        probe.seen.note = lambda: inside.append(tracing.current_ids())
        credentials, _ = await probe.gateway_credentials("tenants/acme/gateways/box")
        async with probe.people() as people, probe.gateways(credentials) as gateways:
            await people.ListGaps(ListGapsRequest(parent="tenants/acme"), metadata=await traced.bearer())
            stream = gateways.Ingest()
            await stream.write(IngestRequest())
            await stream.read()
            await stream.done_writing()
            await read_to_the_end(stream)
    tracing.stop_tracing()
    call = only(receiver, **{"rpc.method": "ListGaps"})
    assert inside == [(call.trace, call.span), None]
    assert only(receiver, **{"rpc.method": "Ingest"}).attributes["rpc.grpc.status_code"] == 0


async def test_a_line_of_the_log_has_the_ids_of_what_is_traced(
    receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure_logging("probe", "json")
    try:
        with tracing.span("work") as work:
            logging.getLogger("library").warning("within")
        logging.getLogger("library").warning("without")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    within, without = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    context = work.get_span_context()
    assert (within["trace_id"], within["span_id"]) == (f"{context.trace_id:032x}", f"{context.span_id:016x}")
    assert not {"trace_id", "span_id"} & set(without)


async def test_a_collector_that_is_away_holds_nobody_up(database: ClonedDatabase, free_port: Callable[[], int]) -> None:
    tracing.start_tracing("tests", sending(f"http://127.0.0.1:{free_port()}", 1.0))
    try:
        async with run_identity(identity_settings(database)) as running, open_channel(running.address) as channel:
            await IdentityServiceStub(channel).GetGatewayCa(CA, timeout=5)
    finally:
        tracing.stop_tracing()
    assert not tracing.is_on()
