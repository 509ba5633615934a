"""Draws the pictures of the guides, from what a platform answers about a week of the simulated moulding plant.

`python tests/pictures.py` writes them to docs/pictures. What the guide across factories shows goes to the screen.
"""

import asyncio
import shutil
import sys
import tempfile
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import duckdb
from integration.analytics.test_comparing import MODEL, two_sites
from integration.analytics.test_sharing import KPI, RUNS, Enterprises, enterprise
from integration.analytics.test_truth import described

from dualspan.analytics.v1 import alarms_pb2, comparison_pb2, exports_pb2, kpis_pb2, states_pb2
from dualspan.analytics.v1.alarms_pb2_grpc import AlarmServiceStub
from dualspan.analytics.v1.comparison_pb2_grpc import ComparisonServiceStub
from dualspan.analytics.v1.exports_pb2_grpc import ExportServiceStub
from dualspan.analytics.v1.kpis_pb2_grpc import KpiServiceStub
from dualspan.analytics.v1.states_pb2_grpc import StateServiceStub
from dualspan_analytics.composition import exports
from dualspan_analytics.reports.charts import bars_svg
from dualspan_analytics.reports.model import Bars
from dualspan_analytics.servicer.times import write_time
from dualspan_analytics.sharing.model import month_span
from dualspan_cli.embedded import EmbeddedPostgres, EmbeddedRedis
from harness.analytics import AnalyticsPlatform, Plant, running_analytics
from harness.commands import dualspan
from harness.databases import clone, make_template
from harness.plant_week import PRODUCTION, PlantWeek, plant_week

WATCHED = "mould-temperature-moving"
# Words, deadband, on-delay in seconds.
CALMER = (
    ("the limit alone", 0.0, 0),
    ("deadband 0.5 °C", 0.5, 0),
    ("on-delay 10 s", 0.0, 10),
    ("both", 0.5, 10),
    ("deadband 1 °C, delay 60 s", 1.0, 60),
)
PICTURES = Path(__file__).resolve().parents[1] / "docs/pictures"


def draw(name: str, title: str, bars: Sequence[tuple[str, float]], unit: str, most: float = 0.0) -> None:
    """Writes one picture of bars, on white: guides are read on dark pages too."""
    labels, values = tuple(label for label, _ in bars), tuple(value for _, value in bars)
    svg = bars_svg(Bars(title, labels, values, unit, most), str)
    start = svg.index(">") + 1
    white = '<rect width="100%" height="100%" fill="#ffffff"/>'
    (PICTURES / name).write_text(f"{svg[:start]}{white}{svg[start:]}\n", encoding="utf-8")


async def oee(week: PlantWeek) -> None:
    """OEE of each machine, and of each day of the first."""
    stub = KpiServiceStub(week.plant.channel)
    request = kpis_pb2.QueryKpisRequest(
        parent=week.plant.parent,
        start_time=write_time(week.start_us),
        end_time=write_time(week.end_us),
        kpis=["oee", "availability", "effectiveness", "quality-ratio"],
        group_by=[kpis_pb2.DIMENSION_MACHINE],
    )
    answer = await stub.QueryKpis(request)
    names = [answer.assets.texts[place] for place in answer.assets.places]
    shown = zip(names, (100 * value for value in answer.kpis[0].values), strict=True)
    draw("oee-by-machine.svg", "OEE of a week, by machine", list(shown), "%", 100.0)
    parts = [(column.kpi, 100 * column.values[0]) for column in answer.kpis]
    draw("oee-of-one.svg", f"What the OEE of {names[0]} is made of", parts, "%", 100.0)


async def losses(week: PlantWeek) -> None:
    """The Pareto of what the plant lost."""
    request = states_pb2.ListLossesRequest(
        parent=week.plant.parent, start_time=write_time(week.start_us), end_time=write_time(week.end_us)
    )
    answer = await StateServiceStub(week.plant.channel).ListLosses(request)
    bars = [(f"{each.count}x {each.display_name or each.key}", each.duration.seconds / 3600) for each in answer.losses]
    draw("losses.svg", "Lost hours of a week, by reason", bars[:12], "h")


async def parquet(week: PlantWeek) -> None:
    """What DuckDB makes of an export: energy of a week by machine, from files alone."""
    stub, name = ExportServiceStub(week.plant.channel), f"{week.plant.parent}/exports/week"
    export = exports_pb2.Export(name=name, folder=exports_pb2.ExportFolder(), properties=["active-energy"])
    export.start_time.FromMicroseconds(week.start_us)
    export.end_time.FromMicroseconds(week.end_us)
    made = await stub.UpdateExport(exports_pb2.UpdateExportRequest(export=export))
    await stub.RunExport(exports_pb2.RunExportRequest(name=name))
    await exports.runs(week.plant.parts).run(week.plant.tenant, "week")
    files = f"{made.folder.path}/samples/**/*.parquet"
    with duckdb.connect() as connection:
        rows = connection.sql(
            f"SELECT asset, max(value) - min(value) FROM read_parquet('{files}', hive_partitioning = true)"
            " WHERE good GROUP BY asset ORDER BY asset"
        ).fetchall()
    draw("duckdb-energy.svg", "Energy of a week by machine, DuckDB over exported Parquet", rows, "kWh")


async def alarms(platform: AnalyticsPlatform) -> None:
    """How often one limit would have called somebody, by what calms it."""
    week = await plant_week(platform, "moulding", ("state", WATCHED), machines=1)
    found: list[tuple[str, float]] = []
    for words, deadband, seconds in CALMER:
        rule = alarms_pb2.AlarmRule(
            display_name="Mould too hot",
            property=WATCHED,
            priority=alarms_pb2.ALARM_PRIORITY_MEDIUM,
            response="Check the cooling water, then slow the cycle.",
        )
        rule.scope.model = MODEL
        rule.limits.deadband = deadband
        rule.limits.limits.add(level="H", value=56.2)
        rule.on_delay.FromSeconds(seconds)
        request = alarms_pb2.TestAlarmRuleRequest(
            parent=week.plant.parent,
            alarm_rule=rule,
            start_time=write_time(week.start_us),
            end_time=write_time(week.end_us),
        )
        answer = await AlarmServiceStub(week.plant.channel).TestAlarmRule(request)
        found.append((words, float(answer.raised)))
    draw("alarm-calmer.svg", "How often one limit is raised in a week, one machine", found, "times")


async def comparison(platform: AnalyticsPlatform) -> None:
    """Two sites, for the picture and as typed."""
    plant = await two_sites(platform)
    span = ("--from", "2026-09-02T00:00:00Z", "--to", "2026-09-03T00:00:00Z")
    await typed(platform, plant, "compare", "--model", MODEL, *span)
    start, end = month_span("2026-09")[0] + 86_400_000_000, month_span("2026-09")[0] + 2 * 86_400_000_000
    request = comparison_pb2.CompareAssetsRequest(
        parent=plant.parent, model=MODEL, kpi="oee", start_time=write_time(start), end_time=write_time(end)
    )
    found = await ComparisonServiceStub(plant.channel).CompareAssets(request)
    members = [(f"{each.rank}. {each.asset}, {each.site}", 100 * each.value) for each in found.members]
    draw("comparison.svg", "OEE of like machines, two sites", members, "%", 100.0)
    gap = [(each.cause, 100 * each.share) for each in found.best_to_median if each.share > 0]
    draw("comparison-gap.svg", "What the median loses that the best does not, in points of OEE", gap, "points")


async def sharing(platform: AnalyticsPlatform) -> None:
    """Six enterprises and two months, as typed by one of them."""
    everybody = Enterprises(platform, {who: await enterprise(platform, runs) for who, runs in RUNS.items()})
    ada = everybody.plants["ada"]
    await typed(platform, ada, "sharing", "grant", KPI)
    for place, who in enumerate(RUNS):
        await everybody.grant(who, month_span("2026-07" if place < 4 else "2026-08")[0])
    await everybody.publish("2026-07")
    await everybody.publish("2026-08")
    await typed(platform, ada, "sharing", "benchmark", KPI, MODEL)
    await typed(platform, ada, "sharing", "benchmark", KPI, MODEL, "--month", "2026-07")
    await typed(platform, ada, "sharing", "contributions")
    await typed(platform, ada, "sharing", "withdraw", KPI)
    await typed(platform, ada, "sharing", "benchmark", KPI, MODEL)


async def typed(platform: AnalyticsPlatform, plant: Plant, *arguments: str) -> None:
    """Runs a command and shows what it printed."""
    done = await dualspan(platform, plant, "analytics", *arguments)
    sys.stdout.write(f"$ dualspan analytics {' '.join(arguments)}\n{done.stdout}{done.stderr}\n")


def _folder() -> Path:
    """One that another system user may enter: PostgreSQL refuses to be root."""
    folder = Path(tempfile.mkdtemp(prefix="dualspan-pictures-"))
    folder.chmod(0o755)
    return folder


@asynccontextmanager
async def running() -> AsyncGenerator[AnalyticsPlatform]:
    """A platform of its own, gone in the end."""
    folder = _folder()
    postgres, redis = EmbeddedPostgres(folder), EmbeddedRedis(folder)
    try:
        await asyncio.to_thread(postgres.start)
        await asyncio.to_thread(redis.start)
        await make_template(postgres)
        async with running_analytics(
            await clone(postgres, "pictures"), redis.url(), export_folder=str(folder / "exports")
        ) as platform:
            yield platform
    finally:
        redis.stop()
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


async def main() -> None:
    async with running() as platform:
        await comparison(platform)
        await sharing(platform)
        week = await plant_week(platform, "moulding", PRODUCTION)
        await described(week)
        await oee(week)
        await losses(week)
        await alarms(platform)
        await parquet(week)


if __name__ == "__main__":
    asyncio.run(main())
