"""Which variable of a machine is which of its properties: each of them once."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_NARROW = 0.12
_DOUBT = 0.45


@dataclass(frozen=True, slots=True)
class Option:
    """A variable and a property that it could be, and how much speaks for it."""

    variable: int
    column: int
    index: int
    strength: float


def assign(options: Sequence[Option]) -> list[Option]:
    """The best options that use no variable and no (property, index) twice.

    What has a close rival is doubted: its strength falls with the distance to the rival.
    """
    ranked = sorted(options, key=lambda option: (-option.strength, option.variable, option.column))
    variables: set[int] = set()
    places: set[tuple[int, int]] = set()
    chosen: list[Option] = []
    for option in ranked:
        place = (option.column, option.index)
        if option.variable not in variables and place not in places:
            variables.add(option.variable)
            places.add(place)
            chosen.append(option)
    return _doubted(chosen, options)


def _doubted(chosen: Sequence[Option], options: Sequence[Option]) -> list[Option]:
    taken = {option.variable: option for option in chosen}
    held = {(option.column, option.index): option for option in chosen}
    rivals: dict[Option, float] = defaultdict(float)
    for option in options:
        by_variable, by_place = taken.get(option.variable, option), held.get((option.column, option.index), option)
        # A property that another variable has for good is no rival, and the other way round.
        if by_variable is not option and by_place.strength <= option.strength + _NARROW:
            rivals[by_variable] = max(rivals[by_variable], option.strength)
        if by_place is not option and by_variable.strength <= option.strength + _NARROW:
            rivals[by_place] = max(rivals[by_place], option.strength)
    return [_doubt(option, rivals) for option in chosen]


def _doubt(option: Option, rivals: Mapping[Option, float]) -> Option:
    distance = option.strength - rivals.get(option, 0.0)
    doubt = _DOUBT * max(0.0, _NARROW - distance) / _NARROW
    return Option(option.variable, option.column, option.index, option.strength * (1.0 - doubt))
