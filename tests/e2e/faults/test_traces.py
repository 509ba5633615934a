"""One trace leads from a frame on the gateway's disk to the segments that its samples are sealed into."""

import asyncio

import pytest

from dualspan_cli.platform import FIRST_TENANT
from dualspan_runtime.settings import PlatformSettings
from dualspan_runtime.tasks import create_celery
from harness.otlp import Received, Receiver
from harness.site import Site

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def test_one_trace_from_the_gateways_frame_to_its_segments(site: Site, receiver: Receiver) -> None:
    begun = len(receiver.spans)
    await asyncio.to_thread(
        receiver.wait_for, lambda span: span.name == "commit frames" and receiver.spans.index(span) >= begun
    )
    environment = site.platform.environment()
    settings = PlatformSettings.model_validate(
        {"service_secret": environment["DUALSPAN_SERVICE_SECRET"], "redis_url": environment["DUALSPAN_REDIS_URL"]}
    )
    create_celery("historian", settings).send_task("historian.seal", (FIRST_TENANT, "box"))

    def is_whole(span: Received) -> bool:
        """Gateways that were killed meanwhile took what they had not told with them."""
        begins = {each.trace for each in receiver.spans if each.name == "buffer frame"}
        return span.name == "seal frames" and bool(span.attributes.get("dualspan.segments")) and span.trace in begins

    sealed = await asyncio.to_thread(receiver.wait_for, is_whole, 60)
    spans = receiver.of_trace(sealed.trace)
    named = {span.name: span for span in spans}
    frame, verified, committed = (named[name] for name in ("buffer frame", "verify frame", "commit frames"))
    assert [span.service for span in (frame, verified, committed)] == ["gateway", "historian", "historian"]
    assert sealed.service == "historian-worker"
    assert frame.parent == ""
    assert verified.parent == committed.parent == frame.span
    assert sealed.parent == committed.span
    assert frame.start <= frame.end <= verified.end <= committed.end <= sealed.end
    statements = {(span.parent, span.name) for span in spans if "db.query.text" in span.attributes}
    assert {(committed.span, "INSERT frame"), (sealed.span, "INSERT segment")} <= statements
    # The other frames that were sealed with it are linked, each from its own trace's end.
    linked = {trace for trace, _ in sealed.links}
    for _ in sealed.links:
        other = await asyncio.to_thread(
            receiver.wait_for, lambda span: span.trace in linked and span.name == "seal frames"
        )
        assert other.links == ((sealed.trace, sealed.span),)
        linked.discard(other.trace)
    # Calls are traced by their own ratio, which is nothing here.
    assert not [span for span in receiver.spans if "rpc.method" in span.attributes]
