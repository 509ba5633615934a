"""The same plant without async: for notebooks and scripts."""

import contextlib
from collections.abc import Coroutine, Generator, Iterable, Sequence
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self

from dualspan_sdk._app import open_plant
from dualspan_sdk._assets import Asset, Assets
from dualspan_sdk._columns import Columns, LiveColumns, PropertyRef
from dualspan_sdk._loop import LoopThread
from dualspan_sdk._plant import Plant, Ref
from dualspan_sdk._results import Aggregate, AggregateRules
from dualspan_sdk._times import Instant
from dualspan_sdk._transport import Endpoints
from dualspan_sdk.settings import AppSettings


class SyncPlant:
    """`Plant` for code without an event loop: each call waits for its answer. A context manager.

    The calls run on an event loop in a thread of their own, so it works in notebooks, which have a running loop. It may
    be used by several threads.

    Args:
        plant: That the calls go to.
        thread: Runs them.
        is_alone: Nobody else uses the thread, which ends with the plant.
    """

    def __init__(self, plant: Plant, thread: LoopThread, *, is_alone: bool = False) -> None:
        self._plant = plant
        self._thread = thread
        self._is_alone = is_alone

    @classmethod
    def connect(
        cls, endpoints: Endpoints | None = None, *, token: str | None = None, access_token: str | None = None
    ) -> Self:
        """See `Plant.connect`."""
        return cls._of(Plant.connect(endpoints, token=token, access_token=access_token))

    @classmethod
    def open(cls, settings: AppSettings | None = None) -> Self:
        """The plant that was granted to this app; see `open_plant`."""
        return cls._of(open_plant(settings))

    @classmethod
    def _of(cls, opening: Coroutine[Any, Any, Plant]) -> Self:
        """A plant on a thread of its own."""
        thread = LoopThread()
        try:
            return cls(thread.run(opening), thread, is_alone=True)
        except BaseException:
            thread.stop()
            raise

    def now(self) -> datetime:
        """See `Plant.now`."""
        return self._plant.now()

    def assets(self) -> Assets:
        """See `Plant.assets`."""
        return self._thread.run(self._plant.assets())

    def machines(self, *having: str) -> list[Asset]:
        """See `Plant.machines`."""
        return self._thread.run(self._plant.machines(*having))

    def read(
        self, asset: str, property_id: str, start: Instant, end: Instant, *, index: int = 0, before: bool = False
    ) -> Columns:
        """See `Plant.read`."""
        return self._thread.run(self._plant.read(asset, property_id, start, end, index=index, before=before))

    def read_many(
        self, refs: Iterable[Ref], start: Instant, end: Instant, *, before: bool = False
    ) -> dict[PropertyRef, Columns]:
        """See `Plant.read_many`."""
        return self._thread.run(self._plant.read_many(refs, start, end, before=before))

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
        return self._thread.run(asked)

    def latest(self, refs: Iterable[Ref]) -> dict[PropertyRef, Columns]:
        """See `Plant.latest`."""
        return self._thread.run(self._plant.latest(refs))

    def subscribe(self, refs: Sequence[Ref], *, include_latest: bool = True) -> Generator[LiveColumns]:
        """See `Plant.subscribe`."""
        live = self._plant.subscribe(refs, include_latest=include_latest)
        with contextlib.closing(self._thread.each(live)) as batches:
            yield from batches

    def export(self, refs: Iterable[Ref], start: Instant, end: Instant) -> Generator[dict[PropertyRef, Columns]]:
        """See `Plant.export`."""
        with contextlib.closing(self._thread.each(self._plant.export(refs, start, end))) as parts:
            yield from parts

    def close(self) -> None:
        """Close the connection."""
        if self._thread.is_running:
            self._thread.run(self._plant.close())
            if self._is_alone:
                self._thread.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
