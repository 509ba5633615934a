"""Charts of counts: p, np, c and u, with subgroups of any size."""

import numpy as np

from dualspan_analytics.spc.model import ChartError, ChartKind, Counts, Estimate, Flags, Floats, Panel, Tuning


def usable(counts: Counts) -> Flags:
    """bool[k]: which subgroups can be a point: counted, and something was inspected."""
    return np.isfinite(counts.count) & (counts.size > 0)


def estimate_counts(kind: ChartKind, counts: Counts, included: Flags) -> Estimate:
    """Estimate p̄, c̄ or ū from the included subgroups (ISO 7870-2, 7).

    Raises:
        ChartError: Nothing was counted, more was counted than inspected, or a c chart has subgroups of several sizes.
    """
    used = included & usable(counts)
    if not used.any():
        raise ChartError("TOO_FEW_POINTS", "Nothing was inspected in the points that limits are made from.")
    check_counts(kind, counts)
    total, inspected = float(counts.count[used].sum()), float(counts.size[used].sum())
    if kind is ChartKind.C:
        return Estimate(total / int(used.sum()), points=int(used.sum()), values=inspected)
    return Estimate(total / inspected, points=int(used.sum()), values=inspected)


def check_counts(kind: ChartKind, counts: Counts) -> None:
    """Raises ChartError where counts and sizes contradict the chart."""
    there = usable(counts)
    count, size = counts.count[there], counts.size[there]
    if (count < 0).any():
        raise ChartError("COUNT_NEGATIVE", "A count is negative. Chart counters, or counts that begin at zero.")
    if kind in {ChartKind.P, ChartKind.NP} and (count > size).any():
        raise ChartError(
            "COUNT_EXCEEDS_SIZE", "More units are nonconforming than were inspected. Use a u chart for nonconformities."
        )
    if kind is ChartKind.C and len(size) and np.ptp(size) > 0:
        raise ChartError("SIZES_DIFFER", "A c chart needs the same number of units each time. Use a u chart.")


def counts_panel(kind: ChartKind, counts: Counts, estimate: Estimate, tuning: Tuning) -> Panel:
    """The one panel of a p, np, c or u chart."""
    there = usable(counts)
    count, size = np.where(there, counts.count, np.nan), np.where(there, counts.size, np.nan)
    centre = estimate.centre
    if kind is ChartKind.P:
        return _panel("share", count / size, centre, np.sqrt(centre * (1 - centre) / size), tuning, most=1.0)
    if kind is ChartKind.NP:
        error = np.sqrt(size * centre * (1 - centre))
        return _panel("count", count, size * centre, error, tuning, most=size)
    if kind is ChartKind.U:
        return _panel("rate", count / size, centre, np.sqrt(centre / size), tuning)
    return _panel("count", count, centre, np.where(there, np.sqrt(centre), np.nan), tuning)


def _panel(
    name: str,
    value: Floats,
    centre: Floats | float,
    error: Floats,
    tuning: Tuning,
    most: Floats | float = np.inf,
) -> Panel:
    middle = np.broadcast_to(np.asarray(centre, np.float64), value.shape).copy()
    lower = np.maximum(middle - tuning.sigmas * error, 0.0)
    upper = np.minimum(middle + tuning.sigmas * error, most)
    return Panel(name, value, middle, lower, upper, error)
