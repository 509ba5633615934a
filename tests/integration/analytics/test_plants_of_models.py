"""The three simulated plants over the wire: each fault of a week is found before it ends, by what may go live."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dualspan.analytics.v1 import alarms_pb2
from dualspan.analytics.v1 import models_pb2 as contract
from dualspan.analytics.v1.alarms_pb2_grpc import AlarmServiceStub
from dualspan.analytics.v1.models_pb2_grpc import ModelServiceStub
from dualspan_analytics.intelligence.episodes import Detection, Episode, detection, together
from harness.analytics import AnalyticsPlatform, Plant
from harness.machine_tables import faults_of, model_of, spec_of
from harness.models import at, defined, stored_machines, trained
from harness.seeded_faults import breakdowns
from plc_sim.model.machine import COMMISSIONED_US, DAY, WEEK
from plc_sim.model.truth import Truth
from plc_sim.plants import make_plant

if TYPE_CHECKING:  # exists in the stub file only
    from dualspan.analytics.v1.alarms_pb2_grpc import AlarmServiceAsyncStub
    from dualspan.analytics.v1.models_pb2_grpc import ModelServiceAsyncStub
    from plc_sim.model.plant import Plant as SimulatedPlant

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(1800), pytest.mark.long]

HISTORY = 2
MIDDLE = COMMISSIONED_US + 9 * WEEK
START, END = MIDDLE - HISTORY * WEEK, MIDDLE + WEEK


def confirmed(truth: Truth, names: list[str]) -> list[contract.KnownFault]:
    return [
        contract.KnownFault(
            asset=name.lower(), onset_time=at(e.onset_us), stop_time=at(e.stop_us), end_time=at(e.end_us)
        )
        for name in names
        for e in faults_of(truth, name)
    ]


async def is_live(plant: Plant, simulated: SimulatedPlant, definition: str, names: list[str]) -> bool:
    """Train on the last week, and on more as long as the product says that nothing is proven; promote what it lets."""
    stub: ModelServiceAsyncStub = ModelServiceStub(plant.channel)
    for weeks in range(1, HISTORY + 1):
        start = MIDDLE - weeks * WEEK
        version = await trained(plant, definition, (start, MIDDLE), confirmed(simulated.truth(start, MIDDLE), names))
        if version.verdict == contract.VERDICT_BETTER:
            await stub.PromoteModelVersion(contract.PromoteModelVersionRequest(name=version.name))
            return True
    return False


async def scored(plant: Plant, definition: str, asset: str) -> list[Episode]:
    """What the live version says of the last week."""
    stub: ModelServiceAsyncStub = ModelServiceStub(plant.channel)
    request = contract.ScoreSpanRequest(name=definition, asset=asset, start_time=at(MIDDLE), end_time=at(END))
    found = await stub.ScoreSpan(request)
    return [Episode(e.start_time.ToMicroseconds(), e.end_time.ToMicroseconds()) for e in found.episodes]


async def ruled(plant: Plant, name: str) -> list[Episode]:
    """When a rule on the state would have raised an alarm in the last week; a day at a time, as it shows the first."""
    stub: AlarmServiceAsyncStub = AlarmServiceStub(plant.channel)
    state = spec_of(name).state
    rule = alarms_pb2.AlarmRule(
        display_name="Broken down",
        response="Find out why.",
        scope=alarms_pb2.AlarmRule.Scope(assets=[name.lower()]),
        property=state.property,
        states=alarms_pb2.AlarmRule.States(values=state.failed),
        priority=alarms_pb2.ALARM_PRIORITY_HIGH,
    )
    raised: list[int] = []
    for begin in range(MIDDLE, END, DAY):
        tried = await stub.TestAlarmRule(
            alarms_pb2.TestAlarmRuleRequest(
                parent=plant.parent, alarm_rule=rule, start_time=at(begin), end_time=at(begin + DAY)
            )
        )
        raised += [each.ToMicroseconds() for entry in tried.entries for each in entry.raise_times]
    return [Episode(each, each + 1) for each in sorted(raised)]


@pytest.mark.parametrize("name", ["moulding", "curing", "packaging"])
async def test_each_fault_is_found_before_it_ends(platform: AnalyticsPlatform, name: str) -> None:
    simulated = make_plant(name, 1)
    machines = [each.name for each in simulated.machines]
    # A waveform of a press has its peak for a tenth of a minute only.
    plant = await stored_machines(
        platform, simulated, machines, (START, END), 10_000_000 if name == "curing" else 20_000_000
    )
    truth = simulated.truth(MIDDLE, END)
    live = 0
    parts: list[Detection] = []
    for model in sorted({model_of(each) for each in machines}):
        own = [each for each in machines if model_of(each) == model]
        definition = await defined(
            plant, model, contract.ModelDefinition(asset_model=model, anomaly=contract.AnomalySpec())
        )
        has_model = await is_live(plant, simulated, definition, own)
        live += has_model
        for each in own:
            rule = await ruled(plant, each)
            assert detection(breakdowns(truth, each), rule, WEEK).false_alarms == 0
            alarms = await scored(plant, definition, each.lower()) if has_model else []
            in_vain = detection(faults_of(truth, each), alarms, WEEK).false_alarms
            assert in_vain <= 1, each
            both = sorted([*alarms, *rule], key=lambda episode: episode.start_us)
            parts.append(detection(faults_of(truth, each), both, WEEK))
    whole = together(parts)
    assert whole.found == whole.events > 20, whole
    assert live
