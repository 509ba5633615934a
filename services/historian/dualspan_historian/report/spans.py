"""Arithmetic of time spans. Pure."""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

Span: TypeAlias = tuple[int, int]
"""[start, end) in microseconds."""


def union(spans: Iterable[Span]) -> list[Span]:
    """Return the same time as spans that neither touch nor overlap, in order; empty ones go."""
    joined: list[Span] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def clip(spans: Iterable[Span], within: Span) -> list[Span]:
    """Return what lies within one span."""
    return [(max(start, within[0]), min(end, within[1])) for start, end in spans if start < within[1] > within[0] < end]


def subtract(spans: Sequence[Span], taken: Sequence[Span]) -> list[Span]:
    """Return the time of `spans` that is not in `taken`; both as `union` returns them."""
    left: list[Span] = []
    for start, end in spans:
        position = start
        for gone_start, gone_end in taken:
            if gone_end <= position or gone_start >= end:
                continue
            if gone_start > position:
                left.append((position, gone_start))
            position = max(position, gone_end)
        if position < end:
            left.append((position, end))
    return left


def length(spans: Iterable[Span]) -> int:
    """Return how long disjoint spans are together, in microseconds."""
    return sum(end - start for start, end in spans)
