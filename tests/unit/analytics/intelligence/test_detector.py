"""Anomaly detection on machines that are made up, and on the simulated plants."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from dualspan_analytics.intelligence import archive, detector
from dualspan_analytics.intelligence.archive import Archive, ArchiveError
from dualspan_analytics.intelligence.detector import NotEnoughDataError, Reason
from dualspan_analytics.intelligence.table import Table
from dualspan_analytics.intelligence.watching import AnomalySpec, StateRule, Watched

MINUTE = 60_000_000
DAYS = 4
N = DAYS * 1440
HEAT, FLOW = Watched("heat"), Watched("flow")
SPEC = AnomalySpec(StateRule("state", ("0",), ("3",)), (HEAT, FLOW), ("product",))


def made_up(seed: int = 1) -> Table:
    """A machine that stops for half an hour a day, cools, and warms up again; its flow depends on the product."""
    rng = np.random.default_rng(seed)
    runs = np.ones(N)
    for day in range(DAYS):
        begin = day * 1440 + 300 + int(rng.integers(60))
        runs[begin : begin + 30] = 0.0
    heat = np.empty(N)
    warm = 80.0
    for row in range(N):
        warm += ((80.0 if runs[row] else 20.0) - warm) / 40.0
        heat[row] = warm
    product = np.where(np.arange(N) // 700 % 2 == 0, "a", "b").astype(object)
    flow = np.where(product == "a", 20.0, 30.0) + 0.2 * rng.normal(size=N)
    columns = {HEAT: heat + 0.3 * rng.normal(size=N), FLOW: flow}
    return Table(0, MINUTE, runs, np.zeros(N, np.bool_), {"product": product}, columns)


def with_column(table: Table, watched: Watched, values: NDArray[np.float64]) -> Table:
    return replace(table, columns={**table.columns, watched: values})


def test_a_machine_that_is_well_raises_nothing() -> None:
    model = detector.train(SPEC, made_up(1))
    scores = detector.score(model, made_up(2))
    assert np.nanmax(scores.score) < 1.0
    assert (scores.reason == Reason.SCORED).mean() > 0.9


def test_a_cold_start_is_no_fault_but_the_same_cold_while_running_is() -> None:
    model = detector.train(SPEC, made_up(1))
    table = made_up(2)
    heat = table.columns[HEAT].copy()
    heat[3 * 1440 + 900 :] -= 8.0
    scores = detector.score(model, with_column(table, HEAT, heat))
    hot = np.flatnonzero(scores.score >= 1.0)
    assert 3 * 1440 + 900 < hot[0] <= 3 * 1440 + 900 + SPEC.lead_in
    assert scores.share[hot[5]].argmax() == 0
    assert scores.share[hot[5]].sum() == pytest.approx(1.0)


def test_a_level_that_is_normal_for_another_product_is_found() -> None:
    model = detector.train(SPEC, made_up(1))
    table = made_up(2)
    flow = table.columns[FLOW].copy()
    at_a = np.flatnonzero(table.categories["product"][4400:4900] == "a") + 4400
    flow[at_a] = 30.0
    scores = detector.score(model, with_column(table, FLOW, flow))
    assert (scores.score[at_a] >= 1.0).mean() > 0.5


def test_what_cannot_be_judged_says_why() -> None:
    model = detector.train(SPEC, made_up(1))
    table = made_up(2)
    product = table.categories["product"].copy()
    product[1000:1100] = "never seen"
    gone = {watched: np.where(np.arange(N) // 100 == 20, np.nan, values) for watched, values in table.columns.items()}
    scores = detector.score(model, replace(table, categories={"product": product}, columns=gone))
    stopped = np.flatnonzero(table.run_share == 0.0)
    assert (scores.reason[stopped] == Reason.NOT_RUNNING).all()
    assert (scores.reason[1050:1100] == Reason.UNKNOWN_CONTEXT).all()
    assert (scores.reason[2050:2100] == Reason.NO_DATA).all()
    assert (np.isnan(scores.score) == (scores.reason != Reason.SCORED)).all()


def test_a_fault_in_training_does_not_become_normal() -> None:
    table = made_up(1)
    heat = table.columns[HEAT].copy()
    heat[2000:2150] -= 8.0
    failed = np.zeros(N, np.bool_)
    failed[2150:2160] = True
    model = detector.train(SPEC, replace(with_column(table, HEAT, heat), failed=failed))
    later = made_up(2)
    cold = later.columns[HEAT].copy()
    cold[5300:5500] -= 8.0
    assert np.nanmax(detector.score(model, with_column(later, HEAT, cold)).score[5300:5500]) >= 1.0


def test_scoring_in_rounds_gives_what_scoring_at_once_gives() -> None:
    model = detector.train(SPEC, made_up(1))
    table = made_up(2)
    whole = detector.score(model, table)
    tail = detector.score(model, table, 4000)
    assert np.array_equal(whole.score[4000:], tail.score, equal_nan=True)


def test_what_lies_before_all_data_is_no_stop() -> None:
    table = made_up(1)
    unknown = 2880
    lead = {watched: np.concatenate([np.full(unknown, np.nan), values]) for watched, values in table.columns.items()}
    padded = Table(
        -unknown * MINUTE,
        MINUTE,
        np.concatenate([np.full(unknown, np.nan), table.run_share]),
        np.concatenate([np.zeros(unknown, np.bool_), table.failed]),
        {"product": np.concatenate([np.full(unknown, None, object), table.categories["product"]])},
        lead,
    )
    plain, model = detector.train(SPEC, table), detector.train(SPEC, padded, unknown)
    assert model.limits == pytest.approx(plain.limits, rel=0.05)
    assert model.sigma == pytest.approx(plain.sigma, rel=0.05)


def test_too_little_is_refused() -> None:
    with pytest.raises(NotEnoughDataError, match="steps of the span"):
        detector.train(SPEC, made_up().cut(0, 300))
    table = made_up()
    empty = {watched: np.full(N, np.nan) for watched in table.columns}
    with pytest.raises(NotEnoughDataError, match="good data"):
        detector.train(SPEC, replace(table, columns=empty))


def test_a_model_is_the_same_after_it_was_stored() -> None:
    model = detector.train(SPEC, made_up(1))
    again = archive.load_anomaly(archive.store_anomaly(model))
    assert again.spec == model.spec
    table = made_up(3)
    first, second = detector.score(model, table), detector.score(again, table)
    assert np.array_equal(first.score, second.score, equal_nan=True)


def test_what_is_stored_is_data_and_damage_is_noticed() -> None:
    stored = archive.store_anomaly(detector.train(SPEC, made_up(1)))
    with pytest.raises(ArchiveError, match="arrays"):
        archive.load_anomaly(Archive(b"\x80\x04not an archive", stored.facts))
    with pytest.raises(ArchiveError, match="format"):
        archive.load_anomaly(Archive(stored.arrays, '{"format": 99}'))
    with pytest.raises(ArchiveError, match="JSON"):
        archive.load_anomaly(Archive(stored.arrays, "nothing"))


def test_the_fingerprint_follows_every_value() -> None:
    table = made_up(1)
    heat = table.columns[HEAT].copy()
    heat[17] += 1e-9
    prints = {archive.fingerprint(table), archive.fingerprint(with_column(table, HEAT, heat))}
    assert len(prints) == 2
    assert archive.fingerprint(made_up(1)) in prints
