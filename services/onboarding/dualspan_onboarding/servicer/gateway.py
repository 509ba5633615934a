"""EnrolmentService and GatewayService: what gateways call."""

# ruff: noqa: N802 - the contract's names

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import asyncpg
import grpc.aio
import structlog

from dualspan.onboarding.v1 import gateway_service_pb2, gateway_service_pb2_grpc
from dualspan.onboarding.v1.gateway_service_pb2 import ConnectResponse
from dualspan_onboarding.errors.fleet import hello_missing
from dualspan_onboarding.model import Session, Timing
from dualspan_onboarding.names import GatewayName
from dualspan_onboarding.service.browsing import Browsing
from dualspan_onboarding.service.commands import Commands
from dualspan_onboarding.service.enrolment import Enrolment
from dualspan_onboarding.service.notices import Notices
from dualspan_onboarding.service.sessions import Sessions
from dualspan_onboarding.service.trust import Trust
from dualspan_onboarding.service.wakeups import Wakeups
from dualspan_onboarding.servicer import browse_mapping, mapping
from dualspan_onboarding.servicer.commands import command_news
from dualspan_onboarding.servicer.fleet import last_words
from dualspan_onboarding.servicer.notices import gateway_notices
from dualspan_onboarding.servicer.trust_mapping import gateway_certificates
from dualspan_runtime.context import current_principal
from dualspan_runtime.errors import DeadlineExceeded, DomainError

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
_log = structlog.stdlib.get_logger()
Requests: TypeAlias = AsyncIterator[gateway_service_pb2.ConnectRequest]


def _calling_gateway() -> GatewayName:
    principal = current_principal()
    return GatewayName(principal.tenant, principal.id)


class EnrolmentServicer(gateway_service_pb2_grpc.EnrolmentServiceServicer):
    """Answers gateways without a certificate.

    Args:
        enrolment: Use cases around a gateway's credentials.
    """

    def __init__(self, enrolment: Enrolment) -> None:
        self._enrolment = enrolment

    async def Enrol(
        self, request: gateway_service_pb2.EnrolRequest, context: Context
    ) -> gateway_service_pb2.EnrolResponse:
        """See the contract."""
        enrolled = await self._enrolment.enrol(request.token, request.csr_pem, request.software_version)
        return gateway_service_pb2.EnrolResponse(
            gateway=str(enrolled.gateway),
            certificate_chain_pem=enrolled.certificate_chain_pem,
            ca_pem=enrolled.ca_pem,
            onboarding_address=enrolled.onboarding_address,
            historian_address=enrolled.historian_address,
        )


class GatewayServicer(gateway_service_pb2_grpc.GatewayServiceServicer):
    """Answers gateways with a certificate.

    Args:
        enrolment: Use cases around a gateway's credentials.
        sessions: Use cases of a gateway's stream.
        browsing: Use cases around browses.
        commands: Use cases around everything else that a gateway is told to do.
        notices: Use cases around what people have to look at.
        trust: Use cases around certificates.
        wakeups: Say when a stream should look for something new.
        timing: How often a gateway reports, and how long it may be silent.
    """

    def __init__(
        self,
        *,
        enrolment: Enrolment,
        sessions: Sessions,
        browsing: Browsing,
        commands: Commands,
        notices: Notices,
        trust: Trust,
        wakeups: Wakeups,
        timing: Timing,
    ) -> None:
        self._enrolment = enrolment
        self._sessions = sessions
        self._browsing = browsing
        self._commands = commands
        self._notices = notices
        self._trust = trust
        self._wakeups = wakeups
        self._timing = timing

    async def RenewCertificate(
        self, request: gateway_service_pb2.RenewCertificateRequest, context: Context
    ) -> gateway_service_pb2.RenewCertificateResponse:
        """See the contract."""
        certificate = await self._enrolment.renew(_calling_gateway(), request.csr_pem)
        return gateway_service_pb2.RenewCertificateResponse(certificate_chain_pem=certificate.chain_pem)

    async def Connect(
        self, request_iterator: Requests, context: Context
    ) -> AsyncIterator[gateway_service_pb2.ConnectResponse]:
        """See the contract."""
        requests = aiter(request_iterator)
        async with self._session(requests) as session:
            with self._wakeups.gateway(session.gateway) as woken:
                replies: deque[ConnectResponse] = deque()
                reading = asyncio.create_task(self._read(session, requests, woken, replies))
                try:
                    async for response in self._tell(session, woken, reading, replies):
                        yield response
                finally:
                    reading.cancel()
                    await asyncio.gather(reading, return_exceptions=True)

    @asynccontextmanager
    async def _session(self, requests: Requests) -> AsyncGenerator[Session]:
        first = await self._next(requests)
        if first is None or first.WhichOneof("message") != "hello":
            raise hello_missing()
        hello = first.hello
        words = last_words(hello.last_words) if hello.HasField("last_words") else None
        session = await self._sessions.open(_calling_gateway(), hello.software_version, hello.observed_revision, words)
        try:
            yield session
        finally:
            # Also when the stream was cancelled: the gateway must not seem to be connected.
            await asyncio.shield(self._close(session))

    async def _close(self, session: Session) -> None:
        try:
            await self._sessions.close(session)
        except (DomainError, asyncpg.InterfaceError) as error:
            # The database is away, or this process ends: the gateway counts as offline when it has been silent.
            _log.warning("the end of a stream was not noted", gateway=str(session.gateway), error=str(error))

    async def _next(self, requests: Requests) -> gateway_service_pb2.ConnectRequest | None:
        """What the gateway says next; None when it has ended the stream."""
        try:
            async with asyncio.timeout(self._timing.session_silence.total_seconds()):
                return await anext(requests, None)
        except TimeoutError as err:
            raise DeadlineExceeded("GATEWAY_SILENT", "Nothing was heard for too long. Connect again.") from err

    async def _tell(
        self,
        session: Session,
        woken: asyncio.Event,
        reading: "asyncio.Task[None]",
        replies: deque[ConnectResponse],
    ) -> AsyncIterator[gateway_service_pb2.ConnectResponse]:
        """What the gateway is to be told, as it comes up, until the gateway ends the stream."""
        told_revision = 0
        while True:
            woken.clear()
            orders = await self._sessions.orders(session, told_revision)
            if orders.configuration is not None:
                told_revision = orders.configuration.revision
                yield self._stamped(ConnectResponse(configuration=mapping.configuration(orders.configuration)))
            for browse in orders.browses:
                yield self._stamped(ConnectResponse(browse=browse_mapping.browse_command(browse)))
            for response in await self._commands.orders(session):
                yield self._stamped(response)
            while replies:
                yield self._stamped(replies.popleft())
            waking = asyncio.create_task(woken.wait())
            try:
                await asyncio.wait({waking, reading}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                waking.cancel()
            if reading.done():
                reading.result()  # raises what went wrong with what the gateway said
                return

    def _stamped(self, response: ConnectResponse) -> ConnectResponse:
        response.clock.CopyFrom(mapping.now())
        response.status_interval.FromTimedelta(self._timing.status_interval)
        return response

    async def _read(
        self, session: Session, requests: Requests, woken: asyncio.Event, replies: deque[ConnectResponse]
    ) -> None:
        while (request := await self._next(requests)) is not None:
            reply = await self._hear(session, request)
            if reply is not None:
                replies.append(reply)
                woken.set()

    async def _hear(self, session: Session, request: gateway_service_pb2.ConnectRequest) -> ConnectResponse | None:
        """Takes what a gateway says; returns what it is to be told for it."""
        match request.WhichOneof("message"):
            case "status":
                status = request.status
                await self._sessions.report(session, mapping.gateway_report(status), mapping.server_reports(status))
            case "configuration_report":
                report = request.configuration_report
                await self._sessions.report_configuration(
                    session, report.revision, mapping.tag_reports(report.tags), complete=report.complete
                )
            case "browse_result":
                result = request.browse_result
                wanted = await self._browsing.save(session, browse_mapping.browse_news(result))
                if not wanted and not result.done:
                    cancel = ConnectResponse.CancelCommand(command_id=result.command_id)
                    return ConnectResponse(cancel_command=cancel)
            case "command_report":
                await self._commands.save(session, command_news(request.command_report))
            case "certificates":
                await self._trust.keep_of_gateway(session, gateway_certificates(request.certificates))
            case "notices":
                await self._notices.keep_of_gateway(session, gateway_notices(request.notices))
            case "hello":
                raise hello_missing()
            case _:
                pass  # a later gateway may say what this platform does not know yet
        return None
