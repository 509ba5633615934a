"""The demonstration's checker must find what is wrong: each case damages a perfect record in one way."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from dualspan.historian.v1.service_pb2 import StorageStatistics
from dualspan_cli.demo.plants import build_plants
from dualspan_cli.demo.verify import Verdict, check_tag, count_repeats, stored_samples
from dualspan_frame import Block, Frame, ValueKind
from plc_sim.model.plant import Variable

SINCE = 1_790_000_000_000_000
UNTIL = SINCE + 20_000_000


@pytest.fixture(scope="module")
def variable() -> Variable:
    """One whose value changes all the time."""
    every = build_plants()["curing"].variables.values()
    return max((one for one in every if one.signal.is_float), key=lambda one: len(one.samples(SINCE, UNTIL)[0]))


def record(variable: Variable) -> Block:
    """What a perfect platform stores: the latest sample before the subscription, then every change."""
    first_time, first_value, first_status = variable.last(SINCE)
    times, values, status = variable.samples(SINCE + 1, UNTIL)
    return Block(
        ValueKind.FLOAT64,
        np.full(len(times) + 1, 7, np.int64),
        np.concatenate([first_time, times]),
        np.concatenate([first_status, status]),
        np.concatenate([first_value, values]).astype(np.float64),
    )


def judge(variable: Variable, stored: Block | None) -> Verdict:
    verdict = Verdict()
    check_tag(verdict, variable, stored, SINCE, UNTIL)
    return verdict


def test_a_perfect_record_holds(variable: Variable) -> None:
    stored = record(variable)
    verdict = judge(variable, stored)
    assert verdict.holds
    assert verdict.compared == len(stored) > 20


def test_nothing_stored_is_all_lost(variable: Variable) -> None:
    verdict = judge(variable, None)
    assert verdict.lost == verdict.compared > 0


def bit_flipped(stored: Block) -> Block:
    value = np.asarray(stored.value, np.float64).copy()
    value[3] = np.nextafter(value[3], np.inf)
    return replace(stored, value=value)


def wrong_status(stored: Block) -> Block:
    status = stored.status.copy()
    status[4] = 0x40000000
    return replace(stored, status=status)


def invented(stored: Block) -> Block:
    times = stored.timestamp.copy()
    times[5] += 1
    return replace(stored, timestamp=times)


@pytest.mark.parametrize(
    ("damage", "lost", "duplicated", "wrong"),
    [
        (lambda stored: stored.take(np.arange(len(stored)) != 6), 1, 0, 0),
        (lambda stored: stored.take(np.arange(len(stored) - 1)), 1, 0, 0),
        (lambda stored: stored.take(np.arange(1, len(stored))), 1, 0, 0),
        (lambda stored: stored.take(np.arange(7, len(stored))), 7, 0, 0),
        (lambda stored: stored.take(np.r_[np.arange(len(stored)), 2]), 0, 1, 0),
        (bit_flipped, 0, 0, 1),
        (wrong_status, 0, 0, 1),
        (invented, 1, 0, 1),
    ],
)
def test_damage_is_found(
    variable: Variable, damage: Callable[[Block], Block], lost: int, duplicated: int, wrong: int
) -> None:
    verdict = judge(variable, damage(record(variable)))
    assert (verdict.lost, verdict.duplicated, verdict.wrong) == (lost, duplicated, wrong)
    assert not verdict.holds
    assert variable.identifier in verdict.examples[0]


def test_samples_of_one_tag_come_in_order_of_time() -> None:
    block = Block(
        ValueKind.INT64,
        np.array([1, 2, 1, 1], np.int64),
        np.array([30, 1, 10, 20], np.int64),
        np.zeros(4, np.uint32),
        np.array([3, 0, 1, 2], np.int64),
    )
    stored = stored_samples(Frame((block,)), 1)
    assert stored is not None
    assert stored.timestamp.tolist() == [10, 20, 30]
    assert stored_samples(Frame((block,)), 9) is None


@pytest.mark.parametrize(
    ("sealed", "unsealed", "dropped", "repeats"), [(80, 20, 0, 0), (80, 40, 0, 20), (100, 0, 20, 20)]
)
def test_a_frame_committed_twice_is_found_before_and_after_it_is_sealed(
    sealed: int, unsealed: int, dropped: int, repeats: int
) -> None:
    statistics = StorageStatistics(sealed_samples=sealed, unsealed_samples=unsealed, repeated_samples=dropped)
    assert count_repeats(statistics, 100) == repeats
    verdict = Verdict()
    verdict.add_repeats(repeats, 0)
    assert (verdict.duplicated, verdict.holds) == (repeats, not repeats)


def test_repeats_with_a_reason_are_no_duplicates() -> None:
    verdict = Verdict()
    verdict.add_repeats(7, 7)
    assert verdict.holds
    verdict.add_repeats(8, 7)
    assert verdict.duplicated == 1
