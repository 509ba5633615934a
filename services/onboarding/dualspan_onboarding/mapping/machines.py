"""Where machines begin in the tree of names, and what kinds of machines they are."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dualspan_onboarding.asset_models.model import AssetModel
from dualspan_onboarding.mapping.companions import lineage
from dualspan_onboarding.mapping.nodes import Branch, Forest
from dualspan_onboarding.mapping.tokens import read_name
from dualspan_onboarding.mapping.vocabulary import Vocabulary

_COST = 1.5
_NAMED = 2.0
_TYPED = 4.0
_STRANGER = 0.03
_LEAST = 2.2
_TWINS = 0.7
_REMEMBERED = 100_000
_COMPARED = 200
_CALLED = 0.5
_FEW = 3.0
_SHARE = 0.4


@dataclass(slots=True)
class _Tally:
    """What a branch would be worth as one machine.

    Attributes:
        best: float32[properties]: the likelihood of the likeliest variable below for each.
        indexed: The same for further numbers of indexed properties: (property, index).
        variables: Variables below.
    """

    best: NDArray[np.float32]
    indexed: dict[tuple[int, int], float]
    variables: list[int]
    typed: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine that was found.

    Attributes:
        branch: Where it begins.
        model: What kind it is.
        worth: How much speaks for it: about the number of properties that were found.
        margin: How much more speaks for it than for the next unrelated model.
        variables: Indexes of its variables.
        reason: Why it is one, in words.
        family: Machines of the same shape have the same number.
    """

    branch: Branch
    model: str
    worth: float
    margin: float
    variables: tuple[int, ...]
    reason: str
    family: int

    @property
    def depth(self) -> int:
        """How many names lead to it."""
        return _depth(self.branch)


@dataclass(slots=True)
class _Root:
    branch: Branch
    tally: _Tally
    worths: dict[str, float]


class MachineFinder:
    """Finds machines.

    Args:
        vocabulary: The models to find.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._models = vocabulary.models
        self._lineage = lineage(vocabulary.models)
        self._names: dict[tuple[str, tuple[str, ...]], float] = {}
        self._aliases = {model.id: _aliases(model) for model in vocabulary.models}

    def find(
        self,
        forest: Forest,
        likelihood: NDArray[np.float32],
        numbers: Sequence[int],
        typed: Mapping[str, Sequence[tuple[str, str]]],
    ) -> list[Machine]:
        """The machines of a plant, in order of path.

        Args:
            forest: Its names.
            likelihood: float32[variables, properties]: how likely each is each.
            numbers: The number in each variable's name; 0 for none.
            typed: Browse path to (model, reason) from companion specifications.
        """
        roots: list[_Root] = []
        self._visit(forest.root, likelihood, numbers, typed, roots)
        families = _families(forest, roots)
        return sorted(self._decide(roots, families), key=lambda machine: machine.branch.path)

    def _visit(
        self,
        branch: Branch,
        likelihood: NDArray[np.float32],
        numbers: Sequence[int],
        typed: Mapping[str, Sequence[tuple[str, str]]],
        roots: list[_Root],
    ) -> tuple[_Tally, float]:
        """Choose the machines at or below a branch; returns its tally and what they are worth together."""
        tally = _own(branch, likelihood, numbers, self._vocabulary)
        before = len(roots)
        together = 0.0
        for child in branch.children.values():
            below, worth = self._visit(child, likelihood, numbers, typed, roots)
            _merge(tally, below)
            together += worth
        tally.typed = dict(typed.get(branch.path, ())) or tally.typed
        worths = self._worths(branch, tally)
        worth = max(worths.values()) - _COST
        alone = bool(typed.get(branch.path)) and worth > 0.0
        if worth > together + 1e-6 or alone:
            del roots[before:]
            roots.append(_Root(branch, tally, worths))
            return tally, worth
        return tally, together

    def _worths(self, branch: Branch, tally: _Tally) -> dict[str, float]:
        """How much speaks for each model."""
        worths: dict[str, float] = {}
        name = branch.name
        for model in self._models:
            columns = self._vocabulary.columns[model.id]
            here = set(columns.tolist())
            found = float(tally.best[columns].sum())
            found += sum(worth for (column, _), worth in tally.indexed.items() if column in here)
            found -= _STRANGER * max(0.0, len(tally.variables) - found)
            found += _NAMED * self._named(model, name) * min(1.0, found)
            found += _TYPED * bool(self._lineage[model.id] & tally.typed.keys())
            worths[model.id] = found - 0.004 * len(columns)
        return worths

    def _named(self, model: AssetModel, name: str) -> float:
        """How much a branch is called like the model, 0 to 1. Names that differ in a number are called the same."""
        words = tuple(slot.word for slot in read_name(name).slots)
        key = (model.id, words)
        known = self._names.get(key)
        if known is None:
            known = max((_called(alias, words) for alias in self._aliases[model.id] if words), default=0.0)
            if len(self._names) >= _REMEMBERED:
                self._names.clear()
            self._names[key] = known
        return known

    def _decide(self, roots: Sequence[_Root], families: Sequence[int]) -> list[Machine]:
        """Twins are of one kind: what speaks for a model is added up over the family."""
        sums: dict[int, dict[str, float]] = {}
        sizes: dict[int, int] = {}
        for root, family in zip(roots, families, strict=True):
            total = sums.setdefault(family, dict.fromkeys(root.worths, 0.0))
            sizes[family] = sizes.get(family, 0) + 1
            for model, worth in root.worths.items():
                total[model] += worth
        machines: list[Machine] = []
        for root, family in zip(roots, families, strict=True):
            means = {model: worth / sizes[family] for model, worth in sums[family].items()}
            model = max(means, key=lambda each: means[each])
            related = self._lineage[model]
            others = [
                worth for each, worth in means.items() if each not in related and model not in self._lineage[each]
            ]
            if means[model] < _LEAST or not self._convinces(root, model):
                continue
            machines.append(
                Machine(
                    branch=root.branch,
                    model=model,
                    worth=means[model],
                    margin=means[model] - max(others, default=0.0),
                    variables=tuple(root.tally.variables),
                    reason=self._reason(root, model, sizes[family]),
                    family=family,
                )
            )
        return machines

    def _convinces(self, root: _Root, model: str) -> bool:
        """A machine that nothing is called or typed like must have a good part of its variables recognised."""
        called = self._named(self._vocabulary.models[self._number(model)], root.branch.name) >= _CALLED
        typed = bool(self._lineage[model] & root.tally.typed.keys())
        columns = self._vocabulary.columns[model]
        found = float(root.tally.best[columns].sum())
        return called or typed or found >= max(_FEW, _SHARE * len(root.tally.variables))

    def _reason(self, root: _Root, model: str, twins: int) -> str:
        words: list[str] = []
        typed = [reason for each, reason in root.tally.typed.items() if each in self._lineage[model]]
        words += typed[:1]
        if self._named(self._vocabulary.models[self._number(model)], root.branch.name) >= _CALLED:
            words.append(f"it is called {root.branch.name!r}")
        columns = self._vocabulary.columns[model]
        likely = int((root.tally.best[columns] > 0.5).sum())
        words.append(f"{likely} of its properties were found")
        if twins > 1:
            words.append(f"{twins - 1} more of the same shape")
        return ", ".join(words)

    def _number(self, model_id: str) -> int:
        return next(n for n, model in enumerate(self._models) if model.id == model_id)


def _own(branch: Branch, likelihood: NDArray[np.float32], numbers: Sequence[int], vocabulary: Vocabulary) -> _Tally:
    """The tally of the variables that hang on the branch itself."""
    indexed: dict[tuple[int, int], float] = {}
    rows = likelihood[branch.variables]
    best = rows.max(axis=0) if len(rows) else np.zeros(likelihood.shape[1], np.float32)
    for row, variable in zip(rows, branch.variables, strict=True):
        number = numbers[variable]
        for column in np.nonzero(row > 0.5)[0].tolist():
            if number > 1 and vocabulary.properties[column].indexed:
                key = (column, number)
                indexed[key] = max(indexed.get(key, 0.0), 0.3 * float(row[column]))
    return _Tally(best, indexed, list(branch.variables))


def _merge(tally: _Tally, below: _Tally) -> None:
    np.maximum(tally.best, below.best, out=tally.best)
    for key, worth in below.indexed.items():
        tally.indexed[key] = max(tally.indexed.get(key, 0.0), worth)
    tally.variables += below.variables


def _aliases(model: AssetModel) -> list[tuple[str, ...]]:
    texts = [model.names.en, model.names.zh, *model.words]
    return [words for text in texts if (words := tuple(slot.word for slot in read_name(text).slots))]


def _called(alias: Sequence[str], words: Sequence[str]) -> float:
    """The share of an alias's words that a name has, whole or shortened."""
    return sum(max(_same(each, word) for word in words) for each in alias) / len(alias)


def _same(word: str, have: str) -> float:
    if word == have:
        return 1.0
    if len(have) >= 3 and word.startswith(have):
        return 0.8
    consonants = word[0] + "".join(letter for letter in word[1:] if letter not in "aeiou")
    return 0.7 if len(have) >= 3 and have.isascii() and consonants.startswith(have) else 0.0


def _families(forest: Forest, roots: Sequence[_Root]) -> list[int]:
    """Numbers of families: roots whose variables have the same names below them, most of them at least."""
    shapes: list[frozenset[tuple[str, ...]]] = []
    families: list[int] = []
    for root in roots:
        depth = _depth(root.branch)
        shape = frozenset(forest.segments[variable][depth:] for variable in root.tally.variables)
        for number, known in _latest(shapes):
            if len(shape & known) >= _TWINS * len(shape | known):
                families.append(number)
                break
        else:
            families.append(len(shapes))
            shapes.append(shape)
    return families


def _latest(shapes: Sequence[frozenset[tuple[str, ...]]]) -> Iterator[tuple[int, frozenset[tuple[str, ...]]]]:
    """The latest families: twins stand near each other, and a server with thousands of machines takes no hours."""
    for number in range(len(shapes) - 1, max(-1, len(shapes) - 1 - _COMPARED), -1):
        yield number, shapes[number]


def _depth(branch: Branch) -> int:
    depth = 0
    while branch.parent is not None:
        depth, branch = depth + 1, branch.parent
    return depth
