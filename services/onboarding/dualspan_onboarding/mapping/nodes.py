"""What the assistant looks at: variables with all that the server says of them, in a tree of their names."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from dualspan_onboarding.mapping.prefixes import common_prefixes

_SEPARATOR = re.compile(r"[/.\\|:]+")
# Names between the top and a variable that are looked at; a server can nest as deep as it likes.
_DEEPEST = 40


@dataclass(frozen=True, slots=True)
class PlantVariable:
    """A readable variable.

    Attributes:
        node_id: NodeId with its namespace as URI.
        path: BrowseNames from the Objects folder to here.
        display_name: DisplayName; empty where it says no more than the BrowseName.
        description: Description.
        data_type: Name of its data type, such as "Double".
        value_rank: Part 3, 5.6.2: -1 scalar, 1 one dimension.
        unit: Sign of its unit; `unit_code` the UNECE code, where the server states one.
        states: What the values of an enumeration mean.
    """

    node_id: str
    path: tuple[str, ...]
    data_type: str
    display_name: str = ""
    description: str = ""
    value_rank: int = -1
    unit: str = ""
    unit_code: str = ""
    states: tuple[str, ...] = ()

    @property
    def browse_path(self) -> str:
        """Its path as one text."""
        return "/".join(self.path)


@dataclass(frozen=True, slots=True)
class PlantObject:
    """An object that a companion specification types: `type_name` as `nsu=http://…;Name`."""

    path: tuple[str, ...]
    type_name: str


@dataclass(frozen=True, slots=True)
class Plant:
    """All that a server offers."""

    variables: tuple[PlantVariable, ...]
    objects: tuple[PlantObject, ...] = ()


@dataclass(slots=True)
class Branch:
    """A place in the tree of names: an object, a folder, or what flat names have in common.

    Attributes:
        name: Its own name.
        path: Where it begins in the address space, as people read it.
        variables: Indexes of the variables that end here.
    """

    name: str
    path: str
    parent: "Branch | None" = None
    children: dict[str, "Branch"] = field(default_factory=dict["str", "Branch"])
    variables: list[int] = field(default_factory=list[int])

    def child(self, name: str, path: str) -> "Branch":
        """The branch of that name below this one."""
        found = self.children.get(name)
        if found is None:
            found = self.children[name] = Branch(name, path, self)
        return found


@dataclass(frozen=True, slots=True)
class Forest:
    """The tree of names of a plant.

    Attributes:
        root: Its top.
        segments: For each variable the names from the top to it.
        ends: For each variable the branch that it hangs on, which its last name is not part of.
    """

    root: Branch
    segments: tuple[tuple[str, ...], ...]
    ends: tuple[Branch, ...]


def split_path(path: Sequence[str], prefixes: dict[tuple[tuple[str, ...], str], str]) -> list[str]:
    """The names of a path: its segments, and the parts of those that hold several ("DB1.Press.Temp")."""
    names: list[str] = []
    for position, segment in enumerate(path):
        parts = [part for part in _SEPARATOR.split(segment) if part.strip()] or [segment]
        if position == len(path) - 1 and len(parts) == 1:
            prefix = prefixes.get((tuple(path[:-1]), segment))
            parts = [prefix, segment[len(prefix) :].strip(" _-")] if prefix else parts
        names += parts
    return names if len(names) <= _DEEPEST else [*names[: _DEEPEST - 1], names[-1]]


def names_below(root: str, browse_path: str) -> tuple[str, ...]:
    """The names from where a machine begins to a variable, as `grow` splits them."""
    rest = browse_path.removeprefix(root).strip(" _-")
    return tuple(part for part in _SEPARATOR.split(rest) if part.strip())


def grow(plant: Plant) -> Forest:
    """The tree of names of a plant."""
    prefixes = common_prefixes(variable.path for variable in plant.variables)
    root = Branch("", "")
    segments: list[tuple[str, ...]] = []
    ends: list[Branch] = []
    for number, variable in enumerate(plant.variables):
        names = split_path(variable.path, prefixes)
        here, position, whole = root, 0, variable.browse_path
        for name in names[:-1]:
            position = whole.find(name, position) + len(name)
            here = here.child(name, whole[:position])
        here.variables.append(number)
        segments.append(tuple(names))
        ends.append(here)
    return Forest(root, tuple(segments), tuple(ends))
