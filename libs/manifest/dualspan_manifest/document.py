"""YAML as plain data, and the line of each part of it.

YAML 1.2's core schema (10.3) only: `no` is a text, not false, and `1:30` no number. Anchors, aliases and tags are
refused, because they can make a small file a large tree.
"""

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from dualspan_manifest.problems import Path, Problem, written

_MAX_DEPTH = 24
_MAX_NODES = 20_000
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]{1,30}|[0-9]{1,30}(?:\.[0-9]{0,30})?)(?:[eE][-+]?[0-9]{1,3})?", re.ASCII)


class DocumentError(Exception):
    """A text is no document that can be read."""

    def __init__(self, line: int, reason: str, advice: str, path: str = "") -> None:
        self.problem = Problem(line, path, reason, advice)
        super().__init__(str(self.problem))


@dataclass(frozen=True, slots=True)
class Document:
    """A document.

    Attributes:
        data: Mappings, lists, texts, numbers, truth values and None.
        lines: From 1, of each value by its path; of a mapping's value, the line of its key.
    """

    data: Any
    lines: dict[Path, int]

    def line(self, path: Path) -> int:
        """The line of a value, or of the nearest one around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read(text: str, max_bytes: int) -> Document:
    """The document that a text is.

    Raises:
        DocumentError: It is too large or too deep, not YAML, or uses what manifests do without.
    """
    if len(text.encode("utf-8", "replace")) > max_bytes:
        raise DocumentError(1, f"The file has more than {max_bytes // 1024} KiB.", "Keep texts short.")
    builder = _Builder()
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.take(event)
    except yaml.MarkedYAMLError as err:
        mark = err.problem_mark or err.context_mark
        raise DocumentError(
            mark.line + 1 if mark else 1,
            f"This is not YAML: {err.problem or err.context}.",
            "Check the indentation and the quotes.",
        ) from err
    except (yaml.YAMLError, ValueError) as err:
        raise DocumentError(1, "The file has characters that no text has.", "Save it as UTF-8.") from err
    if not builder.documents:
        raise DocumentError(1, "The file is empty.", "Begin with `apiVersion: dualspan/v1`.")
    return Document(builder.data, builder.lines)


@dataclass(slots=True)
class _Open:
    """A collection that is being read."""

    value: Any
    path: Path
    key: str | None = None


@dataclass(slots=True)
class _Builder:
    """Makes data of events, one after the other and without recursion."""

    data: Any = None
    lines: dict[Path, int] = field(default_factory=dict[Path, int])
    documents: int = 0
    _stack: list[_Open] = field(default_factory=list[_Open])
    _nodes: int = 0

    def take(self, event: Any) -> None:
        line = event.start_mark.line + 1
        match event:
            case yaml.DocumentStartEvent():
                self.documents += 1
                if self.documents > 1:
                    raise DocumentError(line, "There is a second document.", "Keep one manifest in a file.")
            case yaml.AliasEvent():
                raise _anchored(line)
            case yaml.ScalarEvent():
                self._scalar(event, line)
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                self._refuse_extras(event, line)
                self._open({} if isinstance(event, yaml.MappingStartEvent) else [], line)
            case yaml.CollectionEndEvent():
                self._stack.pop()
            case _:
                pass

    def _scalar(self, event: Any, line: int) -> None:
        self._refuse_extras(event, line)
        top = self._stack[-1] if self._stack else None
        if top is not None and isinstance(top.value, dict) and top.key is None:
            path = (*top.path, event.value)
            if event.value in top.value:
                raise DocumentError(line, "The key is there twice.", "Keep one of them.", written(path))
            top.key = event.value
            self.lines[path] = line
        else:
            self._place(_value(event.value) if event.implicit[0] else event.value, line)

    def _open(self, value: Any, line: int) -> None:
        if len(self._stack) >= _MAX_DEPTH:
            raise DocumentError(line, "The file is nested too deep.", f"{_MAX_DEPTH} levels are enough for any app.")
        self._stack.append(_Open(value, self._place(value, line)))

    def _place(self, value: Any, line: int) -> Path:
        self._nodes += 1
        if self._nodes > _MAX_NODES:
            raise DocumentError(line, "The file has too many values.", f"At most {_MAX_NODES} are read.")
        top = self._stack[-1] if self._stack else None
        if top is None:
            self.data, path = value, ()
        elif isinstance(top.value, list):
            path = (*top.path, len(top.value))
            top.value.append(value)
        elif top.key is None:
            raise DocumentError(line, "A key must be a text.", "Write `key: value`.", written(top.path))
        else:
            path = (*top.path, top.key)
            top.value[top.key] = value
            top.key = None
        self.lines.setdefault(path, line)
        return path

    @staticmethod
    def _refuse_extras(event: Any, line: int) -> None:
        if event.anchor:
            raise _anchored(line)
        if event.tag and event.tag != "!":
            raise DocumentError(line, f"The tag {event.tag[:40]!r} is not used here.", "Leave it out.")


def _anchored(line: int) -> DocumentError:
    return DocumentError(line, "Anchors and aliases are not used here.", "Write the value out.")


def _value(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text
