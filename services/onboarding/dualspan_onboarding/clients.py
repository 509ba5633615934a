"""The other services, as far as this one needs them.

A call that another service refuses for a reason of its own raises `grpc.aio.AioRpcError`; the runtime's interceptor
tells the caller no more than that something failed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import grpc

from dualspan.historian.v1.coverage_pb2 import GetGatewayCoverageRequest
from dualspan.historian.v1.resources_pb2 import TagRegistration
from dualspan.historian.v1.service_pb2 import RegisterTagsRequest, RetireTagsRequest
from dualspan.identity.v1 import resources_pb2 as identity_pb2
from dualspan.identity.v1.service_pb2 import (
    GetGatewayCaRequest,
    RecordAuditEventRequest,
    RevokeGatewayCertificatesRequest,
    SignGatewayCertificateRequest,
)
from dualspan_onboarding.errors import upstream_failed
from dualspan_onboarding.errors.fleet import csr_refused
from dualspan_onboarding.model import AuditEvent, UntoldTag
from dualspan_onboarding.names import GatewayName
from dualspan_onboarding.results import ResultTag, SubscriptionName

if TYPE_CHECKING:  # the generated modules have these classes for type checkers only
    from dualspan.historian.v1.coverage_pb2_grpc import CoverageServiceAsyncStub
    from dualspan.historian.v1.service_pb2_grpc import HistorianServiceAsyncStub
    from dualspan.identity.v1.service_pb2_grpc import IdentityServiceAsyncStub

# A later attempt may find the service.
UNREACHABLE = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


@dataclass(frozen=True, slots=True)
class GatewayCa:
    """The CA that gateways and their platform trust: PEM, and SHA-256 over DER."""

    pem: str
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Certificate:
    """A signed certificate with the CA's after it, PEM."""

    chain_pem: str
    expire_at: datetime


class Identity:
    """The gateway CA and the audit log.

    Args:
        stub: Of a channel that carries this service's token.
    """

    def __init__(self, stub: "IdentityServiceAsyncStub") -> None:
        self._stub = stub

    async def gateway_ca(self) -> GatewayCa:
        """The CA.

        Raises:
            Unavailable: identity cannot be asked.
        """
        try:
            ca = await self._stub.GetGatewayCa(GetGatewayCaRequest())
        except grpc.aio.AioRpcError as err:
            if err.code() in UNREACHABLE:
                raise upstream_failed("identity") from err
            raise
        return GatewayCa(ca.certificate_pem, bytes.fromhex(ca.fingerprint_sha256))

    async def sign(self, gateway: GatewayName, csr_pem: str) -> Certificate:
        """A certificate for a gateway, of the CA's usual lifetime.

        Raises:
            Unavailable: identity cannot be asked.
            InvalidArgument: identity refuses the request.
        """
        request = SignGatewayCertificateRequest(gateway=str(gateway), csr_pem=csr_pem)
        try:
            issued = await self._stub.SignGatewayCertificate(request)
        except grpc.aio.AioRpcError as err:
            if err.code() in UNREACHABLE:
                raise upstream_failed("identity") from err
            if err.code() == grpc.StatusCode.INVALID_ARGUMENT:
                raise csr_refused("the certificate authority does not accept it") from err
            raise
        return Certificate(issued.chain_pem, issued.expire_time.ToDatetime(UTC))

    async def revoke(self, gateway: GatewayName, reason: str) -> None:
        """Revoke every certificate of a gateway; safe to repeat."""
        await self._stub.RevokeGatewayCertificates(
            RevokeGatewayCertificatesRequest(gateway=str(gateway), reason=reason)
        )

    async def record(self, event: AuditEvent) -> None:
        """Write an event into the audit log."""
        audit_event = identity_pb2.AuditEvent(
            actor=event.actor,
            action=event.action,
            resource=event.resource,
            details=event.details,
            request_id=event.request_id,
        )
        await self._stub.RecordAuditEvent(
            RecordAuditEventRequest(parent=f"tenants/{event.tenant}", audit_event=audit_event)
        )


class Historian:
    """The tags that samples are stored of.

    Args:
        stub: Of a channel that carries this service's token.
    """

    def __init__(self, stub: "HistorianServiceAsyncStub") -> None:
        self._stub = stub

    async def register(self, tenant: str, tags: Sequence[UntoldTag]) -> None:
        """Tell of at most 10 000 tags; safe to repeat."""
        registrations = [
            TagRegistration(tag_id=tag.tag_id, gateway=str(tag.gateway), kind=tag.kind, sloped=tag.sloped)  # pyright: ignore[reportArgumentType] - an open enum
            for tag in tags
        ]
        await self._stub.RegisterTags(RegisterTagsRequest(parent=f"tenants/{tenant}", tags=registrations))

    async def register_results(self, name: SubscriptionName, tags: Sequence[ResultTag]) -> None:
        """Tell of at most 10 000 tags that the app of a subscription writes; safe to repeat."""
        # A result is computed now and then: between two of them nobody knows of a line.
        registrations = [
            TagRegistration(tag_id=tag.tag_id, gateway=str(name), kind=tag.result.kind)  # pyright: ignore[reportArgumentType] - an open enum
            for tag in tags
        ]
        await self._stub.RegisterTags(RegisterTagsRequest(parent=f"tenants/{name.tenant}", tags=registrations))

    async def retire(self, tenant: str, tag_ids: Sequence[int]) -> None:
        """Stop the acceptance of at most 10 000 tags; safe to repeat."""
        await self._stub.RetireTags(RetireTagsRequest(parent=f"tenants/{tenant}", tag_ids=tag_ids))


class Coverage:
    """How far the historian has what gateways record.

    Args:
        stub: Of a channel that carries this service's token.
    """

    def __init__(self, stub: "CoverageServiceAsyncStub") -> None:
        self._stub = stub

    async def of(self, gateway: GatewayName) -> dict[str, datetime]:
        """By server of a gateway: up to when everything is stored or in the gap ledger.

        Raises:
            Unavailable: the historian cannot be asked.
        """
        try:
            answer = await self._stub.GetGatewayCoverage(GetGatewayCoverageRequest(gateway=str(gateway)))
        except grpc.aio.AioRpcError as err:
            if err.code() in UNREACHABLE:
                raise upstream_failed("historian") from err
            raise
        return {server.server: server.complete_time.ToDatetime(UTC) for server in answer.servers}
