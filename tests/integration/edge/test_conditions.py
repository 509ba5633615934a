"""Events and conditions of real servers of two makes, and what a server says of itself and of its values."""

# asyncua types its fields with classes of its own and takes plain values.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

from collections.abc import Callable, Sequence
from pathlib import Path

from asyncua import ua
from asyncua.common.structures104 import new_struct_field
from integration.edge.plant import NAMESPACE, Plant
from integration.edge.platform import Platform
from integration.edge.running import RunningGateway, until

from dualspan.frame.v1.event_pb2 import OpcUaEvent
from dualspan.onboarding.v1 import budget_service_pb2 as budget
from dualspan.onboarding.v1 import gateway_service_pb2 as gateway
from dualspan.onboarding.v1 import resources_pb2 as onboarding
from dualspan.onboarding.v1 import sampling_pb2 as sampling
from dualspan.onboarding.v1 import sampling_service_pb2 as service
from dualspan_frame import ValueKind
from harness.node_opcua import NodeOpcUaSettings, run_node_opcua

SERVER_EVENTS = 9


def notifier() -> gateway.TagConfiguration:
    tag = gateway.TagConfiguration(
        tag_id=SERVER_EVENTS, node_id="i=2253", kind=int(ValueKind.BYTES), source=sampling.TAG_SOURCE_EVENTS
    )
    tag.publishing_interval.FromMilliseconds(50)
    return tag


def open_server(url: str, *tags: gateway.TagConfiguration) -> gateway.ServerConfiguration:
    return gateway.ServerConfiguration(
        server="plant", endpoint_url=url, security_mode=onboarding.SECURITY_MODE_NONE, tags=tags
    )


def events_of(platform: Platform) -> list[OpcUaEvent]:
    return [OpcUaEvent.FromString(content) for content in platform.historian.values(ValueKind.BYTES, SERVER_EVENTS)]


def alarms_of(platform: Platform, source: str) -> list[OpcUaEvent]:
    return [event for event in events_of(platform) if event.HasField("alarm") and event.source_name == source]


async def test_an_alarm_that_was_raised_before_is_told_by_a_server_of_another_make(
    box: RunningGateway, platform: Platform, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    settings = NodeOpcUaSettings(port=free_port(), pki=str(tmp_path / "pki"), alarm=True)
    async with run_node_opcua(settings) as server:
        platform.onboarding.configure(open_server(server.url, notifier()))
        box.start()
        await until(lambda: bool(alarms_of(platform, "1:Level")), "the condition is refreshed", 30)
        event = alarms_of(platform, "1:Level")[0]
        assert event.alarm.active
        assert event.alarm.state_name == "High"
        assert event.alarm.input_node == f"nsu={server.application_uri};s=tank.Level"
        assert event.condition.condition_id.startswith(f"nsu={server.application_uri};")
        assert event.condition.retain
        assert not event.condition.acknowledged
        assert event.severity > 0
        before = len(alarms_of(platform, "1:Level"))
        await box.stop()
        box.start()
        await until(lambda: len(alarms_of(platform, "1:Level")) > before, "it is told again to the next session", 30)
        assert platform.onboarding.reports[SERVER_EVENTS].state == onboarding.TAG_STATE_ACTIVE
        names = {event.event_type for event in events_of(platform)}
        assert not names & {"i=2787", "i=2788"}, "the marks of a refresh are no events of the plant"


async def command(platform: Platform, order: gateway.ConnectResponse.Command) -> gateway.ConnectRequest.CommandReport:
    reports = platform.onboarding.command_reports
    platform.onboarding.command(order)
    key = order.command_id
    await until(lambda: key in reports and reports[key].done, "the command is over")
    return reports[key]


async def connected(platform: Platform) -> None:
    state = onboarding.CONNECTION_STATE_CONNECTED
    await until(lambda: platform.onboarding.server_state() == state, "it is connected", 30)


async def test_a_server_of_another_make_states_its_limits(
    box: RunningGateway, platform: Platform, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    async with run_node_opcua(NodeOpcUaSettings(port=free_port(), pki=str(tmp_path / "pki"))) as server:
        platform.onboarding.configure(open_server(server.url))
        box.start()
        await connected(platform)
        asked = budget.ReadServerLimitsRequest(server="tenants/acme/gateways/box/servers/plant")
        report = await command(platform, gateway.ConnectResponse.Command(command_id="1.1", read_limits=asked))
    assert not report.error
    limits = report.read_limits
    assert (limits.manufacturer_name, limits.product_name) == ("Others", "Machine of another make")
    assert limits.max_sessions > 0
    assert limits.max_monitored_items_per_call > 0
    assert limits.current_sessions >= 1


async def test_a_server_that_is_not_there_is_named(box: RunningGateway, platform: Platform) -> None:
    box.start()
    await until(lambda: bool(platform.onboarding.hellos), "connected to the platform")
    asked = budget.ReadServerLimitsRequest(server="tenants/acme/gateways/box/servers/nowhere")
    report = await command(platform, gateway.ConnectResponse.Command(command_id="1.1", read_limits=asked))
    assert "no server nowhere" in report.error


async def described(platform: Platform, nodes: Sequence[str]) -> dict[str, service.DescribedValue]:
    asked = service.DescribeValuesRequest(server="tenants/acme/gateways/box/servers/plant", node_ids=nodes)
    report = await command(platform, gateway.ConnectResponse.Command(command_id="2.1", describe_values=asked))
    assert not report.error
    return {value.node_id: value for value in report.describe_values.values}


async def test_values_are_looked_into(plant: Plant, platform: Platform, box: RunningGateway) -> None:
    point, a_point = await plant.add_structure(
        "Point", new_struct_field("X", ua.VariantType.Double), new_struct_field("Name", ua.VariantType.String)
    )
    pose, a_pose = await plant.add_structure(
        "Pose",
        new_struct_field("Count", ua.VariantType.Int16),
        new_struct_field("Where", point),
        new_struct_field("Limits", ua.VariantType.Float, array=True),
        new_struct_field("Perhaps", ua.VariantType.Boolean, optional=True),
    )
    value = ua.Variant(a_pose(Count=7, Where=a_point(X=1.5, Name="a"), Limits=[1.0]), ua.VariantType.ExtensionObject)
    await plant.machine.add_variable(plant.node("pose"), f"{plant.index}:pose", value, datatype=pose.nodeid)
    await plant.add("zones", [1.0, 2.0], ua.VariantType.Double)
    await plant.add("long", [0.0] * 200, ua.VariantType.Double)
    await plant.add("plain", 1.0, ua.VariantType.Double)
    platform.onboarding.configure(plant.configuration())
    box.start()
    await connected(platform)
    names = {name: f"nsu={NAMESPACE};s=machine.{name}" for name in ("pose", "zones", "long", "plain", "none")}
    found = await described(platform, [*names.values(), "nsu=urn:nowhere;i=1"])
    paths = {field.path: (field.data_type, field.kind, field.optional) for field in found[names["pose"]].fields}
    assert paths == {
        "Count": ("Int16", int(ValueKind.INT64), False),
        "Where.X": ("Double", int(ValueKind.FLOAT64), False),
        "Where.Name": ("String", int(ValueKind.TEXT), False),
        "Limits": ("Float", int(ValueKind.BYTES), False),
        "Perhaps": ("Boolean", int(ValueKind.BOOL), True),
    }
    assert [field.path for field in found[names["zones"]].fields] == ["[0]", "[1]"]
    assert "one vector" in found[names["long"]].error
    assert "neither a structure nor an array" in found[names["plain"]].error
    assert "no variable" in found[names["none"]].error
    assert "no namespace" in found["nsu=urn:nowhere;i=1"].error
