"""Cells of many machines as one table, and how rows are made of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualspan_analytics.kpis.machine import Computed
from dualspan_analytics.kpis.measures import MEASURES, Measures
from dualspan_analytics.kpis.slots import Slots


@dataclass(frozen=True, slots=True)
class CellTable:
    """Cells of machines, one row each; all columns of one length.

    Attributes:
        machine: int32, place of the machine in the question.
        slot: int64, place of the slot among the machine's slots of this part; ascending in a part.
        start: int64, µs, of the slot.
        end: int64.
        shift: int16, of the machine's calendar.
        day: int32, local day, days since 1970-01-01.
        product: int32, index into `texts`.
        order: int32, likewise.
        measures: float64[n, MEASURES].
        texts: Products and orders; the first is "".
    """

    machine: NDArray[np.int32]
    slot: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    shift: NDArray[np.int16]
    day: NDArray[np.int32]
    product: NDArray[np.int32]
    order: NDArray[np.int32]
    measures: Measures
    texts: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.machine)


def table_of(machine: int, computed: Computed, slots: Slots) -> CellTable:
    """The cells of one machine, computed over these slots."""
    found = computed.cells
    texts = tuple(dict.fromkeys([*computed.products, *computed.orders]))
    place = {text: index for index, text in enumerate(texts)}
    products = np.array([place[text] for text in computed.products], np.int32)
    orders = np.array([place[text] for text in computed.orders], np.int32)
    slot = found.slot
    return CellTable(
        np.full(len(slot), machine, np.int32),
        slot,
        slots.start[slot],
        slots.end[slot],
        slots.shift[slot],
        slots.day[slot],
        products[found.product],
        orders[found.order],
        found.measures,
        texts,
    )


def joined(parts: Sequence[CellTable]) -> CellTable:
    """The rows of several tables, one after the other, with texts of their own."""
    texts = tuple(dict.fromkeys(["", *(text for part in parts for text in part.texts)]))
    place = {text: index for index, text in enumerate(texts)}
    tables = [np.array([place[text] for text in part.texts], np.int32) for part in parts]
    renamed = [
        replace(part, product=table[part.product], order=table[part.order])
        for part, table in zip(parts, tables, strict=True)
    ]

    def column(name: str, dtype: type) -> NDArray[Any]:
        return np.concatenate([np.empty(0, dtype), *(getattr(part, name) for part in renamed)])

    return CellTable(
        column("machine", np.int32),
        column("slot", np.int64),
        column("start", np.int64),
        column("end", np.int64),
        column("shift", np.int16),
        column("day", np.int32),
        column("product", np.int32),
        column("order", np.int32),
        np.concatenate([np.empty((0, MEASURES)), *(part.measures for part in renamed)]),
        texts,
    )
