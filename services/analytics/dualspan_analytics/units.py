"""Conversion between UCUM units, with errors that a caller of the service can act on."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from numpy.typing import NDArray

from dualspan_analytics.errors import unit_unknown, units_do_not_fit
from dualspan_standards import ucum
from dualspan_standards.ucum import Conversion


def conversion(have: str, want: str) -> Conversion:
    """How values in one unit become values in another.

    Args:
        have: UCUM code of the values; "" for values without a unit, which convert into nothing else.
        want: UCUM code that is asked for.

    Raises:
        InvalidArgument: `want` or `have` is no UCUM code that is known (`UNKNOWN_UNIT`), or they measure different
            things (`UNITS_DO_NOT_FIT`, which names both).
    """
    with _explained():
        return ucum.conversion(have, want)


def convert(values: NDArray[Any], have: str, want: str) -> NDArray[Any]:
    """Values in another unit; the same array if the unit is the same. Raises as `conversion`."""
    found = conversion(have, want)
    return values if found == Conversion(1.0, 0.0) else found.apply(values)


def check(code: str) -> str:
    """A UCUM code that is known, or ""; raises InvalidArgument `UNKNOWN_UNIT`."""
    with _explained():
        return ucum.check(code)


@contextmanager
def _explained() -> Generator[None]:
    try:
        yield
    except ucum.UnknownUnitError as err:
        raise unit_unknown(err.code, err.why) from err
    except ucum.UnitsDoNotFitError as err:
        raise units_do_not_fit(err.have, err.want) from err
