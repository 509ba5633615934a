"""asyncua's handler alone, nothing behind it: how old is a value when the handler is called?"""

import asyncio
import json
import time
from datetime import UTC

import numpy as np
from asyncua.common.node import Node
from asyncua.common.subscription import DataChangeNotif

from dualspan_bench.clients.asyncua_handler import client_options, subscribed


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
    options, stopwatch = client_options(), Stopwatch()
    async with subscribed(options, stopwatch):
        stopwatch.ages.clear()
        await asyncio.sleep(options.seconds)
        p50, p99 = np.percentile(np.array(stopwatch.ages) * 1000, [50, 99])
        print(json.dumps({"values": len(stopwatch.ages), "p50": p50, "p99": p99}), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
