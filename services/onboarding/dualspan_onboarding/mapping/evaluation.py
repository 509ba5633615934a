"""How good proposals are: precision, recall and calibration on plants whose variables' meaning is known."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dualspan_onboarding.mapping import calibration
from dualspan_onboarding.mapping.labelled import LabelledPlant
from dualspan_onboarding.mapping.proposals import Assistant, Group, Match

_BINS = 5


@dataclass(frozen=True, slots=True)
class Judged:
    """A match, and whether it is right: the same machine, model, property and index as its label."""

    industry: str
    plant: str
    match: Match
    right: bool
    wanted: str


@dataclass(frozen=True, slots=True)
class Score:
    """Precision is right / proposed, recall is right / labelled."""

    name: str
    labelled: int
    proposed: int
    right: int

    @property
    def precision(self) -> float:
        """The share of the proposals that are right; 1 if there is none."""
        return self.right / self.proposed if self.proposed else 1.0

    @property
    def recall(self) -> float:
        """The share of the labels that were found; 1 if there is none."""
        return self.right / self.labelled if self.labelled else 1.0


@dataclass(frozen=True, slots=True)
class Bin:
    """Matches of like confidence: what was said on average, and how many were right."""

    count: int
    said: float
    right: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was measured.

    Attributes:
        total: Over everything that is sure, as it would be applied.
        by_industry: The same for each industry.
        bins: Calibration over everything that is shown, sure or not.
        error: Expected calibration error: the mean distance between said and right.
        wrong: The sure proposals that are wrong.
        missed: Labels without a sure proposal: (plant, browse path, property).
    """

    total: Score
    by_industry: tuple[Score, ...]
    bins: tuple[Bin, ...]
    error: float
    judged: tuple[Judged, ...]
    wrong: tuple[Judged, ...]
    missed: tuple[tuple[str, str, str], ...]


def judge(plant: LabelledPlant, groups: Sequence[Group]) -> list[Judged]:
    """Compare proposals with labels.

    A group stands for the labelled machine that most of its matches are of; of two groups for one machine the one with
    more matches counts, and all of the other is wrong.
    """
    votes = [Counter(plant.labels[match.variable.node_id].machine for match in group.matches) for group in groups]
    best: dict[str, tuple[int, int]] = {}
    for number, vote in enumerate(votes):
        for machine, count in vote.items():
            best[machine] = max(best.get(machine, (0, 0)), (count, -number))
    judged: list[Judged] = []
    for number, group in enumerate(groups):
        for match in group.matches:
            label = plant.labels[match.variable.node_id]
            stands = best.get(label.machine, (0, 0)) == (votes[number][label.machine], -number)
            same = (label.model, label.property, label.index) == (group.model.id, match.target.id, match.index)
            wanted = f"{label.model}: {label.property}/{label.index}" if label.property else "nothing"
            right = bool(label.property) and same and stands
            judged.append(Judged(plant.industry, plant.name, match, right, wanted))
    return judged


def evaluate(plants: Sequence[LabelledPlant], assistant: Assistant) -> Evaluation:
    """Measure the assistant on plants."""
    judged = [each for plant in plants for each in judge(plant, assistant.propose(plant.plant))]
    sure = [each for each in judged if each.match.sure]
    found = {(each.plant, each.match.variable.node_id) for each in sure if each.right}
    labels = [(plant, node_id, label) for plant in plants for node_id, label in plant.labels.items() if label.property]
    industries = sorted({plant.industry for plant in plants})
    bins = _bins(judged)
    shown = sum(each.count for each in bins)
    return Evaluation(
        total=_score("all", [label[0].industry for label in labels], sure),
        by_industry=tuple(
            _score(
                industry,
                [label[0].industry for label in labels if label[0].industry == industry],
                [each for each in sure if each.industry == industry],
            )
            for industry in industries
        ),
        bins=bins,
        error=sum(each.count * abs(each.said - each.right) for each in bins) / shown if shown else 0.0,
        judged=tuple(judged),
        wrong=tuple(each for each in sure if not each.right),
        missed=tuple(
            (plant.name, node_id.partition(";s=")[2], f"{label.property}/{label.index}")
            for plant, node_id, label in labels
            if (plant.name, node_id) not in found
        ),
    )


def _score(name: str, labels: Sequence[str], sure: Sequence[Judged]) -> Score:
    return Score(name, len(labels), len(sure), sum(each.right for each in sure))


def _bins(judged: Iterable[Judged]) -> tuple[Bin, ...]:
    """Matches by confidence in bins of like width, from what is shown at all to 1."""
    width = (1.0 - calibration.SHOWN) / _BINS
    groups: dict[int, list[Judged]] = {}
    for each in judged:
        number = min(_BINS - 1, int((each.match.confidence - calibration.SHOWN) / width))
        groups.setdefault(number, []).append(each)
    return tuple(
        Bin(
            count=len(group),
            said=sum(each.match.confidence for each in group) / len(group),
            right=sum(each.right for each in group) / len(group),
        )
        for _, group in sorted(groups.items())
    )
