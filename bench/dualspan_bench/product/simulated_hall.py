"""A packaging hall of the simulator, stored as history, with machines whose models can be trained."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualspan.analytics.v1 import models_pb2
from dualspan.analytics.v1.models_pb2_grpc import ModelServiceStub
from dualspan.onboarding.v1 import asset_service_pb2 as assets
from dualspan.onboarding.v1.asset_service_pb2_grpc import AssetServiceStub
from dualspan_bench.product.feeder import open_feeder
from dualspan_bench.product.imported_tags import import_tags
from dualspan_bench.product.platform import Platform
from dualspan_frame import Block, Frame, ValueKind
from plc_sim.model.plant import Plant
from plc_sim.plants import make_plant

_GATEWAY = "feeder"
_LOOK_US = 20_000_000
_DAY_US = 86_400_000_000
_AT_ONCE = 200_000
_PATHS: Mapping[str, str] = {
    "state": "Status/StateCurrent",
    "speed-setpoint": "Status/MachSpeed",
    "motor-current": "Drive/MotorCurrent",
    "drive-temperature": "Drive/Temperature",
    "active-power": "Energy/ActivePower",
}
_OWN: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "Depalletiser": ("depalletiser", {"gripper-vacuum": "Gripper/Vacuum"}),
    "Washer": ("bottle-washer", {"caustic-temperature": "Bath/CausticTemperature", "fresh-water-flow": "Water/Flow"}),
    "Filler": ("bottle-filler", {"bowl-pressure": "Bowl/Pressure", "dissolved-oxygen": "Product/DissolvedOxygen"}),
    "Pasteuriser": ("tunnel-pasteuriser", {"holding-temperature": "Zones/HoldingTemperature"}),
    "Labeller": ("bottle-labeller", {"glue-temperature": "Glue/Temperature"}),
    "Packer": ("crate-packer", {"gripper-pressure": "Gripper/Pressure", "vibration": "Gripper/Vibration"}),
}


@dataclass
class Hall:
    """What was set up.

    Attributes:
        start_us: Begin of its history.
        end_us: End of it.
        machines: How many.
        samples: How many are stored.
        definitions: Resource names of the models.
    """

    start_us: int
    end_us: int
    machines: int
    samples: int
    definitions: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Signal:
    asset: str
    property_id: str
    identifier: str

    @property
    def kind(self) -> ValueKind:
        return ValueKind.INT64 if self.property_id == "state" else ValueKind.FLOAT64


async def set_up_hall(platform: Platform, *, machines: int, days: int) -> Hall:
    """Make assets with tags, store their history, define a model for each kind of machine."""
    plant = make_plant("packaging", 1)
    names = [machine.name for machine in plant.machines][:machines]
    signals = [signal for name in names for signal in _signals(name)]
    tags = await _tags(platform, signals)
    await _assets(platform, names, signals, tags)
    end_us = time.time_ns() // 1000 // _DAY_US * _DAY_US
    hall = Hall(end_us - days * _DAY_US, end_us, len(names), 0)
    async with open_feeder(platform, (), name=_GATEWAY) as feeder:
        await feeder.feed(_frames(plant, signals, tags, hall))
    for model in sorted({_kind(name)[0] for name in names}):
        hall.definitions.append(await _define(platform, model))
    return hall


def _kind(machine: str) -> tuple[str, Mapping[str, str]]:
    return next(own for word, own in _OWN.items() if machine.endswith(word))


def _signals(machine: str) -> Iterator[_Signal]:
    for prop, path in {**_PATHS, **_kind(machine)[1]}.items():
        yield _Signal(machine.lower(), prop, f"{machine}/{path}")


async def _tags(platform: Platform, signals: list[_Signal]) -> dict[_Signal, int]:
    ids = await import_tags(platform, _GATEWAY, [(signal.identifier, signal.kind) for signal in signals])
    return {signal: ids[signal.identifier] for signal in signals}


async def _assets(platform: Platform, names: list[str], signals: list[_Signal], tags: Mapping[_Signal, int]) -> None:
    stub = AssetServiceStub(platform.session.onboarding_channel)
    for name in names:
        asset = assets.Asset(display_name=name, level=assets.ASSET_LEVEL_MACHINE, model=_kind(name)[0])
        made = await stub.CreateAsset(
            assets.CreateAssetRequest(parent=platform.tenant, asset=asset, asset_id=name.lower())
        )
        bindings = [
            assets.PropertyBinding(property=signal.property_id, tag=f"{platform.tenant}/tags/{tags[signal]}")
            for signal in signals
            if signal.asset == name.lower()
        ]
        await stub.BindProperties(assets.BindPropertiesRequest(name=made.name, bindings=bindings))


def _frames(plant: Plant, signals: list[_Signal], tags: Mapping[_Signal, int], hall: Hall) -> Iterator[Frame]:
    for signal in signals:
        variable = plant.variables[signal.identifier]
        every = max(1, _LOOK_US // variable.grid_us)
        times, values, status = variable.ticks(hall.start_us, hall.end_us, every)
        dtype = np.int64 if signal.kind is ValueKind.INT64 else np.float64
        for first in range(0, len(times), _AT_ONCE):
            part = slice(first, first + _AT_ONCE)
            tag = np.full(len(times[part]), tags[signal], np.int64)
            hall.samples += len(tag)
            column: NDArray[Any] = values[part].astype(dtype)
            yield Frame((Block(signal.kind, tag, times[part], status[part], column),))


async def _define(platform: Platform, model: str) -> str:
    stub = ModelServiceStub(platform.session.analytics_channel)
    definition = models_pb2.ModelDefinition(asset_model=model, anomaly=models_pb2.AnomalySpec())
    request = models_pb2.CreateModelDefinitionRequest(
        parent=platform.tenant, model_definition_id=model, model_definition=definition
    )
    return (await stub.CreateModelDefinition(request)).name
