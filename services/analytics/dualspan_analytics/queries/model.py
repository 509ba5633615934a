"""What a query asks for, and the table that answers it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualspan_analytics.columns import PropertyRef
from dualspan_frame import ValueKind

BAD_NO_DATA = 0x809B0000


class Join(IntEnum):
    """Which value a row gets; the numbers of the contract."""

    LAST = 1
    LINEAR = 2
    NEAREST = 3


class Quality(IntEnum):
    """What stands beside each value; the numbers of the contract."""

    NOTHING = 0
    STATUS = 1
    GOOD_SHARE = 2


class Form(IntEnum):
    """How a table is written; the numbers of the contract."""

    ARROW = 1
    CSV = 2
    XLSX = 3
    PARQUET = 4


@dataclass(frozen=True, slots=True)
class QueryColumn:
    """A column that is asked for.

    Attributes:
        ref: The property.
        unit: UCUM; the model's if "".
        aggregate: Of Part 13, the contract's number; 0 for none.
        join: Which value a row gets, without an aggregate.
        title: What it is called; "" for the property's own name.
    """

    ref: PropertyRef
    unit: str = ""
    aggregate: int = 0
    join: Join = Join.LAST
    title: str = ""


@dataclass(frozen=True, slots=True)
class Query:
    """A table that is asked for.

    Attributes:
        columns: In the order of the answer.
        start_us: From here on, µs since the Unix epoch.
        end_us: Up to here, not included.
        interval_us: Rows are intervals of this length; 0 if they are not.
        rows_of: Rows are the samples of this column, counted from 0; None if they are not.
        tolerance_us: A sample farther from its row is not used; None if any is.
        quality: What stands beside each value.
    """

    columns: Sequence[QueryColumn]
    start_us: int
    end_us: int
    interval_us: int = 0
    rows_of: int | None = None
    tolerance_us: int | None = None
    quality: Quality = Quality.NOTHING

    @property
    def intervals(self) -> int:
        """How many intervals the span has; 0 if rows are not intervals."""
        return -(-(self.end_us - self.start_us) // self.interval_us) if self.interval_us else 0


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column of an answer; arrays of one length, a row each.

    Attributes:
        title: What it is called.
        unit: UCUM; "" for none.
        kind: What the values are.
        value: float64, int64, bool or object (str); means nothing where `missing`.
        missing: bool: there is no value, or it is bad.
        status: uint32, OPC UA status codes.
        row_share: float64, share of the row's time with good data.
        good_share: Share of the whole span with good data.
    """

    title: str
    unit: str
    kind: ValueKind
    value: NDArray[Any]
    missing: NDArray[np.bool_]
    status: NDArray[np.uint32]
    row_share: NDArray[np.float64]
    good_share: float


@dataclass(frozen=True, slots=True)
class Table:
    """An answer: times in µs since the Unix epoch, UTC, and columns."""

    time: NDArray[np.int64]
    columns: Sequence[TableColumn]
    quality: Quality

    def __len__(self) -> int:
        return len(self.time)
