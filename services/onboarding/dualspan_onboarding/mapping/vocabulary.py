"""All properties of all models, as phrases that names can be compared with."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dualspan_onboarding.asset_models import units
from dualspan_onboarding.asset_models.model import AssetModel, Property
from dualspan_onboarding.mapping.lexicon import load
from dualspan_onboarding.mapping.tokens import Slot, read_name

_LEAST_WEIGHT = 1.0
# Comparisons take memory for each pair of a phrase and a concept, and tenants bring models of their own.
_MOST = 6000
_UNKNOWN_WEIGHT = 1.6


@dataclass(frozen=True, slots=True)
class Phrase:
    """One way to say a property: for each of its words, what it can stand for."""

    words: tuple[frozenset[str], ...]

    @property
    def concepts(self) -> frozenset[str]:
        """All that its words can stand for."""
        return frozenset[str]().union(*self.words)


class VocabularyTooLargeError(ValueError):
    """The models have more words than can be compared at once."""


class Vocabulary:
    """The properties of models as matrices.

    Raises:
        VocabularyTooLargeError: There are more than 6000 phrases or concepts.

    Attributes:
        properties: Every property once, however many models have it.
        columns: For each model id the numbers of its properties.
        phrases: All phrases, in order of property.
        starts: int64[properties]: the first phrase of each.
        concepts: Concept to number.
        words: The different phrase words (what they can stand for).
        has_word: float32[words, phrases]: the weight of a word in a phrase.
        covers: bool[phrases, concepts]: what a phrase explains.
    """

    def __init__(self, models: Sequence[AssetModel]) -> None:
        self.models = tuple(models)
        numbers: dict[Property, int] = {}
        self.columns: dict[str, NDArray[np.int64]] = {}
        for model in models:
            columns = [numbers.setdefault(each, len(numbers)) for each in model.properties]
            self.columns[model.id] = np.array(columns, np.int64)
        self.properties = tuple(numbers)
        grouped = [_phrases(each) for each in self.properties]
        self.phrases = tuple(phrase for group in grouped for phrase in group)
        self.starts = np.cumsum([0, *(len(group) for group in grouped)][:-1])
        owners = np.repeat(np.arange(len(grouped)), [len(group) for group in grouped])
        self._weigh(owners)
        units_of = [units.recognise(each.unit) if each.unit else None for each in self.properties]
        self.units = tuple(units_of)

    def _weigh(self, owners: NDArray[np.int64]) -> None:
        words = sorted({word for phrase in self.phrases for word in phrase.words}, key=sorted)
        word_number = {word: number for number, word in enumerate(words)}
        concepts = sorted(frozenset[str]().union(*words))
        if max(len(self.phrases), len(concepts)) > _MOST:
            raise VocabularyTooLargeError(f"{len(self.phrases)} phrases, {len(concepts)} concepts")
        self.words = tuple(words)
        self.concepts = {concept: number for number, concept in enumerate(concepts)}
        self.covers = np.zeros((len(self.phrases), len(concepts)), np.bool_)
        present = np.zeros((len(words), len(self.phrases)), np.bool_)
        for number, phrase in enumerate(self.phrases):
            present[[word_number[word] for word in phrase.words], number] = True
            self.covers[number, [self.concepts[concept] for concept in phrase.concepts]] = True
        in_property = np.zeros((len(concepts), len(self.properties)), np.bool_)
        for number, owner in enumerate(owners):
            in_property[self.covers[number], owner] = True
        frequency = in_property.sum(axis=1)
        rarity = np.log(1.0 + len(self.properties) / np.maximum(frequency, 1)) / math.log(12.0)
        self._weights = np.maximum(rarity, _LEAST_WEIGHT).astype(np.float32)
        by_word = np.array([max(self.weight(concept) for concept in word) for word in words], np.float32)
        self.has_word = present * by_word[:, np.newaxis]
        self.total = self.has_word.sum(axis=0)

    def weight(self, concept: str) -> float:
        """How much a concept tells: what few properties have tells more."""
        number = self.concepts.get(concept)
        return _UNKNOWN_WEIGHT if number is None else float(self._weights[number])

    def slot_weight(self, slot: Slot) -> float:
        """How much it matters that a word of a variable's name is explained."""
        return min(self.weight(concept) for concept in slot.meanings)


def _phrases(asset_property: Property) -> list[Phrase]:
    """The ways to say a property: its names and words, each once."""
    texts = [asset_property.names.en, asset_property.names.zh, asset_property.id.replace("-", " ")]
    found: dict[Phrase, None] = {}
    for text in [*texts, *asset_property.words]:
        slots = read_name(text).slots
        if slots:
            found[Phrase(tuple(dict.fromkeys(slot.meanings for slot in slots)))] = None
    neutral = {"actual"}
    plainer = [Phrase(tuple(word for word in phrase.words if not word <= neutral)) for phrase in found]
    return list(dict.fromkeys(phrase for phrase in [*found, *plainer] if phrase.words))


def implied_concepts(unit: units.Unit | None) -> tuple[str, ...]:
    """What a unit says of a variable whose name does not: °C is a temperature."""
    if unit is None:
        return ()
    if unit.ucum == "h":
        return ("hours", "time")
    return _IMPLIED.get(unit.dimension, ())


_IMPLIED = {
    "temperature": ("temperature",),
    "pressure": ("pressure",),
    "force": ("force",),
    "speed": ("speed",),
    "rotation": ("rotation", "speed"),
    "rate": ("speed",),
    "time": ("time",),
    "power": ("power",),
    "energy": ("energy",),
    "reactive-power": ("reactive", "power"),
    "reactive-energy": ("reactive", "energy"),
    "apparent-power": ("apparent", "power"),
    "current": ("current",),
    "voltage": ("voltage",),
    "frequency": ("frequency",),
    "flow": ("flow",),
    "volume": ("volume",),
    "torque": ("torque",),
    "concentration": ("concentration",),
    "conductivity": ("conductivity",),
    "mass": ("weight",),
}
NEUTRAL = frozenset({"actual", "machine", "unit", "code", "name", "total"})
"""What a name can have without being about something else."""


def conflicting(concept: str) -> bool:
    """Whether a name that has it is not about a property that has it not."""
    lexicon = load()
    return concept in lexicon.modifiers or (concept in lexicon.quantities and concept not in NEUTRAL)
