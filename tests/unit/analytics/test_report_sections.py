"""What reports leave out they say, and whose figures are doubtful."""

from zoneinfo import ZoneInfo

import numpy as np

from dualspan_analytics.alarms.statistics import History, measure
from dualspan_analytics.energy.use import Use
from dualspan_analytics.kpis.grouping import Rows
from dualspan_analytics.kpis.measures import MEASURES
from dualspan_analytics.kpis.ratios import Figures
from dualspan_analytics.reports import sections
from dualspan_analytics.reports.model import Bars, Language, Note, Section, Table
from dualspan_analytics.reports.sections import OEE_KPIS, ChartRow, GoodRow
from dualspan_analytics.reports.words import speaker
from dualspan_analytics.service.energy import Used
from dualspan_analytics.service.kpis import KpiAnswer

HOUR = 3_600_000_000
UTC = ZoneInfo("UTC")
ENGLISH = speaker(Language.EN)


def answer(count: int, reasons: dict[str, dict[int, str]] | None = None) -> KpiAnswer:
    """Rows of machines m0, m1, …, one early shift each."""
    place, begin = np.arange(count), np.zeros(count, np.int64)
    rows = Rows(
        asset=place,
        start=begin,
        end=begin + 8 * HOUR,
        shift=np.zeros(count, np.int64),
        product=None,
        order=None,
        assets=tuple(f"m{each}" for each in range(count)),
        shifts=("early",),
        texts=("",),
        first=begin,
        last=begin + 8 * HOUR,
        measures=np.zeros((count, MEASURES)),
    )
    figures: dict[str, tuple[str, Figures]] = {}
    for kpi in OEE_KPIS:
        reason = np.full(count, "", object)
        for row, text in (reasons or {}).get(kpi, {}).items():
            reason[row] = text
        figures[kpi] = ("1", Figures(np.full(count, 0.5), np.ones(count), reason))
    return KpiAnswer(rows, figures, "", (), 0, count)


def notes(section: Section) -> list[str]:
    return [ENGLISH(block.text) for block in section.blocks if isinstance(block, Note)]


def rows_of(section: Section) -> int:
    return next(len(block.rows) for block in section.blocks if isinstance(block, Table))


def test_rows_that_are_not_shown_are_counted() -> None:
    found = sections.oee_section(answer(450), answer(450), UTC, is_timed=True)
    assert rows_of(found) == 400
    bars = next(block for block in found.blocks if isinstance(block, Bars))
    assert len(bars.labels) == 20
    assert notes(found) == [
        "The chart shows the first ones; there are 430 others.",
        "50 further rows are not shown; ask for fewer assets.",
    ]
    assert notes(sections.oee_section(answer(20), answer(20), UTC, is_timed=True)) == []
    good = [GoodRow(f"m{each}", 1, 10.0, 100.0, 100.0, "—") for each in range(401)]
    assert "1 further rows are not shown; ask for fewer assets." in notes(sections.completeness_section(good))


def test_every_doubt_is_told_whichever_figure_and_shift_it_is_about() -> None:
    many = dict.fromkeys(range(30), "a counter was reset")
    found = sections.oee_section(
        answer(40, {"oee": many, "quality-ratio": {31: "nothing was produced"}}), answer(40), UTC, is_timed=True
    )
    said = notes(found)[1:]
    assert said[0].startswith("m0, early 00:00–08:00; m1, early 00:00–08:00; ")
    assert said[0].endswith(" and 10 others: a counter was reset")
    assert said[1] == "m31, early 00:00–08:00: nothing was produced"


def test_doubts_beyond_the_first_are_counted() -> None:
    different = {row: f"reason {row}" for row in range(12)}
    said = notes(sections.oee_section(answer(12, {"oee": different}), answer(12), UTC, is_timed=True))
    assert len(said) == 9
    assert said[-1].startswith("4 further figures are doubtful for other reasons")


def test_what_must_be_known_of_a_total_of_energy_is_told() -> None:
    def use(*notes: str) -> Use:
        return Use(1.0, 1.0, (), np.nan, np.nan, np.nan, np.nan, notes)

    def used(total: Use) -> Used:
        return Used({"m1": use("a reset")}, total, None, np.nan, None, ("until now",))

    assert notes(sections.energy_section({"": used(use("no data"))})) == [
        "m1: a reset",
        "Total: no data",
        "Total: until now",
    ]
    halls = {"hall": used(use("no data")), "m1": used(use("a reset"))}
    assert notes(sections.energy_section(halls)) == ["m1: a reset", "hall: no data", "hall; m1: until now"]


def test_charts_that_are_not_drawn_are_counted() -> None:
    rows = [ChartRow("c", f"m{each}", 5, 0, 1.2) for each in range(3)]
    assert notes(sections.spc_section(rows)) == []
    assert notes(sections.spc_section(rows, 7)) == [
        "7 further control charts are not drawn here; ask for fewer assets."
    ]


def test_alarms_say_whose_and_how_many_share_them() -> None:
    history = History.of([("a1", 1, 1, 2, 10 * each, 3, 0) for each in range(1, 5)])
    found = measure(history, [], 0, 24 * HOUR, 2)
    assert found.annunciations
    whole = notes(sections.alarms_section(found, 2, is_whole=True))
    assert whole[:2] == [
        "These figures are of the whole enterprise.",
        "Alarms are shared by so many operators: 2.",
    ]
    assert "whole enterprise" not in " ".join(notes(sections.alarms_section(found, 2, is_whole=False)))
