"""A plant by the properties of its assets: what apps and notebooks read."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self, TypeAlias

from dualspan_frame import Frame, ValueKind
from dualspan_sdk._assets import Asset, Assets
from dualspan_sdk._client import Client
from dualspan_sdk._clock import Clock
from dualspan_sdk._columns import Columns, LiveColumns, PropertyRef
from dualspan_sdk._results import Aggregate, AggregateRules
from dualspan_sdk._routes import LiveRoutes, by_tag, columns_of, joined
from dualspan_sdk._scaling import aggregated, unit_of
from dualspan_sdk._times import Instant, to_microseconds
from dualspan_sdk._transport import Endpoints

Ref: TypeAlias = PropertyRef | tuple[str, str] | tuple[str, str, int]
"""A property of an asset: `("imm01", "good-count")`, with an index where there are several."""

_Read: TypeAlias = Callable[[Sequence[int]], Awaitable[Frame]]
_ASSETS_SECONDS = 10.0
# What one call of the historian may ask for.
_TAGS_AT_ONCE = 1000
_DEFAULT_RULES = AggregateRules()


class Plant:
    """The machines of one tenant, or those that were granted to an app. An async context manager.

    Every call raises `DualSpanError` when the platform refuses it or cannot be reached, with a reason for programs and
    words that say what to do.

    Args:
        client: Connected; closed with the plant.
        clock: What time it is there.
        binding: Tells what may be seen; None: onboarding is asked.
    """

    def __init__(
        self, client: Client, clock: Clock | None = None, binding: Callable[[], Awaitable[Assets]] | None = None
    ) -> None:
        self._client = client
        self._binding = binding or client.assets
        self._clock = clock or Clock()
        self._assets: Assets | None = None
        self._asked = 0.0
        self._asking = asyncio.Lock()

    @classmethod
    async def connect(
        cls, endpoints: Endpoints | None = None, *, token: str | None = None, access_token: str | None = None
    ) -> Self:
        """Connect with an API token or a ready access token; see `Client.connect`."""
        return cls(await Client.connect(endpoints, token=token, access_token=access_token))

    @property
    def client(self) -> Client:
        """The same platform by tags."""
        return self._client

    def now(self) -> datetime:
        """What time it is in the plant, UTC; a simulated one may run faster than the clock of this machine."""
        return self._clock.now()

    async def assets(self) -> Assets:
        """What may be seen of the plant, at most ten seconds old."""
        async with self._asking:
            now = time.monotonic()
            if self._assets is None or now - self._asked > _ASSETS_SECONDS:
                self._assets, self._asked = await self._binding(), now
            return self._assets

    async def machines(self, *having: str) -> list[Asset]:
        """The machines that have values of all of these properties, in order of id."""
        return (await self.assets()).machines(having)

    async def read(
        self, asset: str, property_id: str, start: Instant, end: Instant, *, index: int = 0, before: bool = False
    ) -> Columns:
        """All samples of one property from `start` (included) to `end` (not included).

        Args:
            asset: Its id, such as `imm01`.
            property_id: The property's id in the asset model, such as `good-count`.
            start: Begin.
            end: End.
            index: From 1 for one of several, such as the zones of a barrel.
            before: The newest sample before `start` comes first, with its own time: what held when the span began.

        Raises:
            DualSpanError: `ASSET_NOT_FOUND`, `PROPERTY_NOT_BOUND`, or what the platform answers.
        """
        ref = PropertyRef(asset, property_id, index)
        return (await self.read_many([ref], start, end, before=before))[ref]

    async def read_many(
        self, refs: Iterable[Ref], start: Instant, end: Instant, *, before: bool = False
    ) -> dict[PropertyRef, Columns]:
        """The same of many properties at once, by property; see `read`."""
        assets, wanted = await self.assets(), _refs(refs)
        tags = sorted({assets.source(ref).tag_id for ref in wanted})
        inside = await self._in_parts(tags, lambda part: self._client.read_raw(part, start, end))
        found = self._columns(assets, wanted, inside)
        if not before:
            return found
        earlier = await self._in_parts(tags, lambda part: self._client.read_latest(part, before=start))
        first = self._columns(assets, wanted, earlier)
        return {ref: joined(first[ref], found[ref]) for ref in wanted}

    async def read_processed(
        self,
        refs: Iterable[Ref],
        start: Instant,
        end: Instant,
        *,
        interval: timedelta = timedelta(0),
        aggregates: Sequence[Aggregate] = (Aggregate.AVERAGE,),
        rules: AggregateRules = _DEFAULT_RULES,
    ) -> dict[tuple[PropertyRef, Aggregate], Columns]:
        """Aggregates by interval, after OPC UA Part 13, computed by the historian.

        Args:
            refs: Whose; of numbers.
            start: Start of the first interval.
            end: End of the last interval, not included.
            interval: Length of each interval; 0 means one interval.
            aggregates: 1 to 16 aggregates.
            rules: How raw data becomes an aggregate.

        Returns:
            One row for each interval, stamped with its start; NaN where the status is bad.
        """
        assets, wanted = await self.assets(), _refs(refs)
        tags = sorted({assets.source(ref).tag_id for ref in wanted})
        parts = [
            await self._client.read_processed(
                tags[i : i + _TAGS_AT_ONCE], start, end, interval=interval, aggregates=aggregates, rules=rules
            )
            for i in range(0, len(tags), _TAGS_AT_ONCE)
        ]
        series = {(each.tag_id, each.aggregate): each for part in parts for each in part}
        whole = abs(to_microseconds(end) - to_microseconds(start)) / 1e6
        seconds = interval.total_seconds() or whole
        found: dict[tuple[PropertyRef, Aggregate], Columns] = {}
        for ref in wanted:
            source, unit = assets.source(ref), assets.unit(ref)
            for aggregate in aggregates:
                each = series[source.tag_id, aggregate]
                value = aggregated(each.value, aggregate, source, seconds)
                found[ref, aggregate] = Columns(ref, unit_of(aggregate, unit), each.timestamp, value, each.status)
        return found

    async def latest(self, refs: Iterable[Ref]) -> dict[PropertyRef, Columns]:
        """The newest sample of each property; no row where there is none."""
        assets, wanted = await self.assets(), _refs(refs)
        tags = sorted({assets.source(ref).tag_id for ref in wanted})
        return self._columns(assets, wanted, await self._in_parts(tags, self._client.read_latest))

    async def subscribe(self, refs: Sequence[Ref], *, include_latest: bool = True) -> AsyncGenerator[LiveColumns]:
        """Samples as they are committed, in columns over all properties, until the caller stops reading.

        After a broken connection or when this reader was too slow, what was missed is read and comes first. Of each
        property the samples come once and in rising order of time; what a gateway fills in late is stored and is not
        part of the stream.

        Args:
            refs: Whose; `LiveColumns.place` counts them from 0.
            include_latest: Begin with the newest stored sample of each.
        """
        assets, wanted = await self.assets(), _refs(refs)
        routes = LiveRoutes(wanted, [assets.source(ref) for ref in wanted])
        updates = self._client.subscribe(routes.tag_ids, include_latest=include_latest)
        async with aclosing(updates):
            async for update in updates:
                if update.resumed or update.skipped_frames:
                    for columns in routes.take(await self._missed(routes)):
                        yield columns
                for columns in routes.take(update.frame):
                    yield columns

    async def export(
        self, refs: Iterable[Ref], start: Instant, end: Instant
    ) -> AsyncGenerator[dict[PropertyRef, Columns]]:
        """All samples of properties from `start` (included) to `end` (not included), part by part, to take them along.

        An app needs the scope `samples.export` for it. In order of time within each property; only properties that have
        samples in a part are in it.

        Raises:
            DualSpanError: It was refused, or broke off: what came is then not all.
        """
        assets, wanted = await self.assets(), _refs(refs)
        tags = sorted({assets.source(ref).tag_id for ref in wanted})
        for i in range(0, len(tags), _TAGS_AT_ONCE):
            async with aclosing(self._client.export(tags[i : i + _TAGS_AT_ONCE], start, end)) as frames:
                async for frame in frames:
                    found = self._columns(assets, wanted, frame)
                    yield {ref: columns for ref, columns in found.items() if len(columns.timestamp)}

    async def close(self) -> None:
        """Close the connection."""
        await self._client.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def _missed(self, routes: LiveRoutes) -> Frame:
        since, until = routes.since, self._clock.now_us()
        if since is None or since >= until:
            return Frame()
        return await self._in_parts(routes.tag_ids, lambda part: self._client.read_raw(part, since, until))

    @staticmethod
    async def _in_parts(tags: Sequence[int], read: _Read) -> Frame:
        return Frame.concat([await read(tags[i : i + _TAGS_AT_ONCE]) for i in range(0, len(tags), _TAGS_AT_ONCE)])

    @staticmethod
    def _columns(assets: Assets, refs: Iterable[PropertyRef], frame: Frame) -> dict[PropertyRef, Columns]:
        blocks, found = by_tag(frame), dict[PropertyRef, Columns]()
        for ref in refs:
            known, source = assets.property(ref), assets.source(ref)
            kind = ValueKind.FLOAT64 if known is None else known.kind
            found[ref] = columns_of(blocks.get(source.tag_id), ref, source, assets.unit(ref), kind)
        return found


def _refs(refs: Iterable[Ref]) -> list[PropertyRef]:
    return [_ref(each) for each in refs]


def _ref(given: Ref) -> PropertyRef:
    if isinstance(given, PropertyRef):
        return given
    return PropertyRef(given[0], given[1], given[2] if len(given) == 3 else 0)
