"""Samples that the marketplace itself has to do with: of plants that apps are tried on, and of apps that have ended."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

import grpc.aio
from google.protobuf.timestamp_pb2 import Timestamp

from dualspan.frame.v1 import frame_pb2
from dualspan.historian.v1 import resources_pb2
from dualspan.historian.v1 import service_pb2 as historian
from dualspan_frame import Frame, ValueKind, decode_frame, encode_frame
from dualspan_marketplace.names import SUBSCRIPTION
from dualspan_marketplace.subscriptions.model import SubscriptionName
from dualspan_marketplace.upstream import answer_of
from dualspan_runtime.errors import Unavailable

if TYPE_CHECKING:  # the generated modules have these classes for type checkers only
    from dualspan.historian.v1.service_pb2_grpc import HistorianServiceAsyncStub, IngestServiceAsyncStub

_TAGS_AT_ONCE = 1000
# The only life of the buffer that a trial's plant would have: its one frame is stored once, however often it is sent.
_EPOCH = 1


class Samples:
    """Asks the historian.

    Args:
        stub: Of a channel that carries this service's token.
        sources: Of one that carries none.
    """

    def __init__(self, stub: "HistorianServiceAsyncStub", sources: "IngestServiceAsyncStub") -> None:
        self._stub = stub
        self._sources = sources

    async def register(self, name: SubscriptionName, tags: Mapping[int, ValueKind]) -> None:
        """Have tags that a subscription writes; safe to repeat.

        Raises:
            Unavailable: The historian does not answer (`UPSTREAM_UNREACHABLE`).
        """
        request = historian.RegisterTagsRequest(
            parent=f"tenants/{name.tenant}",
            tags=[
                resources_pb2.TagRegistration(
                    tag_id=tag, gateway=_resource(name), kind=frame_pb2.ValueKind.ValueType(kind)
                )
                for tag, kind in tags.items()
            ],
        )
        with answer_of("historian"):
            await self._stub.RegisterTags(request)

    async def write(self, token: str, frame: Frame) -> None:
        """Write one frame as an app does; sent again it is stored once.

        Args:
            token: An access token of the subscription.
            frame: Of its tags.

        Raises:
            Unavailable: The historian does not answer, or has not heard of the subscription (`NOT_WRITTEN`).
        """
        call = self._sources.Ingest(_uploads(frame), metadata=(("authorization", f"Bearer {token}"),))
        try:
            async for answer in call:
                for refused in answer.ack.quarantined:
                    raise Unavailable("NOT_WRITTEN", f"{refused.reason}: {refused.detail}")
                if answer.WhichOneof("message") == "ack" or answer.opened.committed_sequence:
                    return
        except grpc.aio.AioRpcError as err:
            raise Unavailable("NOT_WRITTEN", err.details() or "The historian does not answer.") from err
        finally:
            call.cancel()

    async def export(self, tenant: str, tag_ids: Sequence[int], begin: int, end: int) -> AsyncGenerator[Frame]:
        """All samples of tags from `begin` (included) to `end` (not included), in microseconds, part by part.

        Raises:
            Unavailable: The historian does not answer (`UPSTREAM_UNREACHABLE`).
        """
        for at in range(0, len(tag_ids), _TAGS_AT_ONCE):
            request = historian.ExportRequest(
                parent=f"tenants/{tenant}",
                tag_ids=tag_ids[at : at + _TAGS_AT_ONCE],
                start_time=_stamp(begin),
                end_time=_stamp(end),
            )
            with answer_of("historian"):
                async with aclosing(_parts(self._stub.Export(request))) as parts:
                    async for part in parts:
                        yield decode_frame(part.frame)

    async def forget(self, name: SubscriptionName) -> None:
        """Delete all that an app has written, and its tags; safe to repeat.

        Raises:
            Unavailable: The historian does not answer (`UPSTREAM_UNREACHABLE`).
            AioRpcError: It is working on these samples: later it may.
        """
        with answer_of("historian"):
            await self._stub.ForgetSource(historian.ForgetSourceRequest(name=_resource(name)))


async def _parts(
    call: "grpc.aio.UnaryStreamCall[historian.ExportRequest, historian.ExportResponse]",
) -> AsyncGenerator[historian.ExportResponse]:
    try:
        async for part in call:
            yield part
    finally:
        call.cancel()


async def _uploads(frame: Frame) -> AsyncIterator[historian.IngestRequest]:
    yield historian.IngestRequest(open=historian.IngestRequest.Open(epoch=_EPOCH))
    yield historian.IngestRequest(upload=historian.IngestRequest.Upload(sequence=1, frame=encode_frame(frame)))


def _resource(name: SubscriptionName) -> str:
    return SUBSCRIPTION.format(tenant=name.tenant, subscription=name.subscription_id)


def _stamp(microseconds: int) -> Timestamp:
    message = Timestamp()
    message.FromMicroseconds(microseconds)
    return message
