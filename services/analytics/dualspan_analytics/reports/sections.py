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
    table = _table(
        ("machine", "shift", "availability", "effectiveness", "quality", "oee-short", "good-data"),
        [
            (name, shift, *(percent(float(each.value[row])) for each in figures), percent(float(share[row])))
            for row, (name, shift) in enumerate(zip(names, shifts, strict=True))
        ],
        texts=2,
    )
    doubts = [
        (f"{name}, {shift}", str(reason))
        for row, (name, shift) in enumerate(zip(names, shifts, strict=True))
        for reason in dict.fromkeys(each.reason[row] for each in (figures[-1], *figures[:-1]))
        if reason
    ]
    blocks = (*_oee_bars(whole), *table, *_doubts(doubts), *_left_out(answer.skipped, left_out))
    return Section(SectionKind.OEE, blocks)


def _oee_bars(whole: KpiAnswer) -> tuple[Block, ...]:
    rows = whole.rows
    if rows.asset is None:
        return ()
    machines = [rows.assets[place] for place in rows.asset.tolist()]
    return _bars("oee-by-machine", machines, (whole.figures["oee"][1].value * 100).tolist(), "%", 100.0)


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
    columns = zip(names, found.count.tolist(), hours, found.share.tolist(), found.cumulative.tolist(), strict=True)
    table = _table(
        ("reason", "stops", "hours", "share", "cumulative"),
        [
            (name, str(count), number(lost, 2), percent(share), percent(cumulative))
            for name, count, lost, share, cumulative in columns
        ],
    )
    return Section(SectionKind.LOSSES, (*_bars("loss-hours", names, hours, "h"), *table, known, *notes))


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
    names = sorted(machines)
    bars = _bars("energy-by-machine", names, [machines[asset].energy for asset in names], "kWh") if machines else ()
    table = _table(("machine", "energy-kwh", "units", "per-unit", "good-data"), rows, totals=totals)
    doubts = [(asset, note) for asset in names for note in machines[asset].notes]
    doubts += [(scope, note) for scope, each in used.items() for note in (*each.total.notes, *each.notes)]
    return Section(SectionKind.ENERGY, (*bars, *table, *_doubts(list(dict.fromkeys(doubts)))))


def alarms_section(statistics: Statistics, operators: int, *, is_whole: bool) -> Section:
    """The measures of ISA-18.2 and the most frequent alarms.

    Args:
        statistics: Of the report's assets.
        operators: Who share the alarms.
        is_whole: They are those of the whole enterprise.
    """
    if not statistics.annunciations:
        return nothing(SectionKind.ALARMS, say("no-alarms"))
    scope = [Note(say("whole-enterprise"))] if is_whole else []
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
    notes = (*scope, Note(say("operators", operators=str(operators))))
    return Section(SectionKind.ALARMS, (*notes, measures, Note(floods, bool(statistics.floods)), bars, top))


def spc_section(rows: Sequence[ChartRow], not_drawn: int = 0) -> Section:
    """Control charts and the rules that their points break; so many others were not drawn."""
    if not rows:
        return nothing(SectionKind.SPC, say("no-charts"))
    drawn = [
        (row.name, row.asset, str(row.points), str(row.violations), number(row.cpk, 2)) for row in rows if not row.why
    ]
    table = _table(("chart", "machine", "points", "violations", "cpk"), drawn, texts=2) if drawn else ()
    failed = _left_out((), {f"{row.name} ({row.asset})": row.why for row in rows if row.why})
    rest = [Note(say("charts-not-drawn", count=str(not_drawn)), is_warning=True)] if not_drawn else []
    return Section(SectionKind.SPC, (*table, *failed, *rest))


def completeness_section(rows: Sequence[GoodRow], left_out: Mapping[str, str] | None = None) -> Section:
    """How much of the data of each machine is there and good; `left_out` says of which it cannot be said, and why."""
    notes = _left_out((), left_out)
    if not rows:
        return Section(
            SectionKind.COMPLETENESS, (*nothing(SectionKind.COMPLETENESS, say("no-properties")).blocks, *notes)
        )
    table = _table(
        ("machine", "worst", "properties", "samples", "good-mean", "good-least"),
        [
            (
                row.asset,
                row.worst,
                str(row.properties),
                number(row.samples, 0),
                percent(row.mean / 100),
                percent(row.least / 100),
            )
            for row in rows
        ],
        texts=2,
    )
    return Section(SectionKind.COMPLETENESS, (*table, Note(say("gaps")), *notes))


def _table(
    columns: Sequence[str],
    rows: Sequence[tuple[Text, ...]],
    *,
    totals: Sequence[tuple[Text, ...]] = (),
    texts: int = 1,
) -> tuple[Block, ...]:
    """A table, and how many rows are not in it."""
    table = Table(tuple(map(say, columns)), (*rows[:_MOST_ROWS], *totals), texts=texts)
    rest = len(rows) - _MOST_ROWS
    return (table, Note(say("rows-others", count=str(rest)), is_warning=True)) if rest > 0 else (table,)


def _bars(
    title: str, labels: Sequence[str], values: Sequence[float], unit: str, most: float = 0.0
) -> tuple[Block, ...]:
    """A chart of the first bars, and how many there are besides."""
    bars = Bars(say(title), tuple(labels[:_MOST_BARS]), tuple(values[:_MOST_BARS]), unit, most)
    rest = len(labels) - _MOST_BARS
    return (bars, Note(say("bars-others", count=str(rest)))) if rest > 0 else (bars,)


def _left_out(skipped: Sequence[str], left_out: Mapping[str, str] | None) -> tuple[Block, ...]:
    """Which machines are not in the figures, and why."""
    named = [*(left_out or {}).items()]
    notes = [Note(say("cannot", what=machine, why=why), is_warning=True) for machine, why in named[:_MOST_WARNINGS]]
    if len(named) > _MOST_WARNINGS:
        others = _some([machine for machine, _ in named[_MOST_WARNINGS:]])
        notes.append(Note(say("cannot-others", machines=others), is_warning=True))
    unknown = [Note(say("skipped", machines=_some(skipped)), is_warning=True)] if skipped else []
    return (*unknown, *notes)


def _doubts(doubts: Sequence[tuple[str, str]]) -> tuple[Block, ...]:
    """What a reader must know about single figures: (what, why), each reason once with all that it is about."""
    about: dict[str, list[str]] = {}
    for what, why in doubts:
        about.setdefault(why, []).append(what)
    shown = [*about.items()][:_MOST_WARNINGS]
    notes = [Note(say("doubtful", what=_some(whats), why=why), is_warning=True) for why, whats in shown]
    if len(about) > len(shown):
        rest = sum(len(whats) for whats in about.values()) - sum(len(whats) for _, whats in shown)
        notes.append(Note(say("doubts-others", count=str(rest)), is_warning=True))
    return tuple(notes)


def _some(names: Sequence[str]) -> Text:
    """The first names, and how many others there are; "" is the whole."""
    named = [each for each in names if each]
    if not named:
        return say("total")
    first = "; ".join(named[:_MOST_BARS])
    rest = len(named) - _MOST_BARS
    return say("and-others", first=first, count=str(rest)) if rest > 0 else first
