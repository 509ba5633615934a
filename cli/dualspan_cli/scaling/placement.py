"""Where each table lives once PostgreSQL is a Citus cluster, and what keeps a schema from being spread.

Whatever a plant fills is spread by the tenant, so that all rows of an enterprise are on one node and its queries,
references and transactions stay there. What is small and is unique over all enterprises stays on the coordinator.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

TENANT = "tenant_id"

LOCAL_SCHEMAS: Mapping[str, str] = {
    "identity": "people sign in by an e-mail address that is unique over all enterprises; a row per person, token and "
    "gateway, and the authority's keys",
    "marketplace": "an app's id is unique over all enterprises, its published rows are read by all of them, and "
    "subscriptions have triggers, which Citus refuses on distributed tables; a row per app, subscription and hour",
}
"""Schemas that stay on the coordinator as they are, with the reason."""

LOCAL_TABLES: Mapping[str, str] = {
    "schema_migration": "which migrations the coordinator has applied",
    "storage_reading": "sizes of tables, of the platform as a whole",
}
"""Tables of every schema that stay on the coordinator."""

REFERENCE_TABLES: Mapping[str, str] = {
    "analytics.sharing_month": "which months are published, for all enterprises together; a row a month",
}
"""Tables without a tenant that every node has a copy of."""

FUNCTIONS: Mapping[str, str] = {
    "historian.read_scope(text, bigint[], bigint, bigint)": "tenant",
}
"""Functions that bind a tenant themselves, with the argument that names it: run on the node that has its rows."""


class Placement(StrEnum):
    """Where a table lives."""

    DISTRIBUTED = "distributed"
    REFERENCE = "reference"
    LOCAL = "local"


@dataclass(frozen=True, slots=True)
class Key:
    """A primary key, a unique index or an exclusion: its name and its columns in order; an expression is its text."""

    name: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key: its name, the table that it refers to, and pairs of (column, column there)."""

    name: str
    target: str
    columns: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table as the database has it.

    Attributes:
        name: With its schema.
        columns: Their names.
        keys: Primary key and unique indexes.
        references: Its foreign keys.
        triggers: Names of its own triggers.
    """

    name: str
    columns: frozenset[str]
    keys: tuple[Key, ...] = ()
    references: tuple[Reference, ...] = ()
    triggers: tuple[str, ...] = ()

    @property
    def schema(self) -> str:
        """The service whose table it is."""
        return self.name.partition(".")[0]


def placement_of(table: Table) -> Placement:
    """Returns where a table lives: by what is declared here, and else with its tenant."""
    if table.schema in LOCAL_SCHEMAS or table.name.partition(".")[2] in LOCAL_TABLES:
        return Placement.LOCAL
    return Placement.REFERENCE if table.name in REFERENCE_TABLES else Placement.DISTRIBUTED


def obstacles(tables: Sequence[Table]) -> list[str]:
    """Returns what keeps the tables from being spread as they are placed, a sentence each; empty if nothing does."""
    places = {table.name: placement_of(table) for table in tables}
    found: list[str] = []
    for table in tables:
        if places[table.name] is Placement.DISTRIBUTED:
            found += _of_distributed(table, places)
        elif places[table.name] is Placement.REFERENCE:
            found += _of_reference(table, places)
        else:
            found += [
                f"{table.name} stays on the coordinator, and {each.name} refers to {each.target}, which does not"
                for each in table.references
                if places[each.target] is Placement.DISTRIBUTED
            ]
    return found


def _of_distributed(table: Table, places: Mapping[str, Placement]) -> list[str]:
    if TENANT not in table.columns:
        return [f"{table.name} has no {TENANT}: give it one, or declare it with the reason"]
    found = [
        f"{key.name} of {table.name} does not begin with {TENANT}, so it holds over all enterprises"
        for key in table.keys
        if key.columns[:1] != (TENANT,)
    ]
    found += [f"{table.name} has the trigger {name}, which Citus refuses" for name in table.triggers]
    for each in table.references:
        if places[each.target] is Placement.LOCAL:
            found.append(f"{each.name} of {table.name} refers to {each.target}, which stays on the coordinator")
        elif places[each.target] is Placement.DISTRIBUTED and (TENANT, TENANT) not in each.columns:
            found.append(f"{each.name} of {table.name} does not lead from {TENANT} to {TENANT}")
    return found


def _of_reference(table: Table, places: Mapping[str, Placement]) -> list[str]:
    found = [
        f"{each.name} of {table.name} leads from a table that every node has to one that it has not: {each.target}"
        for each in table.references
        if places[each.target] is not Placement.REFERENCE
    ]
    return found + [f"{table.name} has the trigger {name}, which Citus refuses" for name in table.triggers]


def in_order(tables: Sequence[Table]) -> list[Table]:
    """Returns tables so that each comes after those that it refers to, and by name otherwise.

    Raises:
        ValueError: They refer to each other in a circle.
    """
    waiting = {table.name: table for table in sorted(tables, key=lambda table: table.name)}
    ordered: list[Table] = []
    while waiting:
        ready = [
            table
            for table in waiting.values()
            if not any(each.target in waiting and each.target != table.name for each in table.references)
        ]
        if not ready:
            raise ValueError(f"these tables refer to each other in a circle: {', '.join(waiting)}")
        ordered += [waiting.pop(table.name) for table in ready]
    return ordered
