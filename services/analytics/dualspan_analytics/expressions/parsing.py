"""From text to a tree, within bounds, in time that grows with the length only."""

import functools
import math
from importlib import resources
from typing import cast

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken, VisitError

from dualspan_analytics.expressions.errors import bad_expression, too_large
from dualspan_analytics.expressions.model import (
    AGGREGATES,
    ELEMENTS,
    POINTWISE,
    Call,
    Element,
    Expression,
    Node,
    Number,
    Operation,
    Property,
    Text,
    Truth,
    children,
    walk,
)
from dualspan_runtime.errors import DomainError

MOST_CHARACTERS = 2000
MOST_NODES = 200
MOST_DEPTH = 24
MOST_PROPERTIES = 16


def parse(text: str) -> Expression:
    """Understand an expression.

    Raises:
        InvalidArgument: It is not of the language (`BAD_EXPRESSION`), or too large (`EXPRESSION_TOO_LARGE`).
    """
    if not text.strip():
        raise bad_expression(text, 1, "it is empty")
    if len(text) > MOST_CHARACTERS:
        raise too_large(f"{len(text)} characters, {MOST_CHARACTERS} at the most")
    try:
        root = cast("Node", cast("object", _parser().parse(text)))
    except UnexpectedInput as err:
        raise bad_expression(text, max(err.column, 1), _explained(err)) from err
    except VisitError as err:
        if isinstance(err.orig_exc, DomainError):
            raise err.orig_exc from err
        raise
    _check_depth(root)
    nodes = list(walk(root))
    if len(nodes) > MOST_NODES:
        raise too_large(f"{len(nodes)} parts, {MOST_NODES} at the most")
    properties = sorted(
        {node for node in nodes if isinstance(node, Property)}, key=lambda each: (each.name, each.index)
    )
    if len(properties) > MOST_PROPERTIES:
        raise too_large(f"{len(properties)} properties, {MOST_PROPERTIES} at the most")
    return Expression(text, root, tuple(properties), len(nodes))


@functools.cache
def _parser() -> Lark:
    grammar = resources.files("dualspan_analytics.expressions").joinpath("grammar.lark").read_text(encoding="utf-8")
    # With LALR the transformer is called while parsing: no tree is walked recursively.
    return Lark(grammar, parser="lalr", transformer=_Builder(), maybe_placeholders=False)


def _check_depth(root: Node) -> None:
    level, depth = [root], 0
    while level:
        depth += 1
        if depth > MOST_DEPTH:
            raise too_large(f"it is nested more than {MOST_DEPTH} deep")
        level = [child for node in level for child in children(node)]


def _explained(error: UnexpectedInput) -> str:
    if isinstance(error, UnexpectedToken):
        found = str(error.token)
        return f"{found[:40]!r} does not belong here." if found else "it ends too early."
    if isinstance(error, UnexpectedCharacters):
        return f"the character {error.char!r} is not of the language."
    return "it ends too early."


class _Builder(Transformer[Token, Node]):
    """Makes nodes; named like the grammar's rules."""

    def number(self, items: list[Token]) -> Node:
        value = float(items[0])
        if not math.isfinite(value):
            raise _wrong(items[0], "the number is too large.")
        return Number(value)

    def text(self, items: list[Token]) -> Node:
        return Text(str(items[0])[1:-1])

    def true(self, _: list[Token]) -> Node:
        return Truth(value=True)

    def false(self, _: list[Token]) -> Node:
        return Truth(value=False)

    def element(self, items: list[Token]) -> Node:
        name = str(items[0])
        if name not in ELEMENTS:
            raise _wrong(items[0], f"{name} is no time element or quantity; there are {', '.join(sorted(ELEMENTS))}.")
        return Element(name)

    def property(self, items: list[Token]) -> Node:
        return Property(str(items[0]).replace("_", "-"))

    def indexed(self, items: list[Token]) -> Node:
        return Property(str(items[0]).replace("_", "-"), int(items[1]))

    def braced(self, items: list[Token]) -> Node:
        return Property(str(items[0])[1:-1])

    def braced_indexed(self, items: list[Token]) -> Node:
        return Property(str(items[0])[1:-1], int(items[1]))

    def or_(self, items: list[Node]) -> Node:
        return Operation("or", tuple(items))

    def and_(self, items: list[Node]) -> Node:
        return Operation("and", tuple(items))

    def not_(self, items: list[Node]) -> Node:
        return Operation("not", tuple(items))

    def compare(self, items: list[Node | Token]) -> Node:
        return Operation(str(items[1]), (cast("Node", items[0]), cast("Node", items[2])))

    def arithmetic(self, items: list[Node | Token]) -> Node:
        return Operation(str(items[1]), (cast("Node", items[0]), cast("Node", items[2])))

    def signed(self, items: list[Node | Token]) -> Node:
        operand = cast("Node", items[1])
        return Operation("negative", (operand,)) if str(items[0]) == "-" else operand

    def power(self, items: list[Node]) -> Node:
        return Operation("^", tuple(items))

    def call(self, items: list[Node | Token]) -> Node:
        token, arguments = cast("Token", items[0]), tuple(cast("Node", item) for item in items[1:])
        name = str(token)
        if name in {"min", "max"} and len(arguments) == 2:
            name = f"{name}2"
        wanted = POINTWISE.get(name, 1 if name in AGGREGATES else None)
        if wanted is None or name != str(token) + ("2" if name.endswith("2") else ""):
            known = sorted(AGGREGATES | {each for each in POINTWISE if not each.endswith("2")})
            raise _wrong(token, f"there is no function {name[:40]!r}; there are {', '.join(known)}.")
        if len(arguments) != wanted:
            raise _wrong(token, f"{name} takes {wanted} argument{'s' if wanted > 1 else ''}, not {len(arguments)}.")
        return Call(name, arguments)


def _wrong(token: Token, why: str) -> DomainError:
    return bad_expression(str(token), token.column or 1, why)
