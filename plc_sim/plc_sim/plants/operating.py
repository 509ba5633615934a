"""What every machine shows of the commands that it was given."""

from dataclasses import replace

import numpy as np

from plc_sim.model.machine import Product
from plc_sim.model.signal import Signal
from plc_sim.model.view import Ints, View
from plc_sim.model.writes import BATCH, HOLD, QUANTITY, RECIPE
from plc_sim.plants.blocks import counter, flag, text

_NO_RECIPE = -1


def _written(view: View, variable: str, default: int) -> Ints:
    return view.written(variable, default).astype(np.int64)


def commands(products: tuple[Product, ...]) -> tuple[Signal, ...]:
    """Batch counter, recipe, ordered quantity, and whether somebody holds the machine."""

    def recipe(key: int) -> str:
        return "" if key == _NO_RECIPE else products[key].code

    told = (
        (counter("Order/Quantity", 500, "Ordered quantity", "订单数量", lambda v: _written(v, QUANTITY, 0)), QUANTITY),
        (text("Order/Recipe", 500, "Recipe", "配方", lambda v: _written(v, RECIPE, _NO_RECIPE), recipe), RECIPE),
        (flag("Order/Held", 500, "Held by a command", "被指令暂停", lambda v: _written(v, HOLD, 0) > 0), HOLD),
    )
    return (
        counter("Order/BatchCount", 500, "Batch count", "本批计数", lambda v: v.good - _written(v, BATCH, 0)),
        *(replace(signal, driver=driver) for signal, driver in told),
    )
