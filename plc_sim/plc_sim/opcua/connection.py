"""Connections of clients: behind the gate, with the services that asyncua's processor lacks, dropped when asked to."""

import asyncio
from typing import Any

from asyncua import ua
from asyncua.common.connection import TransportLimits
from asyncua.server.binary_server_asyncio import BinaryServer, OPCUAProtocol
from asyncua.server.internal_server import InternalServer
from asyncua.server.uaprocessor import UaProcessor
from asyncua.ua.ua_binary import struct_from_binary

from plc_sim.opcua.gate import Gate
from plc_sim.opcua.standard import node_id

_BROWSE_NEXT = node_id(ua.ObjectIds.BrowseNextRequest_Encoding_DefaultBinary)


class _Processor(UaProcessor):
    """asyncua's processor, and BrowseNext."""

    def __init__(self, internal_server: InternalServer, transport: Any, limits: TransportLimits) -> None:
        super().__init__(internal_server, transport, limits)

    async def _process_message(self, typeid: Any, requesthdr: Any, seqhdr: Any, body: Any) -> Any:
        session = self.session
        if typeid != _BROWSE_NEXT or session is None or not session.is_activated():
            return await super()._process_message(typeid, requesthdr, seqhdr, body)
        session.touch()
        response = ua.BrowseNextResponse()
        response.Parameters.Results = await session.browse_next(struct_from_binary(ua.BrowseNextParameters, body))
        self.send_response(requesthdr.RequestHandle, seqhdr, response)
        return True


class Protocol(OPCUAProtocol):
    """A connection that passes the gate before it is answered."""

    gate: Gate

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        self.lost = asyncio.Event()

    def connection_made(self, transport: Any) -> None:
        """Take the connection with our processor."""
        super().connection_made(transport)
        if self.processor is not None:
            self.processor = _Processor(self.iserver, self.transport, self.limits)
            self.processor.set_policies(self.policies)

    async def _process_one_msg(self, header: Any, buf: Any) -> bool:
        if self.gate.mute:
            return True
        await self.gate.delay()
        return await super()._process_one_msg(header, buf)

    def connection_lost(self, ex: BaseException | None) -> None:
        """Forget the publish requests of a connection that is gone: what they would carry could not arrive."""
        if self.processor is not None:
            self.processor._publish_requests.clear()  # noqa: SLF001 - asyncua would go on answering them
        self.lost.set()
        super().connection_lost(ex)


class Listener(BinaryServer):
    """Listens, and can drop its connections."""

    gate: Gate

    def make_protocol(self) -> Protocol:
        """What serves one more connection, whoever opened it."""
        protocol = Protocol(
            iserver=self.iserver,
            policies=self._policies,
            clients=self.clients,
            closing_tasks=self.closing_tasks,
            limits=self.limits,
        )
        protocol.gate = self.gate
        return protocol

    def _make_protocol(self) -> OPCUAProtocol:
        return self.make_protocol()

    def abort(self) -> int:
        """Reset every connection; how many there were."""
        transports = [client.transport for client in self.clients if client.transport is not None]
        for transport in transports:
            transport.abort()
        return len(transports)
