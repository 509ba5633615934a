"""Conditions that begin while others go on: what a rule says of the newest sample of each signal, at once."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dualspan_analytics.alarms.evaluation import Changes, Samples, evaluate
from dualspan_analytics.alarms.table import ConditionTable, Standing, Tail


def begin(
    table: ConditionTable,
    standing: Standing,
    rows: NDArray[np.int64],
    newest: Samples,
    horizon_us: int,
    latest_us: int,
) -> tuple[Standing, Changes]:
    """Hold the newest samples against conditions that begin. The others are not touched: they have had them.

    Args:
        table: All conditions.
        standing: Where they stand.
        rows: Those that begin, int64, ascending.
        newest: The newest sample of each of their signals, by the places of `table`.
        horizon_us: As for `evaluate`.
        latest_us: As for `evaluate`.
    """
    part = ConditionTable.of([table.rows[row] for row in rows.tolist()])
    place = {signal: number for number, signal in enumerate(table.signals)}
    signals = np.array([place[signal] for signal in part.signals], np.int64)
    renumbered = np.full(len(table.signals), -1, np.int64)
    renumbered[signals] = np.arange(len(signals))
    theirs = newest.take(renumbered[newest.signal] >= 0)
    theirs = replace(theirs, signal=renumbered[theirs.signal])
    own = replace(
        Standing.beginning(part, 0),
        **{name: getattr(standing, name)[rows] for name in ("raw", "since", "value", "active", "floor")},
    )
    after, changes = evaluate(part, own, theirs, horizon_us, latest_us)
    merged = {name: getattr(standing, name).copy() for name in ("raw", "since", "value", "active", "floor")}
    for name, column in merged.items():
        column[rows] = getattr(after, name)
    heard = standing.heard.copy()
    first = heard[signals] == np.iinfo(np.int64).min
    heard[signals[first]] = after.heard[first]
    tail = _joined(standing.tail, after.tail, rows)
    return replace(standing, **merged, heard=heard, tail=tail), replace(changes, row=rows[changes.row])


def _joined(tail: Tail, added: Tail, rows: NDArray[np.int64]) -> Tail:
    row = np.concatenate([tail.row, rows[added.row]])
    timestamp = np.concatenate([tail.timestamp, added.timestamp])
    order = np.lexsort((timestamp, row))
    return Tail(row[order], timestamp[order], np.concatenate([tail.value, added.value])[order])
