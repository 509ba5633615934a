"""Samples of simulated variables as frames, and their aggregates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualspan_cli.harness.machines import LocalTag
from dualspan_frame import BinaryColumn, Block, Frame, ValueKind, Values
from dualspan_historian.read.aggregates import Calculation, Series
from dualspan_historian.read.processed import ProcessedQuery
from dualspan_historian.read.samples import Samples
from plc_sim.model.machine import COMMISSIONED_US

_BAD = 0x80000000
# What lies behind the last interval, for the straight line into it.
_BEHIND_US = 60_000_000
_Columns = tuple[NDArray[np.int64], NDArray[Any], NDArray[np.uint32]]


@dataclass(frozen=True, slots=True)
class TagSamples:
    """Samples of one tag, ascending in time; text as keys that the variable renders."""

    tag: LocalTag
    timestamp: NDArray[np.int64]
    value: NDArray[Any]
    status: NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.timestamp)

    def rows(self, start: int, stop: int) -> TagSamples:
        """Rows `start` to `stop`, not included."""
        part = slice(start, stop)
        return replace(self, timestamp=self.timestamp[part], value=self.value[part], status=self.status[part])


def between(tag: LocalTag, start_us: int, end_us: int) -> TagSamples:
    """The samples in [start, end)."""
    return TagSamples(tag, *tag.variable.samples(start_us, end_us))


def newest(tag: LocalTag, at_us: int) -> TagSamples:
    """The newest sample at or before a time; none before the plant was there."""
    return TagSamples(tag, *_last(tag, at_us))


def frame_of(samples: Iterable[TagSamples]) -> Frame:
    """The samples as a frame, kind by kind."""
    ordered = sorted((each for each in samples if len(each)), key=lambda each: each.tag.kind)
    kinds = groupby(ordered, key=lambda each: each.tag.kind)
    return Frame(tuple(Block.concat([_block(each) for each in group]) for _, group in kinds))


def aggregates_of(tag: LocalTag, query: ProcessedQuery, now_us: int) -> list[Series]:
    """The aggregates of one tag that a query asks for, from what has happened until now."""
    intervals = query.intervals
    first, last = intervals.first_us, min(intervals.end_us + _BEHIND_US, now_us)
    before, inside = _last(tag, first - 1), tag.variable.samples(first, last)
    value = np.concatenate([before[1], inside[1]])
    samples = Samples(
        np.concatenate([before[0], inside[0]]),
        np.zeros(len(value)) if tag.kind is ValueKind.TEXT else value.astype(np.float64),
        np.concatenate([before[2], inside[2]]),
        earliest=COMMISSIONED_US if len(value) else None,
        latest=now_us if len(value) else None,
        treat_uncertain_as_bad=query.rules.treat_uncertain_as_bad,
    )
    calculation = Calculation(samples, intervals, replace(query.rules, sloped=tag.is_continuous))
    return [calculation.compute(aggregate) for aggregate in query.aggregates]


def _last(tag: LocalTag, at_us: int) -> _Columns:
    # What the variable remembers is for a clock that only runs on.
    tag.variable.forget()
    return tag.variable.last(at_us)


def _block(samples: TagSamples) -> Block:
    tag = samples.tag
    ids = np.full(len(samples), tag.tag_id, np.int64)
    return Block(tag.kind, ids, samples.timestamp, samples.status.astype(np.uint32), _values(samples))


def _values(samples: TagSamples) -> Values:
    value, tag = samples.value, samples.tag
    if tag.kind is ValueKind.TEXT:
        return _texts(tag, value)
    if tag.kind is ValueKind.FLOAT64:
        # A Bad sample has no value.
        return np.where(samples.status >= _BAD, np.nan, value).astype(np.float64)
    if tag.kind is ValueKind.BOOL:
        return value.astype(np.bool_)
    return value.astype(np.int64)


def _texts(tag: LocalTag, keys: NDArray[Any]) -> BinaryColumn:
    render = tag.variable.signal.render
    assert render is not None  # noqa: S101 - text is made of keys
    known, place = np.unique(keys, return_inverse=True)
    texts: Sequence[str] = [str(render(int(key))) for key in known.tolist()]
    return BinaryColumn.from_list([texts[row] for row in place.tolist()])
