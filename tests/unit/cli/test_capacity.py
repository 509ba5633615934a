"""The capacity model, on figures that can be added up by hand."""

import pytest

from dualspan_cli.scaling.capacity import Costs, Figures, Load, Part, Plants, cores, size
from dualspan_cli.scaling.words import amount

FIGURES = Figures(
    costs={
        Part.HISTORIAN: Costs(1e-3, 1e-6, 0.0),
        Part.SEALING: Costs(0.0, 1e-6, 1e-6),
        Part.POSTGRESQL: Costs(2e-3, 0.0, 0.0),
        Part.REDIS: Costs(1e-4, 0.0, 0.0),
    },
    log_bytes=10.0,
    wire_bytes=3.0,
    stored_bytes=2.0,
    gateway_bytes=1e6,
    memory_bytes={"historian": 100e6, "worker": 200e6, "postgres": 300e6, "redis": 10e6},
)


def test_cores_are_of_frames_of_samples_and_of_tags() -> None:
    busy = cores(FIGURES.costs, Load(frames=100, samples=100_000, tags=100_000))
    assert busy == pytest.approx({Part.HISTORIAN: 0.2, Part.SEALING: 0.2, Part.POSTGRESQL: 0.2, Part.REDIS: 0.01})


def test_a_thousand_plants_need_a_thousand_times_one() -> None:
    one, many = size(Plants(1, 1000, 1.0), FIGURES), size(Plants(1000, 1000, 1.0), FIGURES)
    assert many.cores == pytest.approx(1000 * one.cores)
    assert many.disk_bytes == pytest.approx(1000 * one.disk_bytes) == pytest.approx(2.0 * 1e6 * 86_400 * 365)
    assert (many.network, many.disk_write) == (3.0 * 1e6, 12.0 * 1e6)
    needs = {need.part: need for need in many.needs}
    # 1000 frames and a million samples a second: two cores busy, so four of them half.
    assert (needs[Part.HISTORIAN].cores, needs[Part.HISTORIAN].replicas) == (pytest.approx(2.0), 4)
    assert needs[Part.POSTGRESQL].replicas == 1
    assert many.memory_bytes == pytest.approx(4 * 100e6 + 1000 * 1e6 + 4 * 200e6 + 310e6)


def test_a_limit_is_half_a_core_of_plants_and_for_postgresql_half_a_machine() -> None:
    limits = {need.part: need.limit for need in size(Plants(1, 1000, 1.0), FIGURES).needs}
    assert limits == {Part.HISTORIAN: 250, Part.SEALING: 250, Part.POSTGRESQL: 8000, Part.REDIS: 5000}


def test_fewer_frames_cost_less_and_a_slow_plant_sends_none_that_are_empty() -> None:
    usual, slow = Plants(10, 100, 1.0), Plants(10, 1, 0.1)
    assert usual.load.frames == 10
    assert Plants(10, 100, 1.0, frame_seconds=10.0).load.frames == 1
    assert slow.load.frames == pytest.approx(1)
    assert (usual.load.tags, slow.load.tags) == (1000, 10)
    assert Plants(1, 600, 0.001).load.tags == pytest.approx(36), "a tag has a segment where it has a sample"


def test_the_figures_of_this_release_can_be_read() -> None:
    found = size(Plants(10_000, 1000, 1.0), Figures.read())
    assert found.cores > 0
    assert all(need.limit > 0 and need.beyond for need in found.needs)


@pytest.mark.parametrize(
    ("size", "words"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (2e12, "2 TB"), (3e15, "3 PB")]
)
def test_amounts_have_a_unit(size: float, words: str) -> None:
    assert amount(size) == words
