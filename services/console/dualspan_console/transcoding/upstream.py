"""Calls any method of any service by its descriptor."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio
from google.longrunning import operations_pb2
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2, status_pb2

from dualspan.runtime.v1.status_pb2 import GetServiceEvidenceRequest, GetServiceStatusRequest
from dualspan_console.transcoding.callers import Access
from dualspan_console.transcoding.contracts import Route, message_class
from dualspan_console.transcoding.problems import STATUS, FieldProblem, Problem
from dualspan_runtime.channels import open_channel
from dualspan_runtime.errors import DomainError
from dualspan_runtime.settings import PlatformSettings

# Which services have long-running operations; the id of one does not say whose it is.
_WITH_OPERATIONS = ("onboarding", "analytics", "marketplace")
# Every service answers these for itself.
_OF_EACH = (GetServiceStatusRequest, GetServiceEvidenceRequest)
_STATUS_DETAILS = "grpc-status-details-bin"
_UNREACHABLE = "A part of the platform does not answer. Try again shortly."


@dataclass(frozen=True, slots=True)
class Upstream:
    """The services.

    Attributes:
        channels: By the name of the service.
    """

    channels: Mapping[str, grpc.aio.Channel]

    @classmethod
    @asynccontextmanager
    async def open(cls, platform: PlatformSettings) -> AsyncGenerator[Upstream]:
        """Opens a channel to each service, closed with the block; every call carries its caller's own token."""
        addresses = {
            "identity": platform.identity_address,
            "onboarding": platform.onboarding_address,
            "historian": platform.historian_address,
            "analytics": platform.analytics_address,
            "marketplace": platform.marketplace_address,
        }
        async with AsyncExitStack() as stack:
            yield cls({name: await stack.enter_async_context(open_channel(at)) for name, at in addresses.items()})

    async def call(self, route: Route, request: Message, access: Access, seconds: float | None) -> Message:
        """Calls a method that answers once.

        Args:
            route: Of the method.
            request: Its request.
            access: Who calls.
            seconds: Until it must have answered; the service's own rule if None.

        Raises:
            grpc.aio.AioRpcError: It failed.
        """
        if route.service in self.channels:
            return await self._ask(route.service, route, request, access, seconds)
        if isinstance(request, _OF_EACH):
            return await self._ask(self._named(request.name), route, request, access, seconds)
        if isinstance(request, operations_pb2.ListOperationsRequest):
            return await self._ask(_service_of(request), route, request, access, seconds)
        for service in _WITH_OPERATIONS[:-1]:
            try:
                return await self._ask(service, route, request, access, seconds)
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.NOT_FOUND:
                    raise
        return await self._ask(_WITH_OPERATIONS[-1], route, request, access, seconds)

    def stream(self, route: Route, request: Message, access: Access) -> Any:
        """Calls a method that answers as a stream; the call ends when it is cancelled."""
        method = self.channels[route.service].unary_stream(
            route.address,
            request_serializer=type(request).SerializeToString,
            response_deserializer=message_class(route.method.output_type).FromString,
        )
        return method(request, metadata=access.metadata)

    def _named(self, name: str) -> str:
        """Which service `services/{service}/…` is."""
        service = name.split("/")[1]
        if service not in self.channels:
            told = f"There is no service {service!r}. There are {', '.join(sorted(self.channels))}."
            raise Problem(404, "SERVICE_NOT_FOUND", told)
        return service

    async def _ask(
        self, service: str, route: Route, request: Message, access: Access, seconds: float | None
    ) -> Message:
        method = self.channels[service].unary_unary(
            route.address,
            request_serializer=type(request).SerializeToString,
            response_deserializer=message_class(route.method.output_type).FromString,
        )
        return await method(request, metadata=access.metadata, timeout=seconds)


def _service_of(request: operations_pb2.ListOperationsRequest) -> str:
    """Whose operations are asked for: each service has pages of its own, and `filter` says which service's."""
    if request.filter not in _WITH_OPERATIONS:
        told = f"Say whose operations: one of {', '.join(_WITH_OPERATIONS)}."
        raise Problem(400, "FILTER_UNKNOWN", told, fields=[FieldProblem("filter", told)])
    return request.filter


async def raise_if_failed(call: Any) -> None:
    """Looks how a stream ended, which only its status tells.

    Raises:
        grpc.aio.AioRpcError: Badly.
    """
    code = await call.code()
    if code is not grpc.StatusCode.OK:
        raise grpc.aio.AioRpcError(
            code, await call.initial_metadata(), await call.trailing_metadata(), details=await call.details()
        )


def own_problem(error: DomainError) -> Problem:
    """What was found wrong here, before any service was asked, in HTTP."""
    return Problem(STATUS[error.code.name], error.reason, error.message, error.metadata)


def problem_of(error: grpc.aio.AioRpcError) -> Problem:
    """What a failed call is in HTTP."""
    code = error.code().name
    status = STATUS.get(code, 500)
    details = list(_details(error))
    info = next((each for each in details if isinstance(each, error_details_pb2.ErrorInfo)), None)
    if info is None:
        # Not of a service of ours, but of the way to it: its text is for whoever reads logs.
        return Problem(status, code, _UNREACHABLE if status in {503, 504} else "The call failed. Try again shortly.")
    metadata = dict(info.metadata)
    fields = [
        FieldProblem(violation.field, violation.description)
        for each in details
        if isinstance(each, error_details_pb2.BadRequest)
        for violation in each.field_violations
    ]
    message = error.details() or info.reason
    if not fields and metadata.get("field"):
        fields = [FieldProblem(metadata["field"], message)]
    return Problem(status, info.reason, message, metadata, fields)


def _details(error: grpc.aio.AioRpcError) -> Iterator[Message]:
    """What a service says besides, of the kinds that mean something here."""
    status = status_pb2.Status()
    sent = dict(error.trailing_metadata() or ()).get(_STATUS_DETAILS, b"")
    with suppress(DecodeError):
        status.ParseFromString(sent if isinstance(sent, bytes) else b"")
    for detail in status.details:
        for told in (error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()):
            if detail.Unpack(told):
                yield told
