"""What a file says: entries with their place, what is wrong with them, and what has no counterpart here."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import TypeAlias

from dualspan_onboarding.model import SecurityMode, SecurityPolicy
from dualspan_onboarding.sampling import Address

MAX_BYTES = 32 * 1024 * 1024
MAX_ENTRIES = 100_000
_MAX_SHOWN = 200

Value: TypeAlias = str | int | float | bool


class FileFormat(IntEnum):
    """How tags are written down; the numbers of the contract."""

    CSV = 1
    XLSX = 2
    PUBLISHED_NODES = 3


class Mode(IntEnum):
    """What an import does with what is there already; the numbers of the contract."""

    CREATE = 1
    UPDATE = 2
    MERGE = 3
    REPLACE = 4


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a file something stands.

    Attributes:
        line: Line of a text or row of a sheet, from 1.
        entry: `[2].OpcNodes[14]` of published nodes, or empty.
        field: A column or a member's name; empty for the whole entry.
    """

    line: int
    entry: str = ""
    field: str = ""

    def of(self, name: str, line: int = 0) -> "Place":
        """The place of one of the entry's fields."""
        return replace(self, field=name, line=line or self.line)


@dataclass(frozen=True, slots=True)
class Problem:
    """An entry that cannot be taken: why, and what to do."""

    place: Place
    reason: str
    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Remark:
    """Something without a counterpart, or taken otherwise than it was written. The value is never a secret."""

    place: Place
    value: str
    message: str


class Refused(Exception):
    """A value that cannot be what it says; its reader knows the place."""

    def __init__(self, reason: str, message: str, remedy: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.remedy = remedy

    def at(self, place: Place) -> Problem:
        """The problem that it is at a place."""
        return Problem(place, self.reason, self.message, self.remedy)


class FileRefused(Exception):
    """A file of which nothing can be read, for one reason."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def file_refused(line: int, reason: str, message: str, remedy: str) -> FileRefused:
    """A file that cannot be read from a line on."""
    return FileRefused(Problem(Place(line), reason, message, remedy))


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How a file says that a server is reached; None where it says nothing."""

    url: str
    security_mode: SecurityMode | None = None
    security_policy: SecurityPolicy = SecurityPolicy.STRONGEST
    username: str = ""
    password: str = field(default="", repr=False)
    display_name: str = ""


@dataclass(frozen=True, slots=True)
class Reference:
    """How a file names a node.

    Attributes:
        node_id: With its namespace as URI, or without one for the standard's own; empty if `index` or `path` names it.
        index: The namespace's index, where the file has no URI; then `node_id` has the identifier alone.
        path: BrowseNames from `node_id` to the node; from the Objects folder if there is no `node_id`.
    """

    node_id: str
    index: int = 0
    path: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The same in one line, for people and to tell references apart."""
        start = f"ns={self.index};{self.node_id}" if self.index else self.node_id
        return "/".join((start or "Objects", *self.path)) if self.path else start


@dataclass(frozen=True, slots=True)
class Entry:
    """One variable that a file wants as a tag.

    Attributes:
        place: Where it stands.
        server: (gateway id, server id) where the file names them; parts may be empty.
        endpoint: How the server is reached, where the file says so.
        node: Which node.
        address: Which part of it.
        settings: By field of TagSettings: what the entry states of the tag; what it leaves open is missing.
        facts: What it says of the variable itself: `kind`, `data_type`, `browse_path`, `unit`.
    """

    place: Place
    server: tuple[str, str]
    endpoint: Endpoint | None
    node: Reference
    address: Address
    settings: Mapping[str, Value]
    facts: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class TagFile:
    """What a file says, in its order.

    Attributes:
        entries: What can be taken.
        problems: What cannot.
        remarks: What has no counterpart.
        count: How many entries there are, whatever they are worth.
        skipped: Entries that have no counterpart at all.
        defaults: By field: what the format means for a new tag of which an entry is silent.
    """

    entries: Sequence[Entry]
    problems: Sequence[Problem]
    remarks: Sequence[Remark]
    count: int
    skipped: int = 0
    defaults: Mapping[str, Value] = field(default_factory=dict[str, Value])


def shown(value: object) -> str:
    """A value of a file as a message may have it: short, one line, nothing that a protocol refuses."""
    # A number as JSON writes it: NaN, not nan.
    text = value if isinstance(value, str) else json.dumps(value) if isinstance(value, float) else repr(value)
    text = "".join(c if c.isprintable() else "�" for c in text[: _MAX_SHOWN + 1])
    return text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "…"
