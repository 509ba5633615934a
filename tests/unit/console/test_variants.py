"""Variants in words: held against what asyncua encodes, and against anything else."""

# asyncua types its fields with classes of its own and takes plain values.
# pyright: reportArgumentType=false

from datetime import UTC, datetime

import numpy as np
import pytest
from asyncua import ua
from asyncua.ua.ua_binary import variant_to_binary
from hypothesis import given
from hypothesis import strategies as st

from dualspan_console.variants import variant_text

T = ua.VariantType


@pytest.mark.parametrize(
    ("variant", "text"),
    [
        (ua.Variant([1.5, -2.0, 1e20], T.Double), "[1.5, -2, 1e+20]"),
        (ua.Variant([0.1], T.Float), "[0.1]"),
        (ua.Variant([True, False], T.Boolean), "[1, 0]"),
        (ua.Variant([], T.Int32, is_array=True), "[]"),
        (ua.Variant(list(range(20)), T.UInt16), "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, …] × 20"),
        (ua.Variant([[1, 2, 3], [4, 5, 6]], T.Int64), "[1, 2, 3, 4, 5, 6] × 2×3"),
        (ua.Variant(["停机", "b"], T.String), "[停机, b]"),
        (ua.Variant([ua.LocalizedText("Läuft", "de")], T.LocalizedText), "[Läuft]"),
        (ua.Variant(datetime(2026, 5, 4, 12, 30, tzinfo=UTC), T.DateTime), "2026-05-04 12:30:00Z"),
        (ua.Variant(7, T.Byte), "7"),
    ],
)
def test_values_are_told_in_words(variant: ua.Variant, text: str) -> None:
    assert variant_text(variant_to_binary(variant)) == text


def test_what_has_no_short_form_has_none() -> None:
    assert variant_text(variant_to_binary(ua.Variant(ua.NodeId(1, 2), T.NodeId))) is None
    assert variant_text(b"") is None
    whole = variant_to_binary(ua.Variant([1, 2], T.Int32))
    assert variant_text(whole[:-1]) is None
    assert variant_text(whole + b"\0") is None


@given(st.binary(max_size=60))
def test_anything_at_all_is_told_or_not(content: bytes) -> None:
    assert variant_text(content) is None or content


def test_a_length_that_lies_takes_no_time() -> None:
    assert variant_text(b"\x81" + (2**31 - 1).to_bytes(4, "little") + b"\1" * 100) is None
    assert variant_text(b"\xc1" + bytes(4) + (2**31 - 1).to_bytes(4, "little")) is None


@given(st.lists(st.integers(-(2**31), 2**31 - 1), max_size=40))
def test_the_first_of_many_are_told_with_their_number(values: list[int]) -> None:
    content = b"\x86" + np.int32(len(values)).tobytes() + np.array(values, "<i4").tobytes()
    told = variant_text(content)
    listed = ", ".join(map(str, values[:16]))
    assert told == (f"[{listed}]" if len(values) <= 16 else f"[{listed}, …] × {len(values)}")
