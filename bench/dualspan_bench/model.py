"""What a measure says, and the rows that it becomes."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any, TypeAlias

from dualspan_bench.workbench import Workbench

PRODUCT = "DualSpan"


class Better(Enum):
    """Which way a value is better."""

    HIGHER = "higher"
    LOWER = "lower"


@dataclass(frozen=True, slots=True)
class Reading:
    """What one subject did.

    Attributes:
        subject: `PRODUCT`, a part of it ("DualSpan decoder alone"), or a peer.
        value: The figure; None where the subject was left out.
        conditions: Version, fsync policy, cores, duration, warm-up; or why it was left out.
    """

    subject: str
    value: float | None
    conditions: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one measure found: the product's reading first."""

    unit: str
    better: Better
    readings: Sequence[Reading]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the results.

    Attributes:
        measure: The measure's name.
        subject: What was measured.
        value: The figure; None where the subject was left out.
        unit: Of the figure.
        conditions: What it holds under.
        ratio_to: The other subject.
        ratio: How many times better the subject is than `ratio_to`: above 1 is better, whatever the unit.
    """

    measure: str
    subject: str
    value: float | None
    unit: str
    conditions: str
    ratio_to: str | None
    ratio: float | None

    def as_json(self) -> dict[str, Any]:
        """The row as the results file has it."""
        return asdict(self)


Measure: TypeAlias = Callable[[Workbench], Awaitable[Sequence[Outcome]]]


def rows_of(measure: str, outcome: Outcome) -> list[Row]:
    """For each peer a row that holds the product against it, and the peer's own row the other way round."""
    product, *others = outcome.readings
    rows: list[Row] = []
    for other in others:
        ratio = _ratio(product, other, outcome.better)
        if other.value is None and len(others) > 1:
            rows.append(Row(measure, other.subject, None, outcome.unit, other.conditions, None, None))
            continue
        rows.append(
            Row(measure, product.subject, product.value, outcome.unit, product.conditions, other.subject, ratio)
        )
        inverse = None if ratio is None else _rounded(1 / ratio)
        rows.append(Row(measure, other.subject, other.value, outcome.unit, other.conditions, product.subject, inverse))
    if not others:
        rows.append(Row(measure, product.subject, product.value, outcome.unit, product.conditions, None, None))
    return rows


def _ratio(product: Reading, other: Reading, better: Better) -> float | None:
    if not product.value or not other.value:
        return None
    ratio = product.value / other.value
    return _rounded(ratio if better is Better.HIGHER else 1 / ratio)


def _rounded(ratio: float) -> float:
    return float(f"{ratio:.4g}")
