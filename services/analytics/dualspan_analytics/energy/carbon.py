"""Emission factors: which one counts for electricity used in a region and a year, and who says so."""

import functools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

import yaml

from dualspan_analytics.energy.errors import bad_factor, factor_unknown
from dualspan_analytics.units import conversion

UNIT = "kg/(kW.h)"
_SCHEMA = "dualspan.emission-factors/1"
_YEARS = range(1990, 2101)
_MOST = 10.0


@dataclass(frozen=True, slots=True)
class EmissionFactor:
    """What a kWh emits.

    Attributes:
        region: Such as `CN-GD`; ISO 3166 where there is a code.
        year: For which it was found.
        version: Of the publication: a figure computed with it names it.
        value: kg per kWh.
        gas: `CO2`, or `CO2e` with other greenhouse gases in it.
        source: Who published it, and where.
        display_name: Of the region, for people.
        id: Unique in the tenant; "" if it is built in.
    """

    region: str
    year: int
    version: str
    value: float
    gas: str
    source: str
    display_name: str
    id: str = ""


def check_factor(factor: EmissionFactor) -> EmissionFactor:
    """Return it; raises InvalidArgument `BAD_EMISSION_FACTOR` for one that cannot be, or names no source."""
    if not math.isfinite(factor.value) or not 0 <= factor.value <= _MOST:
        raise bad_factor(f"{factor.value:g} kg per kWh is not between 0 and {_MOST:g}")
    if factor.year not in _YEARS:
        raise bad_factor(f"{factor.year} is no year that it could be for")
    if not factor.source.strip():
        raise bad_factor("it names no source; say who published it, and where")
    if factor.gas not in {"CO2", "CO2e"}:
        raise bad_factor("the gas is CO2, or CO2e with other greenhouse gases in it")
    return factor


@functools.cache
def built_in() -> tuple[EmissionFactor, ...]:
    """The factors that come with the product, in order of region and year."""
    found: list[EmissionFactor] = []
    for file in resources.files("dualspan_analytics.energy.factors").iterdir():
        if file.name.endswith(".yaml"):
            found += _read(yaml.safe_load(file.read_text(encoding="utf-8")))
    return tuple(sorted(found, key=lambda factor: (factor.region, factor.year)))


def choose(factors: Iterable[EmissionFactor], region: str, year: int) -> EmissionFactor:
    """The newest factor of a region for that year or before; of two for one year, the one that comes first.

    Raises:
        NotFound: There is none.
    """
    known = [factor for factor in factors if factor.region == region and factor.year <= year]
    if not known:
        raise factor_unknown(region, year)
    return max(known, key=lambda factor: factor.year)


def _read(document: Mapping[str, Any]) -> list[EmissionFactor]:
    if document["schema"] != _SCHEMA:
        raise ValueError(f"emission factors of schema {document['schema']!r}")
    scale = conversion(document["unit"], UNIT).factor
    return [
        check_factor(
            EmissionFactor(
                region=region,
                year=document["year"],
                version=document["version"],
                value=entry["value"] * scale,
                gas=document["gas"],
                source=f"{document['publisher']}: {document['title']}",
                display_name=entry["names"]["en"],
            )
        )
        for region, entry in document["regions"].items()
    ]
