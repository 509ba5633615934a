"""The gateway's own client: publish pump, columnar decoder, samples of tags; nothing is stored."""

import argparse
import asyncio
import json
import logging
import tempfile
import time
from pathlib import Path

import structlog

from dualspan.frame.v1 import frame_pb2
from dualspan.onboarding.v1 import gateway_service_pb2 as gateway
from dualspan.onboarding.v1 import resources_pb2 as onboarding
from dualspan_bench.clients.asyncua_handler import client_options
from dualspan_edge.clock import now_microseconds
from dualspan_edge.decoder import PublishResponse
from dualspan_edge.opcua.certificates import load_application_instance
from dualspan_edge.opcua.connection import connect
from dualspan_edge.opcua.pump import PublishPump
from dualspan_edge.opcua.subscription import Subscription
from dualspan_edge.opcua.subscriptions import Subscriptions
from dualspan_edge.samples import TagTable
from plc_sim.load_server import NAMESPACE


class Counter:
    """Takes samples as the gateway does, and counts them instead of storing them."""

    def __init__(self, table: TagTable) -> None:
        self._table = table
        self._stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._stored.set_result(None)
        self.values = 0

    def received(self, subscription: Subscription, response: PublishResponse) -> "asyncio.Future[None]":
        """A notification, as samples of tags."""
        del subscription
        for change in response.data_changes:
            self.values += self._table.receive(change, now_microseconds()).sample_count
        return self._stored

    def missed(self, subscription: Subscription, why: str) -> None:
        """A client that loses notifications measures nothing."""
        raise RuntimeError(f"subscription {subscription.identifier}: {why}")

    def lost(self, subscription: Subscription, why: str) -> None:
        """The same."""
        self.missed(subscription, why)


def _configuration(options: argparse.Namespace) -> gateway.ServerConfiguration:
    tags: list[gateway.TagConfiguration] = []
    for item in range(options.items):
        tag = gateway.TagConfiguration(
            tag_id=item + 1, node_id=f"nsu={NAMESPACE};i={options.first + item}", kind=frame_pb2.VALUE_KIND_FLOAT64
        )
        tag.publishing_interval.FromMicroseconds(int(options.interval_ms * 1000))
        tag.queue_size = options.queue
        tags.append(tag)
    return gateway.ServerConfiguration(
        server="load",
        endpoint_url=options.url,
        security_mode=onboarding.SECURITY_MODE_NONE,
        security_policy=onboarding.SECURITY_POLICY_NONE,
        tags=tags,
    )


async def main() -> None:
    options = client_options()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    configuration = _configuration(options)
    with tempfile.TemporaryDirectory() as folder:
        connection = await connect(configuration, load_application_instance(Path(folder), "bench"), None)
    table = TagTable()
    subscriptions = Subscriptions(table)
    counter = Counter(table)
    reports = await subscriptions.add(connection, configuration.tags, now_microseconds())
    if any(report.state != onboarding.TAG_STATE_ACTIVE for report in reports):
        raise RuntimeError(f"an item was refused: {reports[0].detail}")
    pump = asyncio.ensure_future(PublishPump(connection, subscriptions, counter).run())
    await asyncio.wait([pump], timeout=options.warm_up)
    values, cpu, wall = counter.values, time.process_time(), time.perf_counter()
    await asyncio.wait([pump], timeout=options.seconds)
    result = {
        "values": counter.values - values,
        "cpu": time.process_time() - cpu,
        "wall": time.perf_counter() - wall,
    }
    if pump.done():
        pump.result()
    print(json.dumps(result), flush=True)
    pump.cancel()
    await connection.close(keep_session=False)


if __name__ == "__main__":
    asyncio.run(main())
