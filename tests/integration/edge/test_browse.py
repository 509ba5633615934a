"""What the gateway finds in a server's address space."""

from asyncua import Server, ua
from integration.edge.plant import NAMESPACE, Plant
from integration.edge.platform import Platform
from integration.edge.running import RunningGateway, until

from dualspan.frame.v1 import frame_pb2
from dualspan.onboarding.v1 import resources_pb2 as onboarding


async def _browse(platform: Platform, command: str, **options: object) -> dict[str, onboarding.BrowsedNode]:
    platform.onboarding.browse(command, "plant", **options)  # pyright: ignore[reportArgumentType]
    await until(lambda: command in platform.onboarding.finished, "the browse is over")
    assert not platform.onboarding.finished[command]
    return {node.browse_path: node for node in platform.onboarding.browsed.get(command, [])}


async def _build(plant: Plant, server: Server) -> None:
    await plant.add("speed", 1.0, ua.VariantType.Double)
    await plant.add("name", "x", ua.VariantType.String)
    await plant.add("profile", [1.0, 2.0], ua.VariantType.Float)
    temperature = server.get_node(await plant.add("temperature", 20.5, ua.VariantType.Float))
    celsius = ua.EUInformation(DisplayName=ua.LocalizedText("°C"), UnitId=ua.Int32(4408652))
    await temperature.add_property(ua.NodeId(), "0:EngineeringUnits", celsius)
    state_type = await server.nodes.enum_data_type.add_data_type(plant.index, "MachineState")
    await plant.machine.add_variable(
        plant.node("state"), f"{plant.index}:state", 1, ua.VariantType.Int32, state_type.nodeid
    )
    for number in range(40):
        await plant.add(f"v{number:02}", number, ua.VariantType.UInt16)


async def test_browse(plant: Plant, platform: Platform, box: RunningGateway) -> None:
    await _build(plant, plant.server)
    platform.onboarding.configure(plant.configuration())
    box.start()
    await until(lambda: platform.onboarding.server_state() == onboarding.CONNECTION_STATE_CONNECTED, "connected")
    found = await _browse(platform, "all")
    assert found["Machine"].node_class == ua.NodeClass.Object
    assert not any("Server" in path for path in found)
    speed = found["Machine/speed"]
    assert speed.node_id == f"nsu={NAMESPACE};s=machine.speed"
    assert (speed.data_type, speed.kind, speed.value_rank) == ("Double", frame_pb2.VALUE_KIND_FLOAT64, -1)
    assert speed.access_level & 1
    assert found["Machine/name"].kind == frame_pb2.VALUE_KIND_TEXT
    assert found["Machine/profile"].kind == frame_pb2.VALUE_KIND_BYTES
    assert found["Machine/temperature"].unit == "°C"
    assert (found["Machine/state"].kind, found["Machine/state"].data_type) == (
        frame_pb2.VALUE_KIND_INT64,
        "MachineState",
    )
    assert found["Machine/v07"].kind == frame_pb2.VALUE_KIND_INT64
    assert len(found) == 1 + 5 + 40
    assert len(await _browse(platform, "some", max_nodes=10)) == 10
    below = await _browse(platform, "below", root=f"nsu={NAMESPACE};s=machine.")
    assert "speed" in below


async def test_a_browse_that_cannot_be_says_why(platform: Platform, box: RunningGateway) -> None:
    box.start()
    await until(lambda: bool(platform.onboarding.hellos), "the gateway is there")
    platform.onboarding.browse("none", "nowhere")
    await until(lambda: "none" in platform.onboarding.finished, "the browse is over")
    assert "no server nowhere" in platform.onboarding.finished["none"]
