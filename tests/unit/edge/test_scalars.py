"""Values of commands in OPC UA's types: exactly, or not at all."""

from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pytest
from asyncua import ua
from hypothesis import given
from hypothesis import strategies as st

from dualspan.onboarding.v1.writes_pb2 import WriteLimits, WriteValue
from dualspan_edge.opcua.scalars import ValueRefused, check_limits, decimal_of, from_variant, same, to_variant

# Built-in type → bytes, and whether it has a sign.
_SIZES = [(size, signed) for size in (1, 2, 4, 8) for signed in (True, False)]
INTEGERS = dict(zip(range(2, 10), _SIZES, strict=True))
FLOAT, DOUBLE = 10, 11


def bounds(built_in: int) -> tuple[int, int]:
    size, signed = INTEGERS[built_in]
    return (-(2 ** (8 * size - 1)), 2 ** (8 * size - 1) - 1) if signed else (0, 2 ** (8 * size) - 1)


def number(value: object) -> WriteValue:
    return WriteValue(number=str(value))


@pytest.mark.parametrize("built_in", INTEGERS)
@given(data=st.data())
def test_whole_numbers_are_written_exactly_or_refused(built_in: int, data: st.DataObject) -> None:
    low, high = bounds(built_in)
    value = data.draw(st.one_of(st.integers(low - 3, high + 3), st.sampled_from([low, high, low - 1, high + 1])))
    if low <= value <= high:
        variant = to_variant(number(value), built_in, "T")
        assert (variant.Value, variant.VariantType.value) == (value, built_in)
        assert from_variant(variant) == number(value)
    else:
        with pytest.raises(ValueRefused, match="is not between"):
            to_variant(number(value), built_in, "T")


@pytest.mark.parametrize("text", ["1.5", "1e-3", "0.99999999999999999999"])
def test_a_fraction_is_no_whole_number(text: str) -> None:
    with pytest.raises(ValueRefused, match="not a whole number"):
        to_variant(WriteValue(number=text), 6, "Int32")
    assert to_variant(WriteValue(number="1.50e2"), 6, "Int32").Value == 150


@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_a_double_comes_back_as_it_was_written(value: float) -> None:
    variant = to_variant(number(repr(value)), DOUBLE, "Double")
    assert variant.Value == value
    read = from_variant(variant)
    assert read is not None
    assert same(number(repr(value)), read)


@given(value=st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_float_is_shown_with_the_digits_that_it_has(value: float) -> None:
    read = from_variant(ua.Variant(value, ua.VariantType.Float))
    assert read is not None
    assert np.float32(read.number) == np.float32(value)
    assert to_variant(read, FLOAT, "Float").Value == value


@pytest.mark.parametrize(
    ("value", "built_in"),
    [
        (number("1e39"), FLOAT),
        (number("1e309"), DOUBLE),
        (number("1e999999999"), DOUBLE),
        (number("NaN"), DOUBLE),
        (number("Infinity"), DOUBLE),
        (number("1" * 61), DOUBLE),
        (number("twelve"), DOUBLE),
        (number("1"), 1),
        (WriteValue(boolean=True), 6),
        (WriteValue(text="1"), 6),
        (number("1"), 12),
        (WriteValue(text="2026-01-31"), 13),
        (WriteValue(text="2026-01-31T12:00:00"), 13),
        (WriteValue(text="no guid"), 14),
        (WriteValue(text="x"), 15),
        (WriteValue(text="x"), 22),
        (WriteValue(), 12),
    ],
)
def test_what_is_not_of_the_type_is_refused_in_words(value: WriteValue, built_in: int) -> None:
    with pytest.raises(ValueRefused, match=r"."):
        to_variant(value, built_in, "T")


def test_other_types_are_what_they_say() -> None:
    moment = to_variant(WriteValue(text="2026-01-31T13:00:00+01:00"), 13, "UtcTime")
    assert moment.Value == datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert from_variant(moment) == WriteValue(text="2026-01-31T12:00:00Z")
    assert to_variant(WriteValue(text="冷却"), 21, "LocalizedText").Value == ua.LocalizedText("冷却")
    assert to_variant(WriteValue(binary=b"\x00\xff"), 15, "ByteString").Value == b"\x00\xff"
    assert to_variant(number(3), 29, "State").VariantType is ua.VariantType.Int32
    assert from_variant(ua.Variant([1.0], ua.VariantType.Double)) is None
    assert from_variant(ua.Variant(float("nan"), ua.VariantType.Double)) == WriteValue(text="nan")


def test_values_are_the_same_within_the_tolerance_and_never_across_types() -> None:
    assert same(number("1.0"), number("1"))
    assert same(number("1.0"), number("1.1"), Decimal("0.1"))
    assert not same(number("1.0"), number("1.10000001"), Decimal("0.1"))
    assert not same(number("1"), WriteValue(boolean=True))
    assert not same(number("1"), None)


@pytest.mark.parametrize(
    ("limits", "value", "present", "why"),
    [
        (WriteLimits(minimum="10"), number("9.999"), None, "less than the limit"),
        (WriteLimits(maximum="10"), number("10.0000000000000000001"), None, "more than the limit"),
        (WriteLimits(maximum_step="2"), number("12.1"), number(10), "away from the present"),
        (WriteLimits(maximum_step="2"), number(12), None, "not known"),
        (WriteLimits(maximum_step="2"), number(12), WriteValue(text="x"), "not known"),
        (WriteLimits(allowed_values=[number(1)]), number(2), None, "none of the allowed"),
        (WriteLimits(allowed_values=[number(1)]), WriteValue(boolean=True), None, "none of the allowed"),
        (WriteLimits(minimum="10"), WriteValue(text="11"), None, "is none"),
        (WriteLimits(minimum="junk"), number(1), None, "not a number"),
    ],
)
def test_what_is_outside_the_limits_is_refused(
    limits: WriteLimits, value: WriteValue, present: WriteValue | None, why: str
) -> None:
    with pytest.raises(ValueRefused, match=why):
        check_limits(value, limits, present)


def test_the_limits_themselves_pass() -> None:
    limits = WriteLimits(minimum="10", maximum="12", maximum_step="2", allowed_values=[number("12.0")])
    check_limits(number(12), limits, number(10))
    check_limits(WriteValue(text="anything"), WriteLimits(), None)
    assert decimal_of("1e3") == 1000
