"""What the gateway finds in a server of another make, which answers in portions and has few continuation points."""

from collections.abc import Callable
from pathlib import Path

from integration.edge.platform import Platform
from integration.edge.running import RunningGateway, until

from dualspan.onboarding.v1 import gateway_service_pb2 as gateway
from dualspan.onboarding.v1 import resources_pb2 as onboarding
from harness.node_opcua import NodeOpcUaSettings, run_node_opcua

VARIABLES = 4000


async def test_a_server_of_another_make_is_browsed_whole(
    box: RunningGateway, platform: Platform, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    settings = NodeOpcUaSettings(
        port=free_port(), pki=str(tmp_path / "pki"), variables=VARIABLES, press=True, setpoint=True
    )
    async with run_node_opcua(settings) as server:
        platform.onboarding.configure(
            gateway.ServerConfiguration(
                server="plant", endpoint_url=server.url, security_mode=onboarding.SECURITY_MODE_NONE
            )
        )
        box.start()
        await until(
            lambda: platform.onboarding.server_state() == onboarding.CONNECTION_STATE_CONNECTED, "connected", 30
        )
        platform.onboarding.browse("all", "plant")
        await until(lambda: "all" in platform.onboarding.finished, "the browse is over", 60)
    assert platform.onboarding.finished["all"] == ""
    own = f"nsu={server.application_uri};"
    found = {node.browse_path: node for node in platform.onboarding.browsed["all"]}
    assert sum(path.startswith("Machine/V") for path in found) == VARIABLES
    assert found["Press"].type_name == f"{own}PressType"
    assert found["Drive/Add"].node_class == 4
    _check_press(found, own)


def _check_press(found: dict[str, onboarding.BrowsedNode], own: str) -> None:
    temperature = found["Press/Temperature"]
    assert temperature.node_id == f"{own}s=press.Temperature"
    assert temperature.parent_node_id == f"{own}s=press"
    assert temperature.browse_name == f"{own}Temperature"
    assert (temperature.type_name, temperature.data_type, temperature.unit) == ("AnalogItemType", "Double", "°C")
    assert temperature.description == "Of the mould"
    assert temperature.access_level & 1
    assert temperature.user_access_level & 1
    details = temperature.details
    assert (details.eu_range.low, details.eu_range.high) == (20, 300)
    assert (details.instrument_range.low, details.instrument_range.high) == (-50, 500)
    assert details.engineering_units.unece_code == "CEL"
    states = [(state.value, state.name) for state in found["Press/Mode"].details.enum_values]
    assert states == [(0, "Idle"), (1, "Setup"), (2, "Automatic")]
    door = [(state.value, state.name) for state in found["Press/Door"].details.enum_values]
    assert door == [(0, "Closed"), (1, "Open")]
    profile = found["Press/Profile"]
    assert (profile.value_rank, list(profile.details.array_dimensions)) == (1, [4])
