"""Simulated plants as a browse of their servers finds them, without the servers."""

from dualspan_onboarding.browsed import BrowsedNode
from plc_sim.model.plant import Variable
from plc_sim.opcua.encoding import BuiltInType
from plc_sim.plants import make_plant

_NAMES = {
    BuiltInType.LOCALIZED_TEXT: "LocalizedText",
    BuiltInType.DATETIME: "DateTime",
    BuiltInType.UINT16: "UInt16",
    BuiltInType.UINT32: "UInt32",
}
_KINDS = {
    BuiltInType.DOUBLE: 1,
    BuiltInType.FLOAT: 1,
    BuiltInType.BOOLEAN: 3,
    BuiltInType.STRING: 4,
    BuiltInType.LOCALIZED_TEXT: 4,
    BuiltInType.EXTENSION_OBJECT: 5,
}


def browsed_plant(name: str) -> list[BrowsedNode]:
    """The variables of a simulated plant."""
    return [browsed(variable, name) for variable in make_plant(name, 1).variables.values()]


def browsed(variable: Variable, plant: str) -> BrowsedNode:
    """A variable of a simulated plant as a browse finds it."""
    signal = variable.signal
    custom = signal.enumeration or signal.structure
    return BrowsedNode(
        node_id=f"nsu=urn:dualspan:plc-sim:{plant}:plant;s={variable.identifier}",
        browse_path=f"Machines/{variable.identifier}",
        display_name=signal.label,
        node_class=2,
        data_type=custom.name if custom else _NAMES.get(signal.kind, signal.kind.name.capitalize()),
        kind=5 if signal.length else _KINDS.get(signal.kind, 2),
        value_rank=1 if signal.length else -1,
        access_level=1,
        unit=signal.unit.symbol if signal.unit else "",
        minimum_sampling_interval_ms=float(signal.grid_ms),
        description=signal.label_zh,
    )
