"""Reports: of real figures, each period once, tried again, downloaded."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import grpc
import numpy as np
import pypdfium2
import pytest
from google.protobuf.duration_pb2 import Duration

from dualspan.analytics.v1 import calendars_pb2, spc_pb2, states_pb2
from dualspan.analytics.v1 import reports_pb2 as contract
from dualspan.analytics.v1.calendars_pb2_grpc import CalendarServiceStub
from dualspan.analytics.v1.reports_pb2_grpc import ReportServiceStub
from dualspan.analytics.v1.spc_pb2_grpc import SpcServiceStub
from dualspan.analytics.v1.states_pb2_grpc import StateServiceStub
from dualspan_analytics.columns import PropertyRef
from dualspan_analytics.composition import reports as composition
from dualspan_analytics.service.report_figures import ReportFigures
from dualspan_analytics.service.report_runs import MOST_ATTEMPTS
from dualspan_analytics.store import reports as store
from dualspan_runtime.errors import Unavailable
from harness.analytics import AnalyticsPlatform, Plant, PlantAsset, machine, site
from harness.historian import stamp

if TYPE_CHECKING:  # exists in the stub file only
    from dualspan.analytics.v1.reports_pb2_grpc import ReportServiceAsyncStub

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOUR = 3_600_000_000
DAY = 24 * HOUR
NOW = time.time_ns() // 1000
T0 = NOW // DAY * DAY - 3 * DAY
MODEL = "injection-moulding-machine"
Profile = states_pb2.MachineProfile


async def made(platform: AnalyticsPlatform, *more: PlantAsset) -> Plant:
    """A machine that runs for 6 h and fails for 2 h in every 8, makes a piece a minute and draws 10 kW; and others."""
    names = ["state", "good-count", "scrap-count", "active-energy"]
    plant = await platform.plant(
        [site("works"), machine("m1", MODEL, names, "works"), machine("m2", "cnc-machine", [], "works"), *more]
    )
    minutes = np.arange(0, 2 * 24 * 60)
    times, running = T0 + minutes * 60_000_000, minutes % 480 < 360
    await plant.ingest(
        {
            PropertyRef("m1", "state"): (times, np.where(running, 0, 3)),
            PropertyRef("m1", "good-count"): (times, np.cumsum(running)),
            PropertyRef("m1", "scrap-count"): ([T0], [0]),
            PropertyRef("m1", "active-energy"): (times, minutes / 6.0),
        }
    )
    values = [Profile.StateValue(value="0", state="running"), Profile.StateValue(value="3", state="fault")]
    profile = Profile(
        name=f"{plant.parent}/machineProfiles/p",
        models=[MODEL],
        values=Profile.ValueSource(values=values),
        run_times=[Profile.RunTime(per_item=Duration(seconds=48))],
    )
    states = StateServiceStub(plant.channel)
    await states.UpdateMachineProfile(states_pb2.UpdateMachineProfileRequest(machine_profile=profile))
    shifts = [
        calendars_pb2.Calendar.Shift(
            display_name=name, span=calendars_pb2.DailySpan(start=start, end=end, weekdays=range(1, 8))
        )
        for name, start, end in (("早班", "00:00", "08:00"), ("中班", "08:00", "16:00"), ("晚班", "16:00", "00:00"))
    ]
    calendar = calendars_pb2.Calendar(
        name=f"{plant.parent}/calendars/works", time_zone="UTC", assets=["works"], shifts=shifts
    )
    calendars = CalendarServiceStub(plant.channel)
    await calendars.UpdateCalendar(calendars_pb2.UpdateCalendarRequest(calendar=calendar))
    return plant


def stub(plant: Plant) -> "ReportServiceAsyncStub":
    return ReportServiceStub(plant.channel)


async def put(plant: Plant, report: contract.Report) -> contract.Report:
    return await stub(plant).UpdateReport(contract.UpdateReportRequest(report=report))


def daily(plant: Plant, **changes: object) -> contract.Report:
    report = contract.Report(
        name=f"{plant.parent}/reports/daily",
        display_name="武汉工厂日报",
        period=contract.REPORT_PERIOD_DAILY,
        delay=Duration(),
        start_time=stamp(T0),
    )
    report.MergeFrom(contract.Report(**changes))  # type: ignore[arg-type]
    return report


async def runs_of(plant: Plant, report: str = "daily") -> list[contract.ReportRun]:
    request = contract.ListReportRunsRequest(parent=f"{plant.parent}/reports/{report}")
    return list((await stub(plant).ListReportRuns(request)).runs)


async def make_all(plant: Plant, report: str = "daily") -> None:
    """What workers do with all that is waiting."""
    runs = composition.runs(plant.parts)
    for run in await runs_of(plant, report):
        await runs.run(plant.tenant, report, run.start_time.ToMicroseconds())


async def download(plant: Plant, run: str, language: int, form: int) -> contract.DownloadReportResponse:
    request = contract.DownloadReportRequest(name=run, language=language, format=form)  # type: ignore[arg-type]
    return await stub(plant).DownloadReport(request)


async def test_a_day_in_four_files(platform: AnalyticsPlatform) -> None:
    plant = await made(platform)
    await put(plant, daily(plant))
    asked = await stub(plant).RunReport(
        contract.RunReportRequest(name=f"{plant.parent}/reports/daily", time=stamp(T0 + HOUR))
    )
    assert (asked.state, asked.files) == (contract.REPORT_RUN_STATE_PENDING, [])
    with pytest.raises(grpc.aio.AioRpcError, match="is waiting and has no such file"):
        await download(plant, asked.name, contract.REPORT_LANGUAGE_ZH, contract.REPORT_FORMAT_PDF)
    await composition.runs(plant.parts).run(plant.tenant, "daily", T0)
    run = await stub(plant).GetReportRun(contract.GetReportRunRequest(name=asked.name))
    assert (run.state, run.detail) == (contract.REPORT_RUN_STATE_DONE, "")
    assert len(run.files) == 4
    html = (await download(plant, run.name, contract.REPORT_LANGUAGE_ZH, contract.REPORT_FORMAT_HTML)).content.decode()
    # 6 of 8 hours; 48 s planned of the 60 s of each piece; every piece good.
    for words in (
        "早班 00:00–08:00",
        "中班 08:00–16:00",
        "晚班 16:00–00:00",
        "75.0 %",
        "80.0 %",
        "60.0 %",
        "240.0",
        "本节无数据",
        "以下设备未定义状态",
    ):
        assert words in html, words
    assert "m2" in html
    pdf = await download(plant, run.name, contract.REPORT_LANGUAGE_EN, contract.REPORT_FORMAT_PDF)
    begin = datetime.fromtimestamp(T0 / 1e6, UTC)
    assert (pdf.media_type, pdf.file_name) == ("application/pdf", f"daily-{begin:%Y%m%dT%H%M%SZ}-en.pdf")
    opened = pypdfium2.PdfDocument(pdf.content)
    try:
        text = "\n".join(page.get_textpage().get_text_range() for page in opened)
    finally:
        opened.close()
    for words in ("Daily report", "武汉工厂日报", "60.0 %", "Completeness of the data", "no control chart"):
        assert words in text, words


async def test_a_machine_without_a_tag_is_a_note_and_the_others_are_computed(platform: AnalyticsPlatform) -> None:
    plant = await made(platform, machine("m3", MODEL, ["good-count"], "works"))
    await put(plant, daily(plant, languages=[contract.REPORT_LANGUAGE_EN]))
    await stub(plant).RunReport(contract.RunReportRequest(name=f"{plant.parent}/reports/daily", time=stamp(T0 + HOUR)))
    await composition.runs(plant.parts).run(plant.tenant, "daily", T0)
    run = (await runs_of(plant))[-1]
    page = (await download(plant, run.name, contract.REPORT_LANGUAGE_EN, contract.REPORT_FORMAT_HTML)).content.decode()
    # OEE and losses both say what is missing of m3, and have all of m1.
    assert page.count("m3 cannot be computed") == 2
    assert page.count("m3/state") == 2
    assert "60.0 %" in page
    assert "6.00" in page
    # There are no alarms and no charts; everything else has its data.
    assert page.count("There is no data for this section") == 2


async def test_a_chart_of_a_model_is_drawn_for_each_machine_of_the_scope(platform: AnalyticsPlatform) -> None:
    plant = await made(platform, site("elsewhere"), machine("m4", MODEL, ["state"], "elsewhere"))
    chart = spc_pb2.ControlChart(
        kind=spc_pb2.CONTROL_CHART_KIND_INDIVIDUALS,
        model=MODEL,
        property="good-count",
        subgrouping=spc_pb2.ControlChart.Subgrouping(count=1),
    )
    request = spc_pb2.CreateControlChartRequest(parent=plant.parent, control_chart_id="pieces", control_chart=chart)
    await SpcServiceStub(plant.channel).CreateControlChart(request)
    report = daily(plant, assets=["works"], sections=[contract.REPORT_SECTION_SPC], operators=3)
    assert (await put(plant, report)).operators == 3
    await stub(plant).RunReport(contract.RunReportRequest(name=f"{plant.parent}/reports/daily", time=stamp(T0 + HOUR)))
    await composition.runs(plant.parts).run(plant.tenant, "daily", T0)
    run = (await runs_of(plant))[-1]
    page = (await download(plant, run.name, contract.REPORT_LANGUAGE_EN, contract.REPORT_FORMAT_HTML)).content.decode()
    assert "pieces" in page
    assert "m1" in page
    assert "m4" not in page


async def test_every_period_has_its_run_once_whoever_sweeps(platform: AnalyticsPlatform) -> None:
    plant = await made(platform)
    await put(plant, daily(plant))
    use_cases = composition.use_cases(plant.parts)
    await use_cases.sweep()
    await use_cases.sweep()
    begins = [run.start_time.ToMicroseconds() for run in await runs_of(plant)]
    assert begins == [T0 + 2 * DAY, T0 + DAY, T0]
    await make_all(plant)
    made_at = [run.make_time.ToMicroseconds() for run in await runs_of(plant)]
    await put(plant, daily(plant, display_name="again"))
    await use_cases.sweep()
    await make_all(plant)
    assert [run.make_time.ToMicroseconds() for run in await runs_of(plant)] == made_at
    # The watermark is lost, as from a backup: periods that have a row are not made again.
    async with plant.parts.database.transaction(plant.tenant) as connection:
        await connection.execute("UPDATE report SET planned_us = $1, due_us = 0", T0)
    await use_cases.sweep()
    assert [run.make_time.ToMicroseconds() for run in await runs_of(plant)] == made_at
    again = await stub(plant).RunReport(contract.RunReportRequest(name=f"{plant.parent}/reports/daily", time=stamp(T0)))
    assert (again.state, again.attempts) == (contract.REPORT_RUN_STATE_PENDING, 0)


async def test_by_shift_of_the_calendar(platform: AnalyticsPlatform) -> None:
    plant = await made(platform)
    report = daily(plant, calendar=f"{plant.parent}/calendars/works")
    report.name, report.period = f"{plant.parent}/reports/shifts", contract.REPORT_PERIOD_SHIFT
    report.sections.append(contract.REPORT_SECTION_LOSSES)
    report.languages.append(contract.REPORT_LANGUAGE_EN)
    await put(plant, report)
    await composition.use_cases(plant.parts).sweep()
    runs = await runs_of(plant, "shifts")
    assert len(runs) >= 9
    await composition.runs(plant.parts).run(plant.tenant, "shifts", T0 + 8 * HOUR)
    run = next(run for run in await runs_of(plant, "shifts") if run.start_time == stamp(T0 + 8 * HOUR))
    html = (await download(plant, run.name, contract.REPORT_LANGUAGE_EN, contract.REPORT_FORMAT_HTML)).content.decode()
    assert "(中班)" in html
    assert "2.00" in html
    assert [(each.language, each.format) for each in run.files] == [(1, 1), (1, 2)]


async def test_what_does_not_answer_is_asked_again_and_then_given_up(
    platform: AnalyticsPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant = await made(platform)
    await put(plant, daily(plant))
    await composition.use_cases(plant.parts).sweep()

    async def away(*_: object) -> None:
        raise Unavailable("UPSTREAM_UNREACHABLE", "The historian service does not answer.")

    runs = composition.runs(plant.parts)
    with monkeypatch.context() as patch:
        patch.setattr(ReportFigures, "sections", away)
        await runs.run(plant.tenant, "daily", T0)
        first = (await runs_of(plant))[-1]
        assert (first.state, first.attempts) == (contract.REPORT_RUN_STATE_PENDING, 1)
        assert "does not answer" in first.detail
        # Not before its pause is over.
        await runs.run(plant.tenant, "daily", T0)
        assert (await runs_of(plant))[-1].attempts == 1
        for _ in range(MOST_ATTEMPTS):
            await _hurry(plant)
            await runs.run(plant.tenant, "daily", T0)
    given_up = (await runs_of(plant))[-1]
    assert (given_up.state, given_up.attempts) == (contract.REPORT_RUN_STATE_FAILED, MOST_ATTEMPTS)
    await stub(plant).RunReport(contract.RunReportRequest(name=f"{plant.parent}/reports/daily", time=stamp(T0)))
    await runs.run(plant.tenant, "daily", T0)
    assert (await runs_of(plant))[-1].state == contract.REPORT_RUN_STATE_DONE


async def _hurry(plant: Plant) -> None:
    async with plant.parts.database.transaction(plant.tenant) as connection:
        await connection.execute("UPDATE report_run SET next_at = now()")


async def test_a_worker_that_died_is_followed_by_another_and_a_late_one_changes_nothing(
    platform: AnalyticsPlatform,
) -> None:
    plant = await made(platform)
    await put(plant, daily(plant))
    await composition.use_cases(plant.parts).sweep()
    async with plant.parts.database.transaction(plant.tenant) as connection:
        dead = await store.claim(connection, plant.tenant, "daily", T0, timedelta(minutes=10))
    assert dead is not None
    runs = composition.runs(plant.parts)
    await runs.run(plant.tenant, "daily", T0)
    assert (await runs_of(plant))[-1].state == contract.REPORT_RUN_STATE_RUNNING
    await _hurry(plant)
    await runs.run(plant.tenant, "daily", T0)
    assert (await runs_of(plant))[-1].state == contract.REPORT_RUN_STATE_DONE
    async with plant.parts.database.transaction(plant.tenant) as connection:
        assert not await store.end(connection, plant.tenant, dead, store.FAILED, "late", timedelta(0))
        assert not await store.end(
            connection, plant.tenant, replace(dead, attempts=2), store.FAILED, "late", timedelta(0)
        )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"period": contract.REPORT_PERIOD_SHIFT}, "needs a calendar"),
        ({"time_zone": "Mars/Olympus"}, "Mars/Olympus"),
        ({"assets": ["m9"]}, "no asset 'm9'"),
        ({"calendar": "tenants/other/calendars/c"}, "same tenant"),
        ({"sections": [contract.REPORT_SECTION_UNSPECIFIED]}, "none that is known"),
    ],
)
async def test_what_cannot_be_made_is_refused(
    platform: AnalyticsPlatform, changes: dict[str, object], words: str
) -> None:
    plant = await platform.plant([site("works")])
    with pytest.raises(grpc.aio.AioRpcError, match=words):
        await put(plant, daily(plant, **changes))


async def test_a_plant_without_data_has_a_report_that_says_so(platform: AnalyticsPlatform) -> None:
    plant = await platform.plant([site("works")])
    await put(plant, daily(plant))
    name = f"{plant.parent}/reports/daily"
    with pytest.raises(grpc.aio.AioRpcError, match="no period that is over"):
        await stub(plant).RunReport(contract.RunReportRequest(name=name, time=stamp(NOW)))
    asked = await stub(plant).RunReport(contract.RunReportRequest(name=name))
    await composition.runs(plant.parts).run(plant.tenant, "daily", asked.start_time.ToMicroseconds())
    page = (
        await download(plant, asked.name, contract.REPORT_LANGUAGE_EN, contract.REPORT_FORMAT_HTML)
    ).content.decode()
    assert page.count("There is no data for this section") == 6
    await stub(plant).DeleteReport(contract.DeleteReportRequest(name=name))
    with pytest.raises(grpc.aio.AioRpcError, match="no run"):
        await stub(plant).GetReportRun(contract.GetReportRunRequest(name=asked.name))
