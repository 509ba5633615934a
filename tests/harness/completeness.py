"""The independent checker: compares what was sent with what queries return.

It knows nothing of how the platform works. What was sent is a function of (variable, tick) that the load server and
the checker both compute; what is stored comes from ReadRaw; what is admitted to be missing comes from the gap ledger.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Span:
    """Admitted loss: samples of `tag` (0: of all) between two moments, both included, int64 microseconds."""

    tag: int
    start_us: int
    end_us: int


@dataclass(frozen=True, slots=True)
class Sent:
    """What a source sends: one sample per tag and tick.

    Attributes:
        variables: Tag id → index of the variable that it stores.
        tick_us: Time between two samples.
        values: Values of (variable, tick), elementwise.
    """

    variables: dict[int, int]
    tick_us: int
    values: Callable[[Ints, Ints], Floats]


@dataclass(frozen=True, slots=True)
class Stored:
    """What ReadRaw returned, in the order in which it did: int64[n], int64[n], float64[n]."""

    tag: Ints
    timestamp: Ints
    value: Floats


@dataclass(frozen=True, slots=True)
class Tally:
    """What the platform says that it has taken, beside what it returns, while nothing is on its way.

    Attributes:
        sealed: Samples in segments.
        unsealed: Samples in frames that are not sealed yet.
        dropped: Repeats that sealing dropped.
        stored: Samples that ReadRaw returns of all tags and times; it leaves repeats out.
    """

    sealed: int
    unsealed: int
    dropped: int
    stored: int

    @property
    def repeated(self) -> int:
        """Samples that were committed again although they were stored, whether sealing has met them or not."""
        return self.dropped + self.sealed + self.unsealed - self.stored


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the comparison found. All but `kept`, `admitted` and `repeated` must be zero.

    Attributes:
        kept: Samples that were sent and are stored.
        admitted: Samples that are missing inside a gap of the ledger.
        lost: Samples that are missing outside every gap.
        doubled: Samples that are stored more than once.
        wrong: Samples with another value than was sent, or that nobody sent.
        disordered: Neighbours within a tag whose time does not rise.
        repeated: Samples that were committed again meanwhile, which ReadRaw does not show; see `Tally`. A new
            subscription may repeat the latest sample of each of its items, and nothing else may.
        examples: A few of each kind, for who reads a failed test.
    """

    kept: int = 0
    admitted: int = 0
    lost: int = 0
    doubled: int = 0
    wrong: int = 0
    disordered: int = 0
    repeated: int = 0
    examples: Sequence[str] = field(default=())

    @property
    def is_clean(self) -> bool:
        return self.lost == self.doubled == self.wrong == self.disordered == 0


def judge(sent: Sent, stored: Stored, gaps: Sequence[Span], *, since_us: int, until_us: int) -> Verdict:
    """Compares everything from `since_us` on, up to but not including `until_us`.

    Between the two every tick of every tag must be stored exactly once, with its value, or lie in a gap.
    """
    total = Verdict()
    for tag, variable in sent.variables.items():
        of_tag = (stored.tag == tag) & (stored.timestamp >= since_us) & (stored.timestamp < until_us)
        column = Stored(stored.tag[of_tag], stored.timestamp[of_tag], stored.value[of_tag])
        spans = [gap for gap in gaps if gap.tag in {0, tag}]
        total = _add(total, _judge_tag(sent, tag, variable, column, spans, (since_us, until_us)))
    strangers = np.setdiff1d(stored.tag, np.fromiter(sent.variables, np.int64))
    return _add(total, Verdict(wrong=len(strangers), examples=[f"unknown tags {strangers[:3]}"] * bool(len(strangers))))


def _judge_tag(
    sent: Sent, tag: int, variable: int, stored: Stored, gaps: Sequence[Span], window: tuple[int, int]
) -> Verdict:
    first, last = -(-window[0] // sent.tick_us), -(-window[1] // sent.tick_us)
    expected = np.arange(first, last, dtype=np.int64)
    tick, remainder = np.divmod(stored.timestamp, sent.tick_us)
    right = (remainder == 0) & (stored.value == sent.values(np.full_like(tick, variable), tick))
    distinct = np.unique(tick[right])
    missing = np.setdiff1d(expected, distinct, assume_unique=True) * sent.tick_us
    admitted = np.zeros(len(missing), np.bool_)
    for gap in gaps:
        admitted |= (missing >= gap.start_us) & (missing <= gap.end_us)
    lost = missing[~admitted]
    doubled = int(right.sum()) - len(distinct)
    disordered = int((np.diff(stored.timestamp) <= 0).sum()) - doubled
    examples = [
        text
        for count, text in (
            (len(lost), f"tag {tag}: {len(lost)} lost, from {lost[:1]} to {lost[-1:]}"),
            (doubled, f"tag {tag}: {doubled} doubled"),
            (int((~right).sum()), f"tag {tag}: wrong at {stored.timestamp[~right][:3]}: {stored.value[~right][:3]}"),
            (disordered, f"tag {tag}: {disordered} times time does not rise"),
        )
        if count
    ]
    return Verdict(
        kept=len(distinct),
        admitted=int(admitted.sum()),
        lost=len(lost),
        doubled=doubled,
        wrong=int((~right).sum()),
        disordered=max(0, disordered),
        examples=examples,
    )


def _add(one: Verdict, other: Verdict) -> Verdict:
    return Verdict(
        one.kept + other.kept,
        one.admitted + other.admitted,
        one.lost + other.lost,
        one.doubled + other.doubled,
        one.wrong + other.wrong,
        one.disordered + other.disordered,
        one.repeated + other.repeated,
        [*one.examples, *other.examples][:8],
    )


@dataclass(frozen=True, slots=True)
class Recorded:
    """Samples: int64[n], int64[n], float64[n]."""

    tag: Ints
    timestamp: Ints
    value: Floats

    @classmethod
    def joined(cls, parts: "Sequence[Recorded]") -> "Recorded":
        """All of them, in order of tag and time."""
        if not parts:
            return cls(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
        tag, timestamp, value = (
            np.concatenate([getattr(part, name) for part in parts]) for name in ("tag", "timestamp", "value")
        )
        order = np.lexsort((timestamp, tag))
        return cls(tag[order], timestamp[order], value[order])


def judge_recorded(sent: Recorded, stored: Recorded, gaps: Sequence[Span]) -> Verdict:
    """Compares samples that came at times of their own: each sent one must be stored exactly once, or lie in a gap.

    A source has one value at a time, so tag and time name a sample; two NaNs are the same value.
    """
    total = Verdict()
    for tag in np.union1d(sent.tag, stored.tag).tolist():
        here, there = sent.tag == tag, stored.tag == tag
        times, positions = np.unique(stored.timestamp[there], return_index=True)
        wanted = sent.timestamp[here]
        lost = np.setdiff1d(wanted, times)
        admitted = np.zeros(len(lost), np.bool_)
        for gap in gaps:
            if gap.tag in {0, tag}:
                admitted |= (lost >= gap.start_us) & (lost <= gap.end_us)
        both, at_sent, at_stored = np.intersect1d(wanted, times, return_indices=True)
        one, other = sent.value[here][at_sent], stored.value[there][positions][at_stored]
        differing = ~((one == other) | (np.isnan(one) & np.isnan(other)))
        wrong = int(differing.sum()) + len(np.setdiff1d(times, wanted))
        doubled = int(there.sum()) - len(times)
        examples = [
            f"tag {tag}: {count} {what}"
            for count, what in ((int((~admitted).sum()), f"lost, such as {lost[~admitted][:2]}"), (doubled, "doubled"))
            if count
        ]
        if wrong:
            examples.append(
                f"tag {tag}: {wrong} wrong, such as {both[differing][:2]}, {np.setdiff1d(times, wanted)[:2]}"
            )
        total = _add(
            total,
            Verdict(
                kept=len(both) - int(differing.sum()),
                admitted=int(admitted.sum()),
                lost=int((~admitted).sum()),
                doubled=doubled,
                wrong=wrong,
                examples=examples,
            ),
        )
    return total
