"""From figures to what stands in a report. Pure."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np

from dualspan_analytics.alarms.statistics import Statistics
from dualspan_analytics.reports.model import (
    Bars,
    Block,
    Note,
    Phrase,
    Section,
    SectionKind,
    Table,
    Text,
    number,
    percent,
    say,
)
from dualspan_analytics.service.energy import Used
from dualspan_analytics.service.kpis import KpiAnswer
from dualspan_analytics.service.stops import Losses

OEE_KPIS = ("availability", "effectiveness", "quality-ratio", "oee")
_HOUR_US = 3_600_000_000
_MOST_ROWS = 400
_MOST_BARS = 20
_TOP = 10
_MOST_WARNINGS = 8


@dataclass(frozen=True, slots=True)
class ChartRow:
    """A control chart in the period; `why` says what kept it from being drawn."""

    name: str
    asset: str
    points: int
    violations: int
    cpk: float
    why: str = ""


@dataclass(frozen=True, slots=True)
class GoodRow:
    """How much of a machine's data is there and good, in percent of the time."""

    asset: str
    properties: int
    samples: float
    mean: float
    least: float
    worst: str


def nothing(kind: SectionKind, why: Text) -> Section:
    """A section that has no data says so."""
    return Section(kind, (Note(say("no-data", why=why)),))


def oee_section(
    answer: KpiAnswer, whole: KpiAnswer, zone: ZoneInfo, left_out: Mapping[str, str] | None = None, *, is_timed: bool
) -> Section:
    """OEE and its factors by shift and machine.

    Args:
        answer: By machine and shift.
        whole: By machine, of the whole period: the mean of its shifts would be another number.
        zone: In which times are shown.
        left_out: Machines that cannot be computed, and why.
        is_timed: Each row is one shift, of which a part may lie outside of the period; else all of one name.
    """
    rows, figures = answer.rows, [answer.figures[kpi][1] for kpi in OEE_KPIS]
    if not len(rows) or rows.asset is None or rows.shift is None:
        return Section(
            SectionKind.OEE,
            (*nothing(SectionKind.OEE, say("no-machines")).blocks, *_left_out(answer.skipped, left_out)),
        )
    names = [rows.assets[place] for place in rows.asset.tolist()]
    shifts = [rows.shifts[place] for place in rows.shift.tolist()]
    if is_timed:
        times = zip(shifts, rows.first.tolist(), rows.last.tolist(), strict=True)
        shifts = [f"{name} {_clock(first, zone)}–{_clock(last, zone)}" for name, first, last in times]
    share = np.min([each.good_share for each in figures], axis=0)
    table = Table(
        tuple(map(say, ("machine", "shift", "availability", "effectiveness", "quality", "oee-short", "good-data"))),
        tuple(
            (name, shift, *(percent(float(each.value[row])) for each in figures), percent(float(share[row])))
            for row, (name, shift) in enumerate(zip(names, shifts, strict=True))
        )[:_MOST_ROWS],
        texts=2,
    )
    why = {name: str(figures[-1].reason[row]) for row, name in enumerate(names) if figures[-1].reason[row]}
    return Section(SectionKind.OEE, (*_oee_bars(whole), table, *_doubts(why), *_left_out(answer.skipped, left_out)))


def _oee_bars(whole: KpiAnswer) -> tuple[Block, ...]:
    rows = whole.rows
    if rows.asset is None:
        return ()
    machines = tuple(rows.assets[place] for place in rows.asset.tolist())[:_MOST_BARS]
    oee = (whole.figures["oee"][1].value * 100).tolist()
    return (Bars(say("oee-by-machine"), machines, tuple(oee[:_MOST_BARS]), "%", 100.0),)


def _clock(time_us: int, zone: ZoneInfo) -> str:
    return f"{dt.datetime.fromtimestamp(time_us // 1_000_000, zone):%H:%M}"


def losses_section(losses: Losses, left_out: Mapping[str, str] | None = None) -> Section:
    """What machines lost time to, the largest first; `left_out` says why others are not in it."""
    notes = _left_out(losses.skipped, left_out)
    found = losses.pareto
    known = Note(say("loss-share", share=percent(losses.good_share)), is_warning=losses.good_share < 0.95)
    if not len(found.key):
        return Section(SectionKind.LOSSES, (*nothing(SectionKind.LOSSES, say("no-losses")).blocks, *notes))
    names = [losses.names[key][1] or losses.names[key][0] or "—" for key in found.key.tolist()]
    hours = (found.duration / _HOUR_US).tolist()
    table = Table(
        tuple(map(say, ("reason", "stops", "hours", "share", "cumulative"))),
        tuple(
            (name, str(count), number(lost, 2), percent(share), percent(cumulative))
            for name, count, lost, share, cumulative in zip(
                names, found.count.tolist(), hours, found.share.tolist(), found.cumulative.tolist(), strict=True
            )
        )[: 3 * _TOP],
    )
    bars = Bars(say("loss-hours"), tuple(names[:_TOP]), tuple(hours[:_TOP]), "h")
    return Section(SectionKind.LOSSES, (bars, table, known, *notes))


def energy_section(used: Mapping[str, Used]) -> Section:
    """Energy by machine; a total for each part of the scope."""
    machines = {asset: use for each in used.values() for asset, use in each.uses.items()}
    rows = [
        (asset, number(use.energy), number(use.units, 0), number(use.energy_per_unit, 3), percent(use.good_share))
        for asset, use in sorted(machines.items())
    ]
    totals: list[tuple[Text, ...]] = [
        (
            Phrase("total") if not scope else say("doubtful", what=say("total"), why=scope),
            number(each.total.energy),
            "",
            "",
            percent(each.total.good_share),
        )
        for scope, each in used.items()
    ]
    columns = tuple(map(say, ("machine", "energy-kwh", "units", "per-unit", "good-data")))
    bars = Bars(
        say("energy-by-machine"),
        tuple(sorted(machines)[:_MOST_BARS]),
        tuple(machines[asset].energy for asset in sorted(machines)[:_MOST_BARS]),
        "kWh",
    )
    notes = {f"{asset}": "; ".join(use.notes) for asset, use in machines.items() if use.notes}
    blocks: list[Block] = [bars] if machines else []
    return Section(SectionKind.ENERGY, (*blocks, Table(columns, (*rows[:_MOST_ROWS], *totals)), *_doubts(notes)))


def alarms_section(statistics: Statistics) -> Section:
    """The measures of ISA-18.2 and the most frequent alarms."""
    if not statistics.annunciations:
        return nothing(SectionKind.ALARMS, say("no-alarms"))
    measures = Table(
        tuple(map(say, ("measure", "value", "advised"))),
        tuple((each.display_name, number(each.value, 2), number(each.target, 2)) for each in statistics.measures),
    )
    top = Table(
        tuple(map(say, ("alarm", "times", "share"))),
        tuple((each.alarm, str(each.annunciations), percent(each.share)) for each in statistics.top),
    )
    bars = Bars(
        say("top-alarms"),
        tuple(each.alarm for each in statistics.top),
        tuple(float(each.annunciations) for each in statistics.top),
        "",
    )
    floods = say("flood", floods=str(len(statistics.floods)), share=percent(statistics.flood_share))
    return Section(
        SectionKind.ALARMS, (Note(say("whole-enterprise")), measures, Note(floods, bool(statistics.floods)), bars, top)
    )


def spc_section(rows: Sequence[ChartRow]) -> Section:
    """Control charts and the rules that their points break."""
    if not rows:
        return nothing(SectionKind.SPC, say("no-charts"))
    drawn = tuple(
        (row.name, row.asset, str(row.points), str(row.violations), number(row.cpk, 2)) for row in rows if not row.why
    )
    table = Table(tuple(map(say, ("chart", "machine", "points", "violations", "cpk"))), drawn, texts=2)
    failed = [Note(say("cannot", what=f"{row.name} ({row.asset})", why=row.why), True) for row in rows if row.why]
    return Section(SectionKind.SPC, (*([table] if drawn else []), *failed))


def completeness_section(rows: Sequence[GoodRow], left_out: Mapping[str, str] | None = None) -> Section:
    """How much of the data of each machine is there and good; `left_out` says of which it cannot be said, and why."""
    notes = _left_out((), left_out)
    if not rows:
        return Section(
            SectionKind.COMPLETENESS, (*nothing(SectionKind.COMPLETENESS, say("no-properties")).blocks, *notes)
        )
    columns = tuple(map(say, ("machine", "worst", "properties", "samples", "good-mean", "good-least")))
    table = Table(
        columns,
        tuple(
            (
                row.asset,
                row.worst,
                str(row.properties),
                number(row.samples, 0),
                percent(row.mean / 100),
                percent(row.least / 100),
            )
            for row in rows
        )[:_MOST_ROWS],
        texts=2,
    )
    return Section(SectionKind.COMPLETENESS, (table, Note(say("gaps")), *notes))


def _left_out(skipped: Sequence[str], left_out: Mapping[str, str] | None) -> tuple[Block, ...]:
    """Which machines are not in the figures, and why."""
    unknown = say("skipped", machines=", ".join(skipped[:_MOST_BARS]))
    named = [*(left_out or {}).items()]
    notes = [Note(say("cannot", what=machine, why=why), is_warning=True) for machine, why in named[:_MOST_WARNINGS]]
    if len(named) > _MOST_WARNINGS:
        others = ", ".join(machine for machine, _ in named[_MOST_WARNINGS:][:_MOST_BARS])
        notes.append(Note(say("cannot-others", machines=others), is_warning=True))
    return (*([Note(unknown, is_warning=True)] if skipped else []), *notes)


def _doubts(why: Mapping[str, str]) -> tuple[Block, ...]:
    """What a reader must know about single figures."""
    return tuple(
        Note(say("doubtful", what=what, why=reason), is_warning=True)
        for what, reason in [*why.items()][:_MOST_WARNINGS]
    )
