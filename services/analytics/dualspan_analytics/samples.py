"""From frames of tags to columns of properties. Pure, and never one sample at a time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dualspan_analytics.assets import Binding
from dualspan_frame import BinaryColumn, Block, Frame, ValueKind, Values

Columns = tuple[NDArray[np.int32], NDArray[np.int64], NDArray[Any], NDArray[np.uint32]]
"""Place of the property, timestamp, value, status."""


@dataclass(frozen=True, slots=True)
class TagSamples:
    """Samples of one tag, ascending in time; values as the tag has them."""

    timestamp: NDArray[np.int64]
    value: Values
    status: NDArray[np.uint32]
    kind: ValueKind

    @property
    def is_structured(self) -> bool:
        """The values are arrays or structures, not single ones."""
        return self.kind is ValueKind.BYTES


def split_by_tag(frame: Frame | None) -> Mapping[int, TagSamples]:
    """The samples of a frame by tag; within a tag they stay in their order."""
    found: dict[int, TagSamples] = {}
    for block in frame.blocks if frame is not None else ():
        if not len(block):
            continue
        ordered = block if bool((np.diff(block.tag) >= 0).all()) else block.take(np.argsort(block.tag, kind="stable"))
        tags, starts = np.unique(ordered.tag, return_index=True)
        for tag, start, end in zip(tags.tolist(), starts, [*starts[1:], len(ordered)], strict=True):
            found[tag] = TagSamples(
                ordered.timestamp[start:end], _cut(ordered.value, start, end), ordered.status[start:end], block.kind
            )
    return found


def _cut(values: Values, start: int, end: int) -> Values:
    return values.slice(start, end) if isinstance(values, BinaryColumn) else values[start:end]


def property_values(values: Values, binding: Binding) -> NDArray[Any]:
    """Values of a property from values of its tag: numbers scaled, text as Python strings, bool as they are."""
    if isinstance(values, BinaryColumn):
        return text_values(values)
    if values.dtype == np.bool_ or binding.is_identity:
        return values
    return values * binding.factor + binding.offset


def text_values(values: BinaryColumn) -> NDArray[Any]:
    """Text as an array of Python strings, dtype object; what is not UTF-8 is shown with replacement characters."""
    if not len(values):
        return np.empty(0, object)
    if not values.is_text():
        decoded = np.empty(len(values), object)
        decoded[:] = [content.decode(errors="replace") for content in values.to_list()]
        return decoded
    buffers = [None, pa.py_buffer(values.offsets.tobytes()), pa.py_buffer(values.data.tobytes())]
    return pa.Array.from_buffers(pa.large_string(), len(values), buffers).to_numpy(zero_copy_only=False)


class Routes:
    """Which tag's samples are which property's.

    Args:
        bindings: Of the properties, in their order; several may be bound to the same tag.
    """

    def __init__(self, bindings: Sequence[Binding]) -> None:
        tags = np.array([binding.tag_id for binding in bindings], np.int64)
        order = np.argsort(tags, kind="stable")
        self._tags = tags[order]
        self._places = order.astype(np.int32)
        self._factors = np.array([binding.factor for binding in bindings], np.float64)[order]
        self._offsets = np.array([binding.offset for binding in bindings], np.float64)[order]
        self._scales = bool(((self._factors != 1.0) | (self._offsets != 0.0)).any())
        # A tag that several properties are bound to is looked up once for each of them.
        self._layers = _layers(self._tags)

    @property
    def tag_ids(self) -> list[int]:
        """The distinct tags, in rising order."""
        return np.unique(self._tags).tolist()

    def columns(self, frame: Frame) -> Iterator[Columns]:
        """The samples of a frame as samples of properties, block by block; structures are left out."""
        for block in frame.blocks:
            if block.kind is ValueKind.BYTES:
                continue
            for layer in self._layers:
                columns = self._route(block, layer)
                if len(columns[0]):
                    yield columns

    def _route(self, block: Block, layer: NDArray[np.intp]) -> Columns:
        tags = self._tags[layer]
        at = np.minimum(np.searchsorted(tags, block.tag), len(tags) - 1)
        known = tags[at] == block.tag
        mine = block if bool(known.all()) else block.take(known)
        rows = layer[at if len(mine) == len(at) else at[known]]
        return self._places[rows], mine.timestamp, self._values(mine.value, rows), mine.status

    def _values(self, values: Values, rows: NDArray[np.intp]) -> NDArray[Any]:
        if isinstance(values, BinaryColumn):
            return text_values(values)
        if values.dtype == np.bool_ or not self._scales:
            return values
        factors, offsets = self._factors[rows], self._offsets[rows]
        if values.dtype == np.int64 and bool(((factors == 1.0) & (offsets == 0.0)).all()):
            return values
        return values * factors + offsets


def _layers(tags: NDArray[np.int64]) -> list[NDArray[np.intp]]:
    """Places in a sorted array, cut so that no part has the same tag twice."""
    first = np.searchsorted(tags, tags)
    nth = np.arange(len(tags)) - first
    return [np.flatnonzero(nth == n) for n in range(int(nth.max()) + 1)] if len(tags) else []
