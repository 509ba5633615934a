"""Setpoints: variables that clients may write, and what follows from them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plc_sim.model.signal import Signal, Unit
from plc_sim.model.view import Floats, View
from plc_sim.opcua.encoding import BuiltInType

CYCLE_MS = 100
"""A PLC takes what is written at its next cycle."""


@dataclass(frozen=True, slots=True)
class Setpoint:
    """A number that the machine is told to reach.

    Attributes:
        path: BrowseNames below the machine, the last the variable's.
        default: Until it is written.
        low: Least value that the machine takes.
        high: Greatest.
        unit: Engineering unit.
        label: English DisplayName.
        label_zh: Chinese name.
        kind: DOUBLE, FLOAT, INT16 or BOOLEAN.
        locked: It may be written (AccessLevel), but not by the users of this server (UserAccessLevel).
    """

    path: str
    default: float
    low: float
    high: float
    unit: Unit | None
    label: str
    label_zh: str
    kind: BuiltInType = BuiltInType.DOUBLE
    locked: bool = False

    def at(self, view: View) -> Floats:
        """float64[n]: what is set."""
        return view.written(self.path, self.default)

    def followed(self, view: View, tau_s: float) -> Floats:
        """float64[n]: what a process with this time constant has reached of it."""
        return view.followed(self.path, self.default, tau_s)

    def change(self, view: View, tau_s: float) -> Floats:
        """float64[n]: how far the process has gone from where the default keeps it."""
        return self.followed(view, tau_s) - self.default

    def signal(self) -> Signal:
        """The variable."""
        dtype = {BuiltInType.FLOAT: np.float32, BuiltInType.INT16: np.int16, BuiltInType.BOOLEAN: np.bool_}

        def value(view: View) -> NDArray[np.generic]:
            return self.at(view).astype(dtype.get(self.kind, np.float64))

        return Signal(
            self.path,
            self.kind,
            CYCLE_MS,
            value,
            self.label,
            self.label_zh,
            unit=self.unit,
            low=self.low,
            high=self.high,
            writable=True,
            locked=self.locked,
            driver=self.path,
        )
