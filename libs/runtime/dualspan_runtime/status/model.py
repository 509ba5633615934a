"""What is said: sizes of tables, and counts with the lists behind them. No I/O."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

MOST_ITEMS = 1000
# From less than that nobody can tell how much a day makes.
SHORTEST_SPAN = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class TableSize:
    """What a table takes.

    Attributes:
        table: Its name; of a partitioned one, that of the whole.
        size: Bytes now.
        first_size: Bytes at the first reading of the last days; None if there is none.
        first_read_at: When that was.
    """

    table: str
    size: int
    first_size: int | None
    first_read_at: datetime | None

    def daily_growth(self, now: datetime) -> float | None:
        """Bytes by which it grows in a day; None while nobody can tell."""
        if self.first_size is None or self.first_read_at is None or now - self.first_read_at < SHORTEST_SPAN:
            return None
        return (self.size - self.first_size) / ((now - self.first_read_at) / timedelta(days=1))


@dataclass(frozen=True, slots=True)
class EvidenceItem:
    """One of what was counted; see the contract."""

    item_id: str
    display_name: str = ""
    group: str = ""
    count: int = 0


@dataclass(frozen=True, slots=True)
class Evidence:
    """How much there is of a kind, and the first of them."""

    kind: str
    count: int
    items: tuple[EvidenceItem, ...] = ()


def evidence_of(kind: str, items: Iterable[EvidenceItem]) -> Evidence:
    """Counts what is listed; the list is cut, the count is not."""
    listed = sorted(items, key=lambda item: item.item_id)
    return Evidence(kind, len(listed), tuple(listed[:MOST_ITEMS]))
