"""Samples of one property as columns, and the tables that notebooks like."""

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dualspan_frame import BinaryColumn, ValueKind, Values, value_dtype

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

_UNCERTAIN = 0x40000000


@dataclass(frozen=True, slots=True)
class PropertyRef:
    """A property of an asset.

    Attributes:
        asset: Its id, such as `imm01`.
        property: The property's id in the asset model, such as `good-count`.
        index: From 1 for one of several, such as the zones of a barrel; else 0.
    """

    asset: str
    property: str
    index: int = 0

    def __str__(self) -> str:
        return f"{self.asset}/{self.property}" + (f"[{self.index}]" if self.index else "")


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Samples of one property, ascending in time; row i of every column together is one sample.

    Attributes:
        ref: Whose they are.
        unit: UCUM code of the values; empty for none.
        timestamp: int64, shape (n,): microseconds since 1970-01-01T00:00:00 UTC.
        value: float64, int64, bool or object (str; bytes for structures), shape (n,).
        status: uint32, shape (n,): OPC UA status codes.
    """

    ref: PropertyRef
    unit: str
    timestamp: NDArray[np.int64]
    value: NDArray[Any]
    status: NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.timestamp)

    @property
    def time(self) -> NDArray[np.datetime64]:
        """datetime64[us], shape (n,): the timestamps, UTC."""
        return self.timestamp.view("datetime64[us]")

    @property
    def good(self) -> NDArray[np.bool_]:
        """bool, shape (n,): where the status is Good (OPC UA Part 4, 7.39.1: both severity bits 0)."""
        return self.status < np.uint32(_UNCERTAIN)

    def only_good(self) -> "Columns":
        """The samples whose status is Good."""
        good = self.good
        if bool(good.all()):
            return self
        return Columns(self.ref, self.unit, self.timestamp[good], self.value[good], self.status[good])

    def to_arrow(self) -> "pa.Table":  # pyright: ignore[reportUnknownParameterType] - pyarrow ships no types
        """Columns `timestamp` (timestamp[us, UTC]), `value` and `status`; the unit is metadata of `value`.

        Raises:
            ModuleNotFoundError: pyarrow is not installed: `pip install 'dualspan-sdk[arrow]'`.
        """
        arrow: Any = _optional("pyarrow", "arrow")
        time = arrow.array(self.time, arrow.timestamp("us", tz="UTC"))
        value, status = arrow.array(self.value), arrow.array(self.status)
        described = {"unit": self.unit, "property": str(self.ref)}
        fields = [
            arrow.field("timestamp", time.type),
            arrow.field("value", value.type, metadata=described),
            arrow.field("status", status.type),
        ]
        return arrow.Table.from_arrays([time, value, status], schema=arrow.schema(fields))

    def to_pandas(self) -> "pd.DataFrame":
        """Columns `value` and `status` with a UTC index; `attrs` has the unit and the property.

        Raises:
            ModuleNotFoundError: pandas is not installed: `pip install 'dualspan-sdk[pandas]'`.
        """
        pandas: Any = _optional("pandas", "pandas")
        index = pandas.DatetimeIndex(self.time, tz="UTC", name="timestamp")
        table = pandas.DataFrame({"value": self.value, "status": self.status}, index=index)
        table.attrs |= {"unit": self.unit, "property": str(self.ref)}
        return table

    def to_polars(self) -> "pl.DataFrame":
        """Columns `timestamp` (Datetime[us, UTC]), `value` and `status`.

        Raises:
            ModuleNotFoundError: polars is not installed: `pip install 'dualspan-sdk[polars]'`.
        """
        polars: Any = _optional("polars", "polars")
        value: Any = self.value.tolist() if self.value.dtype == object else self.value
        table = polars.DataFrame({"timestamp": self.time, "value": value, "status": self.status})
        return table.with_columns(polars.col("timestamp").dt.replace_time_zone("UTC"))


@dataclass(frozen=True, slots=True, eq=False)
class LiveColumns:
    """Samples of several properties whose values have one dtype, as they came; columns of one length.

    Attributes:
        refs: What was subscribed to.
        place: int32, shape (n,): indexes into `refs`.
        timestamp: int64, shape (n,): microseconds since 1970-01-01T00:00:00 UTC.
        value: float64, int64, bool or object (str), shape (n,), in the units of the asset models.
        status: uint32, shape (n,): OPC UA status codes.
    """

    refs: tuple[PropertyRef, ...]
    place: NDArray[np.int32]
    timestamp: NDArray[np.int64]
    value: NDArray[Any]
    status: NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.place)

    def of(self, ref: PropertyRef) -> NDArray[np.intp]:
        """The rows of one property."""
        return np.flatnonzero(self.place == self.refs.index(ref))


def plain_values(values: Values, kind: ValueKind) -> NDArray[Any]:
    """Values as an array: text as str and structures as bytes, dtype object."""
    if not isinstance(values, BinaryColumn):
        return values
    # Texts repeat: each different one is decoded once.
    rows = values.to_list()
    known = {row: row.decode(errors="replace") if kind is ValueKind.TEXT else row for row in {*rows}}
    decoded = np.empty(len(rows), object)
    decoded[:] = [known[row] for row in rows]
    return decoded


def no_values(kind: ValueKind) -> NDArray[Any]:
    """No values, of the dtype that the kind has."""
    return np.empty(0, value_dtype(kind) or object)


def _optional(module: str, extra: str) -> object:
    try:
        return import_module(module)
    except ModuleNotFoundError as err:
        raise ModuleNotFoundError(f"{module} is not installed: pip install 'dualspan-sdk[{extra}]'") from err
