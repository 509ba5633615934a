"""Samples in order of tag and time, without repeats."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dualspan_frame import BinaryColumn, Block

# Tag ids of a gateway come from one sequence, so they nearly always lie close together: a table beats sorting.
_WIDEST_TABLE = 1 << 22
# Severity and code of a status; the rest says how the sample came (Part 4, 7.39.1).
_CODE_BITS = np.uint32(0xFFFF0000)


def sort_samples(block: Block) -> Block:
    """Sort by tag, then timestamp; samples of the same tag and time stay in order of arrival, exact repeats go.

    A repeat has the same tag, timestamp, status and value (bit for bit) as an earlier row of the block.
    """
    if _in_order(block):
        return _without_repeats(block)
    rank = _rank(block.tag)
    order = np.argsort(rank, kind="stable")
    tag, ts = block.tag[order], block.timestamp[order]
    same_tag = tag[1:] == tag[:-1]
    if bool((same_tag & (ts[1:] < ts[:-1])).any()):
        # Stable within a tag, so rows of the same time stay in order of arrival.
        again = np.lexsort((ts, rank[order]))
        order = order[again]
    return _without_repeats(block.take(order))


def new_rows(stored: Block | None, block: Block) -> NDArray[np.bool_]:
    """Tell which rows of a block are neither stored nor repeated within it, shape (n,).

    The info bits of the status do not count: a value that came live may carry Overflow where history has none.
    """
    known = 0 if stored is None else len(stored)
    joined = block if stored is None or not known else Block.concat([stored, block])
    plain = replace(joined, status=joined.status & _CODE_BITS)
    order = np.lexsort((plain.timestamp, plain.tag))
    ordered = plain.take(order)
    tied = np.flatnonzero((np.diff(ordered.timestamp) == 0) & (np.diff(ordered.tag) == 0))
    keep = np.ones(len(joined), np.bool_)
    if len(tied):
        keep[order[_repeats(ordered, tied)]] = False
    return keep[known:]


def _in_order(block: Block) -> bool:
    tag, ts = block.tag, block.timestamp
    rising = ts[1:] >= ts[:-1]
    if len(tag) and tag[0] == tag[-1] and bool((tag == tag[0]).all()):
        return bool(rising.all())
    return bool(((tag[1:] > tag[:-1]) | ((tag[1:] == tag[:-1]) & rising)).all())


def _without_repeats(block: Block) -> Block:
    """Drop exact repeats from sorted samples."""
    tied = np.flatnonzero(block.timestamp[1:] == block.timestamp[:-1])
    tied = tied[block.tag[tied] == block.tag[tied + 1]]
    if not len(tied):
        return block
    repeated = _repeats(block, tied)
    if not len(repeated):
        return block
    keep = np.ones(len(block), np.bool_)
    keep[repeated] = False
    return block.take(keep)


def _rank(tag: NDArray[np.int64]) -> NDArray[np.integer]:
    """Return each sample's tag as its place among the distinct tags, in the narrowest type: uint16 sorts by radix."""
    low = int(tag.min())
    width = int(tag.max()) - low + 1
    if width > _WIDEST_TABLE:
        distinct, inverse = np.unique(tag, return_inverse=True)
        return inverse.astype(np.uint16) if len(distinct) <= 1 << 16 else inverse
    offset = tag - low
    present = np.zeros(width, np.bool_)
    present[offset] = True
    places = np.cumsum(present) - 1
    table = places.astype(np.uint16) if int(places[-1]) < 1 << 16 else places
    return table[offset]


def _repeats(block: Block, tied: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the rows that repeat an earlier row of the same tag and time.

    Args:
        block: Sorted samples.
        tied: Rows whose next row has the same tag and time.
    """
    rows = np.union1d(tied, tied + 1)
    candidates = block.take(rows)
    group = np.cumsum(np.append(True, (np.diff(candidates.tag) != 0) | (np.diff(candidates.timestamp) != 0)))
    content = _content(candidates)
    by_content = np.lexsort((rows, content, candidates.status, group))
    same = np.ones(len(rows) - 1, np.bool_)
    for column in (group, candidates.status, content):
        same &= column[by_content][1:] == column[by_content][:-1]
    return rows[by_content[1:][same]]


def _content(block: Block) -> NDArray[np.int64]:
    """Return numbers that are equal exactly where the values are, bit for bit."""
    if isinstance(block.value, BinaryColumn):
        found = block.value.dictionary()
        if found is not None:
            return found[1].astype(np.int64)
        codes: dict[bytes, int] = {}  # two contents with the same 64-bit hash: somebody worked for this
        return np.fromiter((codes.setdefault(item, len(codes)) for item in block.value.to_list()), np.int64, len(block))
    if block.value.dtype == np.bool_:
        return block.value.astype(np.int64)
    return block.value.view(np.int64)
