"""What companion specifications say of variables: by type definition, and by the BrowseNames below it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dualspan_onboarding.asset_models.model import AssetModel, CompanionLink
from dualspan_onboarding.mapping.nodes import Plant
from dualspan_onboarding.mapping.tokens import read_name
from dualspan_onboarding.mapping.vocabulary import Vocabulary

TYPED = 0.99
NAMED = 0.93
_STEP = 0.004
# BrowseNames of so many words are not given by chance.
_TELLING = 3
_LONGEST = 6
# So many names of a type in one folder are not there by chance either.
_SEVERAL = 3


@dataclass(frozen=True, slots=True)
class Evidence:
    """A companion specification's word for a variable."""

    variable: int
    column: int
    strength: float
    reason: str


def specification(namespace: str) -> str:
    """What people call a namespace: its last part."""
    return namespace.rstrip("/").rpartition("/UA/")[2] or namespace


def split_type(type_name: str) -> tuple[str, str]:
    """Namespace and name of `nsu=http://…;Name`; without a namespace for types of the standard itself."""
    if not type_name.startswith("nsu="):
        return "", type_name
    namespace, _, name = type_name[4:].rpartition(";")
    return namespace, name


def _fits(link: CompanionLink, path: Sequence[str]) -> bool:
    return len(link.path) == len(path) and all(want in {"*", have} for want, have in zip(link.path, path, strict=True))


class Companions:
    """The links of all properties of a vocabulary."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._by_type: dict[tuple[str, str], list[tuple[int, CompanionLink, float]]] = defaultdict(list)
        self._by_name: dict[str, list[tuple[int, CompanionLink]]] = defaultdict(list)
        self._models: dict[tuple[str, str], list[str]] = defaultdict(list)
        for column, each in enumerate(vocabulary.properties):
            for place, link in enumerate(each.companions):
                self._by_type[link.namespace, link.type].append((column, link, TYPED - place * _STEP))
                if len(link.path) == 1:
                    self._by_name[link.path[-1]].append((column, link))
        for model in vocabulary.models:
            for link in model.companions:
                self._models[link.namespace, link.type].append(model.id)

    def models(self, plant: Plant) -> Mapping[str, Sequence[tuple[str, str]]]:
        """Browse path of an object to (model, reason) that its type is one."""
        found: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for each in plant.objects:
            namespace, name = split_type(each.type_name)
            for model in self._models.get((namespace, name), ()):
                found["/".join(each.path)].append((model, f"its type is {name} of {specification(namespace)}"))
        return found

    def _untyped(self, plant: Plant) -> dict[tuple[str, ...], frozenset[tuple[str, str]]]:
        """Folders that are like instances of a type although nothing says so: several of its names are in them."""
        names: dict[tuple[str, ...], dict[tuple[str, str], set[str]]] = defaultdict(lambda: defaultdict(set))
        for variable in plant.variables:
            for _, link in self._by_name.get(variable.path[-1], ()):
                names[variable.path[:-1]][link.namespace, link.type].add(variable.path[-1])
        return {
            folder: frozenset(kind for kind, found in kinds.items() if len(found) >= _SEVERAL)
            for folder, kinds in names.items()
        }

    def evidence(self, plant: Plant) -> Iterable[Evidence]:
        """What the specifications say of the variables, by type where the server has it, else by telling names."""
        types: dict[tuple[str, ...], list[tuple[str, str]]] = defaultdict(list)
        for each in plant.objects:
            types[each.path].append(split_type(each.type_name))
        untyped = self._untyped(plant)
        for number, variable in enumerate(plant.variables):
            typed = False
            for length in range(1, min(_LONGEST, len(variable.path)) + 1):
                for above in types.get(variable.path[:-length], ()):
                    for column, link, strength in self._by_type.get(above, ()):
                        if _fits(link, variable.path[-length:]):
                            typed = True
                            words = f"{'/'.join(link.path)} of {link.type} ({specification(link.namespace)})"
                            yield Evidence(number, column, strength, f"the companion specification has it: {words}")
            telling = len(read_name(variable.path[-1]).slots) >= _TELLING
            kinds = untyped.get(variable.path[:-1], frozenset())
            for column, link in () if typed else self._by_name.get(variable.path[-1], ()):
                if telling or (link.namespace, link.type) in kinds:
                    words = f"{specification(link.namespace)} has a variable of this BrowseName in {link.type}"
                    yield Evidence(number, column, NAMED, words)


def lineage(models: Sequence[AssetModel]) -> dict[str, frozenset[str]]:
    """Each model's id with the ids of all models that it extends, itself among them."""
    parents = {model.id: model.extends for model in models}

    def above(model_id: str) -> frozenset[str]:
        here = frozenset({model_id})
        return here.union(*(above(each) for each in parents.get(model_id, ())))

    return {model_id: above(model_id) for model_id in parents}
