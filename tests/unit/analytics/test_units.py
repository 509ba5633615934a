import contextlib
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualspan_analytics.units import check, conversion, convert
from dualspan_onboarding.asset_models import units as onboarding
from dualspan_onboarding.asset_models.library import built_in
from dualspan_runtime.errors import InvalidArgument

# Onboarding keeps these apart by what they measure; by UCUM they have the same dimension.
SAME_DIMENSION = [{"torque", "energy"}, {"specific-power", "pressure"}, {"frequency", "per-second"}, {"ratio", "angle"}]


@pytest.mark.parametrize(
    ("have", "want", "value", "expected"),
    [
        ("Cel", "[degF]", 100.0, 212.0),
        ("[degF]", "Cel", 212.0, 100.0),
        ("Cel", "K", 0.0, 273.15),
        ("Cel/min", "K/h", 1.0, 60.0),
        ("bar", "[psi]", 1.0, 14.503773773),
        ("kgf/cm2", "bar", 1.0, 0.980665),
        ("kW.h", "MJ", 1.0, 3.6),
        ("kW.h/{piece}", "W.h/{piece}", 1.0, 1000.0),
        ("{piece}/h", "{piece}/min", 120.0, 2.0),
        ("[cft_i]/min", "m3/h", 1.0, 1.69901079552),
        ("%", "1", 50.0, 0.5),
        ("mm", "[in_i]", 25.4, 1.0),
        ("10*3.m", "km", 2.0, 2.0),
        ("kV.A", "V.A", 1.0, 1000.0),
        ("kvar.h", "var.h", 1.0, 1000.0),
        ("m/s2", "[g]", 9.80665, 1.0),
        ("1/s", "s-1", 3.0, 3.0),
        ("/min", "Hz", 60.0, 1.0),
        ("kg.m/(s2)", "N", 2.0, 2.0),
    ],
)
def test_conversions(have: str, want: str, value: float, expected: float) -> None:
    assert convert(np.array([value]), have, want)[0] == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize(
    ("have", "want"),
    [
        ("Cel", "bar"),
        ("{piece}/h", "Hz"),
        ("{piece}/h", "{revolution}/h"),
        ("kvar", "kW"),
        ("kV.A", "kW"),
        ("", "Cel"),
        ("Cel", ""),
        ("L/min", "kg/min"),
    ],
)
def test_what_does_not_fit_is_named(have: str, want: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        conversion(have, want)
    assert raised.value.reason == "UNITS_DO_NOT_FIT"
    for unit in filter(None, (have, want)):
        assert repr(unit) in raised.value.message


@pytest.mark.parametrize(
    "code", ["furlong", "m..s", "m/", "(m", "m)", "m^2^2", "°C", "k", "m99", "x" * 61, "{", "0", " "]
)
def test_what_is_no_unit_is_said(code: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        check(code)
    assert raised.value.reason == "UNKNOWN_UNIT"


def test_every_unit_of_every_model_is_known() -> None:
    library = built_in()
    models = [library.whole(each, found.version) for each in library.ids() if (found := library.find(each))]
    codes = {each.unit for model in models if model for each in model.properties if each.unit}
    assert len(codes) > 25
    for code in codes:
        assert check(code) == code


def test_onboarding_and_analytics_convert_alike() -> None:
    table = onboarding.table().values()
    compared = 0
    for have in table:
        for want in table:
            expected = onboarding.conversion(have, want)
            if expected is None:
                if {have.dimension, want.dimension} not in SAME_DIMENSION:
                    with pytest.raises(InvalidArgument):
                        conversion(have.ucum, want.ucum)
                continue
            found = conversion(have.ucum, want.ucum)
            assert found.factor == pytest.approx(expected.factor, rel=1e-6), (have.ucum, want.ucum)
            assert found.offset == pytest.approx(expected.offset, rel=1e-6, abs=1e-9), (have.ucum, want.ucum)
            compared += 1
    assert compared > 300


@given(st.sampled_from(["Cel", "[degF]", "K", "bar", "kW.h", "{piece}/h"]), st.floats(-1e6, 1e6))
def test_there_and_back(code: str, value: float) -> None:
    other = {"Cel": "[degF]", "[degF]": "K", "K": "Cel", "bar": "kPa", "kW.h": "MJ", "{piece}/h": "{piece}/s"}[code]
    back = convert(convert(np.array([value]), code, other), other, code)
    assert back[0] == pytest.approx(value, rel=1e-9, abs=1e-6)


@given(st.text(max_size=70))
def test_any_text_is_a_unit_or_an_error(code: str) -> None:
    with contextlib.suppress(InvalidArgument):
        assert check(code) == code


def test_nan_stays() -> None:
    assert math.isnan(convert(np.array([math.nan]), "Cel", "[degF]")[0])
