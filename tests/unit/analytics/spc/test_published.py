"""Charts against published worked examples, to the digits printed there.

NIST/SEMATECH e-Handbook of Statistical Methods, 6.1.6 and 6.3; Montgomery, Introduction to Statistical Quality Control;
ISO 7870-2:2013, clause 10 (examples); ISO 8258:1991, 12.1 (the same in GOST R 50779.42 and GB/T 4091);
SAS/QC User's Guide, the MACONTROL and CUSUM procedures.
"""

from collections.abc import Sequence

import numpy as np
import pytest

from dualspan_analytics.spc.capability import Specification, actual, capability, potential
from dualspan_analytics.spc.charts import broken_rules, draw
from dualspan_analytics.spc.model import ChartKind, Counts, Drawn, Estimate, Exclusion, Panel, Subgroups, Tuning
from dualspan_analytics.spc.rules import WESTERN_ELECTRIC, Rule
from dualspan_analytics.spc.variables import estimate_variables

# Montgomery, table 6.1: flow width of resist, 25 subgroups of 5; table 6.2: 20 more, of phase II.
FLOW_WIDTH = np.array(
    [
        [1.3235, 1.4128, 1.6744, 1.4573, 1.6914],
        [1.4314, 1.3592, 1.6075, 1.4666, 1.6109],
        [1.4284, 1.4871, 1.4932, 1.4324, 1.5674],
        [1.5028, 1.6352, 1.3841, 1.2831, 1.5507],
        [1.5604, 1.2735, 1.5265, 1.4363, 1.6441],
        [1.5955, 1.5451, 1.3574, 1.3281, 1.4198],
        [1.6274, 1.5064, 1.8366, 1.4177, 1.5144],
        [1.4190, 1.4303, 1.6637, 1.6067, 1.5519],
        [1.3884, 1.7277, 1.5355, 1.5176, 1.3688],
        [1.4039, 1.6697, 1.5089, 1.4627, 1.5220],
        [1.4158, 1.7667, 1.4278, 1.5928, 1.4181],
        [1.5821, 1.3355, 1.5777, 1.3908, 1.7559],
        [1.2856, 1.4106, 1.4447, 1.6398, 1.1928],
        [1.4951, 1.4036, 1.5893, 1.6458, 1.4969],
        [1.3589, 1.2863, 1.5996, 1.2497, 1.5471],
        [1.5747, 1.5301, 1.5171, 1.1839, 1.8662],
        [1.3680, 1.7269, 1.3957, 1.5014, 1.4449],
        [1.4163, 1.3864, 1.3057, 1.6210, 1.5573],
        [1.5796, 1.4185, 1.6541, 1.5116, 1.7247],
        [1.7106, 1.4412, 1.2361, 1.3820, 1.7601],
        [1.4371, 1.5051, 1.3485, 1.5670, 1.4880],
        [1.4738, 1.5936, 1.6583, 1.4973, 1.4720],
        [1.5917, 1.4333, 1.5551, 1.5295, 1.6866],
        [1.6399, 1.5243, 1.5705, 1.5563, 1.5530],
        [1.5797, 1.3663, 1.6240, 1.3732, 1.6887],
    ]
)
FLOW_WIDTH_AFTER = np.array(
    [
        [1.4483, 1.5458, 1.4538, 1.4303, 1.6206],
        [1.5435, 1.6899, 1.5830, 1.3358, 1.4187],
        [1.5175, 1.3446, 1.4723, 1.6657, 1.6661],
        [1.5454, 1.0931, 1.4072, 1.5039, 1.5264],
        [1.4418, 1.5059, 1.5124, 1.4620, 1.6263],
        [1.4301, 1.2725, 1.5945, 1.5397, 1.5252],
        [1.4981, 1.4506, 1.6174, 1.5837, 1.4962],
        [1.3009, 1.5060, 1.6231, 1.5831, 1.6454],
        [1.4132, 1.4603, 1.5808, 1.7111, 1.7313],
        [1.3817, 1.3135, 1.4953, 1.4894, 1.4596],
        [1.5765, 1.7014, 1.4026, 1.2773, 1.4541],
        [1.4936, 1.4373, 1.5139, 1.4808, 1.5293],
        [1.5729, 1.6738, 1.5048, 1.5651, 1.7473],
        [1.8089, 1.5513, 1.8250, 1.4389, 1.6558],
        [1.6236, 1.5393, 1.6738, 1.8698, 1.5036],
        [1.4120, 1.7931, 1.7345, 1.6391, 1.7791],
        [1.7372, 1.5663, 1.4910, 1.7809, 1.5504],
        [1.5971, 1.7394, 1.6832, 1.6677, 1.7974],
        [1.4295, 1.6536, 1.9134, 1.7272, 1.4370],
        [1.6217, 1.8220, 1.7915, 1.6744, 1.9404],
    ]
)
# Montgomery, table 6.3: inside diameters of piston rings, mm.
PISTON_RINGS = np.array(
    [
        [74.030, 74.002, 74.019, 73.992, 74.008],
        [73.995, 73.992, 74.001, 74.011, 74.004],
        [73.988, 74.024, 74.021, 74.005, 74.002],
        [74.002, 73.996, 73.993, 74.015, 74.009],
        [73.992, 74.007, 74.015, 73.989, 74.014],
        [74.009, 73.994, 73.997, 73.985, 73.993],
        [73.995, 74.006, 73.994, 74.000, 74.005],
        [73.985, 74.003, 73.993, 74.015, 73.988],
        [74.008, 73.995, 74.009, 74.005, 74.004],
        [73.998, 74.000, 73.990, 74.007, 73.995],
        [73.994, 73.998, 73.994, 73.995, 73.990],
        [74.004, 74.000, 74.007, 74.000, 73.996],
        [73.983, 74.002, 73.998, 73.997, 74.012],
        [74.006, 73.967, 73.994, 74.000, 73.984],
        [74.012, 74.014, 73.998, 73.999, 74.007],
        [74.000, 73.984, 74.005, 73.998, 73.996],
        [73.994, 74.012, 73.986, 74.005, 74.007],
        [74.006, 74.010, 74.018, 74.003, 74.000],
        [73.984, 74.002, 74.003, 74.005, 73.997],
        [74.000, 74.010, 74.013, 74.020, 74.003],
        [73.982, 74.001, 74.015, 74.005, 73.996],
        [74.004, 73.999, 73.990, 74.006, 74.009],
        [74.010, 73.989, 73.990, 74.009, 74.014],
        [74.015, 74.008, 73.993, 74.000, 74.010],
        [73.982, 73.984, 73.995, 74.017, 74.013],
    ]
)
# ISO 8258:1991, 12.1: radii of plugs, 20 subgroups of 4.
PLUGS = np.array(
    [
        [0.1898, 0.1729, 0.2067, 0.1898],
        [0.2012, 0.1913, 0.1878, 0.1921],
        [0.2217, 0.2192, 0.2078, 0.1980],
        [0.1832, 0.1812, 0.1963, 0.1800],
        [0.1692, 0.2263, 0.2066, 0.2091],
        [0.1621, 0.1832, 0.1914, 0.1783],
        [0.2001, 0.1937, 0.2169, 0.2082],
        [0.2401, 0.1825, 0.1910, 0.2264],
        [0.1996, 0.1980, 0.2076, 0.2023],
        [0.1783, 0.1715, 0.1829, 0.1961],
        [0.2166, 0.1748, 0.1960, 0.1923],
        [0.1924, 0.1984, 0.2377, 0.2003],
        [0.1768, 0.1986, 0.2241, 0.2022],
        [0.1923, 0.1876, 0.1903, 0.1986],
        [0.1924, 0.1996, 0.2120, 0.2160],
        [0.1720, 0.1940, 0.2116, 0.2320],
        [0.1824, 0.1790, 0.1876, 0.1821],
        [0.1812, 0.1585, 0.1699, 0.1680],
        [0.1700, 0.1567, 0.1694, 0.1702],
        [0.1698, 0.1664, 0.1700, 0.1600],
    ]
)
# ISO 7870-2:2013, pages 25 to 28: means and ranges of 25 subgroups of 5.
SHAFT_MEANS = np.array(
    [
        14.0764,
        14.0726,
        14.0754,
        14.077,
        14.0708,
        14.0698,
        14.077,
        14.0744,
        14.0704,
        14.0744,
        14.0766,
        14.0568,
        14.0768,
        14.0692,
        14.0716,
        14.0748,
        14.0754,
        14.0734,
        14.0748,
        14.0754,
        14.0732,
        14.074,
        14.0708,
        14.076,
        14.0722,
    ]
)
SHAFT_RANGES = np.array(
    [10, 12, 8, 7, 25, 25, 9, 25, 9, 22, 9, 11, 23, 12, 19, 21, 17, 17, 35, 33, 17, 25, 17, 17, 18], np.float64
) / 1000  # fmt: skip
# ISO 7870-2:2013, pages 28 to 30: means of 25 subgroups of 5, with given values 29,87 and 0,062.
GIVEN_MEANS = np.array(
    [
        29.816,
        29.932,
        29.858,
        29.824,
        29.888,
        29.83,
        29.868,
        29.876,
        29.91,
        29.802,
        29.884,
        29.88,
        29.916,
        29.898,
        29.946,
        29.842,
        29.824,
        29.904,
        29.912,
        29.886,
        29.908,
        29.852,
        29.828,
        29.904,
        29.902,
    ]
)
# Montgomery, table 9.1.
SHIFTED = np.array(
    [
        9.45,
        7.99,
        9.29,
        11.66,
        12.16,
        10.18,
        8.04,
        11.46,
        9.2,
        10.34,
        9.03,
        11.47,
        10.51,
        9.4,
        10.08,
        9.37,
        10.62,
        10.31,
        8.52,
        10.84,
        10.9,
        9.33,
        12.29,
        11.5,
        10.6,
        11.08,
        10.38,
        11.62,
        11.31,
        10.52,
    ]
)
# NIST 6.3.3.2 and Montgomery, table 7.1: nonconforming of 50 in 30 samples.
CANS = [12, 15, 8, 10, 4, 7, 16, 9, 14, 10, 5, 6, 17, 12, 22, 8, 10, 5, 13, 11, 20, 18, 24, 15, 9, 12, 7, 13, 9, 6]
# Montgomery, table 7.7: nonconformities in 26 samples of 100 circuit boards.
BOARDS = [21, 24, 16, 12, 15, 5, 28, 20, 31, 25, 20, 24, 16, 19, 10, 17, 13, 22, 18, 39, 30, 24, 16, 19, 17, 15]


def subgroups(values: np.ndarray) -> Subgroups:
    rows = values.reshape(len(values), -1)
    k, n = rows.shape
    at = np.arange(k, dtype=np.int64)
    return Subgroups(at, at, np.arange(k + 1, dtype=np.int64) * n, rows.ravel(), np.zeros(k, np.int64))


def ranged(means: np.ndarray, ranges: np.ndarray) -> Subgroups:
    """Five values with this mean and this range."""
    half = ranges / 2
    return subgroups(np.stack([means - half, means, means, means, means + half], axis=1))


def deviating(means: np.ndarray, deviations: np.ndarray) -> Subgroups:
    """Five values with this mean and this standard deviation."""
    apart = deviations * np.sqrt(2.0)
    return subgroups(np.stack([means - apart, means, means, means, means + apart], axis=1))


def counts(count: Sequence[int], size: float | Sequence[float]) -> Counts:
    at = np.arange(len(count), dtype=np.int64)
    sizes = np.broadcast_to(np.asarray(size, np.float64), len(count))
    return Counts(at, at, np.array(count, np.float64), sizes, np.zeros(len(count), np.int64))


def lines(panel: Panel, digits: int, point: int = -1) -> tuple[float, float, float]:
    return (
        round(float(panel.lower[point]), digits),
        round(float(panel.centre[point]), digits),
        round(float(panel.upper[point]), digits),
    )


def beyond(drawn: Drawn) -> list[int]:
    """Numbers of the points beyond a limit, from 1, as books count them."""
    return [violation.signalled + 1 for violation in broken_rules(drawn, [Rule.BEYOND_LIMITS])]


def test_nist_6_3_2_2_individuals() -> None:
    flowrate = np.array([49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1])
    drawn = draw(ChartKind.INDIVIDUALS, subgroups(flowrate), Tuning())
    assert lines(drawn.panels[0], 4) == (45.8159, 50.81, 55.8041)
    assert round(float(np.nanmean(drawn.panels[1].value)), 4) == 1.8778
    assert np.round(drawn.panels[1].value[1:], 1).tolist() == [2.0, 2.3, 1.4, 3.5, 3.4, 1.4, 0.2, 1.2, 1.5]
    assert beyond(drawn) == []


def test_nist_6_3_2_3_cusum() -> None:
    values = np.array(
        [
            324.925,
            324.675,
            324.725,
            324.35,
            325.35,
            325.225,
            324.125,
            324.525,
            325.225,
            324.6,
            324.625,
            325.15,
            328.325,
            327.25,
            327.825,
            328.5,
            326.675,
            327.775,
            326.875,
            328.35,
        ]
    )
    # The handbook counts in the unit of the values (k = 0.3175, h = 4.1959), this chart in standard errors of 0.635.
    tuning = Tuning(target=325.0, slack=0.3175 / 0.635, interval=4.1959 / 0.635)
    data, estimate = subgroups(values), Estimate(325.0, 0.635)
    drawn = draw(ChartKind.CUSUM, data, tuning, fixed=estimate)
    upper = [0.0] * 4 + [0.03] + [0.0] * 7 + [3.01, 4.94, 7.45, 10.63, 11.99, 14.44, 16.00, 19.04]
    lower = [0.0, 0.01, 0.0, 0.33, 0.0, 0.0, 0.56, 0.72, 0.17, 0.25, 0.31] + [0.0] * 9
    assert drawn.panels[0].value * 0.635 == pytest.approx(upper, abs=0.0051)
    assert -drawn.panels[1].value * 0.635 == pytest.approx(lower, abs=0.0051)
    assert beyond(drawn) == list(range(14, 21))


def test_nist_6_3_2_4_ewma() -> None:
    values = np.array(
        [
            52.0,
            47.0,
            53.0,
            49.3,
            50.1,
            47.0,
            51.0,
            50.1,
            51.2,
            50.5,
            49.6,
            47.6,
            49.9,
            51.3,
            47.8,
            51.2,
            52.6,
            52.4,
            53.6,
            52.1,
        ]
    )
    printed = [50.60, 49.52, 50.56, 50.18, 50.16, 49.21, 49.75, 49.85, 50.26, 50.33, 50.11, 49.36, 49.52, 50.05]
    printed += [49.38, 49.92, 50.73, 51.23, 51.94, 51.99]
    drawn = draw(ChartKind.EWMA, subgroups(values), Tuning(weight=0.3, is_steady=True), fixed=Estimate(50.0, 2.0539))
    assert np.round(drawn.panels[0].value, 2).tolist() == printed
    lower, _, upper = lines(drawn.panels[0], 4)
    assert upper == 52.5884
    assert lower == pytest.approx(47.4115, abs=1.01e-4)  # cut off in print, not rounded: 47.41161
    assert beyond(drawn) == []


def test_nist_6_3_3_1_c_chart() -> None:
    wafers = [16, 14, 28, 16, 12, 20, 10, 12, 10, 17, 19, 17, 14, 16, 15, 13, 14, 16, 11, 20, 11, 19, 16, 31, 13]
    drawn = draw(ChartKind.C, counts(wafers, 1), Tuning())
    assert lines(drawn.panels[0], 9) == (4.0, 16.0, 28.0)
    assert beyond(drawn) == [24]


def test_nist_6_3_3_2_p_chart() -> None:
    drawn = draw(ChartKind.P, counts(CANS, 50), Tuning())
    assert lines(drawn.panels[0], 4) == (0.0524, 0.2313, 0.4102)
    assert beyond(drawn) == [15, 23]


def test_nist_6_1_6_capability() -> None:
    specification = Specification(8.0, 20.0)
    assert potential(specification, 2.0, 99, 0.95).value == 1.0
    assert round(actual(specification, 16.0, 2.0, 100, 99, 0.95).value, 4) == 0.6667


def test_montgomery_6_1_mean_and_range() -> None:
    drawn = draw(ChartKind.XBAR_R, subgroups(FLOW_WIDTH), Tuning())
    mean, spread = drawn.panels
    assert lines(mean, 4) == (1.3180, 1.5056, 1.6933)  # printed 1.31795 and 1.69325, from 1.5056
    assert lines(spread, 5) == (0.0, 0.32521, 0.68749)
    assert beyond(drawn) == []
    assert round(drawn.estimate.sigma, 4) == 0.1398
    assert round(potential(Specification(1.0, 2.0), drawn.estimate.sigma, 96, 0.95).value, 3) == 1.192


def test_montgomery_6_1_phase_two_finds_the_shift() -> None:
    fixed = draw(ChartKind.XBAR_R, subgroups(FLOW_WIDTH), Tuning()).estimate
    drawn = draw(ChartKind.XBAR_R, subgroups(FLOW_WIDTH_AFTER), Tuning(), fixed=fixed)
    means = [v for v in broken_rules(drawn, WESTERN_ELECTRIC) if v.panel == "mean"]
    # The book: sample 43 is beyond the limit, and from 34 on the points run above the centre line.
    assert [v.signalled + 26 for v in means if v.rule is Rule.BEYOND_LIMITS] == [43, 45]
    run = next(v for v in means if v.rule is Rule.WE_EIGHT_ON_ONE_SIDE)
    assert [point + 26 for point in run.points] == list(range(38, 46))


def test_montgomery_6_3_mean_and_standard_deviation() -> None:
    drawn = draw(ChartKind.XBAR_S, subgroups(PISTON_RINGS), Tuning())
    mean, spread = drawn.panels
    assert lines(mean, 3)[1] == 74.001
    assert lines(spread, 4) == (0.0, 0.0094, 0.0196)
    assert round(drawn.estimate.sigma, 2) == 0.01
    assert beyond(drawn) == []
    # The book goes on with 74.001 and 0.0094.
    rounded = draw(ChartKind.XBAR_S, subgroups(PISTON_RINGS), Tuning(), fixed=Estimate(74.001, 0.0094 / 0.94))
    assert lines(rounded.panels[0], 3) == (73.988, 74.001, 74.014)


def test_montgomery_6_4_limits_by_the_size_of_each_subgroup() -> None:
    """Limits of subgroups of 5, 3 and 4 values from one estimate: 74.001 and A3 times 0.0103."""
    sizes = np.array([5, 3, 4])
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    rings = np.concatenate([PISTON_RINGS[0], PISTON_RINGS[1, :3], PISTON_RINGS[2, :4]])
    data = Subgroups(np.arange(3), np.arange(3), offsets, rings, np.zeros(3, np.int64))
    panel = draw(ChartKind.XBAR_S, data, Tuning(), fixed=Estimate(74.001, 0.0103)).panels[0]
    expected = [1.427 * 0.94, 1.954 * 0.8862, 1.628 * 0.9213]
    assert (panel.upper - 74.001) / 0.0103 == pytest.approx(expected, abs=1e-9)


def test_montgomery_6_5_individuals() -> None:
    viscosity = np.array(
        [33.75, 33.05, 34.00, 33.81, 33.46, 34.02, 33.68, 33.27, 33.49, 33.20, 33.62, 33.00, 33.54, 33.12, 33.84]
    )
    drawn = draw(ChartKind.INDIVIDUALS, subgroups(viscosity), Tuning())
    assert round(float(np.nanmean(drawn.panels[1].value)), 2) == 0.48
    assert lines(drawn.panels[0], 2)[1] == 33.52
    # The book goes on with 33.52 and 0.48.
    rounded = draw(ChartKind.INDIVIDUALS, subgroups(viscosity), Tuning(), fixed=Estimate(33.52, 0.48 / 1.128))
    assert lines(rounded.panels[0], 2) == (32.24, 33.52, 34.8)
    assert lines(rounded.panels[1], 2) == (0.0, 0.48, 1.57)
    assert beyond(drawn) == []


def test_montgomery_7_1_fraction_nonconforming_and_points_excluded() -> None:
    data = counts(CANS, 50)
    excluded = [Exclusion(14, 15, "new material"), Exclusion(22, 23, "new operator")]
    drawn = draw(ChartKind.P, data, Tuning(), exclusions=excluded)
    assert lines(drawn.panels[0], 4) == (0.0407, 0.2150, 0.3893)  # printed with p rounded: 0.0407 and 0.3893
    assert beyond(drawn) == [21]
    assert drawn.excluded[14] == "new material"
    assert [index for index, reason in enumerate(drawn.excluded) if reason] == [14, 22]


def test_montgomery_7_2_number_nonconforming() -> None:
    drawn = draw(ChartKind.NP, counts(CANS, 50), Tuning())
    lower, centre, upper = lines(drawn.panels[0], 2)
    assert (lower, centre, upper) == (2.62, 11.57, 20.51)  # printed with p = 0.231: 2.62, 11.55, 20.48
    assert beyond(drawn) == [15, 23]


def test_montgomery_7_2_2_sizes_that_differ() -> None:
    count = [12, 8, 6, 9, 10, 12, 11, 16, 10, 6, 20, 15, 9, 8, 6, 8, 10, 7, 5, 8, 5, 8, 10, 6, 9]
    size = [100, 80, 80, 100, 110, 110, 100, 100, 90, 90, 110, 120, 120, 120, 110, 80, 80, 80, 90, 100, 100, 100]
    size += [100, 90, 90]
    drawn = draw(ChartKind.P, counts(count, size), Tuning())
    panel = drawn.panels[0]
    assert round(drawn.estimate.centre, 3) == 0.096  # 234 of 2450
    assert lines(panel, 3, 0) == (0.007, 0.096, 0.184)
    assert lines(panel, 3, 1) == (0.0, 0.096, 0.194)
    assert beyond(drawn) == [11]


def test_limits_of_shares_and_counts_stay_within_what_can_be() -> None:
    data = counts([1, 1, 0, 2], [2, 1, 3, 2])
    for kind, most in ((ChartKind.P, 1.0), (ChartKind.NP, data.size)):
        panel = draw(kind, data, Tuning()).panels[0]
        assert (panel.upper <= most).all()
        assert (panel.upper == most).any()
        assert (panel.lower == 0).all()


def test_montgomery_7_3_nonconformities() -> None:
    data = counts(BOARDS, 1)
    drawn = draw(ChartKind.C, data, Tuning())
    assert lines(drawn.panels[0], 2) == (6.48, 19.85, 33.21)  # printed with c rounded to 19.85: 33.22
    assert beyond(drawn) == [6, 20]
    revised = draw(ChartKind.C, data, Tuning(), exclusions=[Exclusion(5, 6, "inspection"), Exclusion(19, 20, "mask")])
    assert lines(revised.panels[0], 2) == (6.36, 19.67, 32.97)


def test_montgomery_7_4_nonconformities_per_unit() -> None:
    computers = [10, 12, 8, 14, 10, 16, 11, 7, 10, 15, 9, 5, 7, 11, 12, 6, 8, 10, 7, 5]
    drawn = draw(ChartKind.U, counts(computers, 5), Tuning())
    assert lines(drawn.panels[0], 2) == (0.07, 1.93, 3.79)
    assert beyond(drawn) == []


def test_montgomery_7_5_nonconformities_per_unit_with_sizes_that_differ() -> None:
    cloth = [14, 12, 20, 11, 7, 10, 21, 16, 19, 23]
    data = counts(cloth, [10.0, 8.0, 13.0, 10.0, 9.5, 10.0, 12.0, 10.5, 12.0, 12.5])
    drawn = draw(ChartKind.U, data, Tuning())
    assert round(drawn.estimate.centre, 2) == 1.42  # 153 in 107.5 units; the book goes on with 1.42
    rounded = draw(ChartKind.U, data, Tuning(), fixed=Estimate(1.42))
    assert lines(rounded.panels[0], 2, 0) == (0.29, 1.42, 2.55)
    assert lines(rounded.panels[0], 2, 1) == (0.16, 1.42, 2.68)
    assert beyond(drawn) == []


def test_montgomery_8_confidence_interval_of_cp() -> None:
    # 20 values, s = 1.75, specification 38 to 62; the book multiplies a rounded 2.29 with the roots: 1.57 to 3.01.
    cp = potential(Specification(38.0, 62.0), 1.75, 19, 0.95)
    assert round(cp.value, 2) == 2.29
    assert round(2.29 * cp.lower / cp.value, 2) == 1.57
    assert round(cp.upper, 2) == 3.01


def test_quality_digest_may_2000_confidence_interval_of_cpk() -> None:
    # An index of 1.15 from 45 values: 0.89 to 1.41 with 95 %.
    cpk = actual(Specification(lower=-3 * 1.15), 0.0, 1.0, 45, 44, 0.95)
    assert (round(cpk.lower, 2), round(cpk.value, 2), round(cpk.upper, 2)) == (0.89, 1.15, 1.41)


def test_montgomery_9_1_cusum() -> None:
    data, estimate = subgroups(SHIFTED), Estimate(10.0, 1.0)
    drawn = draw(ChartKind.CUSUM, data, Tuning(target=10.0), fixed=estimate)
    upper = [0, 0, 0, 1.16, 2.82, 2.50, 0.04, 1.00, 0, 0, 0, 0.97, 0.98, 0, 0, 0, 0.12, 0, 0, 0.34, 0.74, 0, 1.79, 2.79]
    upper += [2.89, 3.47, 3.35, 4.47, 5.28]
    assert np.round(drawn.panels[0].value[:29], 2).tolist() == upper
    assert beyond(drawn) == [29, 30]
    (shift,) = drawn.shifts
    assert (shift.signalled + 1, shift.began + 1) == (29, 23)
    assert round(shift.mean, 2) == 11.25


def test_montgomery_9_1_fast_initial_response() -> None:
    # Table 9.6: mean moved to 105, 100 expected, K = 3 and H = 12, head start H/2.
    values = np.array([102.0, 97, 104, 93, 100, 105, 96, 98, 105, 99])
    tuning = Tuning(target=100.0, slack=0.5, interval=2.0, head_start=0.5)
    drawn = draw(ChartKind.CUSUM, subgroups(values), tuning, fixed=Estimate(100.0, 6.0))
    assert np.round(drawn.panels[0].value[:5] * 6, 9).tolist() == [5.0, 0.0, 1.0, 0.0, 0.0]
    assert np.round(-drawn.panels[1].value[:5] * 6, 9).tolist() == [1.0, 1.0, 0.0, 4.0, 1.0]


def test_montgomery_9_2_ewma() -> None:
    drawn = draw(
        ChartKind.EWMA, subgroups(SHIFTED), Tuning(target=10.0, weight=0.1, sigmas=2.7), fixed=Estimate(10.0, 1.0)
    )
    panel = drawn.panels[0]
    assert round(float(panel.value[0]), 3) == 9.945
    assert round(float(panel.value[1]), 4) == 9.7495
    assert lines(panel, 2, 0) == (9.73, 10.0, 10.27)
    assert lines(panel, 2, 1) == (9.64, 10.0, 10.36)
    assert lines(panel, 2) == (9.38, 10.0, 10.62)
    assert beyond(drawn) == [29, 30]


def test_sas_qc_macontrol_ewma_of_subgroups() -> None:
    # Example MACEW1, listing of CLIPHIST: mean, standard deviation and EWMA (weight 0.3) of 20 samples of 5 clips.
    printed = np.array(
        [
            [14.904, 0.18716, 14.9362],
            [15.014, 0.09317, 14.9595],
            [14.866, 0.25006, 14.9315],
            [15.048, 0.23732, 14.9664],
            [15.024, 0.26792, 14.9837],
            [15.126, 0.12260, 15.0264],
            [15.220, 0.23098, 15.0845],
            [14.902, 0.17254, 15.0297],
            [14.910, 0.19824, 14.9938],
            [14.932, 0.24035, 14.9753],
            [15.096, 0.25618, 15.0115],
            [14.912, 0.16903, 14.9816],
            [15.138, 0.15928, 15.0285],
            [14.798, 0.26329, 14.9594],
            [14.944, 0.20876, 14.9548],
            [14.896, 0.09965, 14.9371],
            [14.734, 0.22512, 14.8762],
            [15.046, 0.24141, 14.9271],
            [14.702, 0.17880, 14.8596],
            [14.788, 0.16634, 14.8381],
        ]
    )
    means, deviations, averages = printed.T
    data = deviating(means, deviations)
    # c4 with all its digits: with the 0.9400 of the tables it would be 0.21107.
    estimate = estimate_variables(ChartKind.EWMA, data, np.ones(20, np.bool_), Tuning(is_exact=True))
    assert round(estimate.centre, 4) == 14.95
    assert round(estimate.sigma, 5) == 0.21108
    drawn = draw(ChartKind.EWMA, data, Tuning(weight=0.3), fixed=estimate)
    assert np.round(drawn.panels[0].value, 4).tolist() == averages.tolist()


def test_sas_qc_cusum_of_individuals() -> None:
    # Example CUSONES1: cans of oil, 8.100 expected, sigma 0.050, h = 3, k = 0.5, upwards.
    cans = np.array(
        [8.024, 7.971, 8.125, 8.123, 8.068, 8.177, 8.229, 8.072, 8.066, 8.089, 8.058, 8.147, 8.141, 8.047, 8.125]
    )
    later = np.array(
        [
            [8.1765, 8.0949, 8.1393, 8.1491, 8.0473, 8.1602, 8.0633, 8.0921, 8.1573, 8.1304],
            [8.0979, 8.2407, 8.0730, 8.0986, 8.0785, 8.2308, 8.0986, 8.0782, 8.1435, 8.0666],
        ]
    ).ravel()
    assert round(float(cans.mean()), 5) == 8.09747
    tuning = Tuning(target=8.1, slack=0.5, interval=3.0)
    drawn = [draw(ChartKind.CUSUM, subgroups(each), tuning, fixed=Estimate(8.1, 0.05)) for each in (cans, later)]
    # The figure has one point beyond the line, that of hour 7; of the hours after it the guide says "in control".
    assert (np.flatnonzero(drawn[0].panels[0].value > 3.0) + 1).tolist() == [7]
    assert not (drawn[1].panels[0].value > 3.0).any()


def test_iso_8258_mean_and_range() -> None:
    drawn = draw(ChartKind.XBAR_R, subgroups(PLUGS), Tuning())
    mean, spread = drawn.panels
    assert np.round(mean.value[[0, 10, 19]], 5).tolist() == [0.1898, 0.19492, 0.16655]
    assert lines(mean, 4)[1] == 0.1924
    assert lines(spread, 4)[1] == pytest.approx(0.0287, abs=1.01e-4)  # its ranges add up to 0.5724, not 0.5734
    assert beyond(drawn) == [18, 19, 20]
    # The standard goes on with 0.1924 and 0.0287.
    rounded = draw(ChartKind.XBAR_R, subgroups(PLUGS), Tuning(), fixed=Estimate(0.1924, 0.0287 / 2.059))
    assert lines(rounded.panels[0], 4) == (0.1715, 0.1924, 0.2133)
    assert lines(rounded.panels[1], 4) == (0.0, 0.0287, 0.0655)


def test_iso_7870_2_mean_and_range_then_without_the_point_that_had_a_cause() -> None:
    data = ranged(SHAFT_MEANS, SHAFT_RANGES)
    drawn = draw(ChartKind.XBAR_R, data, Tuning())
    assert lines(drawn.panels[0], 4) == (14.0629, 14.0732, 14.0834)
    assert lines(drawn.panels[1], 4) == (0.0, 0.0177, 0.0375)
    assert beyond(drawn) == [12]
    again = draw(ChartKind.XBAR_R, data, Tuning(), exclusions=[Exclusion(11, 12, "worn tool")])
    assert lines(again.panels[0], 4) == (14.0635, 14.0739, 14.0842)
    assert lines(again.panels[1], 4) == (0.0, 0.018, 0.0381)
    assert beyond(again) == []


def test_iso_7870_2_given_values() -> None:
    data = ranged(GIVEN_MEANS, np.full(25, 0.1))
    drawn = draw(ChartKind.XBAR_S, data, Tuning(), fixed=Estimate(29.87, 0.062))
    assert lines(drawn.panels[0], 3) == (29.787, 29.87, 29.953)
    lower, centre, upper = lines(drawn.panels[1], 4)
    assert (lower, centre) == (0.0, 0.0583)
    assert upper == pytest.approx(0.1218, abs=1.01e-4)  # printed with B6 = 1.964


def test_capability_of_a_chart_has_intervals_from_its_own_estimate() -> None:
    data = subgroups(FLOW_WIDTH)
    estimate = estimate_variables(ChartKind.XBAR_R, data, np.ones(25, np.bool_), Tuning())
    found = capability(data.values, estimate, Specification(1.0, 2.0))
    assert round(found.cp.value, 3) == 1.192
    assert found.cpk.value == pytest.approx((2.0 - 1.5056) / (3 * 0.1398), abs=2e-3)
    assert found.cp.lower < found.cp.value < found.cp.upper
    assert found.outside == 0
    assert found.notes == ()
    # Ranges of 5 know less than standard deviations would: 25 · 4 = 100 degrees of freedom.
    assert 85 < estimate.degrees < 100
