"""The tags of apps' results, as onboarding makes them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dualspan.frame.v1 import frame_pb2
from dualspan.onboarding.v1 import result_tags_pb2 as onboarding
from dualspan_manifest import ValueKind
from dualspan_marketplace.bindings.outputs import Output, OutputTag
from dualspan_marketplace.names import SUBSCRIPTION
from dualspan_marketplace.subscriptions.model import SubscriptionName

if TYPE_CHECKING:  # the generated modules have these classes for type checkers only
    from dualspan.onboarding.v1.result_tags_pb2_grpc import ResultTagServiceAsyncStub

KIND_NUMBERS = {
    ValueKind.FLOAT64: frame_pb2.VALUE_KIND_FLOAT64,
    ValueKind.INT64: frame_pb2.VALUE_KIND_INT64,
    ValueKind.BOOL: frame_pb2.VALUE_KIND_BOOL,
    ValueKind.TEXT: frame_pb2.VALUE_KIND_TEXT,
}


class ResultTags:
    """Asks onboarding.

    Args:
        stub: Of a channel that carries this service's token.
    """

    def __init__(self, stub: "ResultTagServiceAsyncStub") -> None:
        self._stub = stub

    async def set(self, name: SubscriptionName, outputs: Sequence[Output]) -> list[OutputTag]:
        """Have tags of exactly these results; safe to repeat.

        Raises:
            grpc.aio.AioRpcError: Onboarding does not answer, or the historian does not answer it.
        """
        wanted = [
            onboarding.ResultTag(asset=each.asset_id, output=each.output, kind=KIND_NUMBERS[each.kind], unit=each.unit)
            for each in outputs
        ]
        resource = SUBSCRIPTION.format(tenant=name.tenant, subscription=name.subscription_id)
        answer = await self._stub.SetResultTags(onboarding.SetResultTagsRequest(name=resource, result_tags=wanted))
        return [
            OutputTag(output, int(made.tag.rpartition("/")[2]))
            for output, made in zip(outputs, answer.result_tags, strict=True)
        ]
