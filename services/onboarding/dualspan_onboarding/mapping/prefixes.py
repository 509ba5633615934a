"""Flat names: which of them begin with the name of a machine ("IMM01_BarrelTemp", "Press 3 Step")."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

_PART = re.compile(r"[ _\-]+")
# A name that so many variables of a folder begin with can be a machine's.
_LEAST = 3
_LONGEST = 3


def common_prefixes(paths: Iterable[Sequence[str]]) -> dict[tuple[tuple[str, ...], str], str]:
    """For (folder, name): the beginning of the name that stands for a machine.

    A beginning counts if at least three names of the folder have it, and either it has a number and other beginnings
    differ from it in nothing else ("IMM01_", "IMM02_"), or the names of the folder fall into several such groups that
    end alike ("FIL_State", "LBL_State").
    """
    folders: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for path in paths:
        folders[tuple(path[:-1])].append(path[-1])
    found: dict[tuple[tuple[str, ...], str], str] = {}
    for folder, names in folders.items():
        for name, prefix in _of_folder(names).items():
            found[folder, name] = prefix
    return found


def _beginnings(name: str) -> list[str]:
    """What a name could begin with, shortest first, as it is written."""
    cuts = [match for match in _PART.finditer(name) if match.start() > 0 and match.end() < len(name)]
    return [name[: cut.start()] for cut in cuts[:_LONGEST]]


def _of_folder(names: Sequence[str]) -> dict[str, str]:
    groups: dict[str, list[str]] = defaultdict(list)
    for name in names:
        for beginning in _beginnings(name):
            groups[beginning].append(name)
    endings = {
        beginning: frozenset(name[len(beginning) :].strip(" _-") for name in group)
        for beginning, group in groups.items()
        if len(group) >= _LEAST
    }
    machines = _numbered(endings) or _named(endings, len(names))
    return {name: beginning for beginning in machines for name in groups[beginning]}


def _numbered(endings: Mapping[str, frozenset[str]]) -> list[str]:
    """Beginnings with a number ("Press 3"); several of them that differ in it have most of their endings in common."""
    families: dict[str, list[str]] = defaultdict(list)
    for beginning in endings:
        if any(character.isdigit() for character in beginning):
            families[re.sub(r"\d+", "#", beginning)].append(beginning)
    best: list[str] = []
    for family in families.values():
        if len(family) > 1 and _alike(endings, family):
            weight = sum(len(endings[each]) for each in family)
            best = max(best, family, key=lambda each: sum(len(endings[b]) for b in each)) if weight else best
    return best


def _named(endings: Mapping[str, frozenset[str]], size: int) -> list[str]:
    """Words ("FIL", "LBL") that together begin most names of the folder, and that share an ending with another."""
    shared = [
        beginning
        for beginning, its in endings.items()
        if any(its & others for other, others in endings.items() if not _nested(beginning, other))
    ]
    outermost = [
        each for each in shared if not any(_nested(other, each) and len(other) < len(each) for other in shared)
    ]
    covered = sum(len(endings[each]) for each in outermost)
    return outermost if len(outermost) > 1 and covered >= 0.6 * size else []


def _nested(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def _alike(endings: Mapping[str, frozenset[str]], family: Sequence[str]) -> bool:
    together = frozenset[str]().union(*(endings[each] for each in family))
    average = sum(len(endings[each]) for each in family) / len(family)
    return average >= 0.5 * len(together)
