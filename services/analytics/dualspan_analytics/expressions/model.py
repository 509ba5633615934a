"""What an expression is made of. The classes are the allow-list: nothing else can be said."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Number:
    """A number."""

    value: float


@dataclass(frozen=True, slots=True)
class Text:
    """A text between quotes, to compare with."""

    value: str


@dataclass(frozen=True, slots=True)
class Truth:
    """`true` or `false`."""

    value: bool


@dataclass(frozen=True, slots=True)
class Property:
    """A property of the asset: `good_count` for `good-count`, `barrel_temperature[2]` for the second of several."""

    name: str
    index: int = 0

    def __str__(self) -> str:
        return f"{self.name}[{self.index}]" if self.index else self.name


@dataclass(frozen=True, slots=True)
class Element:
    """A time element or quantity of ISO 22400-2 over a window: `APT`, `PQ`."""

    name: str


@dataclass(frozen=True, slots=True)
class Operation:
    """An operator between its operands."""

    operator: str
    operands: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A function of the language."""

    function: str
    arguments: tuple["Node", ...]


Node: TypeAlias = Number | Text | Truth | Property | Element | Operation | Call


def children(node: Node) -> tuple[Node, ...]:
    """What a node is made of."""
    if isinstance(node, Operation):
        return node.operands
    return node.arguments if isinstance(node, Call) else ()


def walk(node: Node) -> Iterator[Node]:
    """A node and all below it."""
    waiting = [node]
    while waiting:
        here = waiting.pop()
        yield here
        waiting += children(here)


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression that was understood.

    Attributes:
        text: As it was written.
        root: Its tree.
        properties: What it asks of the asset, in order of name.
        nodes: How many parts it has.
    """

    text: str
    root: Node
    properties: tuple[Property, ...]
    nodes: int


POINTWISE = {"abs": 1, "sqrt": 1, "log": 1, "exp": 1, "round": 1, "min2": 2, "max2": 2, "if": 3, "known": 1}
"""Functions of values at one instant, and how many arguments they take."""

AGGREGATES = {"mean", "min", "max", "first", "last", "duration", "increase"}
"""Functions from values in time to one value for a window; of one argument each."""

ELEMENTS = {
    "APT",
    "AUST",
    "ADET",
    "ADOT",
    "PDOT",
    "AUPT",
    "AUBT",
    "PBT",
    "POT",
    "PQ",
    "GQ",
    "SQ",
    "RQ",
    "E",
    "FE",
}
"""Sums of ISO 22400-2: times in seconds, quantities in pieces, energy in kWh."""
