"""One app's way out: `python -m dualspan_egress`. A line of JSON for each refusal goes to the standard output."""

import asyncio
import json
import signal
import sys
from datetime import UTC, datetime

from dualspan_egress import settings
from dualspan_egress.proxy import Proxy, listen


def refused(host: str, port: int, code: str, why: str) -> None:
    asked = {"host": host, "port": port, "code": code, "why": why}
    told = {"time": datetime.now(UTC).isoformat(), "event": "egress refused", **asked}
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


async def main() -> None:
    found = settings.read()
    if not found.is_asked:
        # Where an image is only to be there, starting it does nothing.
        sys.stdout.write("DUALSPAN_EGRESS_HOSTS is not set: nothing to do.\n")
        return
    stopped, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    server = await listen(found.host, found.port, Proxy(found.rules, refused))
    await stopped.wait()
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
