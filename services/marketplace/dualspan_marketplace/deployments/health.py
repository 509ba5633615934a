"""Whether an app answers: HTTP 200 from the path that its manifest names."""

import asyncio

from dualspan_manifest import Health

_LONGEST_LINE = 1024


async def answers(address: str, health: Health) -> bool:
    """Asks once; False for whatever is not a 200 within the manifest's time. What the app sends is not read further.

    Args:
        address: host:port.
        health: Of the manifest.
    """
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(health.timeout):
            reader, writer = await asyncio.open_connection(host, int(port), limit=_LONGEST_LINE)
            try:
                request = f"GET {health.path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
                writer.write(request.encode())
                status = await reader.readline()
            finally:
                writer.transport.abort()
    except (OSError, ValueError, TimeoutError):
        return False
    return status.split(b" ", 2)[:2] in ([b"HTTP/1.1", b"200"], [b"HTTP/1.0", b"200"])
