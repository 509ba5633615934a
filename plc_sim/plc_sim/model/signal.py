"""Signals: what a variable is called, what it is made of, and what it looks like on the wire."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plc_sim.model.view import View
from plc_sim.opcua.encoding import BuiltInType

Evaluate = Callable[[View], NDArray[Any]]
"""Values at the view's instants: [n], or [n, k] for arrays, or keys (int64[n]) for text and structures."""


@dataclass(frozen=True, slots=True)
class Unit:
    """An engineering unit (Part 8, 5.6.3): UNECE code, symbol and name."""

    code: str
    symbol: str
    name: str

    @property
    def unit_id(self) -> int:
        """UnitId: the UNECE code's characters, big-endian."""
        return int.from_bytes(self.code.encode(), "big")


@dataclass(frozen=True, slots=True)
class Enumeration:
    """A custom enumeration.

    Attributes:
        name: Of the DataType.
        members: Value to name.
    """

    name: str
    members: dict[int, str]


@dataclass(frozen=True, slots=True)
class StructureField:
    """A field of a structure: a built-in type, or another structure."""

    name: str
    kind: "BuiltInType | Structure"


@dataclass(frozen=True, slots=True)
class Structure:
    """A custom structure, without optional fields.

    Attributes:
        name: Of the DataType.
        fields: In order.
        type_id: Numeric identifier of the DataType in the types' namespace.
        encoding_id: Of its "Default Binary" encoding.
    """

    name: str
    fields: tuple[StructureField, ...]
    type_id: int
    encoding_id: int


@dataclass(frozen=True, slots=True, eq=False)
class Signal:
    """One variable of a kind of machine.

    Attributes:
        path: BrowseNames below the machine, separated by slashes; the last is the variable's.
        kind: Built-in type.
        grid_ms: Sampling grid.
        evaluate: The values.
        label: English DisplayName.
        label_zh: Chinese name, which becomes the Description.
        unit: Engineering unit of a number.
        low: Lower end of the EURange.
        high: Upper end of the EURange.
        enumeration: DataType of an INT32 that is an enumeration.
        structure: DataType of an EXTENSION_OBJECT.
        length: Elements of an array; 0 for scalars.
        render: For text: key to text. For structures: key to the encoded body.
        writable: Clients may write it.
        locked: It may be written, but not by the users of this server.
        driver: Path of the (pseudo-)variable of the machine whose writes alone change it.
    """

    path: str
    kind: BuiltInType
    grid_ms: int
    evaluate: Evaluate
    label: str
    label_zh: str
    unit: Unit | None = None
    low: float = 0.0
    high: float = 0.0
    enumeration: Enumeration | None = None
    structure: Structure | None = None
    length: int = 0
    render: Callable[[int], str] | Callable[[int], bytes] | None = None
    writable: bool = False
    locked: bool = False
    driver: str = ""

    @property
    def grid_us(self) -> int:
        """Sampling grid in microseconds."""
        return self.grid_ms * 1000

    @property
    def is_float(self) -> bool:
        """Whether the value can be NaN."""
        return self.kind in {BuiltInType.DOUBLE, BuiltInType.FLOAT}


def rounded(values: NDArray[np.float64], decimals: int, low: float, high: float) -> NDArray[np.float64]:
    """What a transmitter gives: clipped to its range, with its number of decimals."""
    # Adding zero turns -0.0 into 0.0.
    return np.round(np.clip(values, low, high), decimals) + 0.0
