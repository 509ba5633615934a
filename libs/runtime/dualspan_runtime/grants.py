"""What apps may read: the tags that a person granted to a subscription, as the marketplace tells them, at once."""

import asyncio
import time
from collections.abc import AsyncIterable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

import grpc.aio
import structlog

from dualspan.marketplace.v1 import grants_pb2
from dualspan.marketplace.v1.grants_pb2_grpc import GrantServiceStub
from dualspan_runtime.errors import PermissionDenied
from dualspan_runtime.principal import Principal

# What an app may call, and the scope that its manifest must have for it. Each of these methods answers of what is
# granted only: whoever adds one makes sure of it.
APP_METHODS: Mapping[str, str] = {
    "/dualspan.historian.v1.HistorianService/ReadRaw": "samples.read",
    "/dualspan.historian.v1.HistorianService/ReadProcessed": "samples.read",
    "/dualspan.historian.v1.HistorianService/ReadLatest": "samples.read",
    "/dualspan.historian.v1.HistorianService/Subscribe": "samples.subscribe",
}
_RETRY_SECONDS = 1.0
# The marketplace says something every few seconds. Whoever has not heard it for so long grants nothing any more: what
# was revoked meanwhile must not go on.
_PATIENCE_SECONDS = 20.0
_log = structlog.stdlib.get_logger()


@dataclass(frozen=True, slots=True)
class Grant:
    """What one app may do.

    Attributes:
        tag_ids: The tags that exist for it.
        scopes: What for.
    """

    tag_ids: frozenset[int] = frozenset()
    scopes: frozenset[str] = frozenset()


class Grants(Protocol):
    """Where a server learns what apps may do."""

    def of(self, app: Principal) -> Grant:
        """What an app may do now; an empty grant for one that is not known."""
        ...


class NoGrants:
    """Of a server that has nothing for apps."""

    def of(self, app: Principal) -> Grant:
        """See `Grants`."""
        return Grant()


def allow(grant: Grant, method: str) -> Grant:
    """The grant that a call of an app works under.

    Raises:
        PermissionDenied: The method is not for apps, the app has not asked for its scope, or its subscription does not
            run (`PERMISSION_MISSING`).
    """
    scope = APP_METHODS.get(method)
    if scope is None:
        raise PermissionDenied("PERMISSION_MISSING", "Apps may not call this. They read samples of granted tags.")
    if scope not in grant.scopes:
        words = f"The app's subscription does not run, or its manifest does not have the scope {scope}."
        raise PermissionDenied("PERMISSION_MISSING", words, permission=scope)
    return grant


class GrantWatch:
    """Follows the marketplace's grants.

    Args:
        connect: Opens a channel to the marketplace that carries this service's token.
    """

    def __init__(self, connect: Callable[[], AbstractAsyncContextManager[grpc.aio.Channel]]) -> None:
        self._connect = connect
        self._grants: dict[str, Grant] = {}
        self._heard_at = float("-inf")
        self._missed = False

    def of(self, app: Principal) -> Grant:
        """See `Grants`."""
        if time.monotonic() - self._heard_at > _PATIENCE_SECONDS:
            return Grant()
        return self._grants.get(f"tenants/{app.tenant}/{app.actor}", Grant())

    async def run(self) -> None:
        """Follows for ever. What is known stays in force for a while when the marketplace does not answer."""
        async with self._connect() as channel:
            stub = GrantServiceStub(channel)
            while True:
                try:
                    await self._follow(stub.WatchGrants(grants_pb2.WatchGrantsRequest()))
                except grpc.aio.AioRpcError as error:
                    if not self._missed:
                        _log.warning("grants not followed: apps read nothing", error=error.details())
                    self._missed = True
                await asyncio.sleep(_RETRY_SECONDS)

    async def _follow(self, told: AsyncIterable[grants_pb2.WatchGrantsResponse]) -> None:
        """Takes what is told: all grants first, then every change of one."""
        fresh: dict[str, Grant] = {}
        async for message in told:
            for each in message.grants:
                fresh[each.subscription] = Grant(frozenset(each.tag_ids), frozenset(each.scopes))
            for subscription in message.revoked:
                fresh.pop(subscription, None)
            if message.complete:
                # Only what is whole replaces what was known.
                self._grants, self._heard_at, self._missed = fresh, time.monotonic(), False
