"""What apps may read: the tags that a person granted to a subscription, as the marketplace tells them, at once."""

import asyncio
import time
from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

import grpc.aio
import structlog

from dualspan.marketplace.v1 import grants_pb2
from dualspan.marketplace.v1.grants_pb2_grpc import GrantServiceStub
from dualspan_runtime.errors import PermissionDenied, ResourceExhausted
from dualspan_runtime.principal import Principal

RUNTIME_SCOPE = "app.runtime"
"""What every app may that runs, whatever its manifest says: ask for itself."""
# What an app may call, and the scope that its manifest must have for it. Each of these methods answers of what is
# granted only: whoever adds one makes sure of it.
APP_METHODS: Mapping[str, str] = {
    "/dualspan.historian.v1.HistorianService/ReadRaw": "samples.read",
    "/dualspan.historian.v1.HistorianService/ReadProcessed": "samples.read",
    "/dualspan.historian.v1.HistorianService/ReadLatest": "samples.read",
    "/dualspan.historian.v1.HistorianService/Subscribe": "samples.subscribe",
    "/dualspan.historian.v1.HistorianService/Export": "samples.export",
    "/dualspan.historian.v1.IngestService/Ingest": "outputs.write",
    "/dualspan.marketplace.v1.AppRuntimeService/GetAppConfiguration": RUNTIME_SCOPE,
    "/dualspan.marketplace.v1.AppRuntimeService/GetAppBinding": RUNTIME_SCOPE,
    "/dualspan.marketplace.v1.AppRuntimeService/RefreshAppToken": RUNTIME_SCOPE,
    "/dualspan.marketplace.v1.AppRuntimeService/ReportAppHealth": RUNTIME_SCOPE,
}
# What counts against the limits of a plan.
_READS = frozenset({"samples.read", "samples.subscribe", "samples.export"})
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
        credential: Access tokens of an earlier one count no longer.
        exhausted: Why reads are refused although they are granted: a limit of the plan is reached. "" as a rule.
    """

    tag_ids: frozenset[int] = frozenset()
    scopes: frozenset[str] = frozenset()
    credential: int = 0
    exhausted: str = ""

    def covers(self, earlier: "Grant") -> bool:
        """Whether nothing of an earlier grant was taken away."""
        same = self.credential == earlier.credential and (not self.exhausted or bool(earlier.exhausted))
        return same and self.tag_ids >= earlier.tag_ids and self.scopes >= earlier.scopes


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
        ResourceExhausted: A limit of the plan is reached (`QUOTA_EXHAUSTED`).
    """
    scope = APP_METHODS.get(method)
    if scope is None:
        raise PermissionDenied("PERMISSION_MISSING", "Apps may not call this. They read what was granted.")
    if scope not in grant.scopes:
        words = f"The subscription does not run, its tokens were revoked, or the manifest lacks the scope {scope}."
        raise PermissionDenied("PERMISSION_MISSING", words, permission=scope)
    if grant.exhausted and scope in _READS:
        raise ResourceExhausted("QUOTA_EXHAUSTED", grant.exhausted)
    return grant


class KnownGrants:
    """The grants that were told, by whoever tells them: all first, then every change of one."""

    def __init__(self) -> None:
        self._grants: dict[str, Grant] = {}
        self._fresh: dict[str, Grant] = {}
        self._heard_at = float("-inf")

    def begin(self) -> None:
        """All grants are told anew; what was known stays in force until that is whole."""
        self._fresh = {}

    def take(self, granted: Iterable[tuple[str, Grant]], revoked: Iterable[str], *, complete: bool) -> None:
        """Takes what is told.

        Args:
            granted: New or changed grants by `tenants/{tenant}/subscriptions/{subscription}`.
            revoked: Names of those that are no more.
            complete: Everything that is granted up to now was told.
        """
        self._fresh.update(granted)
        for subscription in revoked:
            self._fresh.pop(subscription, None)
        if complete:
            # Only what is whole replaces what was known.
            self._grants, self._heard_at = self._fresh, time.monotonic()

    def of(self, app: Principal) -> Grant:
        """See `Grants`."""
        if time.monotonic() - self._heard_at > _PATIENCE_SECONDS:
            return Grant()
        found = self._grants.get(f"tenants/{app.tenant}/{app.actor}", Grant())
        return found if app.credential >= found.credential else Grant()


class GrantWatch:
    """Follows the marketplace's grants.

    Args:
        connect: Opens a channel to the marketplace that carries this service's token.
    """

    def __init__(self, connect: Callable[[], AbstractAsyncContextManager[grpc.aio.Channel]]) -> None:
        self._connect = connect
        self._known = KnownGrants()
        self._missed = False

    def of(self, app: Principal) -> Grant:
        """See `Grants`."""
        return self._known.of(app)

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
        self._known.begin()
        async for message in told:
            granted = [(each.subscription, _grant(each)) for each in message.grants]
            self._known.take(granted, message.revoked, complete=message.complete)
            self._missed = self._missed and not message.complete


def _grant(told: grants_pb2.Grant) -> Grant:
    return Grant(frozenset(told.tag_ids), frozenset(told.scopes), told.credential, told.exhausted)
