"""A statement as a whole, and what it says in one order of words: what its digest is of."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dualspan_marketplace.usage.comparison import Comparison
from dualspan_marketplace.usage.lines import Line, Month


@dataclass(frozen=True, slots=True)
class Statement:
    """A month's statement.

    Attributes:
        number: From 1 on, without gaps; 0 while the month is open.
        close_time: None while it is open.
        digest: SHA-256 of what it says; empty while it is open.
    """

    tenant: str
    number: int
    month: Month
    time_zone: str
    lines: tuple[Line, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    close_time: datetime | None = None
    digest: bytes = b""


def digest_of(statement: Statement) -> bytes:
    """SHA-256 of what a statement says: the same however it is shown, another one if a cent of it is."""
    whole = {
        "tenant": statement.tenant,
        "number": statement.number,
        "month": [statement.month.start.isoformat(), statement.month.end.isoformat(), statement.time_zone],
        "lines": [_said(each) for each in statement.lines],
        "comparisons": [
            [
                each.subscription_id,
                each.kpi,
                repr(each.before.value),
                repr(each.after.value),
                each.before_span.start.isoformat(),
                each.before_span.end.isoformat(),
                each.after_span.start.isoformat(),
                each.after_span.end.isoformat(),
                each.doubt.value,
            ]
            for each in statement.comparisons
        ],
    }
    return hashlib.sha256(json.dumps(whole, ensure_ascii=False, sort_keys=True).encode()).digest()


def _said(line: Line) -> Sequence[str | int]:
    return [
        line.kind.value,
        line.subscription_id,
        line.app_id,
        line.plan_id,
        line.dimension.value if line.dimension else "",
        line.quantity,
        line.unit_size,
        line.unit,
        line.price_micros,
        line.currency,
        line.amount,
        line.month.start.isoformat(),
        line.reason,
    ]
