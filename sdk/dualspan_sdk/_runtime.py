"""What an app asks the platform for itself: its configuration, what was granted, its next token."""

import asyncio
import contextlib
import time
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import grpc.aio
from google.protobuf.json_format import MessageToDict

from dualspan.marketplace.v1 import app_runtime_pb2 as contract
from dualspan.marketplace.v1.app_runtime_pb2_grpc import AppRuntimeServiceStub
from dualspan_frame import ValueKind
from dualspan_sdk._assets import Asset, Assets, Model
from dualspan_sdk._credentials import AccessToken, Credentials
from dualspan_sdk._errors import DualSpanError, plain_errors
from dualspan_sdk._writing import OutputTag

if TYPE_CHECKING:
    from dualspan.marketplace.v1.app_runtime_pb2_grpc import AppRuntimeServiceAsyncStub  # exists in the stub file only

# A token with less left than this is renewed: long enough to try again some times.
_RENEW_SECONDS = 300.0
_RETRY_SECONDS = 5.0
_DEADLINE_SECONDS = 30.0
# What was granted changes when a person changes it; what is not granted any more is refused at once all the same.
_BINDING_SECONDS = 10.0
# Tags of results are made right after the app was bound.
_OUTPUTS_SECONDS = 1.0


class RenewedCredentials:
    """An access token of the platform's, and those that follow it.

    The first one comes from elsewhere, as a rule from a file; each buys the next while it counts. When there is another
    one in that place, it is used from then on: the platform puts it there after it has voided all that were.

    Args:
        stub: Of a channel to the marketplace.
        subscription: `tenants/{tenant}/subscriptions/{subscription}`.
        first: Where the first one comes from.
    """

    def __init__(self, stub: "AppRuntimeServiceAsyncStub", subscription: str, first: Credentials) -> None:
        self._stub = stub
        self._subscription = subscription
        self._first = first
        self._seen = ""
        self._token: AccessToken | None = None
        self._ask_after = 0.0
        self._lock = asyncio.Lock()

    async def current(self) -> AccessToken:
        """A token that is good for the next call, as far as is known."""
        async with self._lock:
            token = await self._look()
            now = time.time()
            if token.expires_at - now < _RENEW_SECONDS and now >= self._ask_after:
                self._ask_after = now + _RETRY_SECONDS
                token = self._token = await self._next(token)
            return token

    async def renewed(self, refused: AccessToken) -> AccessToken | None:
        """Another token than the refused one, if there is one by now."""
        async with self._lock:
            token = await self._look()
            return None if token.secret == refused.secret else token

    async def _look(self) -> AccessToken:
        try:
            first = await self._first.current()
        except DualSpanError:
            if self._token is None:
                raise
            return self._token
        if self._token is None or first.secret != self._seen:
            self._seen, self._token = first.secret, first
        return self._token

    async def _next(self, token: AccessToken) -> AccessToken:
        request = contract.RefreshAppTokenRequest(name=self._subscription)
        try:
            async with plain_errors():
                answer = await self._stub.RefreshAppToken(request, metadata=token.metadata, timeout=_DEADLINE_SECONDS)
        except DualSpanError:
            # It may count for some minutes yet; when it does not, the service that is called says so better.
            return token
        return AccessToken(answer.access_token, token.tenant, answer.expire_time.ToNanoseconds() / 1e9)


class AppRuntime:
    """The app's own part of the platform. An async context manager.

    Args:
        channel: To the marketplace; closed with it.
        subscription: `tenants/{tenant}/subscriptions/{subscription}`.
        first: Where the first access token comes from.
    """

    def __init__(self, channel: grpc.aio.Channel, subscription: str, first: Credentials) -> None:
        self._channel = channel
        self._stub: AppRuntimeServiceAsyncStub = AppRuntimeServiceStub(channel)
        self._subscription = subscription
        self.credentials = RenewedCredentials(self._stub, subscription, first)
        self._binding: tuple[float, contract.AppBinding] | None = None
        self._lock = asyncio.Lock()

    async def configuration(self) -> Mapping[str, Any]:
        """What the subscriber chose, with defaults."""
        token = await self.credentials.current()
        request = contract.GetAppConfigurationRequest(name=self._subscription)
        async with plain_errors():
            answer = await self._stub.GetAppConfiguration(request, metadata=token.metadata, timeout=_DEADLINE_SECONDS)
        return MessageToDict(answer.configuration)

    async def assets(self) -> Assets:
        """What is granted now, or was seconds ago."""
        binding = await self._bound(_BINDING_SECONDS)
        models = {(_last(each.name), each.version): Model.from_message(each) for each in binding.models}
        return Assets(Asset.from_message(each, models.get((each.model, each.model_version))) for each in binding.assets)

    async def outputs(self) -> Mapping[tuple[str, str], OutputTag]:
        """Where results go now, by asset (empty for the subscription) and output."""
        binding = await self._bound(_OUTPUTS_SECONDS)
        return {(each.asset, each.output): OutputTag(each.tag_id, ValueKind(each.kind)) for each in binding.outputs}

    async def report(self, problem: str) -> None:
        """Say how the app is: why it does not work, or nothing."""
        token = await self.credentials.current()
        request = contract.ReportAppHealthRequest(name=self._subscription, problem=problem)
        async with plain_errors():
            await self._stub.ReportAppHealth(request, metadata=token.metadata, timeout=_DEADLINE_SECONDS)

    async def _bound(self, at_most_old: float) -> contract.AppBinding:
        async with self._lock:
            now = time.monotonic()
            if self._binding is None or now - self._binding[0] >= at_most_old:
                token = await self.credentials.current()
                request = contract.GetAppBindingRequest(name=self._subscription)
                async with plain_errors():
                    answer = await self._stub.GetAppBinding(request, metadata=token.metadata, timeout=_DEADLINE_SECONDS)
                self._binding = (now, answer)
            return self._binding[1]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await self._channel.close()


def _last(name: str) -> str:
    return name.rpartition("/")[2]
