"""The columnar batch of samples in memory."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dualspan_frame.binary_column import BinaryColumn

Values: TypeAlias = NDArray[np.float64] | NDArray[np.int64] | NDArray[np.bool_] | BinaryColumn
"""The value column of a block."""


class ValueKind(IntEnum):
    """What the values of a block are; the numbers of `dualspan.frame.v1.ValueKind`."""

    FLOAT64 = 1
    INT64 = 2
    BOOL = 3
    TEXT = 4
    BYTES = 5


_DTYPES: dict[ValueKind, np.dtype[Any]] = {
    ValueKind.FLOAT64: np.dtype(np.float64),
    ValueKind.INT64: np.dtype(np.int64),
    ValueKind.BOOL: np.dtype(np.bool_),
}


def value_dtype(kind: ValueKind) -> np.dtype[Any] | None:
    """The dtype of a value column; None for `TEXT` and `BYTES`, which are a `BinaryColumn`."""
    return _DTYPES.get(kind)


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """`n` samples of one kind; row `i` of every column together is one sample.

    Attributes:
        kind: What the values are.
        tag: int64, shape (n,): numeric tag ids.
        timestamp: int64, shape (n,): source timestamps in microseconds since 1970-01-01T00:00:00 UTC.
        status: uint32, shape (n,): OPC UA status codes as they came (Part 4, 7.39).
        value: float64, int64 or bool, shape (n,), or a `BinaryColumn` of n contents, by `kind`.

    Raises:
        ValueError: A column has another dtype or length.
    """

    kind: ValueKind
    tag: NDArray[np.int64]
    timestamp: NDArray[np.int64]
    status: NDArray[np.uint32]
    value: Values

    def __post_init__(self) -> None:
        count = len(self.tag)
        for name, column, dtype in (
            ("tag", self.tag, np.int64),
            ("timestamp", self.timestamp, np.int64),
            ("status", self.status, np.uint32),
        ):
            if column.dtype != dtype or column.shape != (count,):
                raise ValueError(f"{name} must be {np.dtype(dtype)} of shape ({count},)")
        expected = value_dtype(self.kind)
        actual = None if isinstance(self.value, BinaryColumn) else self.value.dtype
        if actual != expected or len(self.value) != count:
            raise ValueError(f"value must be {expected or 'a BinaryColumn'} of length {count} for {self.kind.name}")

    def __len__(self) -> int:
        return len(self.tag)

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> Self:
        """The samples at these row numbers, or where this mask of shape (n,) is true."""
        indexes = np.arange(len(self))[rows]
        value = self.value.take(indexes) if isinstance(self.value, BinaryColumn) else self.value[indexes]
        return type(self)(self.kind, self.tag[indexes], self.timestamp[indexes], self.status[indexes], value)

    def same_as(self, other: "Block") -> bool:
        """Whether both hold the same samples in the same order, every bit of a NaN included."""
        return (
            self.kind == other.kind
            and np.array_equal(self.tag, other.tag)
            and np.array_equal(self.timestamp, other.timestamp)
            and np.array_equal(self.status, other.status)
            and _same_values(self.value, other.value)
        )

    @classmethod
    def concat(cls, blocks: Sequence[Self]) -> Self:
        """All samples of `blocks` (at least one, all of one kind), one block after the other."""
        kind = blocks[0].kind
        if any(block.kind != kind for block in blocks):
            raise ValueError("blocks of different kinds cannot be joined")
        return cls(
            kind,
            np.concatenate([block.tag for block in blocks]),
            np.concatenate([block.timestamp for block in blocks]),
            np.concatenate([block.status for block in blocks]),
            concat_values([block.value for block in blocks]),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A batch of samples: one block per kind at the most. Within a tag, row order is arrival order.

    Raises:
        ValueError: Two blocks have the same kind.
    """

    blocks: tuple[Block, ...] = ()

    def __post_init__(self) -> None:
        if len({block.kind for block in self.blocks}) != len(self.blocks):
            raise ValueError("a frame has one block per kind at the most")

    @property
    def sample_count(self) -> int:
        """The number of samples in all blocks."""
        return sum(len(block) for block in self.blocks)

    def time_range(self) -> tuple[int, int] | None:
        """The smallest and the largest timestamp in microseconds; None without samples."""
        filled = [block.timestamp for block in self.blocks if len(block)]
        if not filled:
            return None
        return min(int(times.min()) for times in filled), max(int(times.max()) for times in filled)

    def block(self, kind: ValueKind) -> Block | None:
        """The block of this kind, if there is one."""
        return next((block for block in self.blocks if block.kind == kind), None)

    def select(self, tag_ids: ArrayLike) -> Self:
        """The samples of these tags, in the same order; blocks without any are left out."""
        wanted = np.asarray(tag_ids, np.int64)
        parts = (block.take(np.isin(block.tag, wanted)) for block in self.blocks)
        return type(self)(tuple(part for part in parts if len(part)))

    def same_as(self, other: "Frame") -> bool:
        """Whether both hold the same samples in the same order, whatever the order of their blocks."""
        mine, theirs = (sorted(frame.blocks, key=lambda block: block.kind) for frame in (self, other))
        return len(mine) == len(theirs) and all(a.same_as(b) for a, b in zip(mine, theirs, strict=True))

    @classmethod
    def concat(cls, frames: Iterable["Frame"]) -> Self:
        """All samples of `frames`, kind by kind, one frame after the other."""
        by_kind: dict[ValueKind, list[Block]] = {}
        for frame in frames:
            for block in frame.blocks:
                by_kind.setdefault(block.kind, []).append(block)
        return cls(tuple(blocks[0] if len(blocks) == 1 else Block.concat(blocks) for blocks in by_kind.values()))


def concat_values(values: Sequence[Values]) -> Values:
    """Return value columns of one kind, one after the other."""
    binary = [value for value in values if isinstance(value, BinaryColumn)]
    if binary:
        return BinaryColumn.concat(binary)
    numbers: list[NDArray[Any]] = [value for value in values if not isinstance(value, BinaryColumn)]
    return np.concatenate(numbers)


def _same_values(a: Values, b: Values) -> bool:
    if isinstance(a, BinaryColumn) or isinstance(b, BinaryColumn):
        return a == b if isinstance(a, BinaryColumn) and isinstance(b, BinaryColumn) else False
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
