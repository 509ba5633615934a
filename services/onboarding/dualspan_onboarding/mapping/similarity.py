"""How much variables are like properties: names, units and data types, all variables and all properties at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dualspan_onboarding.asset_models import units
from dualspan_onboarding.asset_models.model import Kind, Property, Role
from dualspan_onboarding.mapping.lexicon import load
from dualspan_onboarding.mapping.tokens import Name, Slot, read_name
from dualspan_onboarding.mapping.vocabulary import NEUTRAL, Vocabulary, conflicting, implied_concepts

_CONTEXT = (0.9, 0.7, 0.55, 0.4)
_MACHINE = 0.55
_IMPLIED = 0.85
_CONFLICT = 0.22
_UNEXPLAINED = 0.6
_CHUNK = 512
_PHASES = ("a", "b", "c")
# A folder's words say less of a variable than its own.
_ABOVE = 0.25
_MODIFIERS = load().modifiers
_SETPOINT = frozenset({"setpoint"})
_ACTUAL = frozenset({"actual"})


@dataclass(frozen=True, slots=True)
class Sight:
    """A variable as it is compared: equal ones are compared once.

    Attributes:
        names: From the machine (not included) to the variable.
        machine: The machine's own name.
        label: Its display name, where it says more.
    """

    names: tuple[str, ...]
    machine: str
    label: str
    data_type: str
    value_rank: int
    unit: str
    unit_code: str


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a variable's names say.

    Attributes:
        own: The words of its own name.
        above: Words of the names above it that could make it something else, and those just above it.
        around: Every concept in all of its names, with how much it counts.
    """

    own: tuple[Slot, ...]
    above: tuple[Slot, ...]
    around: dict[str, float]
    unit: units.Unit | None


def _add(around: dict[str, float], slots: Sequence[Slot], strength: float) -> None:
    for slot in slots:
        for concept in slot.meanings:
            around[concept] = max(around.get(concept, 0.0), strength * slot.strength)


def _phase_words(name: Name, unit: units.Unit | None) -> tuple[str, ...]:
    """What single letters and numbers say of a current or a voltage: one phase, or the pair between two."""
    if unit is None or unit.dimension not in {"current", "voltage"}:
        return ()
    letters = {letter for letter in name.letters if letter in _PHASES}
    numbers = {number for number in name.numbers if 1 <= number <= 3}
    if not letters and not numbers:
        return ("neutral",) if "n" in name.letters else ()
    return {1: ("phase_l",), 2: ("phase_l", "pair")}.get(max(len(letters), len(numbers)), ())


def _repeats(slot: Slot, unit: units.Unit | None) -> bool:
    """Whether a word of a name only says the unit again ("Pwr_kW")."""
    return unit is not None and len(slot.word) > 1 and units.recognise(slot.word) is unit


def _see(sight: Sight) -> _Seen:
    own = read_name(sight.names[-1])
    unit = units.recognise(sight.unit, sight.unit_code)
    words = tuple(slot for slot in own.slots if not _repeats(slot, unit)) or own.slots
    around: dict[str, float] = {}
    _add(around, read_name(sight.machine).slots, _MACHINE)
    for strength, name in zip(_CONTEXT, reversed(sight.names[:-1]), strict=False):
        _add(around, read_name(name).slots, strength)
    _add(around, words, 1.0)
    _add(around, read_name(sight.label).slots, 1.0)
    for concept in implied_concepts(unit):
        around[concept] = max(around.get(concept, 0.0), _IMPLIED)
    extra = tuple(Slot(word, frozenset({word})) for word in _phase_words(own, unit))
    _add(around, extra, 1.0)
    return _Seen((*words, *extra), _above(sight), around, unit)


def _above(sight: Sight) -> tuple[Slot, ...]:
    """The words of the folder that a variable is in, and modifiers ("Setpoints") of the folders around that."""
    names = sight.names[:-1]
    nearest = read_name(names[-1]).slots if names else ()
    farther = (slot for name in names[:-1] for slot in read_name(name).slots)
    return (*nearest, *(slot for slot in farther if slot.meanings <= _MODIFIERS))


def kind_of(data_type: str) -> Kind:
    """The kind of a data type's samples, of their elements for arrays."""
    name = data_type.casefold()
    if name in {"float", "double", "number", "duration", "decimal"}:
        return Kind.FLOAT64
    if name == "boolean":
        return Kind.BOOL
    if name in {"string", "localizedtext", "guid", "nodeid", "qualifiedname"}:
        return Kind.TEXT
    if name in {"structure", "bytestring", "xmlelement"} or name.endswith("datatype"):
        return Kind.BYTES
    return Kind.INT64


# How well the kind of a variable fits the kind and role of a property; what is missing does not fit at all.
_FITS: dict[tuple[Kind, Kind], float] = {
    (Kind.FLOAT64, Kind.FLOAT64): 1.0,
    (Kind.INT64, Kind.FLOAT64): 0.96,
    (Kind.INT64, Kind.INT64): 1.0,
    (Kind.FLOAT64, Kind.INT64): 0.85,
    (Kind.TEXT, Kind.INT64): 0.0,
    (Kind.BOOL, Kind.BOOL): 1.0,
    (Kind.INT64, Kind.BOOL): 0.6,
    (Kind.TEXT, Kind.TEXT): 1.0,
    (Kind.INT64, Kind.TEXT): 0.75,
    (Kind.BYTES, Kind.BYTES): 1.0,
}


def fit(kind: Kind, asset_property: Property) -> float:
    """How well samples of a kind can be a property's values, 0 to 1."""
    if asset_property.role is Role.STATE and asset_property.kind is Kind.INT64:
        return {Kind.INT64: 1.0, Kind.TEXT: 0.92, Kind.BOOL: 0.35, Kind.FLOAT64: 0.5}.get(kind, 0.0)
    return _FITS.get((kind, asset_property.kind), 0.0)


class Similarity:
    """Compares variables with the properties of a vocabulary.

    Args:
        vocabulary: With which.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._word_concepts = [[vocabulary.concepts[concept] for concept in word] for word in vocabulary.words]
        self._dimensions = [None if unit is None else unit.dimension for unit in vocabulary.units]
        conflicts = [conflicting(concept) for concept in vocabulary.concepts]
        self._conflicting = np.array(conflicts, np.bool_)
        setpoint = vocabulary.concepts["setpoint"]
        self._of_setpoints = vocabulary.covers[:, setpoint].astype(np.float32)

    def scores(self, sights: Sequence[Sight]) -> NDArray[np.float32]:
        """float32[sights, properties]: how much each is like each, 0 to 1."""
        distinct = list(dict.fromkeys(sights))
        number = {sight: n for n, sight in enumerate(distinct)}
        parts = [self._chunk(distinct[start : start + _CHUNK]) for start in range(0, len(distinct), _CHUNK)]
        together = np.concatenate(parts) if parts else np.zeros((0, len(self._vocabulary.properties)), np.float32)
        return together[[number[sight] for sight in sights]]

    def _chunk(self, sights: Sequence[Sight]) -> NDArray[np.float32]:
        seen = [_see(sight) for sight in sights]
        by_phrase = self._coverage(seen)
        by_property = np.maximum.reduceat(by_phrase, self._vocabulary.starts, axis=1)
        by_property *= self._unit_factors(seen)
        by_property *= self._kind_factors(sights)
        return np.minimum(by_property, 1.0)

    def _coverage(self, seen: Sequence[_Seen]) -> NDArray[np.float32]:
        """float32[sights, phrases]: how much of the phrase the names say, times how much of the name it explains."""
        vocabulary = self._vocabulary
        around = np.zeros((len(seen), len(vocabulary.concepts)), np.float32)
        for row, each in enumerate(seen):
            for concept, strength in each.around.items():
                column = vocabulary.concepts.get(concept)
                if column is not None:
                    around[row, column] = strength
        words = np.stack([around[:, columns].max(axis=1) for columns in self._word_concepts], axis=1)
        said = (words @ vocabulary.has_word) / vocabulary.total
        missing = (around == 0.0) & self._conflicting
        # A quantity or a modifier of the phrase of which the names say nothing.
        lacking = self._lacking(missing)
        explained, conflicts = self._explained(seen)
        return said * (1.0 - _UNEXPLAINED * (1.0 - explained)) * _CONFLICT ** (conflicts + 0.7 * lacking)

    def _lacking(self, missing: NDArray[np.bool_]) -> NDArray[np.float32]:
        lacking_words = [
            missing[:, columns].all(axis=1) if self._conflicting[columns].all() else np.zeros(len(missing), np.bool_)
            for columns in self._word_concepts
        ]
        stacked = np.stack(lacking_words, axis=1).astype(np.float32)
        return np.minimum(stacked @ (self._vocabulary.has_word > 0).astype(np.float32), 2.0)

    def _explained(self, seen: Sequence[_Seen]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The share of each name that each phrase explains, and how many of its words speak against the phrase."""
        vocabulary = self._vocabulary
        slots = list(dict.fromkeys(slot.meanings for each in seen for slot in (*each.own, *each.above)))
        number = {meanings: n for n, meanings in enumerate(slots)}
        stands = np.zeros((len(slots), len(vocabulary.concepts)), np.float32)
        against = np.zeros(len(slots), np.bool_)
        free = np.zeros(len(slots), np.bool_)
        for row, meanings in enumerate(slots):
            stands[row, [vocabulary.concepts[c] for c in meanings if c in vocabulary.concepts]] = 1.0
            against[row] = all(conflicting(concept) for concept in meanings)
            free[row] = bool(meanings & NEUTRAL)
        met = (stands @ vocabulary.covers.T.astype(np.float32)) > 0.0
        explained = np.ones((len(seen), len(vocabulary.phrases)), np.float32)
        conflicts = np.zeros((len(seen), len(vocabulary.phrases)), np.float32)
        for row, each in enumerate(seen):
            words = (*each.own, *each.above)
            rows = [number[slot.meanings] for slot in words]
            if not rows:
                continue
            weights = np.array([vocabulary.slot_weight(slot) for slot in words], np.float32)
            weights[free[rows]] *= 0.3
            weights[len(each.own) :] *= _ABOVE
            explained[row] = (weights @ met[rows]) / weights.sum()
            speaks = against[rows].copy()
            # A quantity in a folder's name is about the folder; a modifier is about all in it.
            speaks[len(each.own) :] &= np.array([slot.meanings <= _MODIFIERS for slot in each.above], np.bool_)
            conflicts[row] = (speaks[:, np.newaxis] & ~met[rows]).sum(axis=0)
            if any(slot.meanings == _ACTUAL for slot in each.own):
                conflicts[row] += self._of_setpoints
        return explained, conflicts

    def _unit_factors(self, seen: Sequence[_Seen]) -> NDArray[np.float32]:
        """More where the units agree, nothing where they measure different things."""
        rows = {each.unit.dimension if each.unit else None for each in seen}
        by_dimension = {
            dimension: np.array([_unit_factor(dimension, wanted) for wanted in self._dimensions], np.float32)
            for dimension in rows
        }
        return np.stack([by_dimension[each.unit.dimension if each.unit else None] for each in seen])

    def _kind_factors(self, sights: Sequence[Sight]) -> NDArray[np.float32]:
        properties = self._vocabulary.properties
        by_kind = {kind: np.array([fit(kind, each) for each in properties], np.float32) for kind in Kind}
        indexed = np.array([each.indexed or "spectrum" in each.names.en for each in properties])
        vector = np.where(indexed, 1.0, 0.3).astype(np.float32)
        scalar = np.ones(len(properties), np.float32)
        return np.stack([by_kind[kind_of(s.data_type)] * (vector if s.value_rank > 0 else scalar) for s in sights])


def _unit_factor(have: str | None, want: str | None) -> float:
    if have is None:
        return 0.95 if want is not None else 1.0
    if want is None:
        return {"count": 0.97, "ratio": 0.75}.get(have, 0.25)
    return 1.04 if have == want else 0.0
