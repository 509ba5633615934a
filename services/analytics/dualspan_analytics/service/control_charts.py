"""Use cases: control charts are defined, their limits fixed, and they are drawn over a span."""

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from pydantic import TypeAdapter

from dualspan_analytics.columns import PropertyRef, Series
from dualspan_analytics.intervals import Intervals
from dualspan_analytics.kpis.counters import bad_time
from dualspan_analytics.plant_data import PlantData
from dualspan_analytics.service.clock import now_us
from dualspan_analytics.service.counter_history import with_earlier
from dualspan_analytics.spc.capability import Capability, capability
from dualspan_analytics.spc.charts import broken_rules, draw, reasons
from dualspan_analytics.spc.definition import ChartDefinition, FixedLimits, check_against, check_definition
from dualspan_analytics.spc.model import COUNTING, ChartKind, Counts, Drawn, Estimate, Exclusion, Floats, Subgroups
from dualspan_analytics.spc.rules import Violation
from dualspan_analytics.spc.subgrouping import count_subgroups, only_labelled, value_subgroups
from dualspan_analytics.store import spc
from dualspan_analytics.store.spc import StoredLimits
from dualspan_runtime.context import current_principal
from dualspan_runtime.database import Connection, Database
from dualspan_runtime.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound

_DEFINITION = TypeAdapter(ChartDefinition)
_LONGEST_US = 400 * 86_400_000_000
_LONGEST_TEXT = 1000
_MOST_EXCLUSIONS = 1000


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be drawn.

    Attributes:
        chart: Id of the chart.
        asset: Id of the asset; the chart's own if empty.
        start_us: Begin, µs.
        end_us: End, µs.
        version: Of the limits; 0 for the newest, or phase I if there are none.
        is_phase_one: Limits are estimated, even if some were fixed.
        exclusions: Points that limits are not made from and rules do not look at.
    """

    chart: str
    asset: str
    start_us: int
    end_us: int
    version: int = 0
    is_phase_one: bool = False
    exclusions: tuple[Exclusion, ...] = ()


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A chart over a span.

    Attributes:
        asset: Id of the asset.
        unit: Of the charted property, UCUM.
        data: Its points.
        drawn: Its panels.
        violations: What breaks the rules.
        capability: With a specification.
        limits: What the limits are made from; version 0 in phase I.
        good_share: Share of the span with good data.
    """

    asset: str
    unit: str
    data: Subgroups | Counts
    drawn: Drawn
    violations: Sequence[Violation]
    capability: Capability | None
    limits: StoredLimits | FixedLimits
    good_share: float


class ControlCharts:
    """The use cases of control charts.

    Args:
        database: Where definitions and limits are.
        plant: Has the samples.
    """

    def __init__(self, database: Database, plant: PlantData) -> None:
        self._database = database
        self._plant = plant

    async def create(self, tenant: str, given: ChartDefinition) -> ChartDefinition:
        """Define a chart.

        Raises:
            InvalidArgument: It could never be drawn.
            AlreadyExists: The id is taken.
            NotFound: There is no such asset or property.
        """
        await self._check(tenant, given)
        async with self._database.transaction(tenant) as connection:
            if not await spc.insert(connection, tenant, given.id, _document(given)):
                words = f"There is a control chart {given.id!r} already. Choose another id, or update that one."
                raise AlreadyExists("CONTROL_CHART_EXISTS", words)
        return given

    async def update(self, tenant: str, given: ChartDefinition) -> ChartDefinition:
        """Replace a chart's definition.

        Raises:
            InvalidArgument: It could never be drawn.
            NotFound: There is no such chart, asset or property.
            FailedPrecondition: Limits were fixed that would not be of use to it.
        """
        await self._check(tenant, given)
        async with self._database.transaction(tenant) as connection:
            known = await _found(connection, tenant, given.id, lock=True)
            if known.charted != given.charted and await spc.has_limits(connection, tenant, given.id):
                raise FailedPrecondition(
                    "LIMITS_FIXED",
                    "Limits were fixed for what this chart shows now. Define a new chart for something else.",
                )
            await spc.replace(connection, tenant, given.id, _document(given))
        return given

    async def get(self, tenant: str, chart: str) -> ChartDefinition:
        """A chart; raises NotFound."""
        async with self._database.transaction(tenant, readonly=True) as connection:
            return await _found(connection, tenant, chart)

    async def page(self, tenant: str, after: str, most: int) -> list[ChartDefinition]:
        """Charts with ids behind `after`, in order of id."""
        async with self._database.transaction(tenant, readonly=True) as connection:
            return [_DEFINITION.validate_json(row) for row in await spc.page(connection, tenant, after, most)]

    async def delete(self, tenant: str, chart: str) -> None:
        """Delete a chart and its limits; raises NotFound."""
        async with self._database.transaction(tenant) as connection:
            if not await spc.delete(connection, tenant, chart):
                raise _unknown(chart)

    async def fix(self, tenant: str, asked: Asked, given: Estimate | None, comment: str) -> StoredLimits:
        """Freeze limits as the next version: those that a span gives, or given ones.

        Raises:
            NotFound: There is no such chart, asset or property.
            InvalidArgument: Given limits cannot be, the span cannot, or an exclusion has no reason.
            FailedPrecondition: The span does not give limits.
        """
        if len(comment) > _LONGEST_TEXT:
            raise InvalidArgument("COMMENT_TOO_LONG", f"A comment has {_LONGEST_TEXT} characters at the most.")
        definition = await self.get(tenant, asked.chart)
        asset = asked.asset or definition.asset
        if given is None:
            found = await self.evaluate(
                tenant, Asked(asked.chart, asset, asked.start_us, asked.end_us, 0, True, asked.exclusions)
            )
            made = _fixed(found.limits)
        else:
            check_against(definition, await self._plant.assets(tenant), _stated(asset))
            made = FixedLimits(0, asset, _check_given(definition.kind, given), 0, 0, (), "")
        limits = FixedLimits(0, asset, made.estimate, made.start_us, made.end_us, made.exclusions, comment)
        async with self._database.transaction(tenant) as connection:
            await _found(connection, tenant, asked.chart, lock=True)
            return await spc.add_limits(connection, tenant, asked.chart, limits, current_principal().actor)

    async def limits(
        self, tenant: str, chart: str, asset: str, after: tuple[str, int], most: int
    ) -> Sequence[StoredLimits]:
        """Versions of a chart's limits, by asset, newest first; raises NotFound."""
        async with self._database.transaction(tenant, readonly=True) as connection:
            await _found(connection, tenant, chart)
            return await spc.limits_page(connection, tenant, chart, asset, after, most)

    async def evaluate(self, tenant: str, asked: Asked) -> Evaluation:
        """Draw a chart over a span.

        Raises:
            NotFound: There is no such chart, asset, property or version.
            InvalidArgument: The span cannot be, or an exclusion has no reason.
            FailedPrecondition: There is nothing to make a chart of; the text says why.
        """
        _check_asked(asked)
        if asked.start_us >= now_us():
            raise InvalidArgument("INVALID_SPAN", "start_time lies after now; there is nothing to draw yet.")
        asked = replace(asked, end_us=min(asked.end_us, now_us()))
        async with self._database.transaction(tenant, readonly=True) as connection:
            definition = await _found(connection, tenant, asked.chart)
            asset = _stated(asked.asset or definition.asset)
            fixed = None
            if not asked.is_phase_one:
                fixed = await spc.find_limits(connection, tenant, asked.chart, asset, asked.version)
                if fixed is None and asked.version:
                    raise NotFound(
                        "LIMITS_NOT_FOUND", f"The chart has no limits of version {asked.version} for {asset!r}."
                    )
        check_against(definition, await self._plant.assets(tenant), asset)
        refs = definition.refs(asset)
        span = asked.start_us, asked.end_us
        series = await self._plant.read(tenant, refs, *span)
        series = await with_earlier(self._plant, tenant, definition.counters(asset), series, span)
        # Long charts take a while to compute; nobody else shall wait for it.
        return await asyncio.to_thread(_evaluated, definition, asset, asked, series, fixed)

    async def _check(self, tenant: str, given: ChartDefinition) -> None:
        check_definition(given)
        tree = await self._plant.assets(tenant)
        if given.asset:
            tree.bindings(given.refs(given.asset))
            check_against(given, tree, given.asset)


def _evaluated(
    definition: ChartDefinition,
    asset: str,
    asked: Asked,
    series: Mapping[PropertyRef, Series],
    fixed: StoredLimits | None,
) -> Evaluation:
    data = only_labelled(_data(definition, asset, asked, series), definition.only)
    drawn = draw(
        definition.kind,
        data,
        definition.tuning,
        fixed=fixed.limits.estimate if fixed else None,
        exclusions=asked.exclusions,
    )
    found = broken_rules(drawn, definition.rules)
    estimated = FixedLimits(0, asset, drawn.estimate, asked.start_us, asked.end_us, asked.exclusions, "")
    charted = definition.ref(asset)
    counted = [PropertyRef(asset, name) for name in definition.inspected]
    return Evaluation(
        asset=asset,
        unit=series[charted].unit,
        data=data,
        drawn=drawn,
        violations=found,
        capability=_capability(definition, data, drawn, len(found), asked.exclusions),
        limits=fixed or estimated,
        good_share=_good_share([series[ref] for ref in (charted, *counted)], asked.start_us, asked.end_us),
    )


def _data(
    definition: ChartDefinition, asset: str, asked: Asked, series: Mapping[PropertyRef, Series]
) -> Subgroups | Counts:
    def named(name: str) -> Series | None:
        return series[PropertyRef(asset, name)] if name else None

    charted, grouping = series[definition.ref(asset)], definition.grouping
    if definition.kind in COUNTING:
        return count_subgroups(
            [charted],
            [series[PropertyRef(asset, name)] for name in definition.inspected],
            asked.start_us,
            asked.end_us,
            interval_us=grouping.interval_us,
            split_by=named(definition.split_by),
            units=definition.units,
            modulus=definition.modulus,
        )
    trigger, split_by = named(definition.sampled_by), named(definition.split_by)
    return value_subgroups(charted, asked.start_us, asked.end_us, grouping, trigger=trigger, split_by=split_by)


def _capability(
    definition: ChartDefinition,
    data: Subgroups | Counts,
    drawn: Drawn,
    violations: int,
    exclusions: Sequence[Exclusion],
) -> Capability | None:
    if isinstance(data, Counts) or not definition.specification.is_stated:
        return None
    included = np.array([not reason for reason in reasons(data, exclusions)], np.bool_)
    values: Floats = data.values[included[data.index]]
    if definition.kind is ChartKind.INDIVIDUALS:
        means = data.means()[included]
        values = means[np.isfinite(means)]
    if len(values) < 2:
        return None
    return capability(
        values, drawn.estimate, definition.specification, confidence=definition.confidence, violations=violations
    )


def _good_share(series: Sequence[Series], start_us: int, end_us: int) -> float:
    bad = [bad_time(each, start_us, end_us) for each in series]
    either = Intervals.joined(np.concatenate([b.start for b in bad]), np.concatenate([b.end for b in bad]))
    return 1.0 - either.total / (end_us - start_us)


def _check_asked(asked: Asked) -> None:
    if not asked.start_us < asked.end_us <= asked.start_us + _LONGEST_US:
        raise InvalidArgument("INVALID_SPAN", "end_time must lie after start_time, by 400 days at the most.")
    if len(asked.exclusions) > _MOST_EXCLUSIONS:
        raise InvalidArgument("TOO_MANY_EXCLUSIONS", f"At most {_MOST_EXCLUSIONS} exclusions.")
    for exclusion in asked.exclusions:
        if not exclusion.reason.strip() or len(exclusion.reason) > _LONGEST_TEXT:
            words = f"Say in up to {_LONGEST_TEXT} characters why points are left out: limits stand or fall with it."
            raise InvalidArgument("REASON_MISSING", words, field="exclusions.reason")
        if exclusion.end <= exclusion.start:
            raise InvalidArgument("INVALID_SPAN", "An exclusion must end after it begins.", field="exclusions")


def _check_given(kind: ChartKind, given: Estimate) -> Estimate:
    if not math.isfinite(given.centre):
        raise InvalidArgument("BAD_LIMITS", "The centre must be a number.", field="given.centre")
    if kind in COUNTING:
        if given.centre < 0 or (kind in {ChartKind.P, ChartKind.NP} and given.centre > 1):
            raise InvalidArgument("BAD_LIMITS", "A share lies between 0 and 1; counts are not negative.", field="given")
        return Estimate(given.centre)
    if not (math.isfinite(given.sigma) and given.sigma > 0):
        raise InvalidArgument("BAD_LIMITS", "Sigma must be a number above 0.", field="given.sigma")
    return Estimate(given.centre, given.sigma)


def _stated(asset: str) -> str:
    if not asset:
        raise InvalidArgument("ASSET_MISSING", "The chart is for a model: state one of its assets.", field="asset")
    return asset


def _fixed(limits: StoredLimits | FixedLimits) -> FixedLimits:
    return limits.limits if isinstance(limits, StoredLimits) else limits


def _document(given: ChartDefinition) -> str:
    return _DEFINITION.dump_json(given).decode()


async def _found(connection: Connection, tenant: str, chart: str, *, lock: bool = False) -> ChartDefinition:
    document = await spc.find(connection, tenant, chart, lock=lock)
    if document is None:
        raise _unknown(chart)
    return _DEFINITION.validate_json(document)


def _unknown(chart: str) -> NotFound:
    return NotFound(
        "CONTROL_CHART_NOT_FOUND", f"There is no control chart {chart[:60]!r}. List them to see which there are."
    )
