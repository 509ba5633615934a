"""Text and byte strings as two arrays, so that no code handles one of them at a time."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class BinaryColumn:
    """`n` contents of differing length; content `i` is `data[offsets[i]:offsets[i + 1]]`.

    Attributes:
        offsets: int64, shape (n + 1,), from 0, never falling, ending at `len(data)`.
        data: uint8, all contents joined.

    Raises:
        ValueError: The arrays do not have these shapes, dtypes or values.
    """

    offsets: NDArray[np.int64]
    data: NDArray[np.uint8]

    def __post_init__(self) -> None:
        if self.offsets.dtype != np.int64 or self.offsets.ndim != 1 or len(self.offsets) == 0:
            raise ValueError("offsets must be a one-dimensional int64 array with at least one element")
        if self.data.dtype != np.uint8 or self.data.ndim != 1:
            raise ValueError("data must be a one-dimensional uint8 array")
        if self.offsets[0] != 0 or self.offsets[-1] != len(self.data) or bool((self.lengths < 0).any()):
            raise ValueError("offsets must rise from 0 to the length of data")

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BinaryColumn):
            return NotImplemented
        return np.array_equal(self.offsets, other.offsets) and np.array_equal(self.data, other.data)

    __hash__ = None  # pyright: ignore[reportAssignmentType]  # arrays can change, as a list can

    @property
    def lengths(self) -> NDArray[np.int64]:
        """int64, shape (n,): the length of each content in bytes."""
        return np.diff(self.offsets)

    @classmethod
    def empty(cls, count: int = 0) -> Self:
        """`count` contents of no bytes."""
        return cls(np.zeros(count + 1, np.int64), np.empty(0, np.uint8))

    @classmethod
    def from_lengths(cls, lengths: NDArray[np.integer], data: NDArray[np.uint8]) -> Self:
        """A column from the length of each content and all contents joined."""
        offsets = np.zeros(len(lengths) + 1, np.int64)
        np.cumsum(lengths, dtype=np.int64, out=offsets[1:])
        return cls(offsets, data)

    @classmethod
    def from_list(cls, contents: Iterable[str | bytes]) -> Self:
        """A column from Python strings (as UTF-8) or bytes, one at a time."""
        pieces = [content.encode() if isinstance(content, str) else content for content in contents]
        lengths = np.fromiter((len(piece) for piece in pieces), np.int64, len(pieces))
        return cls.from_lengths(lengths, np.frombuffer(b"".join(pieces), np.uint8))

    def to_list(self) -> list[bytes]:
        """The contents as Python bytes, one at a time."""
        joined = self.data.tobytes()
        bounds: list[int] = self.offsets.tolist()
        return [joined[start:end] for start, end in pairwise(bounds)]

    def to_text(self) -> list[str]:
        """The contents as Python strings; raises `UnicodeDecodeError` where one is not UTF-8."""
        return [content.decode() for content in self.to_list()]

    def slice(self, start: int, stop: int) -> Self:
        """Contents `start` to `stop`, not included; `data` stays a view of this column's."""
        start, stop, _ = slice(start, stop).indices(len(self))
        offsets = self.offsets[start : max(start, stop) + 1]
        return type(self)(offsets - offsets[0], self.data[offsets[0] : offsets[-1]])

    def take(self, indexes: NDArray[np.integer]) -> Self:
        """The contents at `indexes`, in that order; raises `IndexError` outside of the column."""
        lengths = self.lengths[indexes]
        offsets = np.zeros(len(lengths) + 1, np.int64)
        np.cumsum(lengths, out=offsets[1:])
        source = np.repeat(self.offsets[:-1][indexes] - offsets[:-1], lengths)
        source += np.arange(len(source), dtype=np.int64)
        return type(self)(offsets, self.data[source])

    @classmethod
    def concat(cls, columns: Sequence[Self]) -> Self:
        """All contents of `columns`, one column after the other."""
        if not columns:
            return cls.empty()
        lengths = np.concatenate([column.lengths for column in columns])
        return cls.from_lengths(lengths, np.concatenate([column.data for column in columns]))

    def is_text(self) -> bool:
        """Whether every content by itself is valid UTF-8."""
        try:
            self.data.tobytes().decode()
        except UnicodeDecodeError:
            return False
        starts = self.offsets[self.offsets < len(self.data)]
        # Joined they are valid; a content that begins inside a character begins with 0b10xxxxxx.
        return not bool(((self.data[starts] & 0xC0) == 0x80).any())

    def dictionary(self) -> tuple[Self, NDArray[np.uint32]] | None:
        """The distinct contents in order of appearance, and for each content its index among them (uint32, shape (n,)).

        Contents are told apart by a 64-bit hash and then compared byte for byte; None in the case, for
        which somebody would have to work, that two different contents have the same hash.
        """
        _, first, inverse = np.unique(self._hashes(), return_index=True, return_inverse=True)
        # In order of first appearance, which repeating patterns compress better in.
        order = np.argsort(first)
        distinct = self.take(first[order])
        inverse = np.argsort(order)[inverse]
        # Equal lengths first: unequal ones could make `take` gather far more than the column holds.
        if not np.array_equal(distinct.lengths[inverse], self.lengths):
            return None
        if not np.array_equal(distinct.take(inverse).data, self.data):
            return None
        return distinct, inverse.astype(np.uint32)

    def _hashes(self) -> NDArray[np.uint64]:
        lengths = self.lengths
        position = np.arange(len(self.data), dtype=np.int64) - np.repeat(self.offsets[:-1], lengths)
        running = np.zeros(len(self.data) + 1, np.uint64)
        np.cumsum((self.data + np.uint64(1)) * _mix(position.view(np.uint64)), out=running[1:])
        return _mix(running[self.offsets[1:]] - running[self.offsets[:-1]] + lengths.view(np.uint64))


def _mix(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of splitmix64 (Steele, Lea and Flood 2014): spreads small numbers over 64 bits."""
    mixed = numbers + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
