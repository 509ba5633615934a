"""The same plant without async: for notebooks and scripts."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, Coroutine, Generator, Iterable, Sequence
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self, TypeVar

from dualspan_sdk._app import open_plant
from dualspan_sdk._assets import Asset, Assets
from dualspan_sdk._columns import Columns, LiveColumns, PropertyRef
from dualspan_sdk._plant import Plant, Ref
from dualspan_sdk._results import Aggregate, AggregateRules
from dualspan_sdk._times import Instant
from dualspan_sdk._transport import Endpoints

T = TypeVar("T")


class SyncPlant:
    """`Plant` for code without an event loop: each call waits for its answer. A context manager.

    The calls run on an event loop in a thread of their own, so it works in notebooks, which have a running loop. It may
    be used by several threads.
    """

    def __init__(self, opening: Coroutine[Any, Any, Plant]) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="dualspan-sdk", daemon=True)
        self._thread.start()
        try:
            self._plant = self._run(opening)
        except BaseException:
            self._stop()
            raise

    @classmethod
    def connect(
        cls, endpoints: Endpoints | None = None, *, token: str | None = None, access_token: str | None = None
    ) -> Self:
        """See `Plant.connect`."""
        return cls(Plant.connect(endpoints, token=token, access_token=access_token))

    @classmethod
    def open(cls) -> Self:
        """The plant that was granted to this app; see `open_plant`."""
        return cls(open_plant())

    def now(self) -> datetime:
        """See `Plant.now`."""
        return self._plant.now()

    def assets(self) -> Assets:
        """See `Plant.assets`."""
        return self._run(self._plant.assets())

    def machines(self, *having: str) -> list[Asset]:
        """See `Plant.machines`."""
        return self._run(self._plant.machines(*having))

    def read(
        self, asset: str, property_id: str, start: Instant, end: Instant, *, index: int = 0, before: bool = False
    ) -> Columns:
        """See `Plant.read`."""
        return self._run(self._plant.read(asset, property_id, start, end, index=index, before=before))

    def read_many(
        self, refs: Iterable[Ref], start: Instant, end: Instant, *, before: bool = False
    ) -> dict[PropertyRef, Columns]:
        """See `Plant.read_many`."""
        return self._run(self._plant.read_many(refs, start, end, before=before))

    def read_processed(
        self,
        refs: Iterable[Ref],
        start: Instant,
        end: Instant,
        *,
        interval: timedelta = timedelta(0),
        aggregates: Sequence[Aggregate] = (Aggregate.AVERAGE,),
        rules: AggregateRules | None = None,
    ) -> dict[tuple[PropertyRef, Aggregate], Columns]:
        """See `Plant.read_processed`."""
        rules = rules or AggregateRules()
        asked = self._plant.read_processed(refs, start, end, interval=interval, aggregates=aggregates, rules=rules)
        return self._run(asked)

    def latest(self, refs: Iterable[Ref]) -> dict[PropertyRef, Columns]:
        """See `Plant.latest`."""
        return self._run(self._plant.latest(refs))

    def subscribe(self, refs: Sequence[Ref], *, include_latest: bool = True) -> Generator[LiveColumns]:
        """See `Plant.subscribe`."""
        live = self._plant.subscribe(refs, include_latest=include_latest)
        with contextlib.closing(self._each(live)) as batches:
            yield from batches

    def export(self, refs: Iterable[Ref], start: Instant, end: Instant) -> Generator[dict[PropertyRef, Columns]]:
        """See `Plant.export`."""
        with contextlib.closing(self._each(self._plant.export(refs, start, end))) as parts:
            yield from parts

    def close(self) -> None:
        """Close the connection."""
        if self._loop.is_running():
            self._run(self._plant.close())
            self._stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _each(self, batches: AsyncGenerator[T]) -> Generator[T]:
        try:
            while (batch := self._run(anext(batches, None))) is not None:
                yield batch
        finally:
            self._run(batches.aclose())

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
