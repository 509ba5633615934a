"""asyncua as its documentation shows it: a handler that is called for each value."""

import argparse
import asyncio
import json
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from asyncua import Client, ua
from asyncua.common.node import Node
from asyncua.common.subscription import DataChangeNotif, DataChangeNotificationHandler


class Counter:
    """The least that a handler can do."""

    def __init__(self) -> None:
        self.values = 0

    def datachange_notification(self, node: Node, val: object, data: DataChangeNotif) -> None:
        """Called by asyncua for each value."""
        del node, val, data
        self.values += 1


def client_options() -> argparse.Namespace:
    """What a client of the load server is told: where it is, what to subscribe, how long to watch."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    for name in ("items", "first", "queue"):
        parser.add_argument(f"--{name}", type=int, required=True)
    for name in ("interval-ms", "warm-up", "seconds"):
        parser.add_argument(f"--{name}", type=float, required=True)
    return parser.parse_args()


@asynccontextmanager
async def subscribed(options: argparse.Namespace, handler: DataChangeNotificationHandler) -> AsyncGenerator[None]:
    """A handler that is called for the values of all items, once it has had time to warm up."""
    async with Client(options.url, timeout=30) as client:
        subscription = await client.create_subscription(options.interval_ms, handler)
        nodes = [client.get_node(ua.NodeId(options.first + item, ua.Int16(2))) for item in range(options.items)]
        for start in range(0, len(nodes), 1000):
            await subscription.subscribe_data_change(nodes[start : start + 1000], queuesize=options.queue)
        await asyncio.sleep(options.warm_up)
        yield


async def main() -> None:
    options, counter = client_options(), Counter()
    async with subscribed(options, counter):
        values, cpu, wall = counter.values, time.process_time(), time.perf_counter()
        await asyncio.sleep(options.seconds)
        result = {
            "values": counter.values - values,
            "cpu": time.process_time() - cpu,
            "wall": time.perf_counter() - wall,
        }
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
