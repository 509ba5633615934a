"""The gateway's own way to subscribe many variables, without its buffer and its stream."""

import asyncio
import json
import logging
import sys
import tempfile
import time
from pathlib import Path

import structlog

from dualspan.frame.v1 import frame_pb2
from dualspan.onboarding.v1 import gateway_service_pb2 as gateway
from dualspan.onboarding.v1 import resources_pb2 as onboarding
from dualspan_edge.clock import now_microseconds
from dualspan_edge.opcua.certificates import load_application_instance
from dualspan_edge.opcua.connection import connect
from dualspan_edge.opcua.subscriptions import Subscriptions
from dualspan_edge.samples import TagTable
from plc_sim.load_server import NAMESPACE


def _tag(number: int, first: int) -> gateway.TagConfiguration:
    tag = gateway.TagConfiguration(
        tag_id=number + 1,
        node_id=f"nsu={NAMESPACE};i={first + number}",
        kind=frame_pb2.VALUE_KIND_FLOAT64,
        queue_size=10,
    )
    tag.publishing_interval.FromSeconds(1)
    return tag


async def main() -> None:
    """Subscribe all variables of a load server; tell how long it took."""
    url, items, first = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    configuration = gateway.ServerConfiguration(
        server="load",
        endpoint_url=url,
        security_mode=onboarding.SECURITY_MODE_NONE,
        security_policy=onboarding.SECURITY_POLICY_NONE,
        tags=[_tag(number, first) for number in range(items)],
    )
    with tempfile.TemporaryDirectory() as folder:
        connection = await connect(configuration, load_application_instance(Path(folder), "bench"), None)
    started = time.perf_counter()
    reports = await Subscriptions(TagTable()).add(connection, configuration.tags, now_microseconds())
    seconds = time.perf_counter() - started
    if any(report.state != onboarding.TAG_STATE_ACTIVE for report in reports):
        raise RuntimeError(f"an item was refused: {reports[0].detail}")
    print(json.dumps({"seconds": seconds}), flush=True)
    await connection.close(keep_session=False)


if __name__ == "__main__":
    asyncio.run(main())
