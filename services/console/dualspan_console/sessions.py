"""Who has signed in. The browser's cookie holds the session; this process only keeps channels open for it."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dualspan.historian.v1.resources_pb2 import GAP_STATE_REPAIRED
from dualspan.historian.v1.service_pb2 import GetStorageStatisticsRequest, ListGapsRequest, StorageStatistics
from dualspan.historian.v1.service_pb2_grpc import HistorianServiceStub
from dualspan.identity.v1.service_pb2 import ExchangeTokenRequest, SignInRequest, SignInResponse, SignOutRequest
from dualspan.identity.v1.service_pb2_grpc import IdentityServiceStub
from dualspan.marketplace.v1.access_pb2 import ListOpenableAppsRequest, ListOpenableAppsResponse, OpenAppRequest
from dualspan.marketplace.v1.access_pb2_grpc import AccessServiceStub
from dualspan.onboarding.v1.resources_pb2 import Gateway, OpcUaServer
from dualspan.onboarding.v1.service_pb2 import (
    GetTagRequest,
    ListGatewaysRequest,
    ListOpcUaServersRequest,
    ListTagsRequest,
    ListTagsResponse,
)
from dualspan.onboarding.v1.service_pb2_grpc import OnboardingServiceStub
from dualspan_runtime.channels import open_channel
from dualspan_runtime.settings import PlatformSettings
from dualspan_sdk import Client, Endpoints, Tag

if TYPE_CHECKING:  # these exist in the stub files only
    from dualspan.historian.v1.service_pb2_grpc import HistorianServiceAsyncStub
    from dualspan.identity.v1.service_pb2_grpc import IdentityServiceAsyncStub
    from dualspan.marketplace.v1.access_pb2_grpc import AccessServiceAsyncStub
    from dualspan.onboarding.v1.service_pb2_grpc import OnboardingServiceAsyncStub

_RENEW_SECONDS = 60.0
# More gaps than a chart could show as such.
_MOST_GAP_PAGES = 10
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Stubs:
    """The services that the console asks; shared by everybody, each call carries its caller's token."""

    identity: IdentityServiceAsyncStub
    onboarding: OnboardingServiceAsyncStub
    historian: HistorianServiceAsyncStub
    access: AccessServiceAsyncStub

    @classmethod
    async def open(cls, resources: AsyncExitStack, settings: PlatformSettings) -> Stubs:
        """Opens one channel to each service, closed with `resources`."""
        identity = await resources.enter_async_context(open_channel(settings.identity_address))
        onboarding = await resources.enter_async_context(open_channel(settings.onboarding_address))
        historian = await resources.enter_async_context(open_channel(settings.historian_address))
        marketplace = await resources.enter_async_context(open_channel(settings.marketplace_address))
        return cls(
            IdentityServiceStub(identity),
            OnboardingServiceStub(onboarding),
            HistorianServiceStub(historian),
            AccessServiceStub(marketplace),
        )


class Session:
    """One person's view of the platform: every call is made with that person's own token."""

    def __init__(self, stubs: Stubs, client: Client, secret: str) -> None:
        self.client = client
        self._stubs = stubs
        self._secret = secret
        self._access_token = ""
        self._renew_at = 0.0
        self._lock = asyncio.Lock()

    @property
    def tenant(self) -> str:
        """`tenants/{tenant}`."""
        return self.client.tenant

    async def gateways(self) -> Sequence[Gateway]:
        """The tenant's gateways; the first thousand."""
        request = ListGatewaysRequest(parent=self.tenant, page_size=_PAGE)
        return (await self._stubs.onboarding.ListGateways(request, metadata=await self._metadata())).gateways

    async def servers(self) -> Sequence[OpcUaServer]:
        """The OPC UA servers of all gateways; the first thousand."""
        request = ListOpcUaServersRequest(parent=f"{self.tenant}/gateways/-", page_size=_PAGE)
        answer = await self._stubs.onboarding.ListOpcUaServers(request, metadata=await self._metadata())
        return answer.opc_ua_servers

    async def tags(self, query: str, page_token: str, page_size: int) -> ListTagsResponse:
        """One page of the tenant's tags."""
        request = ListTagsRequest(parent=self.tenant, query=query, page_token=page_token, page_size=page_size)
        return await self._stubs.onboarding.ListTags(request, metadata=await self._metadata())

    async def tag(self, tag_id: int) -> Tag:
        """One tag."""
        request = GetTagRequest(name=f"{self.tenant}/tags/{tag_id}")
        return Tag.from_message(await self._stubs.onboarding.GetTag(request, metadata=await self._metadata()))

    async def openable_apps(self, page_token: str, page_size: int) -> ListOpenableAppsResponse:
        """One page of the apps that the person can open."""
        request = ListOpenableAppsRequest(parent=self.tenant, page_token=page_token, page_size=page_size)
        return await self._stubs.access.ListOpenableApps(request, metadata=await self._metadata())

    async def open_app(self, subscription: str) -> str:
        """An address that opens an app once, for this person."""
        request = OpenAppRequest(name=f"{self.tenant}/subscriptions/{subscription}")
        return (await self._stubs.access.OpenApp(request, metadata=await self._metadata())).uri

    async def statistics(self) -> StorageStatistics:
        """How much is stored."""
        request = GetStorageStatisticsRequest(parent=self.tenant)
        return await self._stubs.historian.GetStorageStatistics(request, metadata=await self._metadata())

    async def gaps(self, tag_id: int, start_us: int, end_us: int) -> list[tuple[int, int]]:
        """When samples of a tag are known to be missing, in microseconds since 1970, rising and apart."""
        request = ListGapsRequest(parent=self.tenant, page_size=_PAGE, tag_id=tag_id)
        spans: list[tuple[int, int]] = []
        for _ in range(_MOST_GAP_PAGES):
            ledger = await self._stubs.historian.ListGaps(request, metadata=await self._metadata())
            spans += [
                (max(start_us, gap.start_time.ToMicroseconds()), min(end_us, gap.end_time.ToMicroseconds()))
                for gap in ledger.gaps
                if gap.state != GAP_STATE_REPAIRED
            ]
            request.page_token = ledger.next_page_token
            if not request.page_token:
                break
        return joined(spans)

    async def _metadata(self) -> tuple[tuple[str, str], ...]:
        async with self._lock:
            if time.time() > self._renew_at:
                answer = await self._stubs.identity.ExchangeToken(ExchangeTokenRequest(token=self._secret))
                self._access_token = answer.access_token
                self._renew_at = answer.expire_time.ToNanoseconds() / 1e9 - _RENEW_SECONDS
        return (("authorization", f"Bearer {self._access_token}"),)


class Sessions:
    """The sessions whose channels are open, the most recently used last.

    Args:
        stubs: The services.
        settings: Where they are.
        limit: How many stay open; the one that was idle longest is closed first. It opens again when it is needed.
    """

    def __init__(self, stubs: Stubs, settings: PlatformSettings, limit: int) -> None:
        self._stubs = stubs
        self._endpoints = Endpoints(
            historian=settings.historian_address,
            onboarding=settings.onboarding_address,
            identity=settings.identity_address,
        )
        self._limit = limit
        self._open: OrderedDict[str, Session] = OrderedDict()
        self._lock = asyncio.Lock()

    async def sign_in(self, email: str, password: str) -> SignInResponse:
        """Begins a session; its refresh token is what the cookie holds."""
        return await self._stubs.identity.SignIn(SignInRequest(email=email, password=password))

    async def sign_out(self, secret: str) -> None:
        """Ends a session everywhere."""
        await self._close(_key(secret))
        await self._stubs.identity.SignOut(SignOutRequest(refresh_token=secret))

    async def get(self, secret: str) -> Session:
        """The session of a cookie.

        Raises:
            DualSpanError: The session has ended.
        """
        key = _key(secret)
        async with self._lock:
            session = self._open.get(key)
            if session is None:
                session = Session(self._stubs, await Client.connect(self._endpoints, token=secret), secret)
                self._open[key] = session
            self._open.move_to_end(key)
            oldest = [next(iter(self._open))] if len(self._open) > self._limit else []
        for other in oldest:
            await self._close(other)
        return session

    async def close(self) -> None:
        """Closes all channels."""
        for key in list(self._open):
            await self._close(key)

    async def _close(self, key: str) -> None:
        session = self._open.pop(key, None)
        if session is not None:
            await session.client.close()


def joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans that overlap or touch as one, in order; empty ones are left out."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def _key(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
