"""Use cases: forecasts of live models, and what needs no training: changes of level, and time to a limit."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dualspan_analytics.columns import PropertyRef
from dualspan_analytics.intelligence import archive, changes, errors, forecast, remaining
from dualspan_analytics.intelligence.archive import Archive, ArchiveError
from dualspan_analytics.intelligence.changes import Change
from dualspan_analytics.intelligence.detector import NotEnoughDataError
from dualspan_analytics.intelligence.forecast import ForecastModel
from dualspan_analytics.intelligence.remaining import Remaining
from dualspan_analytics.service.machine_reading import MachineReader
from dualspan_analytics.service.models import check_span
from dualspan_analytics.store import models as store
from dualspan_runtime.database import Database

_SEASONS = 2
_POINTS = 2000
_MOST_DAYS = 366


@dataclass(frozen=True, slots=True)
class Forecast:
    """A forecast of one machine.

    Attributes:
        version: Which version.
        time_us: int64[horizon], begins of the steps.
        quantiles: float64[horizon, 5].
        unit: UCUM.
        good_share: Share of the steps behind it that had good data.
    """

    version: int
    time_us: NDArray[np.int64]
    quantiles: NDArray[np.float64]
    unit: str
    good_share: float


class Forecasting:
    """Looks ahead and back.

    Args:
        database: Where models are.
        reader: Reads machines.
    """

    def __init__(self, database: Database, reader: MachineReader) -> None:
        self._database = database
        self._reader = reader

    async def forecast(
        self, tenant: str, definition_id: str, asset_id: str, time_us: int, version: int = 0
    ) -> Forecast:
        """Forecast from a time on.

        Raises:
            NotFound: There is no such definition.
            FailedPrecondition: No version is live, it has no model of the machine, or there is too little data.
        """
        model, wanted = await self._model(tenant, definition_id, asset_id, version)
        spec = model.spec
        end_us = time_us // spec.step_us * spec.step_us
        start_us = end_us - _SEASONS * spec.season * spec.step_us
        ref = PropertyRef(asset_id, spec.property, spec.index)
        values = await self._reader.values(tenant, ref, (start_us, end_us), spec)
        try:
            quantiles = await asyncio.to_thread(forecast.predict, model, start_us, values)
        except NotEnoughDataError as error:
            raise errors.not_enough_data(str(error)) from error
        times = end_us + spec.step_us * np.arange(spec.horizon, dtype=np.int64)
        good = float(np.isfinite(values).mean())
        return Forecast(wanted, times, quantiles, await self._reader.unit(tenant, ref), good)

    async def _model(self, tenant: str, definition_id: str, asset_id: str, version: int) -> tuple[ForecastModel, int]:
        async with self._database.transaction(tenant, readonly=True) as connection:
            definition = await store.find_definition(connection, tenant, definition_id)
            if definition is None:
                raise errors.definition_not_found(definition_id)
            if definition.kind != "forecast":
                raise errors.wrong_kind(definition_id, "a forecast")
            wanted = version or definition.live_version
            if not wanted:
                raise errors.not_live(definition_id)
            found = await store.fitted(connection, tenant, definition_id, wanted, asset_id)
        if not found or not found[0].arrays:
            raise errors.no_fitted(asset_id, wanted, found[0].problem if found else "")
        try:
            return archive.load_forecast(Archive(found[0].arrays, found[0].facts)), wanted
        except ArchiveError as error:
            raise errors.damaged(str(error)) from error

    async def changes(
        self, tenant: str, ref: PropertyRef, span: tuple[int, int], sensitivity: float
    ) -> tuple[Sequence[Change], str, float]:
        """Changes of level of a property, its unit, and the share of the span with good data.

        Raises:
            InvalidArgument: The span makes no sense.
            FailedPrecondition: There is too little good data.
        """
        check_span(*span, _MOST_DAYS)
        times, values, unit = await self._reader.even(tenant, ref, *span, _POINTS)
        good = float(np.isfinite(values).mean())
        return await asyncio.to_thread(changes.changes, times, values, sensitivity), unit, good

    async def remaining(
        self, tenant: str, ref: PropertyRef, span: tuple[int, int], limit: float, confidence: float
    ) -> tuple[Remaining, str, float]:
        """Time until a property reaches a limit, its unit, and the share of the span with good data.

        Raises:
            InvalidArgument: The span makes no sense.
            FailedPrecondition: There is too little good data.
        """
        check_span(*span, _MOST_DAYS)
        times, values, unit = await self._reader.even(tenant, ref, *span, _POINTS)
        found = await asyncio.to_thread(remaining.remaining, times, values, limit, confidence)
        if found is None:
            raise errors.not_enough_data(f"{ref} has hardly any good data in the span. Choose a longer one.")
        return found, unit, float(np.isfinite(values).mean())
