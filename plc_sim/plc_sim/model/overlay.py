"""Faults on demand that change samples: Bad status or NaN for a time, remembered across restarts.

They are part of the story: what a journal says happened is what live values and history show.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["status", "nan"]


@dataclass(frozen=True, slots=True)
class Overlay:
    """A span in which a variable's samples are not what its physics say.

    Attributes:
        variable: Identifier of the variable.
        kind: "status" gives the samples `status`, "nan" makes their value NaN.
        start_us: First instant.
        end_us: End, exclusive.
        status: OPC UA status code of kind "status".
    """

    variable: str
    kind: Kind
    start_us: int
    end_us: int
    status: int = 0


class OverlayJournal:
    """The overlays of one plant, kept in a file of JSON lines (or only in memory, without one)."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._by_variable: dict[str, list[Overlay]] = {}
        if path is not None and path.exists():
            for line in path.read_text().splitlines():
                self._keep(Overlay(**json.loads(line)))

    def _keep(self, overlay: Overlay) -> None:
        self._by_variable.setdefault(overlay.variable, []).append(overlay)

    def add(self, overlay: Overlay) -> None:
        """Write an overlay down, then let it act."""
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a") as file:
                file.write(json.dumps(asdict(overlay)) + "\n")
        self._keep(overlay)

    def all(self) -> list[Overlay]:
        """Every overlay, in the order in which they were added."""
        return [overlay for overlays in self._by_variable.values() for overlay in overlays]

    def of(self, variable: str, start_us: int, end_us: int) -> list[Overlay]:
        """The overlays of a variable that touch [start_us, end_us)."""
        overlays = self._by_variable.get(variable, ())
        return [overlay for overlay in overlays if overlay.start_us < end_us and overlay.end_us > start_us]


def covered(overlay: Overlay, timestamps: NDArray[np.int64]) -> NDArray[np.bool_]:
    """bool[n]: which timestamps an overlay covers."""
    return (timestamps >= overlay.start_us) & (timestamps < overlay.end_us)
