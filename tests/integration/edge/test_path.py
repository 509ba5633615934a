"""From a variable of a server to a committed sample."""

import asyncio

from asyncua import ua
from integration.edge.plant import Plant, tag
from integration.edge.platform import Platform
from integration.edge.running import RunningGateway, until

from dualspan.frame.v1 import frame_pb2
from dualspan.onboarding.v1 import resources_pb2 as onboarding
from dualspan_frame import ValueKind


async def test_changes_arrive_once_and_in_order(plant: Plant, platform: Platform, box: RunningGateway) -> None:
    await plant.add("speed", 0.0, ua.VariantType.Double)
    await plant.add("count", 0, ua.VariantType.UInt32)
    await plant.add("running", False, ua.VariantType.Boolean)
    await plant.add("order", "none", ua.VariantType.String)
    await plant.add("profile", [1.0, 2.0], ua.VariantType.Double)
    platform.onboarding.configure(
        plant.configuration(
            tag(1, "speed", frame_pb2.VALUE_KIND_FLOAT64),
            tag(2, "count", frame_pb2.VALUE_KIND_INT64),
            tag(3, "running", frame_pb2.VALUE_KIND_BOOL),
            tag(4, "order", frame_pb2.VALUE_KIND_TEXT),
            tag(5, "profile", frame_pb2.VALUE_KIND_BYTES),
            tag(6, "missing", frame_pb2.VALUE_KIND_FLOAT64),
        )
    )
    box.start()
    await until(lambda: platform.onboarding.complete_revision == 1, "every item is reported")
    for step in range(1, 21):
        await plant.write("speed", step / 2, ua.VariantType.Double)
        await plant.write("count", step, ua.VariantType.UInt32)
        await asyncio.sleep(0.01)
    await plant.write("running", True, ua.VariantType.Boolean)
    await plant.write("order", "batch 42 °C", ua.VariantType.String)
    historian = platform.historian
    await until(lambda: len(historian.values(ValueKind.FLOAT64, 1)) >= 21, "all speeds")
    await until(lambda: len(historian.values(ValueKind.TEXT, 4)) >= 2, "all orders")
    assert historian.values(ValueKind.FLOAT64, 1) == [step / 2 for step in range(21)]
    assert historian.values(ValueKind.INT64, 2) == list(range(21))
    assert historian.values(ValueKind.BOOL, 3) == [False, True]
    assert historian.values(ValueKind.TEXT, 4) == [b"none", "batch 42 °C".encode()]
    assert len(historian.values(ValueKind.BYTES, 5)) == 1
    reports = platform.onboarding.reports
    assert [reports[number].state for number in range(1, 6)] == [onboarding.TAG_STATE_ACTIVE] * 5
    assert reports[6].state == onboarding.TAG_STATE_REFUSED
    assert "BadNodeIdUnknown" in reports[6].detail
    assert not historian.gaps
    assert platform.onboarding.server_state() == onboarding.CONNECTION_STATE_CONNECTED
