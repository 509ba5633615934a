"""GrantService: what apps may read, for other services."""

# ruff: noqa: N802 - the contract's names

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from dualspan.marketplace.v1 import grants_pb2 as contract
from dualspan.marketplace.v1 import grants_pb2_grpc
from dualspan_marketplace.names import SUBSCRIPTION
from dualspan_marketplace.service.granting import GrantChanges, Granting
from dualspan_marketplace.subscriptions.model import SubscriptionName


class GrantServicer(grants_pb2_grpc.GrantServiceServicer):
    """See the contract.

    Args:
        granting: The use case.
    """

    def __init__(self, granting: Granting) -> None:
        self._granting = granting

    async def WatchGrants(
        self, request: contract.WatchGrantsRequest, context: Any
    ) -> AsyncIterator[contract.WatchGrantsResponse]:
        """See the contract."""
        async with aclosing(self._granting.follow()) as changes:
            async for each in changes:
                yield _message(each)


def _message(given: GrantChanges) -> contract.WatchGrantsResponse:
    return contract.WatchGrantsResponse(
        grants=[
            contract.Grant(
                subscription=_name(each.name),
                tag_ids=sorted(each.tag_ids),
                scopes=sorted(each.scopes),
                credential=each.credential,
                exhausted=each.exhausted,
            )
            for each in given.granted
        ],
        revoked=[_name(each) for each in given.revoked],
        complete=given.complete,
    )


def _name(given: SubscriptionName) -> str:
    return SUBSCRIPTION.format(tenant=given.tenant, subscription=given.subscription_id)
