"""asyncua's own way to subscribe many variables."""

import asyncio
import json
import sys
import time

from asyncua import Client, ua

from dualspan_bench.clients.asyncua_handler import Counter

_PORTION = 1000


async def main() -> None:
    """Subscribe all variables of a load server; tell how long it took."""
    url, items, first = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    async with Client(url, timeout=60) as client:
        nodes = [client.get_node(ua.NodeId(ua.Int32(first + item), ua.Int16(2))) for item in range(items)]
        started = time.perf_counter()
        subscription = await client.create_subscription(1000, Counter())
        for start in range(0, len(nodes), _PORTION):
            await subscription.subscribe_data_change(nodes[start : start + _PORTION], queuesize=10)
        print(json.dumps({"seconds": time.perf_counter() - started}), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
