"""SubscriptionService: subscriptions, their bindings and what they grant."""

# ruff: noqa: N802 - the contract's names

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from google.protobuf.json_format import MessageToDict

from dualspan.marketplace.v1 import subscriptions_pb2 as contract
from dualspan.marketplace.v1 import subscriptions_pb2_grpc
from dualspan_marketplace.catalogue.errors import invalid
from dualspan_marketplace.names import SUBSCRIPTION
from dualspan_marketplace.service.handing_back import HandingBack
from dualspan_marketplace.service.limiting import Limiting
from dualspan_marketplace.service.outputs import Outputs
from dualspan_marketplace.service.subscribing import Subscriptions
from dualspan_marketplace.servicer.subscription_mapping import (
    granted_message,
    proposal_message,
    read_roles,
    refusal_message,
    subscription_message,
)
from dualspan_marketplace.subscriptions.model import SubscriptionName
from dualspan_runtime.names import TENANT, check_slug
from dualspan_runtime.paging import PageRules, PageTokens

_PAGES = PageRules(default=100, maximum=1000)
_LONGEST_REQUEST_ID = 64


class SubscriptionServicer(subscriptions_pb2_grpc.SubscriptionServiceServicer):
    """See the contract.

    Args:
        subscriptions: Use cases.
        outputs: Makes the tags of results.
        limiting: Looks after limits of plans.
        handing: Hands back what an app has written.
        tokens: Makes page tokens.
    """

    def __init__(
        self,
        subscriptions: Subscriptions,
        outputs: Outputs,
        limiting: Limiting,
        handing: HandingBack,
        tokens: PageTokens,
    ) -> None:
        self._subscriptions = subscriptions
        self._handing = handing
        self._outputs = outputs
        self._limiting = limiting
        self._tokens = tokens

    async def ProposeBinding(self, request: contract.ProposeBindingRequest, context: Any) -> contract.BindingProposal:
        """See the contract."""
        tenant = TENANT.parse(request.parent)["tenant"]
        return proposal_message(*await self._subscriptions.propose(tenant, check_slug(request.app, "app")))

    async def CreateSubscription(
        self, request: contract.CreateSubscriptionRequest, context: Any
    ) -> contract.Subscription:
        """See the contract."""
        tenant, given = TENANT.parse(request.parent)["tenant"], request.subscription
        if len(request.request_id) > _LONGEST_REQUEST_ID:
            raise invalid("request_id", f"request_id has {_LONGEST_REQUEST_ID} characters at the most.")
        name = SubscriptionName(tenant, check_slug(request.subscription_id, "subscription_id"))
        values = MessageToDict(given.configuration)
        return subscription_message(
            await self._subscriptions.create(name, given.app, given.plan, values, request.request_id)
        )

    async def AcceptBinding(self, request: contract.AcceptBindingRequest, context: Any) -> contract.Subscription:
        """See the contract."""
        name, roles = _name(request.name), read_roles(request.roles)
        accepted = await self._subscriptions.accept(name, roles, request.etag)
        await self._outputs.settle_if_possible(name)
        return subscription_message(accepted)

    async def GetSubscription(self, request: contract.GetSubscriptionRequest, context: Any) -> contract.Subscription:
        """See the contract."""
        return subscription_message(await self._subscriptions.get(_name(request.name)))

    async def ListSubscriptions(
        self, request: contract.ListSubscriptionsRequest, context: Any
    ) -> contract.ListSubscriptionsResponse:
        """See the contract."""
        tenant, size = TENANT.parse(request.parent)["tenant"], _PAGES.size(request.page_size)
        query = ("ListSubscriptions", tenant)
        key = self._tokens.read(request.page_token, query)
        found = await self._subscriptions.page(tenant, str(key[0]) if key else "", size + 1)
        response = contract.ListSubscriptionsResponse(subscriptions=map(subscription_message, found[:size]))
        if len(found) > size:
            response.next_page_token = self._tokens.write((found[size - 1].name.subscription_id,), query)
        return response

    async def ListGrantedTags(
        self, request: contract.ListGrantedTagsRequest, context: Any
    ) -> contract.ListGrantedTagsResponse:
        """See the contract."""
        name = _name(request.parent)
        tags, in_force = await self._subscriptions.granted(name)
        messages = [granted_message(name.tenant, each) for each in tags]
        return contract.ListGrantedTagsResponse(granted_tags=messages, in_force=in_force)

    async def ListEgressRefusals(
        self, request: contract.ListEgressRefusalsRequest, context: Any
    ) -> contract.ListEgressRefusalsResponse:
        """See the contract."""
        found = await self._subscriptions.refused(_name(request.parent))
        return contract.ListEgressRefusalsResponse(egress_refusals=map(refusal_message, found))

    async def UpdateSubscription(
        self, request: contract.UpdateSubscriptionRequest, context: Any
    ) -> contract.Subscription:
        """See the contract."""
        given = request.subscription
        name, values = _name(given.name), MessageToDict(given.configuration)
        await self._subscriptions.change(name, given.plan, values, given.etag)
        await self._limiting.settle(name)
        return subscription_message(await self._subscriptions.get(name))

    async def SuspendSubscription(
        self, request: contract.SuspendSubscriptionRequest, context: Any
    ) -> contract.Subscription:
        """See the contract."""
        return subscription_message(await self._subscriptions.suspend(_name(request.name)))

    async def ResumeSubscription(
        self, request: contract.ResumeSubscriptionRequest, context: Any
    ) -> contract.Subscription:
        """See the contract."""
        return subscription_message(await self._subscriptions.resume(_name(request.name)))

    async def CancelSubscription(
        self, request: contract.CancelSubscriptionRequest, context: Any
    ) -> contract.Subscription:
        """See the contract."""
        return subscription_message(await self._subscriptions.cancel(_name(request.name)))

    async def ExportSubscription(
        self, request: contract.ExportSubscriptionRequest, context: Any
    ) -> AsyncIterator[contract.ExportSubscriptionResponse]:
        """See the contract."""
        async with aclosing(self._handing.export(_name(request.name))) as parts:
            async for part in parts:
                yield contract.ExportSubscriptionResponse(content=part)

    async def RevokeAppTokens(self, request: contract.RevokeAppTokensRequest, context: Any) -> contract.Subscription:
        """See the contract."""
        return subscription_message(await self._subscriptions.revoke_tokens(_name(request.name)))


def _name(text: str) -> SubscriptionName:
    parts = SUBSCRIPTION.parse(text)
    return SubscriptionName(parts["tenant"], parts["subscription"])
