"""The client: a small public face over the services."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, aclosing
from datetime import timedelta
from types import TracebackType
from typing import Self, TypeVar

import grpc

from dualspan.historian.v1 import resources_pb2, service_pb2
from dualspan.historian.v1.service_pb2_grpc import HistorianServiceStub, IngestServiceStub
from dualspan.identity.v1 import service_pb2 as identity_pb2
from dualspan.identity.v1.service_pb2_grpc import IdentityServiceStub
from dualspan.onboarding.v1 import asset_service_pb2
from dualspan.onboarding.v1 import service_pb2 as onboarding_pb2
from dualspan.onboarding.v1.asset_service_pb2_grpc import AssetServiceStub
from dualspan.onboarding.v1.service_pb2_grpc import OnboardingServiceStub
from dualspan_frame import Frame, decode_frame
from dualspan_sdk._assets import Asset, Assets, Model
from dualspan_sdk._credentials import AccessToken, Credentials, ExchangedCredentials, FixedCredentials
from dualspan_sdk._errors import DualSpanError, plain_errors
from dualspan_sdk._results import Aggregate, AggregateRules, Series, Tag, Update
from dualspan_sdk._times import Instant, to_duration, to_timestamp
from dualspan_sdk._transport import Endpoints

_DEFAULT_RULES = AggregateRules()
_FIRST_PAUSE_SECONDS = 0.25
_LONGEST_PAUSE_SECONDS = 10.0
# How long a subscription tries to come back before it says that it cannot.
_GIVE_UP_SECONDS = 120.0

Request = TypeVar("Request")
Response = TypeVar("Response")


class Client:
    """Reads one tenant's data. Made by `connect` or `sign_in`; an async context manager.

    Every call raises `DualSpanError` when the platform refuses it or cannot be reached. Access tokens are
    renewed before they end.
    """

    def __init__(
        self, resources: AsyncExitStack, endpoints: Endpoints, credentials: Credentials, tenant: str, deadline: float
    ) -> None:
        self._resources = resources
        self._credentials = credentials
        self._tenant = tenant
        self._deadline = deadline
        historian = endpoints.open_channel(endpoints.historian)
        onboarding = endpoints.open_channel(endpoints.onboarding)
        resources.push_async_callback(historian.close)
        resources.push_async_callback(onboarding.close)
        self._historian = HistorianServiceStub(historian)
        self._sources = IngestServiceStub(historian)
        self._onboarding = OnboardingServiceStub(onboarding)
        self._assets = AssetServiceStub(onboarding)
        # A version of a model never changes.
        self._models: dict[tuple[str, str], Model] = {}

    @classmethod
    async def connect(
        cls,
        endpoints: Endpoints | None = None,
        *,
        token: str | None = None,
        access_token: str | None = None,
        deadline: float = 30.0,
    ) -> Self:
        """Connect with what was handed out to you.

        Args:
            endpoints: Where the platform is.
            token: An API token, or the refresh token of a session: lasts until it is revoked.
            access_token: Instead, a ready access token: lasts some minutes.
            deadline: Seconds that one call may take.
        """
        if (token is None) == (access_token is None):
            raise ValueError("pass either token= or access_token=")
        endpoints = endpoints or Endpoints()
        if access_token is not None:
            return await cls.with_credentials(endpoints, FixedCredentials(AccessToken.from_jwt(access_token)), deadline)
        async with AsyncExitStack() as resources:
            identity = endpoints.open_channel(endpoints.identity)
            resources.push_async_callback(identity.close)
            credentials = ExchangedCredentials(IdentityServiceStub(identity), token or "")
            tenant = (await credentials.current()).tenant
            return cls(resources.pop_all(), endpoints, credentials, tenant, deadline)

    @classmethod
    async def with_credentials(cls, endpoints: Endpoints, credentials: Credentials, deadline: float = 30.0) -> Self:
        """Connect with access tokens that come from elsewhere, such as a file that the platform renews."""
        tenant = (await credentials.current()).tenant
        return cls(AsyncExitStack(), endpoints, credentials, tenant, deadline)

    @classmethod
    async def sign_in(
        cls, email: str, password: str, endpoints: Endpoints | None = None, *, deadline: float = 30.0
    ) -> Self:
        """Connect as a person: a session that lasts as long as the client is used."""
        endpoints = endpoints or Endpoints()
        async with endpoints.open_channel(endpoints.identity) as identity, plain_errors():
            request = identity_pb2.SignInRequest(email=email, password=password)
            session = await IdentityServiceStub(identity).SignIn(request, timeout=deadline)
        return await cls.connect(endpoints, token=session.refresh_token, deadline=deadline)

    @property
    def tenant(self) -> str:
        """`tenants/{tenant}` whose data this client reads."""
        return self._tenant

    async def read_raw(self, tag_ids: Iterable[int], start: Instant, end: Instant) -> Frame:
        """All samples of these tags from `start` (included) to `end` (not included), by tag and time."""
        return Frame.concat([page async for page in self.read_raw_pages(tag_ids, start, end)])

    async def read_raw_pages(
        self, tag_ids: Iterable[int], start: Instant, end: Instant, *, page_size: int = 0
    ) -> AsyncIterator[Frame]:
        """The same, page by page, so that no more than `page_size` samples (0: 100 000) are in memory."""
        request = service_pb2.ReadRawRequest(
            parent=self._tenant,
            tag_ids=tag_ids,
            start_time=to_timestamp(start),
            end_time=to_timestamp(end),
            page_size=page_size,
        )
        while True:
            answer = await self._call(self._historian.ReadRaw, request)
            yield decode_frame(answer.frame)
            if not answer.next_page_token:
                return
            request.page_token = answer.next_page_token

    async def export(
        self, tag_ids: Iterable[int], start: Instant, end: Instant, *, page_size: int = 0
    ) -> AsyncGenerator[Frame]:
        """The same as one stream, for whoever takes all of it along; an app needs the scope `samples.export` for it.

        A stream that breaks ends with `DualSpanError`: what it has yielded is then not all.
        """
        request = service_pb2.ExportRequest(
            parent=self._tenant,
            tag_ids=tag_ids,
            start_time=to_timestamp(start),
            end_time=to_timestamp(end),
            page_size=page_size,
        )
        call = self._historian.Export(request, metadata=(await self._credentials.current()).metadata)
        try:
            async with plain_errors():
                async for answer in call:
                    yield decode_frame(answer.frame)
        finally:
            call.cancel()

    async def read_processed(
        self,
        tag_ids: Iterable[int],
        start: Instant,
        end: Instant,
        *,
        interval: timedelta = timedelta(0),
        aggregates: Sequence[Aggregate] = (Aggregate.AVERAGE,),
        rules: AggregateRules = _DEFAULT_RULES,
    ) -> list[Series]:
        """Aggregates by interval, after OPC UA Part 13.

        Args:
            tag_ids: 1 to 1000 tags.
            start: Start of the first interval; after `end`, the intervals run backwards (Part 13, 4.2.2).
            end: End of the last interval, not included.
            interval: Length of each interval; 0 means one interval.
            aggregates: 1 to 16 aggregates.
            rules: How raw data becomes an aggregate.

        Returns:
            One series for each tag and aggregate, by tag, then by aggregate, in the order that was asked for.
        """
        request = service_pb2.ReadProcessedRequest(
            parent=self._tenant,
            tag_ids=tag_ids,
            start_time=to_timestamp(start),
            end_time=to_timestamp(end),
            processing_interval=to_duration(interval),
            aggregates=[resources_pb2.Aggregate.ValueType(aggregate) for aggregate in aggregates],
            configuration=rules.to_message(),
        )
        answer = await self._call(self._historian.ReadProcessed, request)
        return [Series.from_message(series) for series in answer.series]

    async def read_latest(self, tag_ids: Iterable[int], *, before: Instant | None = None) -> Frame:
        """The newest sample of each of these tags that has any; of all, or of those before a time."""
        before_time = None if before is None else to_timestamp(before)
        request = service_pb2.ReadLatestRequest(parent=self._tenant, tag_ids=tag_ids, before_time=before_time)
        return decode_frame((await self._call(self._historian.ReadLatest, request)).frame)

    async def subscribe(self, tag_ids: Iterable[int], *, include_latest: bool = False) -> AsyncGenerator[Update]:
        """Samples of these tags as they are committed, until the caller stops reading.

        A broken stream, or one whose access token ended, is opened again; the next update says so. When the
        platform cannot be reached for two minutes, `DualSpanError` is raised.

        Args:
            tag_ids: 1 to 10 000 tags.
            include_latest: Begin with the newest stored sample of each.
        """
        request = service_pb2.SubscribeRequest(parent=self._tenant, tag_ids=tag_ids, include_latest=include_latest)
        pauses = _Pauses()
        resumed = False
        while True:
            token = await self._credentials.current()
            try:
                async with plain_errors(), aclosing(self._stream(request, token)) as answers:
                    async for answer in answers:
                        pauses.reset()
                        yield Update(decode_frame(answer.frame), answer.skipped_frames, resumed)
                        resumed = False
                return
            except DualSpanError as err:
                if err.code == "UNAUTHENTICATED":
                    if pauses.started or await self._credentials.renewed(token) is None:
                        raise
                elif err.code != "UNAVAILABLE" or pauses.over:
                    raise
            await pauses.next()
            resumed = True

    async def list_tags(self, *, server: str = "", query: str = "") -> AsyncIterator[Tag]:
        """The tags that this client may see, by tag id.

        Args:
            server: Only those of `tenants/{tenant}/gateways/{gateway}/servers/{server}`.
            query: Only those whose browse path or display name contains this, without case.
        """
        request = onboarding_pb2.ListTagsRequest(parent=self._tenant, server=server, query=query)
        while True:
            answer = await self._call(self._onboarding.ListTags, request)
            for tag in answer.tags:
                yield Tag.from_message(tag)
            if not answer.next_page_token:
                return
            request.page_token = answer.next_page_token

    async def assets(self) -> Assets:
        """The assets that this client may see, with their models and what their properties are bound to."""
        found: list[asset_service_pb2.Asset] = []
        request = asset_service_pb2.ListAssetsRequest(parent=self._tenant, page_size=1000)
        while True:
            answer = await self._call(self._assets.ListAssets, request)
            found.extend(answer.assets)
            if not answer.next_page_token:
                break
            request.page_token = answer.next_page_token
        models = {(each.model, each.model_version): None for each in found if each.model}
        known = dict(zip(models, [await self._model(*key) for key in models], strict=True))
        return Assets(Asset.from_message(each, known.get((each.model, each.model_version))) for each in found)

    async def _model(self, model: str, version: str) -> Model:
        known = self._models.get((model, version))
        if known is None:
            name = f"{self._tenant}/assetModels/{model}"
            request = asset_service_pb2.GetAssetModelRequest(name=name, version=version)
            known = Model.from_message(await self._call(self._assets.GetAssetModel, request))
            self._models[model, version] = known
        return known

    async def ingest(
        self, requests: AsyncIterator[service_pb2.IngestRequest]
    ) -> AsyncGenerator[service_pb2.IngestResponse]:
        """Send frames of a source of this client's own, as a gateway does; yields what the historian says.

        Raises:
            DualSpanError: The stream was refused, or broke: open another.
        """
        token = await self._credentials.current()
        call = self._sources.Ingest(requests, metadata=token.metadata)
        try:
            async with plain_errors():
                async for answer in call:
                    yield answer
        finally:
            call.cancel()

    async def close(self) -> None:
        """Close the channels; calls under way end with an error."""
        await self._resources.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def _call(self, method: "grpc.aio.UnaryUnaryMultiCallable[Request, Response]", request: Request) -> Response:
        token = await self._credentials.current()
        try:
            async with plain_errors():
                return await method(request, timeout=self._deadline, metadata=token.metadata)
        except DualSpanError as err:
            # The clock of this machine may be wrong, or the platform's keys are new.
            other = await self._credentials.renewed(token) if err.code == "UNAUTHENTICATED" else None
            if other is None:
                raise
        async with plain_errors():
            return await method(request, timeout=self._deadline, metadata=other.metadata)

    async def _stream(
        self, request: service_pb2.SubscribeRequest, token: AccessToken
    ) -> AsyncGenerator[service_pb2.SubscribeResponse]:
        call = self._historian.Subscribe(request, metadata=token.metadata)
        try:
            async for answer in call:
                yield answer
        finally:
            call.cancel()


class _Pauses:
    """The pauses of a subscription that tries to come back: longer each time, and not for ever."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """It is back."""
        self._pause = _FIRST_PAUSE_SECONDS
        self._spent = 0.0

    @property
    def started(self) -> bool:
        """Whether it has tried in vain before."""
        return self._spent > 0

    @property
    def over(self) -> bool:
        """Whether it has tried for long enough."""
        return self._spent >= _GIVE_UP_SECONDS

    async def next(self) -> None:
        """Wait before the next try."""
        await asyncio.sleep(self._pause)
        self._spent += self._pause
        self._pause = min(2 * self._pause, _LONGEST_PAUSE_SECONDS)
