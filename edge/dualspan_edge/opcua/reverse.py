"""Reverse connect (Part 6, 7.1.2.6): servers call the gateway, for plants that open no port inward.

Whoever can reach the port can call, so everything about a caller is bounded: bytes, time, connections per address and
in all. A call proves nothing; who the server is shows in the secured channel that is opened on it.
"""

import asyncio
import struct
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import structlog
from asyncua import Client

from dualspan.onboarding.v1 import gateway_service_pb2 as gateway
from dualspan_edge.clock import now_microseconds
from dualspan_edge.errors import DecodeError, GatewayError
from dualspan_edge.opcua.dialling import MakeClient, dial_directly
from dualspan_edge.opcua.transport import bounded

# Part 6, 7.1.2.6: neither string has more.
_LONGEST_STRING = 4096
_HEADER = struct.Struct("<3scI")
_LENGTH = struct.Struct("<i")
_LONGEST_MESSAGE = _HEADER.size + 2 * (_LENGTH.size + _LONGEST_STRING)
_GREETING_SECONDS = 5.0
_CALL_SECONDS = 60.0
# Part 6: a server keeps one connection waiting; another one from the same place takes over when that is lost.
_MOST_WAITING_PER_SERVER = 4
_MOST_WAITING_SECONDS = 120.0
# Several servers may stand behind one address.
_MOST_PER_PEER = 32
_MOST_CONNECTIONS = 128
_MOST_STRANGERS = 50
_RETRY_SECONDS = 15.0
_log = structlog.get_logger(__name__)


class NotListeningError(GatewayError):
    """The gateway listens for no calls."""


@dataclass(frozen=True, slots=True)
class ReverseHello:
    """What a calling server says.

    Attributes:
        server_uri: Its application URI.
        endpoint_url: The endpoint that it offers on this connection.
    """

    server_uri: str
    endpoint_url: str


def parse_reverse_hello(received: bytes | bytearray) -> ReverseHello | None:
    """The message that a server begins with; None while it is not whole.

    Raises:
        DecodeError: It is something else, or larger than it may be.
    """
    if len(received) < _HEADER.size:
        if not b"RHEF".startswith(bytes(received[:4])):
            raise DecodeError("the caller does not begin with a ReverseHello")
        return None
    kind, chunk, size = _HEADER.unpack_from(received)
    if kind != b"RHE" or chunk != b"F" or not _HEADER.size <= size <= _LONGEST_MESSAGE:
        raise DecodeError("the caller does not begin with a ReverseHello")
    if len(received) < size:
        return None
    if len(received) > size:
        raise DecodeError("the caller goes on before it was answered")
    server_uri, position = _string(received, _HEADER.size)
    endpoint_url, position = _string(received, position)
    if position != size or not server_uri or not endpoint_url.startswith("opc.tcp://"):
        raise DecodeError("the caller's ReverseHello names no server or no endpoint")
    return ReverseHello(server_uri, endpoint_url)


def _string(received: bytes | bytearray, position: int) -> tuple[str, int]:
    if position + _LENGTH.size > len(received):
        raise DecodeError("the caller's ReverseHello is cut off")
    (length,) = _LENGTH.unpack_from(received, position)
    position += _LENGTH.size
    if not 0 < length <= _LONGEST_STRING or position + length > len(received):
        raise DecodeError("the caller's ReverseHello has a string of an impossible length")
    try:
        text = bytes(received[position : position + length]).decode()
    except UnicodeDecodeError as error:
        raise DecodeError("the caller's ReverseHello is not UTF-8") from error
    if not text.isprintable():
        raise DecodeError("the caller's ReverseHello has control characters")
    return text, position + length


@dataclass(frozen=True, slots=True)
class Stranger:
    """Somebody who called and is not configured.

    Attributes:
        hello: What they said.
        peer: Their IP address.
        seen_at: When, microseconds.
    """

    hello: ReverseHello
    peer: str
    seen_at: int


class _Caller(asyncio.Protocol):
    """One connection, from its first byte until somebody uses it or it is given up."""

    def __init__(self, listener: "ReverseListener") -> None:
        self._listener = listener
        self._received = bytearray()
        self._deadline: asyncio.TimerHandle | None = None
        self.transport: asyncio.Transport | None = None
        self.hello: ReverseHello | None = None
        self.peer = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - asyncio's servers make these
        self.transport = transport
        self.peer = str((transport.get_extra_info("peername") or ("",))[0])
        self._deadline = asyncio.get_running_loop().call_later(_GREETING_SECONDS, self.give_up)
        if not self._listener.came(self):
            self.give_up()

    def data_received(self, data: bytes) -> None:
        if self.hello is not None or len(self._received) + len(data) > _LONGEST_MESSAGE:
            self.give_up()
            return
        self._received += data
        try:
            self.hello = parse_reverse_hello(self._received)
        except DecodeError as error:
            _log.info("reverse_call_refused", peer=self.peer, why=str(error))
            self.give_up()
            return
        if self.hello is not None:
            self._wait_at_most(_MOST_WAITING_SECONDS)
            self._listener.said(self, self.hello)

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_at_most(None)
        self._listener.gone(self)

    def give_up(self) -> None:
        """Ends the connection at once."""
        if self.transport is not None:
            self.transport.abort()

    def hand_over(self, client: Client) -> None:
        """From here on the connection is the client's."""
        self._wait_at_most(None)
        self._listener.gone(self)
        if self.transport is not None:
            bounded(client).adopt(self.transport)

    def _wait_at_most(self, seconds: float | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        loop = asyncio.get_running_loop()
        self._deadline = None if seconds is None else loop.call_later(seconds, self.give_up)


class ReverseListener:
    """Where servers call.

    Args:
        address: `host:port`; empty if the gateway is not to listen.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._callers: set[_Caller] = set()
        self._waiting: dict[str, deque[_Caller]] = {}
        self._wanted: dict[str, deque[asyncio.Future[_Caller]]] = {}
        self._expected: frozenset[str] = frozenset()
        self._strangers: dict[tuple[str, str], Stranger] = {}
        self.bound: tuple[str, int] | None = None

    async def run(self) -> None:
        """Listens for ever; a port that is taken is tried again."""
        if not self._address:
            return
        host, _, port = self._address.rpartition(":")
        while True:
            try:
                server = await asyncio.get_running_loop().create_server(lambda: _Caller(self), host or None, int(port))
            except OSError as error:
                _log.error("reverse_listen_failed", address=self._address, error=error.strerror or str(error))
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            self.bound = server.sockets[0].getsockname()[:2]
            _log.info("reverse_listening", address=self._address)
            try:
                await server.serve_forever()
            finally:
                self.bound = None
                server.close()
                for caller in list(self._callers):
                    caller.give_up()

    def expect(self, server_uris: Iterable[str]) -> None:
        """Says which servers are configured to call; calls of others are noted and ended."""
        self._expected = frozenset(server_uris)
        for key in [key for key, one in self._strangers.items() if one.hello.server_uri in self._expected]:
            del self._strangers[key]
        for uri in self._waiting.keys() - self._expected - self._wanted.keys():
            for caller in self._waiting.pop(uri):
                caller.give_up()

    def strangers(self) -> list[Stranger]:
        """Who called and is not configured, the last ones."""
        return list(self._strangers.values())

    async def dial(self, configuration: gateway.ServerConfiguration, make: MakeClient) -> Client:
        """Opens a socket as a server is configured: waits for its call, or connects to it.

        Raises:
            NotListeningError: The server is to call, and the gateway does not listen.
            OSError, TimeoutError: The server does not call, or cannot be reached.
        """
        if not configuration.reverse_connect:
            return await dial_directly(configuration, make)
        if not self._address:
            raise NotListeningError(
                "the server is configured to call the gateway, and the gateway does not listen; set "
                "DUALSPAN_GATEWAY_REVERSE_LISTEN to host:port there, and start it again"
            )
        caller = await self._call_of(configuration.server_uri)
        if caller.hello is None:
            raise ConnectionError("the server's call was lost")
        # Part 6, 7.1.3: the client says Hello with the endpoint that the server named.
        client = make(caller.hello.endpoint_url)
        caller.hand_over(client)
        return client

    async def _call_of(self, server_uri: str) -> _Caller:
        waiting = self._waiting.get(server_uri)
        if waiting:
            return waiting.popleft()
        call: asyncio.Future[_Caller] = asyncio.get_running_loop().create_future()
        self._wanted.setdefault(server_uri, deque()).append(call)
        try:
            async with asyncio.timeout(_CALL_SECONDS):
                return await call
        except TimeoutError as error:
            raise TimeoutError(
                f"the server {server_uri} has not called within {_CALL_SECONDS:.0f} s; check that reverse connect is "
                "switched on there, with the gateway's address and port, and that no firewall is in between"
            ) from error
        finally:
            self._wanted[server_uri].remove(call)
            if not self._wanted[server_uri]:
                del self._wanted[server_uri]

    # What callers do.

    def came(self, caller: _Caller) -> bool:
        """Somebody connected; False if there are too many already."""
        same = sum(other.peer == caller.peer for other in self._callers)
        if len(self._callers) >= _MOST_CONNECTIONS or same >= _MOST_PER_PEER:
            return False
        self._callers.add(caller)
        return True

    def said(self, caller: _Caller, hello: ReverseHello) -> None:
        """A caller said who it is: it is used, waits, or is noted and ended."""
        uri = hello.server_uri
        call = next((call for call in self._wanted.get(uri, ()) if not call.done()), None)
        if call is not None:
            call.set_result(caller)
            return
        waiting = self._waiting.setdefault(uri, deque()) if uri in self._expected else None
        if waiting is None:
            self._note(Stranger(hello, caller.peer, now_microseconds()))
        if waiting is None or len(waiting) >= _MOST_WAITING_PER_SERVER:
            caller.give_up()
            return
        waiting.append(caller)

    def _note(self, stranger: Stranger) -> None:
        key = (stranger.peer, stranger.hello.server_uri)
        if self._strangers.pop(key, None) is None:
            _log.info("reverse_call_of_stranger", peer=stranger.peer, server_uri=stranger.hello.server_uri)
        self._strangers[key] = stranger
        while len(self._strangers) > _MOST_STRANGERS:
            del self._strangers[next(iter(self._strangers))]

    def gone(self, caller: _Caller) -> None:
        """A connection is lost, or is not the listener's any more."""
        self._callers.discard(caller)
        if caller.hello is None:
            return
        waiting = self._waiting.get(caller.hello.server_uri)
        if waiting is not None and caller in waiting:
            waiting.remove(caller)
            if not waiting:
                del self._waiting[caller.hello.server_uri]
