"""Use cases: KPIs of machines, lines and sites, and one opened down to what it is made of."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from dualspan_analytics.columns import PropertyRef, Series
from dualspan_analytics.expressions.instants import Work
from dualspan_analytics.expressions.model import Expression, Property
from dualspan_analytics.expressions.parsing import parse
from dualspan_analytics.expressions.units import in_unit, mixed
from dualspan_analytics.expressions.windows import Windows, compute, counters_of
from dualspan_analytics.kpis.errors import bad_query, too_many_machines, too_many_rows, unknown_kpi
from dualspan_analytics.kpis.grouping import Dimension, Rows, check_dimensions, grouped
from dualspan_analytics.kpis.measures import PIECE, Measures
from dualspan_analytics.kpis.opening import Opened, Part, opened, together
from dualspan_analytics.kpis.planning import Machine
from dualspan_analytics.kpis.ratios import ALL, COMPOSED, KPIS, Figures, also, figures, unit_of
from dualspan_analytics.service.clock import now_us
from dualspan_analytics.service.definitions import MOST, CustomKpi, ProductionDefinitions
from dualspan_analytics.service.production import Asked, Production, checked
from dualspan_runtime.database import Database

MOST_KPIS = 32
MOST_ROWS = 200_000
MOST_DAYS = 400
MOST_DETAIL_DAYS = 100
MOST_OPENED = 200
MOST_MARKS = 1000
_DAY_US = 86_400_000_000
_EARLIEST_US, _LATEST_US = 365 * _DAY_US, 230 * 365 * _DAY_US


@dataclass(frozen=True, slots=True)
class KpiQuestion:
    """What is asked: KPIs of assets in [start_us, end_us), µs."""

    assets: Sequence[str]
    start_us: int
    end_us: int
    kpis: Sequence[str]
    dimensions: Sequence[Dimension]
    skip_rollups: bool = False


@dataclass(frozen=True, slots=True)
class KpiAnswer:
    """Rows and the KPIs of each, by id, with their units.

    `counted_in` is "" where machines differ; `units` says what each machine counts in, "" that it counts nothing.
    """

    rows: Rows
    figures: Mapping[str, tuple[str, Figures]]
    counted_in: str
    skipped: Sequence[str]
    rolled_up: int
    computed: int
    units: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KpiOpened:
    """One KPI and everything that it is made of.

    Attributes:
        kpi: Which; its unit is that of the figure.
        figures: Of one row.
        measures: The sums, one row.
        counted_in: UCUM of the quantities; "" where machines differ.
        machines: What each machine has in it.
        each: The KPI of each of these alone.
        skipped: Machines that are left out.
    """

    kpi: CustomKpi
    figures: Figures
    measures: Measures
    counted_in: str
    machines: Sequence[Opened]
    each: Sequence[Figures]
    skipped: Sequence[str]


def standard_kpis() -> list[CustomKpi]:
    """The KPIs of the standard."""
    plain = [CustomKpi(kpi.id, kpi.id.replace("-", " ").capitalize(), kpi.formula, kpi.unit) for kpi in KPIS.values()]
    names = {"oee": "OEE index", "nee": "NEE index", "effectiveness": "Effectiveness"}
    composed = [CustomKpi(kpi, names[kpi], formula, "1") for kpi, formula in COMPOSED.items()]
    return composed + plain


class Kpis:
    """KPIs.

    Args:
        database: The service's schema.
        definitions: Custom KPIs.
        production: Sums.
    """

    def __init__(self, database: Database, definitions: ProductionDefinitions, production: Production) -> None:
        self._database = database
        self._definitions = definitions
        self._production = production

    async def all(self, tenant: str) -> list[tuple[CustomKpi, bool]]:
        """Every KPI, and whether it is of the standard."""
        custom = await self._definitions.kpis.page(tenant, "", MOST)
        return [(kpi, True) for kpi in standard_kpis()] + [(kpi, False) for kpi in custom]

    async def query(self, tenant: str, question: KpiQuestion) -> KpiAnswer:
        """Answer a question.

        Raises:
            NotFound: There is no such asset or KPI.
            InvalidArgument: The question makes no sense.
            FailedPrecondition: A property is not bound, or does not fit.
            ResourceExhausted: It is too much.
        """
        if not 1 <= len(question.kpis) <= MOST_KPIS:
            raise bad_query(f"ask for 1 to {MOST_KPIS} KPIs")
        check_span(question.start_us, question.end_us, MOST_DAYS)
        check_dimensions(question.dimensions)
        custom = await self._custom(tenant, question)
        asked = await self._production.asked(tenant, question.assets, question.start_us, question.end_us)
        summed = await self._production.sums(
            tenant, asked, question.start_us, question.end_us, skip_rollups=question.skip_rollups
        )
        rows = grouped(summed.cells, asked.machines, asked.tree, question.dimensions)
        if len(rows) > MOST_ROWS:
            raise too_many_rows(len(rows), MOST_ROWS)
        found: dict[str, tuple[str, Figures]] = {}
        work = Work()
        for kpi in dict.fromkeys(question.kpis):
            if kpi in custom:
                found[kpi] = (custom[kpi].unit, await self._computed(tenant, custom[kpi], asked, rows, work))
            else:
                found[kpi] = _standard(kpi, rows, asked.machines)
        units = {machine.id: machine.plan.counted_in for machine in asked.machines}
        distinct = set(units.values()) - {""} or {PIECE}
        counted_in = distinct.pop() if len(distinct) == 1 else ""
        return KpiAnswer(rows, found, counted_in, asked.skipped, summed.rolled_up, summed.computed, units)

    async def open(self, tenant: str, kpi: str, asset: str, span: tuple[int, int], part: Part) -> KpiOpened:
        """One KPI, from samples, with all that it is made of.

        Args:
            tenant: Whose.
            kpi: Which.
            asset: A machine, or what it is of at any level; "": all machines.
            span: Start and end, µs.
            part: Of which product and order.

        Raises:
            NotFound: There is no such asset or KPI.
            InvalidArgument: A custom KPI is not of one machine, or the span makes no sense.
            FailedPrecondition: Nothing says what the machine's states are, or a property does not fit.
            ResourceExhausted: It is made of too much.
        """
        check_span(*span, MOST_DETAIL_DAYS)
        standard = {each.id: each for each in standard_kpis()}
        known = standard.get(kpi) or (await self._find(tenant, [kpi]))[kpi]
        work = Work()
        machines, skipped = await self._opened(tenant, asset, span, part, work)
        if kpi not in standard:
            if len(machines) > 1 or not part.is_whole:
                raise bad_query(f"{kpi} is a custom KPI, which is of one machine, and of all that it makes")
            edges = np.array([span[0]], np.int64), np.array([min(span[1], now_us())], np.int64)
            windows = Windows(*edges, machines[0].measures)
            own = await self._evaluated(tenant, known, machines[0].machine.id, windows, work)
            counted_in = machines[0].machine.plan.counted_in or PIECE
            return KpiOpened(known, own, machines[0].measures, counted_in, machines, [own], skipped)
        found, measures = together(kpi, machines)
        each = [figures(kpi, one.measures) for one in machines]
        units = {one.machine.plan.counted_in for one in machines} - {""} or {PIECE}
        counted_in = units.pop() if len(units) == 1 else ""
        known = replace(known, unit=unit_of(kpi, counted_in))
        return KpiOpened(known, found, measures, counted_in, machines, each, skipped)

    async def _opened(
        self, tenant: str, asset: str, span: tuple[int, int], part: Part, work: Work
    ) -> tuple[list[Opened], Sequence[str]]:
        """What each machine has in a figure, and the machines that are left out."""
        asked = await self._production.asked(tenant, [asset] if asset else [], *span)
        if not asked.machines and asset:
            await self._production.machine(tenant, asset, *span)
        if not asked.machines:
            raise bad_query("there is no machine of which anything says how its states are known")
        if len(asked.machines) > MOST_OPENED:
            raise too_many_machines(len(asked.machines), MOST_OPENED)
        found: list[Opened] = []
        parts = 0
        for machine in asked.machines:
            notes = asked.notes.get(machine.id, ())
            computed = await self._production.computed(tenant, machine, notes, *span, work)
            one = await asyncio.to_thread(opened, machine, computed, part, MOST_MARKS)
            parts += len(checked(one.line, parts))
            found.append(one)
        return found, asked.skipped

    async def _custom(self, tenant: str, question: KpiQuestion) -> dict[str, CustomKpi]:
        wanted = [kpi for kpi in question.kpis if kpi not in ALL]
        if not wanted:
            return {}
        found = await self._find(tenant, wanted)
        allowed = {Dimension.MACHINE, Dimension.SHIFT, Dimension.DAY, Dimension.WEEK, Dimension.MONTH}
        if not set(question.dimensions) <= allowed or Dimension.MACHINE not in question.dimensions:
            raise bad_query(
                f"{wanted[0]} is a custom KPI, which is of one machine over one time: group it by machine, and by "
                "shift, day, week or month or not at all in time"
            )
        return found

    async def _find(self, tenant: str, wanted: Sequence[str]) -> dict[str, CustomKpi]:
        custom = {each.id: each for each in await self._definitions.kpis.page(tenant, "", MOST)}
        for kpi in wanted:
            if kpi not in custom:
                raise unknown_kpi(kpi)
        return {kpi: custom[kpi] for kpi in wanted}

    async def _computed(self, tenant: str, kpi: CustomKpi, asked: Asked, rows: Rows, work: Work) -> Figures:
        """A custom KPI of rows by machine."""
        expression = parse(kpi.formula)
        result = Figures(np.full(len(rows), np.nan), np.zeros(len(rows)), np.full(len(rows), "", object))
        if rows.asset is None:
            raise bad_query(f"{kpi.id} is of machines; group it by machine")
        for place, asset in enumerate(rows.assets):
            mine = np.flatnonzero(rows.asset == place)
            if not len(mine):
                continue
            missing = [
                each
                for each in expression.properties
                if not asked.tree.is_bound(PropertyRef(asset, each.name, each.index))
            ]
            if missing:
                result.reason[mine] = f"{asset} has no {missing[0]}"
                continue
            windows = Windows(rows.first[mine], rows.last[mine], rows.measures[mine])
            found = await self._evaluated(tenant, kpi, asset, windows, work)
            result.value[mine], result.good_share[mine] = found.value, found.good_share
            result.reason[mine] = found.reason
        doubt = _mixed(kpi, expression, asked, [rows.assets[place] for place in np.unique(rows.asset).tolist()])
        return replace(result, reason=also(result.reason, np.full(len(rows), doubt, object))) if doubt else result

    async def _evaluated(self, tenant: str, kpi: CustomKpi, asset: str, windows: Windows, work: Work) -> Figures:
        expression = parse(kpi.formula)
        refs = {each: PropertyRef(asset, each.name, each.index) for each in expression.properties}
        span = int(windows.start[0]), int(windows.end[-1])
        series = await self._production.values(tenant, list(refs.values()), *span) if refs else {}
        counters = {refs[each]: 0.0 for each in counters_of(expression)}
        if counters:
            series = await self._production.with_earlier(tenant, counters, series, span)
        values: dict[Property, Series | None] = {each: series[ref] for each, ref in refs.items()}
        found = await asyncio.to_thread(compute, expression, values, windows, work)
        return in_unit(found, expression, {each: series[ref].unit for each, ref in refs.items()}, kpi.unit)


def _mixed(kpi: CustomKpi, expression: Expression, asked: Asked, assets: Sequence[str]) -> str:
    """What is doubtful of a custom KPI, because machines have its properties in different units."""
    refs = {each: [PropertyRef(asset, each.name, each.index) for asset in assets] for each in expression.properties}
    have = {each: {asked.tree.unit(ref) for ref in of if asked.tree.is_bound(ref)} for each, of in refs.items()}
    counted_in = {machine.plan.counted_in for machine in asked.machines if machine.id in set(assets)}
    return mixed(expression, have, counted_in, kpi.unit)


def _standard(kpi: str, rows: Rows, machines: Sequence[Machine]) -> tuple[str, Figures]:
    """A KPI of the standard with its unit; where machines count in several units, one with a unit has no value."""
    units = sorted({machine.plan.counted_in for machine in machines} - {""})
    computed = figures(kpi, rows.measures)
    names = {unit_of(kpi, unit) for unit in units} or {unit_of(kpi, "")}
    if len(names) == 1:
        return names.pop(), computed
    reason = np.full(len(rows), f"machines count in {' and in '.join(filter(None, units))}; ask for each", object)
    return "", Figures(np.full(len(rows), np.nan), computed.good_share, reason)


def check_span(start_us: int, end_us: int, most_days: int) -> None:
    """Refuse a span that is none, is too long, or lies where no plant ever was.

    Raises:
        InvalidArgument: `BAD_KPI_QUERY`.
    """
    if not _EARLIEST_US <= start_us < _LATEST_US:
        raise bad_query("it begins before 1971 or after 2200")
    if end_us <= start_us:
        raise bad_query("it ends before it begins")
    if end_us - start_us > most_days * _DAY_US:
        raise bad_query(f"it spans more than {most_days} days; ask for less at a time")
