"""Annotations and dashboards: written, found, changed by one at a time, taken away and brought back."""

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

import asyncpg
import grpc
import grpc.aio
import pytest
import pytest_asyncio
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp

from dualspan.analytics.v1 import annotations_pb2 as annotations
from dualspan.analytics.v1 import dashboards_pb2 as dashboards
from dualspan.analytics.v1.annotations_pb2_grpc import AnnotationServiceStub
from dualspan.analytics.v1.dashboards_pb2_grpc import DashboardServiceStub
from dualspan_analytics.service.keeping import Keeping
from dualspan_runtime.errors import error_info
from harness.analytics import AnalyticsPlatform, Plant, site

if TYPE_CHECKING:  # exists in the stub files only
    from dualspan.analytics.v1.annotations_pb2_grpc import AnnotationServiceAsyncStub
    from dualspan.analytics.v1.dashboards_pb2_grpc import DashboardServiceAsyncStub

pytestmark = pytest.mark.asyncio(loop_scope="module")
T0 = 1_780_000_000


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plant(platform: AnalyticsPlatform) -> Plant:
    return await platform.plant([site("works")])


def at(seconds: int) -> Timestamp:
    return Timestamp(seconds=T0 + seconds)


async def reason_of(call: Awaitable[Any]) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call
    info = error_info(refused.value)
    return info.reason if info is not None else refused.value.code().name


async def audited(platform: AnalyticsPlatform, plant: Plant) -> list[str]:
    admin = await asyncpg.connect(platform.database.admin_url)
    try:
        rows = await admin.fetch(
            "SELECT action FROM analytics.audit_outbox WHERE tenant_id = $1 ORDER BY create_time", plant.tenant
        )
    finally:
        await admin.close()
    return [row["action"] for row in rows]


def annotated(plant: Plant) -> "AnnotationServiceAsyncStub":
    return AnnotationServiceStub(plant.channel)


def boards(plant: Plant) -> "DashboardServiceAsyncStub":
    return DashboardServiceStub(plant.channel)


async def write(plant: Plant, text: str, start: int, end: int | None = None, **about: Any) -> annotations.Annotation:
    given = annotations.Annotation(
        text=text, start_time=at(start), end_time=at(end) if end is not None else None, **about
    )
    request = annotations.CreateAnnotationRequest(parent=plant.parent, annotation=given)
    return await annotated(plant).CreateAnnotation(request)


async def texts(plant: Plant, start: int, end: int, **about: Any) -> list[str]:
    """All that are found, a page of two after the other."""
    request = annotations.ListAnnotationsRequest(
        parent=plant.parent, start_time=at(start), end_time=at(end), page_size=2, **about
    )
    found: list[str] = []
    while True:
        page = await annotated(plant).ListAnnotations(request)
        found += [each.text for each in page.annotations]
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token


async def test_annotations_are_found_by_their_time_and_what_they_are_about(platform: AnalyticsPlatform) -> None:
    plant = await platform.plant([site("works")])
    await write(plant, "long before", -1000, -900)
    await write(plant, "reaches in", -1000, 10, assets=["press-1"])
    await write(plant, "a moment", 20, tag_ids=[7])
    await write(plant, "of all", 30)
    await write(plant, "the next one's", 60)
    assert await texts(plant, 0, 60) == ["reaches in", "a moment", "of all"]
    assert await texts(plant, 0, 60, assets=["press-1"]) == ["reaches in", "of all"]
    assert await texts(plant, 0, 60, tag_ids=[7], assets=["press-2"]) == ["a moment", "of all"]


async def test_an_annotation_is_changed_taken_away_and_brought_back(platform: AnalyticsPlatform, plant: Plant) -> None:
    made = await write(plant, "die changed", 0, assets=["press-1"])
    assert (made.author, made.editor, made.end_time) == ("users/ada", "users/ada", at(0))
    mine = annotations.Annotation(name=made.name, text="die changed, 20 min", end_time=at(1200), etag=made.etag)
    update = annotations.UpdateAnnotationRequest(annotation=mine, update_mask=FieldMask(paths=["text", "end_time"]))
    # Another person changes it: whose it was and who wrote the words that it has stay apart.
    other = AnnotationServiceStub(await platform.channel(plant.tenant, "operator", "ben"))
    changed = await other.UpdateAnnotation(update)
    assert (changed.text, changed.start_time, changed.end_time) == ("die changed, 20 min", at(0), at(1200))
    assert (changed.author, changed.editor) == ("users/ada", "users/ben")
    assert list(changed.assets) == ["press-1"]
    assert await reason_of(annotated(plant).UpdateAnnotation(update)) == "ETAG_MISMATCH"
    late = annotations.DeleteAnnotationRequest(name=made.name, etag=made.etag)
    assert await reason_of(annotated(plant).DeleteAnnotation(late)) == "ETAG_MISMATCH"
    await annotated(plant).DeleteAnnotation(annotations.DeleteAnnotationRequest(name=made.name))
    get = annotations.GetAnnotationRequest(name=made.name)
    assert await reason_of(annotated(plant).GetAnnotation(get)) == "ANNOTATION_NOT_FOUND"
    assert await texts(plant, 0, 10) == []
    await annotated(plant).UndeleteAnnotation(annotations.UndeleteAnnotationRequest(name=made.name))
    assert await annotated(plant).GetAnnotation(get) == changed
    words = ["create", "update", "delete", "undelete"]
    assert await audited(platform, plant) == [f"annotation.{word}" for word in words]


async def test_annotations_that_cannot_be_are_refused(plant: Plant) -> None:
    assert await reason_of(write(plant, "   ", 0)) == "BAD_ANNOTATION"
    assert await reason_of(write(plant, "x" * 2001, 0)) == "BAD_ANNOTATION"
    assert await reason_of(write(plant, "backwards", 10, 5)) == "BAD_ANNOTATION"
    assert await reason_of(write(plant, "of many", 0, tag_ids=range(1, 52))) == "BAD_ANNOTATION"
    assert await reason_of(texts(plant, 10, 10)) == "REVERSED_INTERVAL"


def line_panels() -> list[dashboards.Panel]:
    """One of each kind."""
    spindle = dashboards.Measurement(asset="mill", property="spindle-speed")
    hour = Duration(seconds=3600)
    contents: list[dict[str, Any]] = [
        {"chart": dashboards.ChartPanel(lines=[spindle, dashboards.Measurement(tag_id=7)], span=hour)},
        {"value": dashboards.ValuePanel(measurement=spindle, high=0.0)},
        {"state": dashboards.StatePanel(assets=["mill"], span=hour)},
        {"oee": dashboards.OeePanel(span=hour)},
        {"alarms": dashboards.AlarmsPanel(assets=["mill"])},
        {"text": dashboards.TextPanel(markdown="**Call** 112")},
    ]
    return [
        dashboards.Panel(
            id=next(iter(content)),
            title=f"Panel {number}",
            place=dashboards.PanelPlace(column=number % 2 * 6, row=number // 2 * 4, width=6, height=4),
            **content,
        )
        for number, content in enumerate(contents)
    ]


async def make(plant: Plant, board: dashboards.Dashboard, identifier: str = "") -> dashboards.Dashboard:
    request = dashboards.CreateDashboardRequest(parent=plant.parent, dashboard=board, dashboard_id=identifier)
    return await boards(plant).CreateDashboard(request)


async def listed(plant: Plant, **how: Any) -> list[dashboards.Dashboard]:
    request = dashboards.ListDashboardsRequest(parent=plant.parent, **how)
    return list((await boards(plant).ListDashboards(request)).dashboards)


async def test_a_dashboard_comes_back_as_it_was_made(platform: AnalyticsPlatform) -> None:
    plant = await platform.plant([site("works")])
    given = dashboards.Dashboard(display_name="Line 1", description="At the line", panels=line_panels())
    made = await make(plant, given, "line-1")
    assert list(made.panels) == line_panels()
    assert made.panels[1].value.HasField("high")
    assert not made.panels[1].value.HasField("low")
    assert await listed(plant) == [made]
    (basic,) = await listed(plant, view=dashboards.DASHBOARD_VIEW_BASIC)
    assert [each.WhichOneof("content") for each in basic.panels] == [each.id for each in line_panels()]
    assert (basic.display_name, basic.panels[5].text.markdown) == ("Line 1", "")
    get = dashboards.GetDashboardRequest(name=made.name)
    assert await boards(plant).GetDashboard(get) == made
    late = dashboards.DeleteDashboardRequest(name=made.name, etag="0")
    assert await reason_of(boards(plant).DeleteDashboard(late)) == "ETAG_MISMATCH"
    assert await listed(plant, deleted=True) == []
    await boards(plant).DeleteDashboard(dashboards.DeleteDashboardRequest(name=made.name, etag=made.etag))
    assert [each.HasField("delete_time") for each in await listed(plant, deleted=True)] == [True]
    assert await listed(plant) == []
    assert await reason_of(boards(plant).GetDashboard(get)) == "DASHBOARD_NOT_FOUND"
    assert await reason_of(make(plant, given, "line-1")) == "DASHBOARD_EXISTS"
    back = await boards(plant).UndeleteDashboard(dashboards.UndeleteDashboardRequest(name=made.name))
    assert back == made
    words = ["create", "delete", "undelete"]
    assert await audited(platform, plant) == [f"dashboard.{word}" for word in words]


async def test_a_dashboard_is_changed_by_one_at_a_time(plant: Plant) -> None:
    made = await make(plant, dashboards.Dashboard(display_name="Line 2", panels=line_panels()[:1]))
    mine = dashboards.Dashboard(name=made.name, display_name="Line two", etag=made.etag)
    only_name = FieldMask(paths=["display_name"])
    changed = await boards(plant).UpdateDashboard(
        dashboards.UpdateDashboardRequest(dashboard=mine, update_mask=only_name)
    )
    assert (changed.display_name, list(changed.panels)) == ("Line two", list(made.panels))
    late = dashboards.UpdateDashboardRequest(dashboard=mine, update_mask=only_name)
    assert await reason_of(boards(plant).UpdateDashboard(late)) == "ETAG_MISMATCH"
    mine.etag = changed.etag
    wrong = dashboards.UpdateDashboardRequest(dashboard=mine, update_mask=FieldMask(paths=["editor"]))
    assert await reason_of(boards(plant).UpdateDashboard(wrong)) == "MALFORMED_UPDATE_MASK"


async def test_a_dashboard_larger_than_a_list_can_bear_is_refused(plant: Plant) -> None:
    words = dashboards.TextPanel(markdown="机" * 4000)
    place = dashboards.PanelPlace(width=6, height=4)
    panels = [dashboards.Panel(id=f"p{number}", place=place, text=words) for number in range(6)]
    large = dashboards.Dashboard(display_name="Novel", panels=panels)
    assert await reason_of(make(plant, large)) == "BAD_DASHBOARD"
    del large.panels[5]
    await make(plant, large)


async def test_who_only_looks_changes_nothing(platform: AnalyticsPlatform, plant: Plant) -> None:
    made = await make(plant, dashboards.Dashboard(display_name="Line 3"))
    note = await write(plant, "of an engineer", 0)
    channel = await platform.channel(plant.tenant, "viewer")
    seen, notes = DashboardServiceStub(channel), AnnotationServiceStub(channel)
    assert await seen.GetDashboard(dashboards.GetDashboardRequest(name=made.name)) == made
    assert await notes.GetAnnotation(annotations.GetAnnotationRequest(name=note.name)) == note
    refused = [
        seen.UpdateDashboard(dashboards.UpdateDashboardRequest(dashboard=made)),
        seen.DeleteDashboard(dashboards.DeleteDashboardRequest(name=made.name)),
        notes.UpdateAnnotation(annotations.UpdateAnnotationRequest(annotation=note)),
        notes.DeleteAnnotation(annotations.DeleteAnnotationRequest(name=note.name)),
    ]
    for call in refused:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call
        assert raised.value.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_no_more_are_kept_than_there_can_be(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dualspan_analytics.service.annotations.MOST_KEPT", 0)
    monkeypatch.setattr("dualspan_analytics.service.dashboards.MOST_KEPT", 0)
    assert await reason_of(write(plant, "one too many", 0)) == "TOO_MANY_ANNOTATIONS"
    assert await reason_of(make(plant, dashboards.Dashboard(display_name="X"))) == "TOO_MANY_DASHBOARDS"


async def test_what_was_taken_away_is_forgotten_after_thirty_days(platform: AnalyticsPlatform) -> None:
    plant = await platform.plant([site("works")])
    for days in (29, 31):
        note = await write(plant, f"{days} days ago", 0)
        board = await make(plant, dashboards.Dashboard(display_name="Line"), f"line-{days}")
        await annotated(plant).DeleteAnnotation(annotations.DeleteAnnotationRequest(name=note.name))
        await boards(plant).DeleteDashboard(dashboards.DeleteDashboardRequest(name=board.name))
    admin = await asyncpg.connect(platform.database.admin_url)
    try:
        for table, key in (
            ("annotation", "content LIKE '%' || $2 || ' days ago'"),
            ("dashboard", "dashboard_id LIKE '%' || $2"),
        ):
            for days in ("29", "31"):
                await admin.execute(
                    f"UPDATE analytics.{table} SET delete_time = now() - make_interval(days => $2::text::int)"
                    f" WHERE tenant_id = $1 AND {key}",
                    plant.tenant,
                    days,
                )
        assert [each.name for each in await listed(plant, deleted=True)] == [f"{plant.parent}/dashboards/line-29"]
        await Keeping(plant.parts.database).sweep()
        for table in ("annotation", "dashboard"):
            kept = f"SELECT count(*) FROM analytics.{table} WHERE tenant_id = $1"
            assert await admin.fetchval(kept, plant.tenant) == 1
    finally:
        await admin.close()
