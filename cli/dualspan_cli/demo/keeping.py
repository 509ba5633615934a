"""What somebody keeps in the demonstration: dashboards for the desk and the line, and a note beside values."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from google.protobuf.duration_pb2 import Duration

from dualspan.analytics.v1 import annotations_pb2, dashboards_pb2
from dualspan.analytics.v1.annotations_pb2_grpc import AnnotationServiceStub
from dualspan.analytics.v1.dashboards_pb2_grpc import DashboardServiceStub
from dualspan_cli.demo.onboard import unless_there
from dualspan_cli.session import Session

if TYPE_CHECKING:  # exist in the stub files only
    from dualspan.analytics.v1.annotations_pb2_grpc import AnnotationServiceAsyncStub
    from dualspan.analytics.v1.dashboards_pb2_grpc import DashboardServiceAsyncStub

_NOTED_SECONDS = 20 * 60
_MACHINES = ("imm01", "imm02", "imm03")
_HOTTEST = 230.0
_SHOP = (
    "## Moulding shop\n\nMorning meeting at 07:45, here.\n\n- **Faults:** maintenance, 1234\n- **Scrap:** quality, 1240"
)

Spot = tuple[int, int, int, int]
"""Column, row, width and height."""


async def keep(session: Session) -> None:
    """Make what nobody has made; safe to repeat.

    Args:
        session: Of somebody who may; the machines are there.
    """
    dashboards: DashboardServiceAsyncStub = DashboardServiceStub(session.analytics_channel)
    for identifier, dashboard in _dashboards():
        create = dashboards_pb2.CreateDashboardRequest(
            parent=session.tenant, dashboard_id=identifier, dashboard=dashboard
        )
        await unless_there(dashboards.CreateDashboard(create))
    note = annotations_pb2.Annotation(text="New mould: quality has checked the first parts.", assets=[_MACHINES[0]])
    note.start_time.FromSeconds(int(time.time()) - _NOTED_SECONDS)
    annotations: AnnotationServiceAsyncStub = AnnotationServiceStub(session.analytics_channel)
    write = annotations_pb2.CreateAnnotationRequest(parent=session.tenant, annotation_id="new-mould", annotation=note)
    await unless_there(annotations.CreateAnnotation(write))


def _dashboards() -> Iterator[tuple[str, dashboards_pb2.Dashboard]]:
    hour, shift = Duration(seconds=3_600), Duration(seconds=8 * 3_600)
    temperature = [_of(machine, "nozzle-temperature") for machine in _MACHINES]
    shop = ["moulding-shop"]
    yield (
        "moulding-shop",
        dashboards_pb2.Dashboard(
            display_name="Moulding shop",
            description="For the screen beside the machines.",
            panels=[
                _panel("hello", (0, 0, 3, 3), text=dashboards_pb2.TextPanel(markdown=_SHOP)),
                _panel("hot", (3, 0, 3, 3), value=dashboards_pb2.ValuePanel(measurement=temperature[0], high=_HOTTEST)),
                _panel("oee", (6, 0, 6, 3), oee=dashboards_pb2.OeePanel(assets=shop, span=shift)),
                _panel("heat", (0, 3, 6, 4), "Nozzles", chart=dashboards_pb2.ChartPanel(lines=temperature, span=hour)),
                _panel("alarms", (6, 3, 6, 4), alarms=dashboards_pb2.AlarmsPanel(assets=shop)),
                _panel("states", (0, 7, 12, 4), state=dashboards_pb2.StatePanel(assets=shop, span=shift)),
            ],
        ),
    )
    hall = ["packaging-hall"]
    yield (
        "packaging-hall",
        dashboards_pb2.Dashboard(
            display_name="Packaging hall",
            panels=[
                _panel("oee", (0, 0, 5, 5), oee=dashboards_pb2.OeePanel(assets=hall, span=shift)),
                _panel("states", (5, 0, 7, 5), state=dashboards_pb2.StatePanel(assets=hall, span=shift)),
                _panel("alarms", (0, 5, 12, 4), alarms=dashboards_pb2.AlarmsPanel(assets=hall)),
            ],
        ),
    )


def _panel(identifier: str, spot: Spot, title: str = "", **content: Any) -> dashboards_pb2.Panel:
    column, row, width, height = spot
    place = dashboards_pb2.PanelPlace(column=column, row=row, width=width, height=height)
    return dashboards_pb2.Panel(id=identifier, title=title, place=place, **content)


def _of(machine: str, prop: str) -> dashboards_pb2.Measurement:
    return dashboards_pb2.Measurement(asset=machine, property=prop)
