"""asyncua's handler alone, nothing behind it: how old is a value when the handler is called?"""

import argparse
import asyncio
import json
import time
from datetime import UTC

import numpy as np
from asyncua import Client, ua
from asyncua.common.node import Node
from asyncua.common.subscription import DataChangeNotif


class Stopwatch:
    """Notes the age of each value."""

    def __init__(self) -> None:
        self.ages: list[float] = []

    def datachange_notification(self, node: Node, val: object, data: DataChangeNotif) -> None:
        """Called by asyncua for each value."""
        del node, val
        stamp = data.monitored_item.Value.SourceTimestamp
        if stamp is not None:
            self.ages.append(time.time() - stamp.replace(tzinfo=UTC).timestamp())


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    for name in ("items", "first", "queue"):
        parser.add_argument(f"--{name}", type=int, required=True)
    for name in ("interval-ms", "warm-up", "seconds"):
        parser.add_argument(f"--{name}", type=float, required=True)
    options = parser.parse_args()
    async with Client(options.url, timeout=30) as client:
        stopwatch = Stopwatch()
        subscription = await client.create_subscription(options.interval_ms, stopwatch)
        nodes = [client.get_node(ua.NodeId(options.first + item, ua.Int16(2))) for item in range(options.items)]
        for start in range(0, len(nodes), 1000):
            await subscription.subscribe_data_change(nodes[start : start + 1000], queuesize=options.queue)
        await asyncio.sleep(options.warm_up)
        stopwatch.ages.clear()
        await asyncio.sleep(options.seconds)
        p50, p99 = np.percentile(np.array(stopwatch.ages) * 1000, [50, 99])
        print(json.dumps({"values": len(stopwatch.ages), "p50": p50, "p99": p99}), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
