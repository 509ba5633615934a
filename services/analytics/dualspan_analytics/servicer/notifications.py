"""NotificationChannelService: whom alarms are told to."""

# ruff: noqa: N802 - the contract's names

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import grpc.aio
from google.protobuf.empty_pb2 import Empty

from dualspan.analytics.v1 import alarms_pb2 as contract
from dualspan.analytics.v1 import alarms_pb2_grpc
from dualspan_analytics.service.notification_channels import NotificationChannels
from dualspan_analytics.servicer.alarm_mapping import CHANNEL, channel_message, delivery_message
from dualspan_runtime.names import TENANT
from dualspan_runtime.paging import PageRules, PageTokens

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
_PAGES = PageRules(default=100, maximum=1000)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class NotificationChannelServicer(alarms_pb2_grpc.NotificationChannelServiceServicer):
    """Answers for notification channels.

    Args:
        channels: Use cases around them.
        tokens: Makes page tokens.
    """

    def __init__(self, channels: NotificationChannels, tokens: PageTokens) -> None:
        self._channels = channels
        self._tokens = tokens

    async def CreateNotificationChannel(
        self, request: contract.CreateNotificationChannelRequest, context: Context
    ) -> contract.NotificationChannel:
        """See the contract."""
        tenant = TENANT.parse(request.parent)["tenant"]
        stored = await self._channels.create(tenant, request.notification_channel_id, request.notification_channel)
        return channel_message(tenant, stored)

    async def ListNotificationChannels(
        self, request: contract.ListNotificationChannelsRequest, context: Context
    ) -> contract.ListNotificationChannelsResponse:
        """See the contract."""
        tenant, size = TENANT.parse(request.parent)["tenant"], _PAGES.size(request.page_size)
        query = ("ListNotificationChannels", tenant)
        key = self._tokens.read(request.page_token, query)
        found = await self._channels.page(tenant, "" if key is None else str(key[0]), size + 1)
        response = contract.ListNotificationChannelsResponse(
            notification_channels=[channel_message(tenant, each) for each in found[:size]]
        )
        if len(found) > size:
            response.next_page_token = self._tokens.write((found[size - 1].channel_id,), query)
        return response

    async def DeleteNotificationChannel(
        self, request: contract.DeleteNotificationChannelRequest, context: Context
    ) -> Empty:
        """See the contract."""
        name = CHANNEL.parse(request.name)
        await self._channels.delete(name["tenant"], name["notification_channel"])
        return Empty()

    async def ListNotificationDeliveries(
        self, request: contract.ListNotificationDeliveriesRequest, context: Context
    ) -> contract.ListNotificationDeliveriesResponse:
        """See the contract."""
        tenant, size = TENANT.parse(request.parent)["tenant"], _PAGES.size(request.page_size)
        query = ("ListNotificationDeliveries", tenant)
        key = self._tokens.read(request.page_token, query)
        before = None if key is None else (_EPOCH + timedelta(microseconds=int(key[0])), uuid.UUID(str(key[1])))
        found = await self._channels.deliveries(tenant, before, size + 1)
        response = contract.ListNotificationDeliveriesResponse(
            notification_deliveries=[delivery_message(tenant, each) for each in found[:size]]
        )
        if len(found) > size:
            last = found[size - 1]
            key = ((last.created_at - _EPOCH) // timedelta(microseconds=1), str(last.delivery_id))
            response.next_page_token = self._tokens.write(key, query)
        return response
