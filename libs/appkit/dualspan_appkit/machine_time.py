"""What a machine's state number means, and how long it was in what."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from dualspan_sdk import Columns, Model


class Element(IntEnum):
    """What time counts as, in the words of ISO 22400-2."""

    UNKNOWN = 0
    PRODUCTION = 1  # APT
    SETUP = 2  # AUST
    DELAY = 3  # ADET
    DOWN = 4  # ADOT
    PLANNED = 5  # out of the planned busy time


_WORDS = {
    "APT": Element.PRODUCTION,
    "AUST": Element.SETUP,
    "ADET": Element.DELAY,
    "ADOT": Element.DOWN,
    "POT": Element.PLANNED,
    "PDOT": Element.PLANNED,
    "PMT": Element.PLANNED,
}


@dataclass(frozen=True, slots=True)
class Timeline:
    """What a machine did in [start[0], end[-1]), without a hole.

    Attributes:
        start: int64, shape (n,): µs since 1970-01-01T00:00:00 UTC.
        end: int64, shape (n,).
        element: int8, shape (n,): `Element`.
    """

    start: NDArray[np.int64]
    end: NDArray[np.int64]
    element: NDArray[np.int8]

    def seconds(self, *elements: Element) -> float:
        """How long it was in any of these."""
        inside = np.isin(self.element, elements)
        return float((self.end - self.start)[inside].sum()) / 1e6

    def share(self, elements: Collection[Element], starts: NDArray[np.int64], length_us: int) -> NDArray[np.float64]:
        """float64, shape (m,): which share of intervals of one length, given by their begins, was in these elements."""
        inside = np.isin(self.element, list(elements))
        spent = np.append(0.0, np.cumsum(np.where(inside, self.end - self.start, 0)))
        edges = np.append(self.start, self.end[-1]).astype(np.float64)
        return (np.interp(starts + length_us, edges, spent) - np.interp(starts, edges, spent)) / length_us

    def is_throughout(self, element: Element, starts: NDArray[np.int64], length_us: int) -> NDArray[np.bool_]:
        """bool, shape (m,): which intervals were in one element all the time."""
        return self.share((element,), starts, length_us) > 1 - 1e-9


def meanings(model: Model | None, chosen: Mapping[int, str]) -> dict[int, Element]:
    """What each number of a state property means.

    A model with the states of PackML has their numbers (ISA-TR88.00.02), which begin at 1; every other is numbered from
    0 in the order of its states. What the subscriber chose goes before both.

    Args:
        model: The machine's.
        chosen: Word of ISO 22400-2 by number.
    """
    states = () if model is None else model.states
    first = 1 if any(state.id == "execute" for state in states) else 0
    found = {first + place: _WORDS.get(state.iso22400, Element.UNKNOWN) for place, state in enumerate(states)}
    return found | {number: _WORDS.get(word, Element.UNKNOWN) for number, word in chosen.items()}


def chosen_states(texts: Sequence[str]) -> dict[int, str]:
    """Numbers and words of `0=APT`; what cannot be read is left out."""
    pairs = [text.partition("=") for text in texts]
    return {int(number): word.strip() for number, _, word in pairs if number.strip().isdigit()}


def timeline(state: Columns, means: Mapping[int, Element], start_us: int, end_us: int) -> Timeline:
    """What a machine did in [start, end).

    Args:
        state: Its samples, the newest before the start among them; a sample that is not good is unknown time.
        means: What each number means.
        start_us: Begin, µs.
        end_us: End, µs.
    """
    codes = np.array([means.get(int(value), Element.UNKNOWN) for value in state.value], np.int8)
    codes = np.where(state.good, codes, np.int8(Element.UNKNOWN)).astype(np.int8)
    before = int(np.searchsorted(state.timestamp, start_us, side="right"))
    after = int(np.searchsorted(state.timestamp, end_us, side="left"))
    first = codes[before - 1] if before else np.int8(Element.UNKNOWN)
    start = np.concatenate([[start_us], state.timestamp[before:after]]).astype(np.int64)
    element = np.concatenate([[first], codes[before:after]]).astype(np.int8)
    changes = np.append(True, element[1:] != element[:-1])
    start, element = start[changes], element[changes]
    return Timeline(start, np.append(start[1:], end_us).astype(np.int64), element)
