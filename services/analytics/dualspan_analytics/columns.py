"""Columns: how properties of assets travel through this service."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

# InfoBits that say: this value held at that time, and was not sampled then (Part 4, 7.39.1; the historian's model.py).
_HELD_BITS, _HELD = np.uint32(0x0C1F), np.uint32(0x0402)


@dataclass(frozen=True, slots=True)
class PropertyRef:
    """What analytics asks for: a property of an asset, never a tag.

    Attributes:
        asset: The asset's id, such as `imm01`.
        property: The property's name in the asset's model, such as `good-count`.
        index: From 1 for an indexed property, 0 for any other.
    """

    asset: str
    property: str
    index: int = 0

    def __str__(self) -> str:
        return f"{self.asset}/{self.property}{f'[{self.index}]' if self.index else ''}"


@dataclass(frozen=True, slots=True)
class Series:
    """One property over a span, ascending in time, all columns of one length.

    Attributes:
        timestamp: int64, µs since the Unix epoch, UTC.
        value: float64, int64, bool or object (str).
        status: uint32, OPC UA status codes (Part 4, 7.39): Good is `(status >> 30) == 0`, Uncertain 1, Bad 2 or 3.
        unit: UCUM, of the asset model; "" if it has none.
    """

    timestamp: NDArray[np.int64]
    value: NDArray[Any]
    status: NDArray[np.uint32]
    unit: str

    def __len__(self) -> int:
        return len(self.timestamp)

    @property
    def is_good(self) -> NDArray[np.bool_]:
        """Which samples have a Good status, one bool for each."""
        return (self.status >> 30) == 0

    @property
    def is_bad(self) -> NDArray[np.bool_]:
        """Which samples have a Bad status, one bool for each: their value means nothing."""
        return (self.status >> 31) == 1

    @property
    def is_held(self) -> NDArray[np.bool_]:
        """Which samples repeat a value that held, after a gap or a silence, one bool for each: nobody measured them."""
        return (self.status & _HELD_BITS) == _HELD


def distinct_texts(values: NDArray[np.object_]) -> tuple[NDArray[np.int64], list[str]]:
    """int64[n], and the distinct texts that these are places in, in the order in which they come.

    An array of NumPy's own texts would give each sample as much room as the longest needs: one long text among many
    short ones would fill the memory.

    Args:
        values: object (str).
    """
    found = pa.array(values, pa.large_string()).dictionary_encode()
    return found.indices.to_numpy(zero_copy_only=False).astype(np.int64), found.dictionary.to_pylist()
