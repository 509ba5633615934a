"""KpiService: key performance indicators by ISO 22400-2, and custom ones."""

# ruff: noqa: N802 - the contract's names

import asyncio
from collections.abc import Sequence
from typing import Any

import numpy as np
from google.protobuf.empty_pb2 import Empty
from numpy.typing import NDArray

from dualspan.analytics.v1 import kpis_pb2 as contract
from dualspan.analytics.v1 import kpis_pb2_grpc
from dualspan_analytics.expressions.windows import SUMS
from dualspan_analytics.kpis.errors import bad_query
from dualspan_analytics.kpis.grouping import Dimension
from dualspan_analytics.kpis.measures import PIECE, Measures
from dualspan_analytics.kpis.opening import Opened, Part
from dualspan_analytics.kpis.ratios import ALL, Figures, Reasons, Sums, unit_of
from dualspan_analytics.service.definitions import ProductionDefinitions
from dualspan_analytics.service.kpis import KpiAnswer, KpiOpened, KpiQuestion, Kpis
from dualspan_analytics.servicer.production_mapping import KPI, read_kpi, write_kpi
from dualspan_analytics.servicer.states import intervals
from dualspan_analytics.servicer.times import read_time, write_time
from dualspan_runtime.names import TENANT

_QUANTITIES = frozenset({"PQ", "GQ", "SQ", "RQ"})
_UNITS = {"E": "kW.h", "FE": "1"}


class KpiServicer(kpis_pb2_grpc.KpiServiceServicer):
    """See the contract.

    Args:
        definitions: Custom KPIs among them.
        kpis: Use cases.
    """

    def __init__(self, definitions: ProductionDefinitions, kpis: Kpis) -> None:
        self._definitions = definitions
        self._kpis = kpis

    async def ListKpis(self, request: contract.ListKpisRequest, context: Any) -> contract.ListKpisResponse:
        """See the contract."""
        tenant = TENANT.parse(request.parent)["tenant"]
        found = await self._kpis.all(tenant)
        return contract.ListKpisResponse(kpis=[write_kpi(tenant, kpi, standard=standard) for kpi, standard in found])

    async def UpdateKpi(self, request: contract.UpdateKpiRequest, context: Any) -> contract.Kpi:
        """See the contract."""
        tenant = KPI.parse(request.kpi.name)["tenant"]
        return write_kpi(tenant, await self._definitions.put_kpi(tenant, read_kpi(request.kpi)), standard=False)

    async def DeleteKpi(self, request: contract.DeleteKpiRequest, context: Any) -> Empty:
        """See the contract."""
        name = KPI.parse(request.name)
        await self._definitions.kpis.delete(name["tenant"], name["kpi"])
        return Empty()

    async def QueryKpis(self, request: contract.QueryKpisRequest, context: Any) -> contract.QueryKpisResponse:
        """See the contract."""
        tenant = TENANT.parse(request.parent)["tenant"]
        question = KpiQuestion(
            list(request.assets),
            read_time(request, "start_time"),
            read_time(request, "end_time"),
            list(request.kpis),
            _dimensions(request.group_by),
            request.skip_rollups,
        )
        found = await self._kpis.query(tenant, question)
        return await asyncio.to_thread(_answer, found, include_sums=request.include_sums)

    async def GetKpi(self, request: contract.GetKpiRequest, context: Any) -> contract.KpiDetail:
        """See the contract."""
        name = KPI.parse(request.name)
        span = read_time(request, "start_time"), read_time(request, "end_time")
        part = Part(
            request.product if request.HasField("product") else None,
            request.order if request.HasField("order") else None,
        )
        found = await self._kpis.open(name["tenant"], name["kpi"], request.asset, span, part)
        return await asyncio.to_thread(_detail, name["tenant"], request.asset, found)


def _dimensions(given: Sequence[int]) -> list[Dimension]:
    known = set(Dimension)
    if not set(given) <= known:
        raise bad_query("it groups by something that is no dimension")
    return [Dimension(each) for each in given]


def _answer(found: KpiAnswer, *, include_sums: bool) -> contract.QueryKpisResponse:
    rows = found.rows
    return contract.QueryKpisResponse(
        row_count=len(rows),
        assets=_texts(rows.assets, rows.asset),
        start_times_us=[] if rows.start is None else rows.start.tolist(),
        end_times_us=[] if rows.end is None else rows.end.tolist(),
        shifts=_texts(rows.shifts, rows.shift),
        products=_texts(rows.texts, rows.product),
        orders=_texts(rows.texts, rows.order),
        kpis=[
            contract.QueryKpisResponse.Column(
                kpi=kpi,
                unit=unit,
                values=figures.value.tolist(),
                good_shares=figures.good_share.tolist(),
                reasons=_distinct(figures.reason),
            )
            for kpi, (unit, figures) in found.figures.items()
        ],
        sums=_sums(rows.measures, found.counted_in) if include_sums else [],
        skipped_assets=found.skipped,
        rolled_up_shifts=found.rolled_up,
        computed_shifts=found.computed,
    )


def _texts(texts: Sequence[str], places: NDArray[np.int64] | None) -> contract.TextColumn | None:
    return None if places is None else contract.TextColumn(texts=texts, places=places.tolist())


def _distinct(texts: Reasons) -> contract.TextColumn:
    place = {text: index for index, text in enumerate(dict.fromkeys(texts.tolist()))}
    return contract.TextColumn(texts=list(place), places=[place[text] for text in texts.tolist()])


def _sums(measures: Measures, counted_in: str) -> list[contract.QueryKpisResponse.Sum]:
    sums = Sums(measures)
    return [
        contract.QueryKpisResponse.Sum(
            sum=name,
            unit=counted_in if name in _QUANTITIES else _UNITS.get(name, "s"),
            values=(of(sums) / scale).tolist(),
        )
        for name, (of, scale) in SUMS.items()
    ]


def _detail(tenant: str, asset: str, found: KpiOpened) -> contract.KpiDetail:
    """Takes a while for many intervals: not for the event loop."""
    machines = [_machine(one, figure, found) for one, figure in zip(found.machines, found.each, strict=True)]
    only = machines[0] if len(machines) == 1 else contract.KpiDetail.Machine()
    return contract.KpiDetail(
        kpi=write_kpi(tenant, found.kpi, standard=found.kpi.id in ALL),
        asset=asset,
        value=float(found.figures.value[0]),
        good_share=float(found.figures.good_share[0]),
        reason=str(found.figures.reason[0]),
        sums=_sums(found.measures, found.counted_in),
        intervals=only.intervals,
        counter_marks=only.counter_marks,
        properties=only.properties,
        machines=machines if len(machines) > 1 else [],
        skipped_assets=found.skipped,
    )


def _machine(one: Opened, figure: Figures, found: KpiOpened) -> contract.KpiDetail.Machine:
    counted_in = one.machine.plan.counted_in or PIECE
    return contract.KpiDetail.Machine(
        asset=one.machine.id,
        value=float(figure.value[0]),
        unit=unit_of(found.kpi.id, counted_in) if found.kpi.id in ALL else found.kpi.unit,
        good_share=float(figure.good_share[0]),
        reason=str(figure.reason[0]),
        sums=_sums(one.measures, counted_in),
        intervals=intervals(one.machine, one.line),
        counter_marks=[
            contract.KpiDetail.CounterMark(property=name, kind=kind, time=write_time(t)) for name, kind, t in one.marks
        ],
        properties=[str(each) for each in one.machine.refs],
    )
