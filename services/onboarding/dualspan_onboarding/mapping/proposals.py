"""What the variables of a server are: machines, their models and properties, with confidence and reason."""

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dualspan_onboarding.asset_models import units
from dualspan_onboarding.asset_models.model import AssetModel, Property
from dualspan_onboarding.mapping import calibration
from dualspan_onboarding.mapping.assignment import Option, assign
from dualspan_onboarding.mapping.companions import Companions, Evidence
from dualspan_onboarding.mapping.machines import Machine, MachineFinder
from dualspan_onboarding.mapping.nodes import Forest, Plant, PlantVariable, grow
from dualspan_onboarding.mapping.similarity import Sight, Similarity
from dualspan_onboarding.mapping.tokens import read_name
from dualspan_onboarding.mapping.vocabulary import Vocabulary

_DIGITS = re.compile(r"\d+")
_LEAST = 0.35
_KNOWN = 0.995
# What a specification names is hardly something else that its name is like, too.
_OTHERWISE = 0.6


@dataclass(frozen=True, slots=True)
class Match:
    """A variable and what it is.

    Attributes:
        variable: The variable.
        target: The property that it is.
        index: Number of an indexed property; 0 otherwise.
        strength: How much speaks for it, before calibration.
        confidence: How likely it is right.
        reason: Why, in words.
        conversion: From its unit to the property's; None if the unit is not known.
    """

    variable: PlantVariable
    target: Property
    index: int
    strength: float
    confidence: float
    reason: str
    conversion: units.Conversion | None

    @property
    def sure(self) -> bool:
        """It is applied without a look."""
        return self.confidence >= calibration.SURE


@dataclass(frozen=True, slots=True)
class Group:
    """A machine and its matches, the likeliest first."""

    path: str
    name: str
    model: AssetModel
    confidence: float
    reason: str
    family: int
    matches: tuple[Match, ...]
    unmatched: tuple[PlantVariable, ...]


@dataclass(frozen=True, slots=True)
class Example:
    """A machine that people have accepted: what its variables were, by their names below the machine."""

    asset: str
    model: str
    places: Mapping[tuple[str, ...], tuple[str, int]]


class Assistant:
    """Proposes mappings.

    Args:
        models: The models that machines can be of, whole.
    """

    def __init__(self, models: Sequence[AssetModel]) -> None:
        self._vocabulary = Vocabulary(models)
        self._similarity = Similarity(self._vocabulary)
        self._companions = Companions(self._vocabulary)
        self._finder = MachineFinder(self._vocabulary)
        self._models = {model.id: model for model in models}

    def propose(self, plant: Plant, examples: Sequence[Example] = ()) -> list[Group]:
        """The machines of a plant in order of path, with what is proposed for each."""
        if not plant.variables:
            return []
        forest = grow(plant)
        evidence = list(self._companions.evidence(plant))
        numbers = [_number(names[-2:]) for names in forest.segments]
        sights = [_sight(variable, names[-4:], "") for variable, names in _together(plant, forest)]
        likelihood = _likelihood(self._similarity.scores(sights), evidence)
        machines = self._finder.find(forest, likelihood, numbers, self._companions.models(plant))
        within = [
            _sight(plant.variables[number], forest.segments[number][machine.depth :], machine.branch.name)
            for machine in machines
            for number in machine.variables
        ]
        strengths = self._similarity.scores(within)
        by_variable: dict[int, list[Evidence]] = {}
        for each in evidence:
            by_variable.setdefault(each.variable, []).append(each)
        groups: list[Group] = []
        start = 0
        for machine in machines:
            end = start + len(machine.variables)
            groups.append(self._group(plant, forest, machine, strengths[start:end], by_variable, examples))
            start = end
        return groups

    def _group(
        self,
        plant: Plant,
        forest: Forest,
        machine: Machine,
        strengths: NDArray[np.float32],
        evidence: Mapping[int, Sequence[Evidence]],
        examples: Sequence[Example],
    ) -> Group:
        model, columns = self._models[machine.model], self._vocabulary.columns[machine.model]
        members = machine.variables
        names = [forest.segments[number][machine.depth :] for number in members]
        reasons: dict[tuple[int, int], str] = {}
        self._specify(members, columns, evidence, strengths, reasons)
        self._learn(machine, members, names, examples, strengths, reasons)
        options = [
            option
            for n, number in enumerate(members)
            for option in self._options(plant.variables[number], number, names[n], strengths[n], columns)
        ]
        matches = [self._match(plant, machine, option, reasons) for option in assign(options)]
        shown = sorted(
            (match for match in matches if match.confidence >= calibration.SHOWN), key=lambda m: -m.confidence
        )
        matched = {match.variable.node_id for match in shown}
        return Group(
            path=machine.branch.path,
            name=machine.branch.name,
            model=model,
            confidence=_model_confidence(machine),
            reason=machine.reason,
            family=machine.family,
            matches=tuple(shown),
            unmatched=tuple(plant.variables[n] for n in members if plant.variables[n].node_id not in matched),
        )

    def _specify(
        self,
        members: Sequence[int],
        columns: NDArray[np.int64],
        evidence: Mapping[int, Sequence[Evidence]],
        strengths: NDArray[np.float32],
        reasons: dict[tuple[int, int], str],
    ) -> None:
        """What companion specifications say goes before what names are like."""
        here = {int(column) for column in columns}
        for row, number in enumerate(members):
            found = [each for each in evidence.get(number, ()) if each.column in here]
            if found:
                strengths[row] *= _OTHERWISE
            for each in found:
                if strengths[row, each.column] < each.strength:
                    strengths[row, each.column] = each.strength
                    reasons[number, each.column] = each.reason

    def _learn(
        self,
        machine: Machine,
        members: Sequence[int],
        names: Sequence[tuple[str, ...]],
        examples: Sequence[Example],
        strengths: NDArray[np.float32],
        reasons: dict[tuple[int, int], str],
    ) -> None:
        """What people accepted for a machine of the same shape goes before everything else."""
        example = _closest(machine.model, names, examples)
        if example is None:
            return
        column_of = {self._vocabulary.properties[c].id: int(c) for c in self._vocabulary.columns[machine.model]}
        for n, (number, below) in enumerate(zip(members, names, strict=True)):
            place = example.places.get(below)
            column = column_of.get(place[0]) if place else None
            if column is not None:
                strengths[n] *= 0.5
                strengths[n, column] = _KNOWN
                reasons[number, column] = f"the same place of {example.asset} is it, which was accepted"

    def _options(
        self,
        variable: PlantVariable,
        number: int,
        names: Sequence[str],
        strengths: NDArray[np.float32],
        columns: NDArray[np.int64],
    ) -> list[Option]:
        found: list[Option] = []
        for column in columns[strengths[columns] >= _LEAST].tolist():
            asset_property = self._vocabulary.properties[column]
            index = _index(variable, names) if asset_property.indexed else 0
            found.append(Option(number, column, index, float(strengths[column])))
        return found

    def _match(self, plant: Plant, machine: Machine, option: Option, reasons: Mapping[tuple[int, int], str]) -> Match:
        variable, asset_property = plant.variables[option.variable], self._vocabulary.properties[option.column]
        have = units.recognise(variable.unit, variable.unit_code)
        want = self._vocabulary.units[option.column]
        reason = reasons.get((option.variable, option.column)) or _reason(variable, asset_property, have, want)
        if have is not None and want is not None:
            converted = units.conversion(have, want)
        else:
            converted = None if want is not None else units.Conversion(1.0, 0.0)
        # A machine of which little was recognised makes its matches less likely.
        strength = option.strength * min(1.0, 0.9 + 0.02 * machine.worth)
        return Match(
            variable=variable,
            target=asset_property,
            index=option.index,
            strength=strength,
            confidence=calibration.MEASURED.confidence(strength),
            reason=reason,
            conversion=converted,
        )


@functools.lru_cache(maxsize=65_536)
def _plain(name: str) -> str:
    return _DIGITS.sub(" ", name)


def _together(plant: Plant, forest: Forest) -> list[tuple[PlantVariable, tuple[str, ...]]]:
    return list(zip(plant.variables, forest.segments, strict=True))


def _sight(variable: PlantVariable, names: tuple[str, ...], machine: str) -> Sight:
    """A variable as it is compared. Numbers around it say nothing, and without them twins look the same."""
    return Sight(
        names=(*(_plain(name) for name in names[:-1]), names[-1]),
        machine=_plain(machine),
        label=variable.display_name,
        data_type=variable.data_type,
        value_rank=variable.value_rank,
        unit=variable.unit,
        unit_code=variable.unit_code,
    )


def _likelihood(scores: NDArray[np.float32], evidence: Sequence[Evidence]) -> NDArray[np.float32]:
    """How likely each variable is each property, what speaks for it put on the measured curve."""
    for variable in {each.variable for each in evidence}:
        scores[variable] *= _OTHERWISE
    for each in evidence:
        scores[each.variable, each.column] = max(scores[each.variable, each.column], each.strength)
    curve = calibration.MEASURED
    likely = 1.0 / (1.0 + np.exp(-(curve.slope * scores + curve.intercept)))
    return np.where(scores >= _LEAST, likely, 0.0).astype(np.float32)


def _number(names: Sequence[str]) -> int:
    """The number in a variable's name, else in the name above it; 0 if there is none."""
    for name in reversed(names):
        numbers = read_name(name).numbers
        if numbers:
            return numbers[-1]
    return 0


def _index(variable: PlantVariable, names: Sequence[str]) -> int:
    """The number of an indexed property: one in the names, or the phase that a single letter stands for."""
    if variable.value_rank > 0:
        return 0
    number = _number(names[-2:])
    letters = [letter for letter in read_name(names[-1]).letters if letter in "abc"]
    return number or ("abc".index(letters[0]) + 1 if letters else 0)


def _closest(model: str, names: Sequence[tuple[str, ...]], examples: Sequence[Example]) -> Example | None:
    """The accepted machine of this model that has most of its places in common; None if none has half of them."""
    here = set(names)
    best = max(
        (example for example in examples if example.model == model),
        key=lambda example: len(here & example.places.keys()),
        default=None,
    )
    if best is None or len(here & best.places.keys()) < 0.5 * len(best.places):
        return None
    return best


def _model_confidence(machine: Machine) -> float:
    """Rises with what was found and with the distance to the next kind of machine."""
    return float(1.0 / (1.0 + np.exp(-(0.5 * machine.worth + 1.2 * machine.margin - 2.5))))


def _reason(variable: PlantVariable, asset_property: Property, have: units.Unit | None, want: units.Unit | None) -> str:
    """Why a name is taken for a property, in words."""
    words = [f"{'/'.join(variable.path[-2:])!r} reads like {asset_property.names.en!r}"]
    if have is not None and want is not None:
        words.append(
            f"its unit {variable.unit!r} agrees" if have is want else f"{variable.unit!r} becomes {want.ucum!r}"
        )
    elif want is not None and variable.unit:
        words.append(f"its unit {variable.unit!r} is not known")
    elif want is not None:
        words.append("it states no unit")
    words.append(f"{variable.data_type} fits")
    return ", ".join(words)
