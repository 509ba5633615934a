"""What is published of a month: for each KPI its groups from the narrowest to the widest, each shown or refused."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np

from dualspan_analytics.sharing.disclosure import NESTED, Quartiles, Refusal, quartiles, tells_of_few
from dualspan_analytics.sharing.model import Benchmark, Group


@dataclass(frozen=True, slots=True)
class Gathered:
    """The figures of one KPI, group and month, by enterprise."""

    kpi: str
    group: Group
    values: dict[str, float]


def publication(month: str, gathered: Sequence[Gathered], minimum: int) -> list[tuple[Benchmark, AbstractSet[str]]]:
    """What is published, and who gets it: those whose figures it is made of.

    Narrow groups go first: they tell more. A group is refused where it and one that is shown differ by one or two
    enterprises, whose figures would lie in the difference.

    Args:
        month: `YYYY-MM`.
        gathered: Each KPI and group once.
        minimum: Enterprises that must share.
    """
    shown: dict[str, list[AbstractSet[str]]] = {}
    found: list[tuple[Benchmark, AbstractSet[str]]] = []
    for each in sorted(gathered, key=lambda one: (one.kpi, len(one.values), one.group)):
        members = each.values.keys()
        result = quartiles(np.array(list(each.values.values()), np.float64), minimum)
        if not isinstance(result, Refusal):
            others = shown.setdefault(each.kpi, [])
            if any(tells_of_few(other, members) for other in others):
                result = NESTED
            else:
                others.append(members)
        found.append((_benchmark(month, each, result), members))
    return found


def _benchmark(month: str, given: Gathered, result: Quartiles | Refusal) -> Benchmark:
    if isinstance(result, Refusal):
        return Benchmark(given.group, given.kpi, month, 0, None, None, None, result.reason)
    return Benchmark(
        given.group, given.kpi, month, result.at_least, result.lower, result.median, result.upper, refusal=""
    )
