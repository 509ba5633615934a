"""Tunnels by HTTP CONNECT (RFC 9110, 9.3.6): what goes through is the app's own, as a rule TLS, and is not read."""

import asyncio
import contextlib
import socket
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from dualspan_egress.rules import RefusedError, Rules

# Gives the IPv4 addresses of a name, or raises OSError.
Resolve: TypeAlias = Callable[[str], Awaitable[Sequence[str]]]
# Takes the host, the port and why it was refused: in a stable word, and in words.
Note: TypeAlias = Callable[[str, int, str, str], None]

_HEAD_BYTES = 8192
_HEAD_SECONDS = 10.0
_NAME_SECONDS = 10.0
_CONNECT_SECONDS = 10.0
_CLOSE_SECONDS = 30.0
_IDLE_SECONDS = 3600.0
_CHUNK_BYTES = 1 << 16
_AT_ONCE = 64
_LONGEST_HOST = 255
_ANSWERS = {400: "Bad Request", 403: "Forbidden", 405: "Method Not Allowed", 502: "Bad Gateway", 503: "Busy"}


class Proxy:
    """One app's.

    Args:
        rules: Where it may go.
        note: Is told of every refusal.
        resolve: Asks for addresses: once for each tunnel, which then goes to what was looked at.
    """

    def __init__(self, rules: Rules, note: Note, resolve: Resolve | None = None) -> None:
        self._rules = rules
        self._note = note
        self._resolve = resolve or addresses
        self._open = 0

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        """One connection of the app's, to its end."""
        self._open += 1
        try:
            async with asyncio.timeout(_HEAD_SECONDS):
                method, host, port = _asked(await reader.readuntil(b"\r\n\r\n"))
            await self._answer(reader, writer, method, host, port)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            # Whoever asked is gone, or says nothing.
            pass
        except (ValueError, asyncio.LimitOverrunError):
            await _say(writer, 400, "write CONNECT host:port")
        finally:
            self._open -= 1
            writer.transport.abort()

    async def _answer(self, reader: StreamReader, writer: StreamWriter, method: str, host: str, port: int) -> None:
        if method != "CONNECT":
            await self._refuse(writer, 405, host, port, "NOT_CONNECT", f"{method} is not passed on, only CONNECT")
            return
        if self._open > _AT_ONCE:
            await self._refuse(writer, 503, host, port, "BUSY", f"{_AT_ONCE} connections are open")
            return
        try:
            self._rules.declared(host, port)
            async with asyncio.timeout(_NAME_SECONDS):
                found = await self._resolve(host)
            self._rules.open(found)
        except RefusedError as err:
            await self._refuse(writer, 403, host, port, err.code, str(err))
            return
        except (OSError, TimeoutError):
            await self._refuse(writer, 502, host, port, "NO_ADDRESS", "it has no address")
            return
        there = await _connected(found, port)
        if there is None:
            await self._refuse(writer, 502, host, port, "NO_ANSWER", f"{', '.join(found)} does not answer")
            return
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await _tunnel((reader, writer), there)

    async def _refuse(self, writer: StreamWriter, status: int, host: str, port: int, code: str, why: str) -> None:
        self._note(host[:_LONGEST_HOST], port, code, why)
        await _say(writer, status, why)


async def listen(host: str, port: int, proxy: Proxy) -> asyncio.Server:
    """Begin to serve; the server is listening when it is returned."""
    return await asyncio.start_server(proxy.serve, host, port, limit=_HEAD_BYTES)


async def addresses(host: str) -> list[str]:
    """The IPv4 addresses of a name; raises OSError. Networks of apps have no IPv6."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, None, family=socket.AF_INET, type=socket.SOCK_STREAM)
    return sorted({str(each[4][0]) for each in found})


def _asked(head: bytes) -> tuple[str, str, int]:
    """Method, host and port; 0 where there is none."""
    method, target, version = head.split(b"\r\n", 1)[0].decode("ascii").split(" ")
    if not version.startswith("HTTP/1."):
        raise ValueError(version)
    if method != "CONNECT":
        return method, target, 0
    host, _, port = target.rpartition(":")
    return method, host.lower().rstrip("."), int(port)


async def _say(writer: StreamWriter, status: int, why: str) -> None:
    body = f"DualSpan: {why}\n".encode()
    head = f"HTTP/1.1 {status} {_ANSWERS[status]}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}"
    writer.write(f"{head}\r\nConnection: close\r\n\r\n".encode() + body)
    await _closed(writer)


async def _closed(writer: StreamWriter) -> None:
    """What was written goes out before; whoever does not take it loses it."""
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(_CLOSE_SECONDS):
            writer.close()
            await writer.wait_closed()


async def _connected(found: Sequence[str], port: int) -> tuple[StreamReader, StreamWriter] | None:
    for each in found:
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(_CONNECT_SECONDS):
                return await asyncio.open_connection(each, port)
    return None


async def _tunnel(one: tuple[StreamReader, StreamWriter], other: tuple[StreamReader, StreamWriter]) -> None:
    """Both directions, each to its end."""
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_pump(one[0], other[1]))
            group.create_task(_pump(other[0], one[1]))
        await asyncio.gather(_closed(one[1]), _closed(other[1]))
    except* (OSError, TimeoutError):
        # One side is gone: the other one goes, too.
        pass
    finally:
        other[1].transport.abort()


async def _pump(source: StreamReader, sink: StreamWriter) -> None:
    while True:
        async with asyncio.timeout(_IDLE_SECONDS):
            chunk = await source.read(_CHUNK_BYTES)
        if not chunk:
            break
        sink.write(chunk)
        await sink.drain()
    sink.write_eof()
