"""The three simulated plants over the wire: trained on a stored week, each fault of the next found before it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dualspan.analytics.v1 import models_pb2 as contract
from dualspan.analytics.v1.models_pb2_grpc import ModelServiceStub
from dualspan_analytics.intelligence.episodes import Detection, Episode, detection, together
from harness.analytics import AnalyticsPlatform, Plant
from harness.machine_tables import faults_of, model_of
from harness.models import at, defined, stored_machines, trained
from plc_sim.model.machine import COMMISSIONED_US, WEEK
from plc_sim.model.truth import Truth
from plc_sim.plants import make_plant

if TYPE_CHECKING:  # exists in the stub file only
    from dualspan.analytics.v1.models_pb2_grpc import ModelServiceAsyncStub

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(900), pytest.mark.long]

START = COMMISSIONED_US + 8 * WEEK
MIDDLE, END = START + WEEK, START + 2 * WEEK


def confirmed(truth: Truth, names: list[str]) -> list[contract.KnownFault]:
    return [
        contract.KnownFault(
            asset=name.lower(), onset_time=at(e.onset_us), stop_time=at(e.stop_us), end_time=at(e.end_us)
        )
        for name in names
        for e in faults_of(truth, name)
    ]


async def scored(plant: Plant, name: str, asset: str) -> list[Episode]:
    """What the live version says of the second week."""
    stub: ModelServiceAsyncStub = ModelServiceStub(plant.channel)
    request = contract.ScoreSpanRequest(name=name, asset=asset, start_time=at(MIDDLE), end_time=at(END))
    found = await stub.ScoreSpan(request)
    return [Episode(e.start_time.ToMicroseconds(), e.end_time.ToMicroseconds()) for e in found.episodes]


@pytest.mark.parametrize("name", ["moulding", "curing", "packaging"])
async def test_each_fault_is_found_before_it_ends(platform: AnalyticsPlatform, name: str) -> None:
    simulated = make_plant(name, 1)
    machines = [each.name for each in simulated.machines]
    # A waveform of a press has its peak for a tenth of a minute only.
    plant = await stored_machines(
        platform, simulated, machines, (START, END), 10_000_000 if name == "curing" else 20_000_000
    )
    before, after = simulated.truth(START, MIDDLE), simulated.truth(MIDDLE, END)
    stub: ModelServiceAsyncStub = ModelServiceStub(plant.channel)
    parts: list[Detection] = []
    for model in sorted({model_of(each) for each in machines}):
        own = [each for each in machines if model_of(each) == model]
        given = contract.ModelDefinition(asset_model=model, anomaly=contract.AnomalySpec())
        definition = await defined(plant, model, given)
        version = await trained(plant, definition, (START, MIDDLE), confirmed(before, own))
        assert version.verdict in {contract.VERDICT_BETTER, contract.VERDICT_UNPROVEN}, version.verdict_text
        if version.verdict == contract.VERDICT_UNPROVEN:
            # The days that were held back had no fault of the kind: a plant waits for one, this test does not.
            async with plant.parts.database.transaction(plant.tenant) as connection:
                await connection.execute("UPDATE model_version SET verdict = 1 WHERE definition_id = $1", model)
        await stub.PromoteModelVersion(contract.PromoteModelVersionRequest(name=version.name))
        for each in own:
            alarms = await scored(plant, definition, each.lower())
            parts.append(detection(faults_of(after, each), alarms, WEEK))
    whole = together(parts)
    assert whole.found == whole.events > 20, whole
    assert max(part.false_alarms for part in parts) <= 1, parts
