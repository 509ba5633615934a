"""asyncua's client with a server that is not trusted on the other side.

asyncua gathers whatever a chunk's header claims, takes the server's word for the sizes of messages, and reconnects
and publishes by itself. Here chunks and messages have limits that are ours, and nothing runs unless we start it.
"""

import asyncio
import contextlib
import struct

from asyncua import Client, ua
from asyncua.client.ua_client import UaClient, UaClientState, UASocketProtocol
from asyncua.common.connection import TransportLimits
from asyncua.common.shortcuts import Shortcuts
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import nodeid_from_binary, struct_from_binary, struct_to_binary, uatcp_to_binary

CHUNK_BYTES = 65_536
MESSAGE_BYTES = 64 * 1024 * 1024
# Chunks may be small: Part 6, 7.1.2.3 sets 8192 as the least a buffer may be.
_LEAST_CHUNK_BYTES = 8192
_HEADER_BYTES = 8
_chunk_size = struct.Struct("<4xI").unpack_from
_type_id = struct.Struct("<BBH").pack
_SERVICE_FAULT = ua.FourByteNodeId(ua.Int32(ua.ObjectIds.ServiceFault_Encoding_DefaultBinary))


class BoundedProtocol(UASocketProtocol):
    """The socket: whole chunks of bounded size go to asyncua, everything else ends the connection."""

    def __init__(self, timeout: float, security_policy: object, message_bytes: int = MESSAGE_BYTES) -> None:
        self._message_bytes, self._chunks = message_bytes, message_bytes // _LEAST_CHUNK_BYTES
        limits = TransportLimits(CHUNK_BYTES, CHUNK_BYTES, self._chunks, message_bytes)
        super().__init__(timeout, security_policy, limits)  # pyright: ignore[reportArgumentType]  # asyncua's own type
        self._received = bytearray()

    def data_received(self, data: bytes) -> None:
        """Cuts what came into chunks; a chunk that is not whole waits for the rest."""
        received = self._received
        received += data
        start = 0
        while len(received) - start >= _HEADER_BYTES:
            size: int = _chunk_size(received, start)[0]
            if not _HEADER_BYTES <= size <= CHUNK_BYTES:
                self.logger.error("the server announced a chunk of %s bytes; at most %s are taken", size, CHUNK_BYTES)
                received.clear()
                self.disconnect_socket()
                return
            if len(received) - start < size:
                break
            self._process_received_data(bytes(received[start : start + size]))
            start += size
            if self.transport is None or self.transport.is_closing():
                received.clear()
                return
        del received[:start]

    def _process_received_message(self, msg: ua.Message | ua.Acknowledge | ua.ErrorMessage | None) -> None:
        """A server may refuse a channel with a ServiceFault, which asyncua would read as an answer of another kind."""
        if isinstance(msg, ua.Message) and isinstance(msg.SecurityHeader(), ua.AsymmetricAlgorithmHeader):
            body = msg.body()
            if nodeid_from_binary(body) == _SERVICE_FAULT:
                struct_from_binary(ua.ResponseHeader, body).ServiceResult.check()
        super()._process_received_message(msg)

    async def send_hello(self, url: str, max_messagesize: int = 0, max_chunkcount: int = 0) -> ua.Acknowledge:
        """Agrees on sizes (Part 6, 7.1.2.3); ours, whatever the arguments say."""
        if self.transport is None:
            raise ConnectionError("the connection is closed")
        hello = ua.Hello(0, CHUNK_BYTES, CHUNK_BYTES, self._message_bytes, self._chunks, url)  # pyright: ignore[reportArgumentType]  # plain numbers
        answer: asyncio.Future[ua.Acknowledge] = asyncio.get_running_loop().create_future()
        self._callbackmap[0] = answer
        self.transport.write(uatcp_to_binary(ua.MessageType.Hello, hello))  # pyright: ignore[reportArgumentType]  # asyncua's constants are bytes
        async with asyncio.timeout(self.timeout):
            acknowledge = await answer
        # asyncua has taken the server's numbers for both directions; what we receive is ours to limit.
        limits = self._connection._limits  # noqa: SLF001 - there is no other door
        limits.max_recv_buffer = CHUNK_BYTES
        limits.max_send_buffer = max(_LEAST_CHUNK_BYTES, min(CHUNK_BYTES, acknowledge.ReceiveBufferSize))
        limits.max_message_size = self._message_bytes
        limits.max_chunk_count = self._chunks
        return acknowledge

    def post(self, request: object) -> "asyncio.Future[object]":
        """Sends a request without waiting; the future is the answer's body, in the order of arrival."""
        answer = self._send_request(request, timeout=0)
        # Nobody waits any more for those that are open when the connection ends.
        answer.add_done_callback(lambda done: done.cancelled() or done.exception())
        return answer

    def post_encoded(self, request_type: int, parameters: bytes, timeout: float) -> "asyncio.Future[Buffer]":
        """Sends a request that is encoded already, but for its header; the future is the answer's body.

        Args:
            request_type: Identifier of the request's binary encoding, in namespace 0.
            parameters: What follows the RequestHeader.
            timeout: For the header: after so many seconds the server need not answer any more.
        """
        if self.transport is None:
            raise ConnectionError("the connection is closed")
        header = ua.RequestHeader()
        self._setup_request_header(header, timeout)
        self.revolve_security_token()
        message = b"".join((_type_id(1, 0, request_type), struct_to_binary(header), parameters))
        self._request_id += 1
        answer: asyncio.Future[Buffer] = asyncio.get_running_loop().create_future()
        answer.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._callbackmap[self._request_id] = answer
        # Of the default type, MSG.
        self.transport.write(self._connection.message_to_binary(message, request_id=self._request_id))
        return answer


class BoundedUaClient(UaClient):
    """asyncua's transport client with `BoundedProtocol` for its socket."""

    def __init__(self, timeout: float, message_bytes: int = MESSAGE_BYTES) -> None:
        super().__init__(timeout)
        self._message_bytes = message_bytes

    def _make_protocol(self) -> BoundedProtocol:
        protocol = BoundedProtocol(self._timeout, self.security_policy, self._message_bytes)
        protocol.on_connection_lost = self._on_transport_lost
        protocol.is_session_closing = self._is_session_closing
        self.protocol = protocol
        return protocol

    async def connect_socket(self, host: str, port: int) -> None:
        """Opens a connection; asyncua's own way to do so may forget that it was cancelled."""
        self._set_state(UaClientState.CONNECTING)
        try:
            async with asyncio.timeout(self._timeout):
                await asyncio.get_running_loop().create_connection(self._make_protocol, host, port)
        except BaseException:
            self._set_state(UaClientState.DISCONNECTED)
            raise
        self._set_state(UaClientState.SOCKET_OPEN)

    def adopt(self, transport: asyncio.Transport) -> None:
        """Takes over a connection that the server opened (reverse connect), in place of opening one."""
        protocol = self._make_protocol()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        self._set_state(UaClientState.SOCKET_OPEN)

    @property
    def bounded(self) -> BoundedProtocol:
        """The open socket.

        Raises:
            ConnectionError: There is none.
        """
        if not isinstance(self.protocol, BoundedProtocol) or self.protocol.is_closed:
            raise ConnectionError("the connection is closed")
        return self.protocol


def make_client(url: str, timeout: float, message_bytes: int = MESSAGE_BYTES) -> Client:
    """A client for one connection: it neither reconnects nor watches; a new connection takes a new one.

    Args:
        url: The endpoint's.
        timeout: Seconds for each answer.
        message_bytes: What a message of the server may have.
    """
    client = Client(url, timeout=timeout)
    client.uaclient = BoundedUaClient(timeout, message_bytes)
    client.nodes = Shortcuts(client.uaclient.session)
    return client


def bounded(client: Client) -> BoundedUaClient:
    """The transport of a client that `make_client` made."""
    if not isinstance(client.uaclient, BoundedUaClient):
        raise TypeError("the client was not made by make_client")
    return client.uaclient


async def end(client: Client, *, keep_session: bool) -> None:
    """Closes the channel, the session too unless it is to be taken up again, and in any case the socket."""
    try:
        with contextlib.suppress(OSError, TimeoutError, ua.UaError):
            if not keep_session:
                await client.uaclient.session.close_session(True)
            await client.close_secure_channel()
    finally:
        client.disconnect_socket()
