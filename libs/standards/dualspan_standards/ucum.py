"""Units of measurement by UCUM code (The Unified Code for Units of Measure, 2.2), converted by pint.

Annotations in braces are units of their own here, although UCUM gives them no dimension: pieces per hour shall not
become hertz, nor revolutions. Reactive and apparent power do not become active power either.
"""

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LONGEST = 60


class UnknownUnitError(ValueError):
    """A text is no UCUM code that is known here.

    Attributes:
        code: The text.
        why: What is wrong with it.
    """

    def __init__(self, code: str, why: str) -> None:
        super().__init__(f"{code[:_LONGEST]!r} is not a UCUM code that is known here: {why}.")
        self.code = code
        self.why = why


class UnitsDoNotFitError(ValueError):
    """Two units measure different things.

    Attributes:
        have: UCUM code of what there is.
        want: UCUM code of what is asked for.
    """

    def __init__(self, have: str, want: str) -> None:
        super().__init__(f"{have!r} cannot become {want!r}: they measure different things.")
        self.have = have
        self.want = want


# UCUM atom to pint's name; those of the first table take prefixes.
_METRIC = {
    "m": "meter",
    "g": "gram",
    "s": "second",
    "A": "ampere",
    "K": "kelvin",
    "mol": "mole",
    "cd": "candela",
    "rad": "radian",
    "Hz": "hertz",
    "N": "newton",
    "Pa": "pascal",
    "J": "joule",
    "W": "watt",
    "V": "volt",
    "C": "coulomb",
    "F": "farad",
    "Ohm": "ohm",
    "S": "siemens",
    "Wb": "weber",
    "T": "tesla",
    "H": "henry",
    "lm": "lumen",
    "lx": "lux",
    "L": "liter",
    "l": "liter",
    "bar": "bar",
    "t": "metric_ton",
    "gf": "gram_force",
    "[g]": "standard_gravity",
    "Cel": "delta_degree_Celsius",
    "cal": "calorie",
    # Not of UCUM, and on every power meter.
    "var": "var_",
    "VA": "voltampere_",
}
_OTHER = {
    "%": "percent",
    "[ppm]": "ppm",
    "min": "minute",
    "h": "hour",
    "d": "day",
    "wk": "week",
    "a": "julian_year",
    "deg": "degree",
    "atm": "standard_atmosphere",
    "[degF]": "delta_degree_Fahrenheit",
    "[degR]": "delta_degree_Rankine_",
    "[psi]": "psi",
    "[in_i]": "inch",
    "[ft_i]": "foot",
    "[yd_i]": "yard",
    "[mi_i]": "mile",
    "[cin_i]": "inch ** 3",
    "[cft_i]": "foot ** 3",
    "[gal_us]": "gallon",
    "[lb_av]": "pound",
    "[oz_av]": "ounce",
    "[lbf_av]": "force_pound",
    "[HP]": "horsepower",
    "[Btu_IT]": "british_thermal_unit_it_",
}
# fmt: off
_PREFIXES = {
    "Y": 24, "Z": 21, "E": 18, "P": 15, "T": 12, "G": 9, "M": 6, "k": 3, "h": 2, "da": 1,
    "d": -1, "c": -2, "m": -3, "u": -6, "n": -9, "p": -12, "f": -15, "a": -18,
}
# fmt: on
# Temperatures have a zero of their own, but only alone: per minute they are differences.
_WITH_ZERO = {"Cel": "degree_Celsius", "[degF]": "degree_Fahrenheit"}
_WHOLE = {"V.A": "VA", "kV.A": "kVA", "MV.A": "MVA", "V.A.h": "VA.h", "kV.A.h": "kVA.h"}
_TOKEN = re.compile(
    r"(?P<operator>[./()])|(?P<note>\{[\x21-\x7a|~]*\})|(?P<number>10[*^]|[0-9]+)"
    r"|(?P<atom>(?:\[[A-Za-z0-9_']+\]|[A-Za-z%]+(?:\[[A-Za-z0-9_']+\])?))"
)
_EXPONENT = re.compile(r"[+-]?[0-9]+")


@dataclass(frozen=True, slots=True)
class Conversion:
    """Value in the wanted unit = value × factor + offset."""

    factor: float
    offset: float

    def apply(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Converted values, float64; NaN stays NaN."""
        return values.astype(np.float64) * self.factor + self.offset


@functools.lru_cache(maxsize=4096)
def conversion(have: str, want: str) -> Conversion:
    """How values in one unit become values in another.

    Args:
        have: UCUM code of the values; "" for values without a unit, which convert into nothing else.
        want: UCUM code that is asked for.

    Raises:
        UnknownUnitError: `want` or `have` is no UCUM code that is known.
        UnitsDoNotFitError: They measure different things.
    """
    if have == want:
        return Conversion(1.0, 0.0)
    if not have or not want:
        raise UnitsDoNotFitError(have, want)
    from pint import DimensionalityError

    source, target = _unit(have), _unit(want)
    if source.notes != target.notes:
        raise UnitsDoNotFitError(have, want)
    try:
        zero, one = (_registry().Quantity(x, source.unit).to(target.unit).magnitude for x in (0.0, 1.0))
    except DimensionalityError as err:
        raise UnitsDoNotFitError(have, want) from err
    scale = source.factor / target.factor
    return Conversion(_tidy((one - zero) * scale), _tidy(zero / target.factor))


def check(code: str) -> str:
    """A UCUM code that is known, or ""; raises `UnknownUnitError`."""
    if code:
        _unit(code)
    return code


# What a manifest may name in place of a unit: any unit that becomes this one will do.
DIMENSIONS = {
    "acceleration": "m/s2",
    "angle": "deg",
    "count": "{piece}",
    "current": "A",
    "energy": "J",
    "flow": "m3/s",
    "force": "N",
    "frequency": "Hz",
    "length": "m",
    "mass": "g",
    "power": "W",
    "pressure": "Pa",
    "ratio": "%",
    "speed": "m/s",
    "temperature": "Cel",
    "time": "s",
    "torque": "N.m",
    "voltage": "V",
    "volume": "m3",
}


def fits(have: str, want: str) -> bool:
    """Whether values in one unit can become values in another; False for codes that are not known, too."""
    try:
        conversion(have, want)
    except (UnknownUnitError, UnitsDoNotFitError):
        return False
    return True


def measures(code: str, dimension: str) -> bool:
    """Whether a unit measures a dimension, one of `DIMENSIONS`."""
    return fits(code, DIMENSIONS[dimension])


def _tidy(value: float) -> float:
    """Without the last bits that come of division: 0.1 × 10 is 1."""
    return float(f"{value:.14g}")


@dataclass(frozen=True, slots=True)
class _Unit:
    """factor × unit of pint, and what is counted: annotations and their exponents, none of them 0."""

    factor: float
    unit: Any
    notes: tuple[tuple[str, int], ...] = ()

    def times(self, other: "_Unit", exponent: int) -> "_Unit":
        """This × other to the power of 1 or -1."""
        counted = dict(self.notes)
        for note, power in other.notes:
            counted[note] = counted.get(note, 0) + power * exponent
        notes = tuple(sorted((note, power) for note, power in counted.items() if power))
        return _Unit(self.factor * other.factor**exponent, self.unit * other.unit**exponent, notes)


@functools.lru_cache(maxsize=4096)
def _unit(code: str) -> _Unit:
    if len(code) > _LONGEST:
        raise UnknownUnitError(code, "it is too long")
    if code in _WITH_ZERO:
        return _Unit(1.0, _registry().Unit(_WITH_ZERO[code]))
    return _Reader(code, list(_tokens(_WHOLE.get(code, code), code))).read()


@functools.cache
def _registry() -> Any:
    from pint import UnitRegistry

    registry: Any = UnitRegistry()
    for definition in (
        "var_ = [reactive_power]",
        "voltampere_ = [apparent_power]",
        "delta_degree_Rankine_ = 5 / 9 * kelvin",
        # ISO 31-4: the International Table one, which steam tables and meters use.
        "british_thermal_unit_it_ = 1055.05585262 * joule",
    ):
        registry.define(definition)
    return registry


def _tokens(text: str, code: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise UnknownUnitError(code, f"{text[at]!r} stands where none can")
        at = found.end()
        yield str(found.lastgroup), found.group()
        if found.lastgroup in {"atom", "number"}:
            exponent = _EXPONENT.match(text, at)
            if exponent is not None:
                at = exponent.end()
                yield "exponent", exponent.group()


class _Reader:
    """Reads UCUM's grammar (2.2, § 5–7): terms with `.` and `/`, from left to right."""

    def __init__(self, code: str, tokens: list[tuple[str, str]]) -> None:
        self._code = code
        self._tokens = tokens
        self._one = _Unit(1.0, _registry().Unit("dimensionless"))
        self._at = 0

    def read(self) -> _Unit:
        unit = self._term()
        if self._at < len(self._tokens):
            raise UnknownUnitError(self._code, f"{self._tokens[self._at][1]!r} stands where none can")
        return unit

    def _term(self) -> _Unit:
        unit = self._one
        operator = self._next() if self._peek("operator") == "/" else "."
        while True:
            unit = unit.times(self._component(), 1 if operator == "." else -1)
            if self._peek("operator") not in {".", "/"}:
                return unit
            operator = self._next()

    def _component(self) -> _Unit:
        if self._peek("operator") == "(":
            self._next()
            inside = self._term()
            if self._peek("operator") != ")":
                raise UnknownUnitError(self._code, "a bracket is not closed")
            self._next()
            return inside
        if self._peek("note"):
            return self._note()
        if self._peek("atom") or self._peek("number"):
            kind, text = self._tokens[self._at]
            self._next()
            exponent = int(self._next()) if self._peek("exponent") else 1
            unit = self._number(text, exponent) if kind == "number" else self._atom(text, exponent)
            # `kg{steam}`: what is measured is remembered with the unit.
            return unit.times(self._note(), 1) if self._peek("note") else unit
        raise UnknownUnitError(self._code, "a unit is missing")

    def _number(self, text: str, exponent: int) -> _Unit:
        if abs(exponent) > 30 or len(text) > 15:
            raise UnknownUnitError(self._code, "a number is too large")
        base = 10.0 if text[-1] in "*^" else float(text)
        if base == 0:
            raise UnknownUnitError(self._code, "0 is no unit")
        return _Unit(base**exponent, self._one.unit)

    def _atom(self, text: str, exponent: int) -> _Unit:
        if abs(exponent) > 9:
            raise UnknownUnitError(self._code, "an exponent is too large")
        name, power = _OTHER.get(text) or _METRIC.get(text), 0
        if name is None:
            prefix = next((p for p in _PREFIXES if text.startswith(p) and text[len(p) :] in _METRIC), None)
            if prefix is None:
                raise UnknownUnitError(self._code, f"{text!r} is no unit that is known here")
            name, power = _METRIC[text[len(prefix) :]], _PREFIXES[prefix]
        return _Unit(10.0 ** (power * exponent), _registry().Unit(name) ** exponent)

    def _note(self) -> _Unit:
        return _Unit(1.0, self._one.unit, ((self._next()[1:-1], 1),))

    def _peek(self, kind: str) -> str:
        if self._at < len(self._tokens) and self._tokens[self._at][0] == kind:
            return self._tokens[self._at][1]
        return ""

    def _next(self) -> str:
        self._at += 1
        return self._tokens[self._at - 1][1]
