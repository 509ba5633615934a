"""What a simulated plant has: its machines as assets, and which variable gives each property."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from google.protobuf.json_format import MessageToDict

from dualspan_frame import ValueKind
from dualspan_onboarding.asset_models.library import built_in
from dualspan_onboarding.assets import Asset, AssetLevel, AssetName, Binding, Slot, UnitConversion
from dualspan_onboarding.mapping.nodes import Plant as BrowsedPlant
from dualspan_onboarding.mapping.nodes import PlantVariable
from dualspan_onboarding.mapping.proposals import Assistant, Group, Match
from dualspan_onboarding.service.asset_models import KnownModel
from dualspan_onboarding.servicer import asset_mapping
from plc_sim.model.plant import Plant, Variable
from plc_sim.opcua.encoding import BuiltInType
from plc_sim.plants import PLANT_NAMES, make_plant

TENANT = "local"
_MADE = datetime(2026, 9, 7, tzinfo=UTC)
_KINDS = {
    BuiltInType.DOUBLE: ValueKind.FLOAT64,
    BuiltInType.FLOAT: ValueKind.FLOAT64,
    BuiltInType.BOOLEAN: ValueKind.BOOL,
    BuiltInType.STRING: ValueKind.TEXT,
    BuiltInType.LOCALIZED_TEXT: ValueKind.TEXT,
    BuiltInType.EXTENSION_OBJECT: ValueKind.BYTES,
}
_UNKNOWN_UNIT = UnitConversion(1.0, 0.0, known=False)


@dataclass(frozen=True, slots=True)
class LocalTag:
    """A variable that a property is bound to.

    Attributes:
        tag_id: From 1.
        kind: What its values are.
        variable: Where they come from.
        is_continuous: Between samples the value is a straight line: what is measured, and not counted or set.
    """

    tag_id: int
    kind: ValueKind
    variable: Variable
    is_continuous: bool


@dataclass(frozen=True, slots=True)
class LocalMachines:
    """Sites with their machines.

    Attributes:
        assets: Sites and machines, in order of id.
        tags: By tag id.
    """

    assets: Sequence[Asset]
    tags: Mapping[int, LocalTag]

    def document(self) -> dict[str, Any]:
        """What an app is told of them: assets, and their models as they are."""
        keys = sorted({(each.model, each.model_version) for each in self.assets if each.model})
        models = [model for key in keys if (model := built_in().whole(*key)) is not None]
        known = [KnownModel(each, (), built_in=True) for each in models]
        messages = [asset_mapping.asset_model(TENANT, each, source=False) for each in known]
        return {
            "assets": [MessageToDict(asset_mapping.asset(each)) for each in self.assets],
            "models": [MessageToDict(each) for each in messages],
        }


@functools.cache
def _assistant() -> Assistant:
    return Assistant(built_in().wholes())


def machines_of(names: Sequence[str], seed: int) -> LocalMachines:
    """The machines of simulated plants, bound as the mapping assistant does where it is sure; each plant is a site.

    Args:
        names: `moulding`, `curing`, `packaging`.
        seed: Everything about the plants follows from it.

    Raises:
        ValueError: There is no such plant.
    """
    assets: list[Asset] = []
    tags: dict[int, LocalTag] = {}
    for name in names:
        if name not in PLANT_NAMES:
            raise ValueError(f"there is no plant {name!r}; there are {', '.join(PLANT_NAMES)}")
        plant = make_plant(name, seed)
        assets.append(Asset(AssetName(TENANT, name), plant.label, AssetLevel.SITE, None, "", "", _MADE))
        assets += [_machine(plant, name, group, tags) for group in _assistant().propose(_browsed(plant))]
    return LocalMachines(sorted(assets, key=lambda each: each.name.asset), tags)


def _browsed(plant: Plant) -> BrowsedPlant:
    return BrowsedPlant(tuple(_variable(each) for each in plant.variables.values()))


def _variable(variable: Variable) -> PlantVariable:
    signal = variable.signal
    custom = signal.enumeration or signal.structure
    return PlantVariable(
        node_id=variable.identifier,
        path=("Machines", *variable.identifier.split("/")),
        data_type=custom.name if custom else signal.kind.name.capitalize(),
        display_name=signal.label,
        description=signal.label_zh,
        value_rank=1 if signal.length else -1,
        unit=signal.unit.symbol if signal.unit else "",
        unit_code=signal.unit.code if signal.unit else "",
        states=tuple(signal.enumeration.members.values()) if signal.enumeration else (),
    )


def _machine(plant: Plant, site: str, group: Group, tags: dict[int, LocalTag]) -> Asset:
    name = group.name.lower()
    bindings = [binding for match in group.matches if (binding := _bound(plant, match, tags)) is not None]
    label = next((each.label for each in plant.machines if each.name == group.name), group.name)
    return Asset(
        AssetName(TENANT, name),
        label,
        AssetLevel.MACHINE,
        site,
        group.model.id,
        group.model.version,
        _MADE,
        tuple(sorted(bindings, key=lambda each: each.slot)),
    )


def _bound(plant: Plant, match: Match, tags: dict[int, LocalTag]) -> Binding | None:
    variable = plant.variables[match.variable.node_id]
    signal = variable.signal
    kind = ValueKind.BYTES if signal.length else _KINDS.get(signal.kind, ValueKind.INT64)
    # Arrays and structures are of little use to an app; on the platform they are stored as they came.
    if not match.sure or kind is ValueKind.BYTES:
        return None
    tag_id = len(tags) + 1
    continuous = kind is ValueKind.FLOAT64 and not signal.driver
    tags[tag_id] = LocalTag(tag_id, kind, variable, continuous)
    found = match.conversion
    conversion = _UNKNOWN_UNIT if found is None else UnitConversion(found.factor, found.offset, known=True)
    return Binding(Slot(match.target.id, match.index), tag_id, conversion)
