"""The control channel: JSON lines over loopback TCP, to break a simulated plant on purpose and to ask what it sent.

A request is `{"target": "moulding", "command": "drop_connections", "arguments": {}}`; the answer is
`{"ok": true, "result": {…}}` or `{"ok": false, "error": "…"}`.
"""

import asyncio
import contextlib
import json
from collections.abc import Mapping
from typing import Any, Protocol, Self

LIMIT = 1 << 28
"""Longest line, bytes: the statistics of many monitored items are long."""


class ControlError(Exception):
    """A command was refused; the text says why."""


class Target(Protocol):
    """Something that takes commands."""

    async def command(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Carry out a command.

        Raises:
            ValueError: An unknown command or a wrong argument.
        """
        ...


class ControlServer:
    """Listens on loopback and hands each line to its target."""

    def __init__(self, targets: Mapping[str, Target], port: int = 0, host: str = "127.0.0.1") -> None:
        self._targets = targets
        self._port = port
        self._host = host
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def address(self) -> str:
        """`host:port` that clients connect to."""
        return f"{self._host}:{self._port}"

    async def start(self) -> None:
        """Begin to listen."""
        self._server = await asyncio.start_server(self._serve, self._host, self._port, limit=LIMIT)
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the socket and every connection."""
        if self._server is not None:
            self._server.close()
            for writer in self._writers:
                writer.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            with contextlib.suppress(ConnectionError):
                while line := await reader.readline():
                    answer = await self._answer(line)
                    writer.write(json.dumps(answer, separators=(",", ":")).encode() + b"\n")
                    await writer.drain()
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            target = self._targets[request["target"]]
            result = await target.command(request["command"], request.get("arguments") or {})
        except KeyError as err:
            known = ", ".join(self._targets)
            return {"ok": False, "error": f"missing or unknown {err.args[0]!r}; targets: {known}"}
        except (ValueError, TypeError, AttributeError) as err:
            return {"ok": False, "error": str(err)}
        return {"ok": True, "result": result}


class ControlClient:
    """Sends commands to a simulator.

    Example:
        >>> async with await ControlClient.connect("127.0.0.1:4901") as control:
        ...     await control.call("moulding", "drop_connections")
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._lock = asyncio.Lock()

    @classmethod
    async def connect(cls, address: str) -> "ControlClient":
        """Connect to the `host:port` of a ready line."""
        host, _, port = address.rpartition(":")
        return cls(*await asyncio.open_connection(host, int(port), limit=LIMIT))

    async def call(self, target: str, command: str, **arguments: object) -> dict[str, Any]:
        """Carry out a command and return its result.

        Raises:
            ControlError: The simulator refused it.
            ConnectionError: The simulator has gone.
        """
        request = {"target": target, "command": command, "arguments": arguments}
        async with self._lock:
            self._writer.write(json.dumps(request).encode() + b"\n")
            await self._writer.drain()
            line = await self._reader.readline()
        if not line:
            raise ConnectionError("the simulator closed its control connection")
        answer = json.loads(line)
        if not answer["ok"]:
            raise ControlError(answer["error"])
        return answer["result"]

    async def close(self) -> None:
        """Close the connection."""
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
