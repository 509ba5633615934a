"""Constants of control charts against the tables of ISO 7870-2:2013 (table 2) and Montgomery (appendix VI)."""

import math

import pytest

from dualspan_analytics.spc.constants import MOST_VALUES, c4, d2, d3
from dualspan_analytics.spc.variables import c4_of, equivalent_degrees

# Size: c4, d2, d3, A2, A3, B3, B4, D3, D4 as printed.
PRINTED = {
    2: (0.7979, 1.128, 0.853, 1.880, 2.659, 0.0, 3.267, 0.0, 3.267),
    3: (0.8862, 1.693, 0.888, 1.023, 1.954, 0.0, 2.568, 0.0, 2.575),
    4: (0.9213, 2.059, 0.880, 0.729, 1.628, 0.0, 2.266, 0.0, 2.282),
    5: (0.9400, 2.326, 0.864, 0.577, 1.427, 0.0, 2.089, 0.0, 2.114),
    6: (0.9515, 2.534, 0.848, 0.483, 1.287, 0.030, 1.970, 0.0, 2.004),
    7: (0.9594, 2.704, 0.833, 0.419, 1.182, 0.118, 1.882, 0.076, 1.924),
    8: (0.9650, 2.847, 0.820, 0.373, 1.099, 0.185, 1.815, 0.136, 1.864),
    9: (0.9693, 2.970, 0.808, 0.337, 1.032, 0.239, 1.761, 0.184, 1.816),
    10: (0.9727, 3.078, 0.797, 0.308, 0.975, 0.284, 1.716, 0.223, 1.777),
    15: (0.9823, 3.472, 0.756, 0.223, 0.789, 0.428, 1.572, 0.347, 1.653),
    20: (0.9869, 3.735, 0.729, 0.180, 0.680, 0.510, 1.490, 0.415, 1.585),
    25: (0.9896, 3.931, 0.708, 0.153, 0.606, 0.565, 1.435, 0.459, 1.541),
}


@pytest.mark.parametrize(("size", "printed"), PRINTED.items())
def test_are_those_of_the_tables(size: int, printed: tuple[float, ...]) -> None:
    ours = (
        c4(size),
        d2(size),
        d3(size),
        3 / (d2(size) * math.sqrt(size)),
        3 / (c4(size) * math.sqrt(size)),
        max(0.0, 1 - 3 * math.sqrt(1 - c4(size) ** 2) / c4(size)),
        1 + 3 * math.sqrt(1 - c4(size) ** 2) / c4(size),
        max(0.0, 1 - 3 * d3(size) / d2(size)),
        1 + 3 * d3(size) / d2(size),
    )
    for number, (value, expected) in enumerate(zip(ours, printed, strict=True)):
        # The tables round factors of rounded constants: the last digit is not always that of the exact value.
        assert value == pytest.approx(expected, abs=5.1e-5 if number == 0 else 1.01e-3), number


def test_of_two_and_three_values_are_exact() -> None:
    assert d2(2) == pytest.approx(2 / math.sqrt(math.pi), abs=1e-11)
    assert d3(2) == pytest.approx(math.sqrt(2 - 4 / math.pi), abs=1e-11)
    assert d2(3) == pytest.approx(3 / math.sqrt(math.pi), abs=1e-11)
    assert c4(2) == pytest.approx(math.sqrt(2 / math.pi), abs=1e-15)
    assert c4_of(4) == pytest.approx(c4(5), rel=1e-12)


def test_grow_with_the_size_up_to_the_largest() -> None:
    ranges = [d2(size) for size in (2, 10, 100, MOST_VALUES)]
    assert ranges == sorted(ranges)
    assert d2(MOST_VALUES) == pytest.approx(6.48287, abs=1e-5)


@pytest.mark.parametrize("size", [0, 1, MOST_VALUES + 1])
def test_of_no_spread_are_refused(size: int) -> None:
    with pytest.raises(ValueError, match="values"):
        d2(size)


@pytest.mark.parametrize("degrees", [1.0, 4.0, 24.0, 995.0])
def test_degrees_of_freedom_of_a_standard_deviation_are_found_again(degrees: float) -> None:
    assert equivalent_degrees(1 / c4_of(degrees) ** 2 - 1) == pytest.approx(degrees, rel=1e-6)


def test_degrees_of_freedom_of_ranges_are_those_of_patnaik() -> None:
    # David (1951), table: 20 subgroups of 5 by their mean range have 72.7 equivalent degrees of freedom.
    assert equivalent_degrees((d3(5) / d2(5)) ** 2 / 20) == pytest.approx(72.7, abs=0.05)
