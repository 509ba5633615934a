"""What is wrong with a document: where, and what to do."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

Path: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        line: In the document, from 1.
        path: Such as `requires[0].properties[1].unit`; lists count from 0, as JSON Schema's tools do.
        reason: What is wrong.
        advice: What to do.
    """

    line: int
    path: str
    reason: str
    advice: str

    def __str__(self) -> str:
        place = f"line {self.line}" + (f", {self.path}" if self.path else "")
        return f"{place}: {self.reason} {self.advice}"


def written(path: Sequence[str | int]) -> str:
    """A path as a person reads it."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return "".join(parts).removeprefix(".")
