"""Model definitions that a test makes and trains, and machines of the simulator that they are for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from google.longrunning import operations_pb2
from google.longrunning.operations_pb2_grpc import OperationsStub
from google.protobuf.timestamp_pb2 import Timestamp

from dualspan.analytics.v1 import models_pb2 as contract
from dualspan.analytics.v1.models_pb2_grpc import ModelServiceStub
from dualspan_analytics.columns import PropertyRef
from dualspan_analytics.composition import models
from harness.analytics import AnalyticsPlatform, Plant, machine, site
from harness.machine_tables import PATHS, model_of, samples_of
from plc_sim.model.plant import Plant as SimulatedPlant

if TYPE_CHECKING:  # exists in the stub file only
    from dualspan.analytics.v1.models_pb2_grpc import ModelServiceAsyncStub


def at(time_us: int) -> Timestamp:
    message = Timestamp()
    message.FromMicroseconds(time_us)
    return message


async def stored_machines(
    platform: AnalyticsPlatform,
    simulated: SimulatedPlant,
    names: Sequence[str],
    span: tuple[int, int],
    look_us: int = 20_000_000,
) -> Plant:
    """A tenant with simulated machines, named in lower case, and what their models need, looked at so often."""
    assets = [machine(name.lower(), model_of(name), list(PATHS[model_of(name)]), "works") for name in names]
    plant = await platform.plant([site("works"), *assets])
    for name in names:
        await ingest_span(plant, simulated, name, span, look_us)
    await plant.seal()
    return plant


async def ingest_span(
    plant: Plant, simulated: SimulatedPlant, name: str, span: tuple[int, int], look_us: int = 20_000_000
) -> None:
    """Stores a span of one machine."""
    for prop, path in PATHS[model_of(name)].items():
        await plant.ingest({PropertyRef(name.lower(), prop): samples_of(simulated, name, path, *span, look_us)})


async def defined(plant: Plant, definition_id: str, given: contract.ModelDefinition) -> str:
    """Makes a definition; returns its name."""
    stub: ModelServiceAsyncStub = ModelServiceStub(plant.channel)
    request = contract.CreateModelDefinitionRequest(
        parent=plant.parent, model_definition_id=definition_id, model_definition=given
    )
    return (await stub.CreateModelDefinition(request)).name


async def trained(
    plant: Plant, name: str, span: tuple[int, int], faults: Sequence[contract.KnownFault] = ()
) -> contract.ModelVersion:
    """A version, trained as the worker does."""
    stub: ModelServiceAsyncStub = ModelServiceStub(plant.channel)
    operation = await stub.TrainModels(
        contract.TrainModelsRequest(name=name, start_time=at(span[0]), end_time=at(span[1]), known_faults=faults)
    )
    progress = contract.TrainingProgress()
    assert operation.metadata.Unpack(progress)
    _, _, _, definition, _, version = progress.version.split("/")
    # Nobody else is there who would have to be waited for.
    at_once = plant.parts.settings.model_copy(update={"training_pause": 0.0, "training_gives_way": False})
    training = models.training(replace(plant.parts, settings=at_once))
    operations = OperationsStub(plant.channel)
    while not operation.done:
        await training.train(plant.tenant, definition, int(version))
        operation = await operations.GetOperation(operations_pb2.GetOperationRequest(name=operation.name))
    found = await stub.ListModelVersions(contract.ListModelVersionsRequest(parent=name))
    return found.model_versions[0]
