"""Use case: the figures of a report, asked of the concerns that have them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar
from zoneinfo import ZoneInfo

import numpy as np

from dualspan.historian.v1 import resources_pb2 as historian
from dualspan_analytics.assets import AssetTree
from dualspan_analytics.columns import PropertyRef
from dualspan_analytics.kpis.grouping import Dimension
from dualspan_analytics.plant_data import PlantData
from dualspan_analytics.reports import sections
from dualspan_analytics.reports.model import Period, ReportDefinition, Section, SectionKind, Span
from dualspan_analytics.reports.sections import ChartRow, GoodRow
from dualspan_analytics.service import control_charts
from dualspan_analytics.service.alarms import Alarms
from dualspan_analytics.service.control_charts import ControlCharts
from dualspan_analytics.service.energy import EnergyUse
from dualspan_analytics.service.energy import Span as EnergySpan
from dualspan_analytics.service.kpis import KpiQuestion, Kpis
from dualspan_analytics.service.stops import Stops
from dualspan_runtime.errors import DomainError, FailedPrecondition, InvalidArgument, NotFound, ResourceExhausted

_MOST_CHARTS = 100
_CHARTS_AT_ONCE = 1000
_UNITS = "good-count"
# What keeps one section from being made is said in it; the others are made all the same.
_SAID = (NotFound, InvalidArgument, FailedPrecondition, ResourceExhausted)
# What one machine can be the reason of: a property that is not bound, a unit that does not fit.
_OF_ONE = (NotFound, InvalidArgument, FailedPrecondition)
# Percent: what is shown as 100.0 is nothing to point at.
_WHOLE = 99.95
T = TypeVar("T")
_GOOD, _COUNT = historian.AGGREGATE_PERCENT_GOOD, historian.AGGREGATE_COUNT


@dataclass(frozen=True, slots=True)
class Sources:
    """The concerns."""

    kpis: Kpis
    stops: Stops
    energy: EnergyUse
    alarms: Alarms
    charts: ControlCharts
    plant: PlantData


@dataclass(frozen=True, slots=True)
class _Question:
    tenant: str
    definition: ReportDefinition
    span: Span
    zone: ZoneInfo

    @property
    def times(self) -> tuple[int, int]:
        return self.span.start_us, self.span.end_us


@dataclass(frozen=True, slots=True)
class _Answered(Generic[T]):
    """What was answered of these assets, and why nothing was of the machines that are left out."""

    answer: T
    assets: Sequence[str]
    left_out: Mapping[str, str] = field(default_factory=dict[str, str])


class ReportFigures:
    """Makes sections.

    Args:
        sources: The concerns.
    """

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._made: Mapping[SectionKind, Callable[[_Question], Awaitable[Section]]] = {
            SectionKind.OEE: self._oee,
            SectionKind.LOSSES: self._losses,
            SectionKind.ENERGY: self._energy,
            SectionKind.ALARMS: self._alarms,
            SectionKind.SPC: self._spc,
            SectionKind.COMPLETENESS: self._completeness,
        }

    async def sections(
        self, tenant: str, definition: ReportDefinition, span: Span, time_zone: str
    ) -> tuple[Section, ...]:
        """All sections of a report; what cannot be computed is said where it would stand.

        Raises:
            Unavailable: Another service does not answer; the report is to be made later.
        """
        found: list[Section] = []
        question = _Question(tenant, definition, span, ZoneInfo(time_zone))
        for kind in definition.sections or tuple(SectionKind):
            try:
                found.append(await self._made[kind](question))
            except _SAID as error:
                found.append(sections.nothing(kind, error.message))
        return tuple(found)

    async def _oee(self, question: _Question) -> Section:
        monthly = question.definition.period is Period.MONTHLY
        dimensions = (Dimension.MACHINE, Dimension.SHIFT_NAME if monthly else Dimension.SHIFT)
        asked = KpiQuestion((), *question.times, sections.OEE_KPIS, dimensions)
        kpis = self._sources.kpis
        found = await self._answered(question, lambda some: kpis.query(question.tenant, replace(asked, assets=some)))
        whole = replace(asked, assets=found.assets, dimensions=(Dimension.MACHINE,))
        answer = await kpis.query(question.tenant, whole)
        return sections.oee_section(found.answer, answer, question.zone, found.left_out, is_timed=not monthly)

    async def _losses(self, question: _Question) -> Section:
        stops = self._sources.stops
        found = await self._answered(
            question,
            lambda some: stops.losses(question.tenant, some, *question.times, "reason", planned=False),
        )
        return sections.losses_section(found.answer, found.left_out)

    async def _answered(self, question: _Question, ask: Callable[[Sequence[str]], Awaitable[T]]) -> "_Answered[T]":
        """What is answered of a report's machines, but for those that it cannot be answered of.

        Raises:
            DomainError: It cannot be answered of any of them, or they are not the reason.
        """
        scope = question.definition.assets
        try:
            return _Answered(await ask(scope), scope)
        except _OF_ONE as error:
            tree = await self._sources.plant.assets(question.tenant)
            machines = sorted({each.id for asset in scope or ("",) for each in tree.machines_under(asset)})
            left_out = dict(await self._refused(machines, ask))
            rest = [machine for machine in machines if machine not in left_out]
            if not rest or not left_out:
                raise error from None
            return _Answered(await ask(rest), rest, left_out)

    async def _refused(
        self, machines: Sequence[str], ask: Callable[[Sequence[str]], Awaitable[T]]
    ) -> Sequence[tuple[str, str]]:
        """The machines of which something cannot be answered, and why: halves are asked, and halves of halves."""
        if not machines:
            return []
        try:
            await ask(machines)
        except _OF_ONE as error:
            if len(machines) == 1:
                return [(machines[0], error.message)]
        else:
            return []
        middle = len(machines) // 2
        return [*await self._refused(machines[:middle], ask), *await self._refused(machines[middle:], ask)]

    async def _energy(self, question: _Question) -> Section:
        spans = [EnergySpan(asset, *question.times) for asset in question.definition.assets or ("",)]
        found = {
            span.asset: await self._sources.energy.use(
                question.tenant, span, tariff="", region="", unit_property=_UNITS
            )
            for span in spans
        }
        return sections.energy_section(found)

    async def _alarms(self, question: _Question) -> Section:
        definition = question.definition
        tree = await self._sources.plant.assets(question.tenant)
        scope = sorted(_under(tree, definition.assets)) if definition.assets else None
        quality = await self._sources.alarms.statistics(
            question.tenant, *question.times, definition.operators, assets=scope
        )
        return sections.alarms_section(quality.statistics, definition.operators, is_whole=scope is None)

    async def _spc(self, question: _Question) -> Section:
        tree = await self._sources.plant.assets(question.tenant)
        scope = sorted(_under(tree, question.definition.assets))
        lineage = {asset: {model.id for model in tree.lineage(asset)} for asset in scope}
        mine: list[tuple[str, str]] = []
        after = ""
        while page := await self._sources.charts.page(question.tenant, after, _CHARTS_AT_ONCE):
            after = page[-1].id
            for chart in page:
                of_model = [asset for asset in scope if chart.model and chart.model in lineage[asset]]
                mine += [(chart.id, asset) for asset in ([chart.asset] if chart.asset in lineage else of_model)]
        drawn = [await self._chart(question, *each) for each in mine[:_MOST_CHARTS]]
        return sections.spc_section(drawn, max(0, len(mine) - _MOST_CHARTS))

    async def _chart(self, question: _Question, chart: str, asset: str) -> ChartRow:
        try:
            drawn = await self._sources.charts.evaluate(
                question.tenant, control_charts.Asked(chart, asset, *question.times)
            )
        except _SAID as error:
            return ChartRow(chart, asset, 0, 0, np.nan, error.message)
        cpk = drawn.capability.cpk.value if drawn.capability else np.nan
        return ChartRow(chart, asset, len(drawn.data), len(drawn.violations), cpk)

    async def _completeness(self, question: _Question) -> Section:
        tree = await self._sources.plant.assets(question.tenant)
        scope = _under(tree, question.definition.assets)
        rows: list[GoodRow] = []
        left_out: dict[str, str] = {}
        for asset in sorted(scope):
            refs = tree.bound_refs(asset)
            if refs:
                try:
                    rows.append(await self._good(question, asset, refs))
                except _OF_ONE as error:
                    left_out[asset] = error.message
        return sections.completeness_section(rows, left_out)

    async def _good(self, question: _Question, asset: str, refs: Sequence[PropertyRef]) -> GoodRow:
        found = await self._sources.plant.read_processed(
            question.tenant, refs, *question.times, interval_us=0, aggregates=(_GOOD, _COUNT)
        )
        good = np.nan_to_num(np.array([found[ref, _GOOD].value[0] for ref in refs]))
        count = np.nan_to_num(np.array([found[ref, _COUNT].value[0] for ref in refs]))
        worst = int(np.argmin(good))
        name = str(refs[worst]).partition("/")[2] if good[worst] < _WHOLE else "—"
        return GoodRow(asset, len(refs), float(count.sum()), float(good.mean()), float(good[worst]), name)


def _under(tree: AssetTree, assets: Sequence[str]) -> set[str]:
    return {each.id for asset in assets or ("",) for each in tree.under(asset)}


def said(error: DomainError) -> str:
    """What went wrong, for whoever waits for a report."""
    return f"{error.reason}: {error.message}"[:1000]
