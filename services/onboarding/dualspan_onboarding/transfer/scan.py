"""JSON of published nodes with the line of every entry and node, so that what is wrong can be pointed at.

The standard library's decoder does the values; only the two levels that have places are walked here.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from dualspan_onboarding.transfer.entries import MAX_ENTRIES, FileRefused, file_refused

_BLANK = re.compile(r"[ \t\r\n]*")
_LONGEST_NUMBER = 40
NODES = "opcnodes"


class Repeated(dict[str, Any]):
    """An object in which a name stands twice; what JSON leaves open, is refused."""


@dataclass(frozen=True, slots=True)
class Located:
    """A JSON value, where it begins, and the text that it was read from.

    Attributes:
        value: As `json` has it.
        line: From 1.
        start: Offset of its first character.
        end: Offset behind its last.
    """

    value: Any
    line: int
    start: int
    end: int


@dataclass(slots=True)
class RawEntry:
    """One element of the outermost array.

    Attributes:
        index: Its number, from 0.
        line: Where it begins.
        members: Its members without the nodes, by name in lower case: the name as written and the value.
        nodes: Its OpcNodes.
        nodes_wrong: OpcNodes is there and is no array.
        repeated: Names that stand twice.
    """

    index: int
    line: int
    members: dict[str, tuple[str, Located]] = field(default_factory=dict[str, tuple[str, Located]])
    nodes: list[Located] = field(default_factory=list[Located])
    nodes_wrong: Located | None = None
    repeated: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len({name.lower() for name, _ in pairs}) == len(pairs) else Repeated(found)


def _integer(digits: str) -> int | float:
    # Python refuses to read integers of thousands of digits; as a float, they are out of every range.
    return int(digits) if len(digits) <= _LONGEST_NUMBER else float("inf")


# NaN and Infinity are no JSON, but some programs write them: they are read, and refused where they stand, so that the
# rest of the file is none the worse.
_DECODER = json.JSONDecoder(object_pairs_hook=_pairs, parse_int=_integer)


class Scanner:
    """Walks a text from entry to entry.

    Args:
        text: The file.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line_at, self._line = 0, 1
        self._seen = 0

    def entries(self) -> Iterator[RawEntry | Located]:
        """Each element: an entry, or the value that stands where one should be; raises FileRefused."""
        self._blank()
        if self._peek() == "{":
            yield self._entry(0)
        else:
            self._expect("[")
            index = 0
            while self._more("]", first=index == 0):
                yield self._entry(index) if self._peek() == "{" else self._value()
                index += 1
        self._blank()
        if self._at < len(self._text):
            raise self._broken("there is more behind the end")

    def line_of(self, name: str, within: Located) -> int:
        """The line of a member of a value."""
        match = re.compile(rf'"{re.escape(name)}"\s*:').search(self._text, within.start, within.end)
        return within.line if match is None else within.line + self._text.count("\n", within.start, match.start())

    def _entry(self, index: int) -> RawEntry:
        self._count()
        entry = RawEntry(index, self._line_here())
        self._expect("{")
        first = True
        while self._more("}", first=first):
            first = False
            name = self._value().value
            if not isinstance(name, str):
                raise self._broken("a member has no name in quotes")
            self._blank()
            self._expect(":")
            self._blank()
            self._member(entry, name)
        return entry

    def _member(self, entry: RawEntry, name: str) -> None:
        key = name.lower()
        if key in entry.members or (key == NODES and (entry.nodes or entry.nodes_wrong)):
            entry.repeated.append((name, self._line_here()))
        if key != NODES:
            entry.members[key] = (name, self._value())
        elif self._peek() == "[":
            self._at += 1
            while self._more("]", first=not entry.nodes):
                self._count()
                entry.nodes.append(self._value())
        else:
            entry.nodes_wrong = self._value()

    def _count(self) -> None:
        self._seen += 1
        if self._seen > MAX_ENTRIES * 2:
            raise file_refused(
                self._line_here(), "TOO_MANY_ENTRIES", f"There are more than {MAX_ENTRIES} nodes.", "Split the file."
            )

    def _value(self) -> Located:
        self._blank()
        start, line = self._at, self._line_here()
        try:
            value, self._at = _DECODER.raw_decode(self._text, start)
        except json.JSONDecodeError as err:
            self._at = err.pos
            raise self._broken(err.msg.lower()) from err
        except RecursionError as err:
            raise self._broken("it is nested too deeply") from err
        except ValueError as err:
            raise self._broken(str(err)) from err
        return Located(value, line, start, self._at)

    def _more(self, end: str, *, first: bool) -> bool:
        """Whether another element comes; steps over the comma or the end."""
        self._blank()
        if self._peek() == end:
            self._at += 1
            return False
        if not first:
            self._expect(",")
            self._blank()
        return True

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _blank(self) -> None:
        match = _BLANK.match(self._text, self._at)
        self._at = self._at if match is None else match.end()

    def _expect(self, character: str) -> None:
        if self._peek() != character:
            raise self._broken(f"{character} is expected")
        self._at += 1

    def _line_here(self) -> int:
        self._line += self._text.count("\n", self._line_at, self._at)
        self._line_at = self._at
        return self._line

    def _broken(self, why: str) -> FileRefused:
        line = self._text.count("\n", 0, self._at) + 1
        column = self._at - (self._text.rfind("\n", 0, self._at) + 1) + 1
        return file_refused(
            line,
            "NOT_JSON",
            f"Line {line}, column {column}: {why}.",
            "Mend the file, or have OPC Publisher write it again.",
        )


def lowered(value: Mapping[str, Any]) -> dict[str, tuple[str, Any]]:
    """Members by name in lower case, with the name as it was written: OPC Publisher reads them in any case."""
    return {name.lower(): (name, member) for name, member in value.items()}
