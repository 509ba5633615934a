"""What a rule would have done with stored samples."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dualspan_analytics.alarms.evaluation import Samples, evaluate
from dualspan_analytics.alarms.table import ConditionKey, ConditionTable, Purpose, Standing

_MINUTE_US = 60_000_000
_SHOWN = 20
_FAR = 1 << 62
_PIECES = 64


@dataclass(frozen=True, slots=True)
class Tried:
    """What one alarm of a rule would have done.

    Attributes:
        key: The condition.
        raised: How often.
        active_us: For how long in all.
        first_us: When, the first times.
        is_chattering: Three times within a minute.
        unknown_share: Share of the span in which samples said nothing of it.
    """

    key: ConditionKey
    raised: int
    active_us: int
    first_us: tuple[int, ...]
    is_chattering: bool
    unknown_share: float


def try_out(table: ConditionTable, samples: Samples, start_us: int, end_us: int) -> Sequence[Tried]:
    """Evaluate samples of a span as if they had come then; suppression by design included.

    Args:
        table: The conditions.
        samples: Of their signals, those right before the span among them.
        start_us: What was raised before is not counted.
        end_us: Delays that end later are not over.
    """
    standing = Standing.beginning(table, start_us)
    raised: list[list[int]] = [[] for _ in range(len(table))]
    spans: list[list[tuple[int, int]]] = [[] for _ in range(len(table))]
    left_out = np.zeros(len(table), np.int64)
    # In pieces, because of a condition that changes often an evaluation reports a part only.
    edges = np.linspace(start_us, end_us, _PIECES + 1).astype(np.int64)
    piece = np.searchsorted(edges[1:], samples.timestamp, "right")
    for number in range(_PIECES + 1):
        horizon = int(edges[min(number + 1, _PIECES)])
        standing, changes = evaluate(table, standing, samples.take(piece == number), horizon, _FAR)
        np.add.at(left_out, changes.row, changes.left_out)
        for row, is_raised, at_us in zip(
            changes.row.tolist(), changes.raised.tolist(), changes.timestamp.tolist(), strict=True
        ):
            if is_raised:
                raised[row].append(at_us)
                spans[row].append((at_us, end_us))
            elif spans[row]:
                spans[row][-1] = (spans[row][-1][0], at_us)
    quiet, unknown = _suppressed(table, spans), _unknown(len(table.signals), samples, start_us, end_us)
    return [
        _tried(
            row.key,
            raised[number],
            spans[number],
            int(left_out[number]),
            quiet.get((row.key.asset, row.key.index), ()),
            float(unknown[table.signal[number]]),
        )
        for number, row in enumerate(table.rows)
        if row.key.purpose is Purpose.ALARM
    ]


def _unknown(signals: int, samples: Samples, start_us: int, end_us: int) -> NDArray[np.float64]:
    """Of each signal the share of the span in which it is Bad, no number, or not there yet."""
    order = np.lexsort((samples.timestamp, samples.signal))
    signal, usable = samples.signal[order], ~samples.is_unusable[order]
    begin = np.clip(samples.timestamp[order], start_us, end_us)
    end = np.append(begin[1:], end_us)
    end[np.append(signal[1:] != signal[:-1], True)] = end_us
    known = np.bincount(signal[usable], (end - begin)[usable], signals)
    return 1.0 - known / max(end_us - start_us, 1)


def _suppressed(
    table: ConditionTable, spans: Sequence[Sequence[tuple[int, int]]]
) -> dict[tuple[str, int], Sequence[tuple[int, int]]]:
    return {
        (row.key.asset, row.key.index): spans[number]
        for number, row in enumerate(table.rows)
        if row.key.purpose is Purpose.SUPPRESSION
    }


def _tried(
    key: ConditionKey,
    raised: Sequence[int],
    spans: Sequence[tuple[int, int]],
    left_out: int,
    silent: Sequence[tuple[int, int]],
    unknown_share: float,
) -> Tried:
    shown = [at for at in raised if not any(start <= at < end for start, end in silent)]
    times = np.array(shown, np.int64)
    close = bool((times[2:] - times[:-2] <= _MINUTE_US).any()) or left_out > 0
    return Tried(
        key=key,
        raised=len(shown) + left_out // 2,
        active_us=sum(end - start for start, end in spans),
        first_us=tuple(shown[:_SHOWN]),
        is_chattering=close,
        unknown_share=unknown_share,
    )
