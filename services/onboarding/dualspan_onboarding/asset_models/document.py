"""A YAML document as a tree that knows its lines. Anything that could make it explode is refused first."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import yaml

from dualspan_onboarding.asset_models.model import Problem

MAX_BYTES = 256 * 1024
_MAX_DEPTH = 12
_MAX_NODES = 20_000
_SCALARS = {
    "tag:yaml.org,2002:str": str,
    "tag:yaml.org,2002:bool": bool,
    "tag:yaml.org,2002:int": int,
    "tag:yaml.org,2002:float": float,
    "tag:yaml.org,2002:null": type(None),
}
# The parser in C where there is one: it is ten times as fast.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands in the document."""

    line: int
    path: str

    def problem(self, reason: str, remedy: str) -> Problem:
        """What is wrong here."""
        return Problem(self.line, self.path, reason, remedy)


@dataclass(frozen=True, slots=True)
class Scalar:
    """A text, number, truth value or nothing; `text` as it was written."""

    place: Place
    text: str
    type: type


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    place: Place
    items: tuple["Tree", ...]


@dataclass(frozen=True, slots=True)
class Mapping:
    """A mapping; the place of each key is its own."""

    place: Place
    entries: dict[str, "Tree"]
    keys: dict[str, Place]


Tree: TypeAlias = Scalar | Sequence | Mapping


class DocumentError(Exception):
    """The document is not one that can be read."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def read(source: str) -> Tree:
    """The tree of a document.

    Raises:
        DocumentError: It is too large, not YAML, or uses what asset models do not need (anchors, tags, repeated keys).
    """
    if len(source.encode("utf-8", "replace")) > MAX_BYTES:
        kilobytes = MAX_BYTES // 1024
        problem = Problem(1, "", f"The document has more than {kilobytes} kB.", "Split it into several models.")
        raise DocumentError(problem)
    try:
        _check_events(yaml.parse(source, Loader=_LOADER))
        node = yaml.compose(source, Loader=_LOADER)
    except yaml.MarkedYAMLError as err:
        mark = err.problem_mark or err.context_mark
        line = mark.line + 1 if mark else 1
        reason = f"This is not YAML: {err.problem or err.context}."
        raise DocumentError(Problem(line, "", reason, "Check the indentation and the quotes.")) from err
    except (yaml.YAMLError, ValueError) as err:
        reason, remedy = "This is not YAML: it has characters that no text has.", "Save the file as UTF-8."
        raise DocumentError(Problem(1, "", reason, remedy)) from err
    if node is None:
        raise DocumentError(Problem(1, "", "The document is empty.", "Begin with `schema: dualspan.asset-model/1`."))
    return _tree(node, "")


def _check_events(events: Iterator[Any]) -> None:
    """Refuse what would take much more room than it takes in the file, before anything is built."""
    depth = documents = 0
    for count, event in enumerate(events):
        documents += isinstance(event, yaml.DocumentStartEvent)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            problem = Problem(line, "", "Anchors and aliases are not used here.", "Write the value out.")
            raise DocumentError(problem)
        if depth > _MAX_DEPTH or count > _MAX_NODES:
            problem = Problem(line, "", "The document is nested too deep or too long.", "Split it into several models.")
            raise DocumentError(problem)
        if documents > 1:
            problem = Problem(line, "", "There is a second document.", "Keep one model in a file.")
            raise DocumentError(problem)


def _tree(node: Any, path: str) -> Tree:
    place = Place(node.start_mark.line + 1, path)
    if isinstance(node, yaml.SequenceNode):
        return Sequence(place, tuple(_tree(item, f"{path}[{n}]") for n, item in enumerate(node.value, 1)))
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, place)
    return Scalar(place, str(node.value), _SCALARS.get(str(node.tag), str))


def _mapping(node: Any, place: Place) -> Mapping:
    entries: dict[str, Tree] = {}
    keys: dict[str, Place] = {}
    for key, value in node.value:
        name = str(key.value)
        path = f"{place.path}.{name}" if place.path else name
        if name in entries:
            problem = Problem(key.start_mark.line + 1, path, "The key is there twice.", "Keep one of them.")
            raise DocumentError(problem)
        keys[name] = Place(key.start_mark.line + 1, path)
        entries[name] = _tree(value, path)
    return Mapping(place, entries, keys)
