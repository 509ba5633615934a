"""What a browse finds: nodes, their types, and snapshots of them. No I/O."""

import uuid
from dataclasses import dataclass, fields
from datetime import datetime
from enum import IntEnum
from typing import Self

from dualspan_onboarding.names import ServerName
from dualspan_runtime.names import ResourceName

_CURRENT = "-"
_SNAPSHOT = ResourceName(
    "tenants/{tenant}/gateways/{gateway}/servers/{server}/snapshots/{snapshot}", snapshot="-|[1-9][0-9]{0,17}"
)


@dataclass(frozen=True, slots=True)
class EngineeringUnits:
    """A unit as the server states it (EUInformation, Part 8, 5.6.4.3); `unece_code` where its id is one."""

    namespace_uri: str
    unit_id: int
    unece_code: str
    display_name: str
    description: str


@dataclass(frozen=True, slots=True)
class ValueRange:
    """A range of values (Part 8, 5.6.2)."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class EnumValue:
    """One value of an enumeration and what it means."""

    value: int
    name: str


@dataclass(frozen=True, slots=True)
class StructureField:
    """One field of a structured data type."""

    name: str
    data_type: str
    value_rank: int
    is_optional: bool


@dataclass(frozen=True, slots=True)
class VariableDetails:
    """What is known of a variable beyond its name and type; the data type's NodeId has its namespace as URI."""

    data_type_id: str = ""
    array_dimensions: tuple[int, ...] = ()
    engineering_units: EngineeringUnits | None = None
    eu_range: ValueRange | None = None
    instrument_range: ValueRange | None = None
    enum_values: tuple[EnumValue, ...] = ()
    fields: tuple[StructureField, ...] = ()


NO_DETAILS = VariableDetails()


@dataclass(frozen=True, slots=True)
class BrowsedNode:
    """A node that a browse found. Kind and node class are the contract's and the standard's numbers."""

    node_id: str
    browse_path: str
    display_name: str
    node_class: int
    data_type: str
    kind: int
    value_rank: int
    access_level: int
    unit: str
    minimum_sampling_interval_ms: float
    browse_name: str = ""
    parent_node_id: str = ""
    type_definition: str = ""
    type_name: str = ""
    description: str = ""
    user_access_level: int = 0
    event_notifier: int = 0
    details: VariableDetails = NO_DETAILS


PLAIN_FACTS = tuple(field.name for field in fields(BrowsedNode) if field.name != "details")
"""What is known of a node as single values, in order of its fields."""


@dataclass(frozen=True, slots=True)
class ListedNode:
    """A node of a snapshot as a person looks at it: what is below it, and whether its value is stored."""

    node: BrowsedNode
    child_count: int
    is_tag: bool


@dataclass(frozen=True, slots=True)
class NodeFilter:
    """Which nodes of a snapshot; what is empty or False leaves out none.

    Attributes:
        variables_only: Only variables.
        prefix: Their browse path begins with it.
        parent_node_id: They were found directly below this node.
        words: All of them are somewhere in browse path or display name, without case.
    """

    variables_only: bool = False
    prefix: str = ""
    parent_node_id: str = ""
    words: tuple[str, ...] = ()


class BrowseState(IntEnum):
    """How the work of a browse stands; its outcome is the operation's."""

    QUEUED = 1
    RUNNING = 2
    ENDED = 3


@dataclass(frozen=True, slots=True)
class Browse:
    """The work behind a long-running operation: one browse of a server."""

    browse_id: uuid.UUID
    server: ServerName
    operation_name: str
    root_node_id: str
    max_nodes: int
    state: BrowseState
    attempt: int
    node_count: int
    variable_count: int
    created_at: datetime

    @property
    def command_id(self) -> str:
        """Names this attempt, so that what an earlier one still sends is not mixed in."""
        return f"{self.browse_id}.{self.attempt}"


@dataclass(frozen=True, slots=True)
class BrowsedType:
    """A type that browsed nodes have, or a supertype of one; `supertype` is empty at the root."""

    node_id: str
    browse_name: str
    supertype: str


@dataclass(frozen=True, slots=True)
class SnapshotName:
    """`tenants/{tenant}/gateways/{gateway}/servers/{server}/snapshots/{number}`; 0 is the current one."""

    server: ServerName
    number: int

    @classmethod
    def parse(cls, name: str) -> Self:
        """Parse a name; raises InvalidArgument `MALFORMED_NAME`."""
        parts = _SNAPSHOT.parse(name)
        number = parts.pop("snapshot")
        return cls(ServerName(**parts), 0 if number == _CURRENT else int(number))

    def __str__(self) -> str:
        return f"{self.server}/snapshots/{self.number or _CURRENT}"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One finished browse of a server: what it offered then."""

    name: SnapshotName
    started_at: datetime
    ended_at: datetime
    root_node_id: str
    nodes: int
    variables: int
    truncated: bool
    warnings: tuple[str, ...]
    current: bool


class ChangeKind(IntEnum):
    """What happened to a node between two snapshots; the numbers of the contract."""

    ADDED = 1
    REMOVED = 2
    CHANGED = 3
    MOVED = 4
