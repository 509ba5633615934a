"""Values at instants: properties joined in time, each holding until its next sample, and what is computed of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dualspan_analytics.columns import Series
from dualspan_analytics.expressions.errors import bad_expression, too_much_work
from dualspan_analytics.expressions.model import (
    AGGREGATES,
    Call,
    Element,
    Expression,
    Node,
    Number,
    Operation,
    Property,
    Text,
    Truth,
)
from dualspan_analytics.intervals import Micros
from dualspan_analytics.kpis.counters import usable_samples
from dualspan_analytics.states.timeline import Steps, as_text, compact

MOST_STEPS = 500_000_000
"""Nodes times instants that one question may ask for: ten or twenty seconds of work."""

Values = NDArray[np.float64] | NDArray[np.bool_] | NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class Column:
    """Values at instants, float64, bool or object (str), and at which of them the value is known (bool)."""

    value: Values
    known: NDArray[np.bool_]


class Work:
    """How much the expressions of one question may still do: many machines and many KPIs share it."""

    def __init__(self) -> None:
        self._most = self._left = MOST_STEPS

    def take(self, expression: Expression, instants: int) -> None:
        """Count what computing an expression takes, before it is done.

        Raises:
            ResourceExhausted: `EXPRESSION_TOO_COSTLY`.
        """
        self._left -= expression.nodes * instants
        if self._left < 0:
            raise too_much_work(self._most - self._left, self._most)


def instants_of(series: Mapping[Property, Series | None], extra: Micros, start_us: int, end_us: int) -> Micros:
    """int64[n]: the start, and every later time before the end at which anything changes."""
    times = [extra, np.array([start_us], np.int64)]
    times += [each.timestamp for each in series.values() if each is not None]
    joined = np.unique(np.concatenate(times))
    return joined[(joined >= start_us) & (joined < end_us)]


def condition(
    expression: Expression, series: Mapping[Property, Series | None], start_us: int, end_us: int, work: Work
) -> Steps:
    """When an expression is true: 1 it is, 0 it is not, -1 nobody knows.

    Raises:
        InvalidArgument: It is not a question with yes or no for an answer.
        ResourceExhausted: It would take too long.
    """
    return conditions([expression], series, start_us, end_us, work)[0]


def conditions(
    expressions: Sequence[Expression],
    series: Mapping[Property, Series | None],
    start_us: int,
    end_us: int,
    work: Work,
) -> list[Steps]:
    """The same of several; the instants of those that ask for the same properties are found once."""
    instants: dict[tuple[Property, ...], Micros] = {}
    found: list[Steps] = []
    for expression in expressions:
        own = {each: series.get(each) for each in expression.properties}
        t = instants.get(expression.properties)
        if t is None:
            t = instants[expression.properties] = instants_of(own, np.empty(0, np.int64), start_us, end_us)
        work.take(expression, len(t))
        column = evaluate(expression.root, expression, own, t)
        if column.value.dtype != np.bool_:
            raise bad_expression(expression.text, 1, "it is a number, not a condition; compare it with something.")
        found.append(compact(t, np.where(column.known, column.value, -1).astype(np.int32)))
    return found


def evaluate(node: Node, expression: Expression, series: Mapping[Property, Series | None], t: Micros) -> Column:
    """The values of a node at ascending instants.

    Raises:
        InvalidArgument: Text where a number is wanted, a condition where a value is, or a function of windows.
    """
    if isinstance(node, Property):
        return _held(series.get(node), t)
    constant = _constant(node, len(t))
    if constant is not None:
        return constant
    if isinstance(node, Element):
        raise bad_expression(expression.text, 1, f"{node.name} is a sum over a window and has no value at an instant.")
    if isinstance(node, Call):
        if node.function in AGGREGATES:
            raise bad_expression(
                expression.text, 1, f"{node.function}() is of a window and has no value at an instant."
            )
        inner = [evaluate(each, expression, series, t) for each in node.arguments]
        return _called(node.function, inner, expression)
    assert isinstance(node, Operation)  # noqa: S101 - all other nodes are above
    inner = [evaluate(each, expression, series, t) for each in node.operands]
    return _operated(node.operator, inner, expression)


def _constant(node: Node, count: int) -> Column | None:
    if isinstance(node, Number | Truth):
        return Column(np.full(count, node.value), np.ones(count, np.bool_))
    if isinstance(node, Text):
        return Column(np.full(count, node.value, object), np.ones(count, np.bool_))
    return None


def _held(series: Series | None, t: Micros) -> Column:
    """The last sample at or before each instant."""
    if series is None or not len(series):
        return Column(np.zeros(len(t)), np.zeros(len(t), np.bool_))
    place = np.searchsorted(series.timestamp, t, side="right") - 1
    there = place >= 0
    place = np.maximum(place, 0)
    known = usable_samples(series)[place] & there
    if series.value.dtype.kind in "OU":
        return Column(as_text(series)[place], known)
    value = series.value[place]
    return Column(value if value.dtype == np.bool_ else value.astype(np.float64), known)


_ARITHMETIC: dict[str, Callable[..., NDArray[np.float64]]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "^": np.power,
    "negative": np.negative,
}
_COMPARE: dict[str, Callable[..., NDArray[np.bool_]]] = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
}
_FUNCTIONS: dict[str, Callable[..., NDArray[np.float64]]] = {
    "abs": np.abs,
    "sqrt": np.sqrt,
    "log": np.log,
    "exp": np.exp,
    "round": np.round,
    "min2": np.minimum,
    "max2": np.maximum,
}


def _operated(operator: str, inner: list[Column], expression: Expression) -> Column:
    if operator in {"and", "or", "not"}:
        return _logic(operator, [_truth(each, expression) for each in inner])
    known = np.logical_and.reduce([each.known for each in inner])
    if operator in _COMPARE:
        one, other = inner
        texts = [each.value.dtype.kind == "O" for each in inner]
        if any(texts) and not (all(texts) and operator in {"==", "!="}):
            raise bad_expression(expression.text, 1, f"text and numbers cannot be compared by {operator}.")
        return Column(_COMPARE[operator](one.value, other.value), known)
    return _computed(_ARITHMETIC[operator], inner, known, expression)


def _called(function: str, inner: list[Column], expression: Expression) -> Column:
    if function == "known":
        count = len(inner[0].known)
        return Column(inner[0].known, np.ones(count, np.bool_))
    if function == "if":
        test = _truth(inner[0], expression)
        then, otherwise = inner[1], inner[2]
        if then.value.dtype.kind != otherwise.value.dtype.kind:
            raise bad_expression(expression.text, 1, "both values of if() must be of one kind.")
        return Column(
            np.where(test.value, then.value, otherwise.value),
            test.known & np.where(test.value, then.known, otherwise.known),
        )
    known = np.logical_and.reduce([each.known for each in inner])
    return _computed(_FUNCTIONS[function], inner, known, expression)


def _computed(
    work: Callable[..., NDArray[np.float64]], inner: list[Column], known: NDArray[np.bool_], expression: Expression
) -> Column:
    """A number of numbers; what is not finite, such as 1 / 0, is not known."""
    for each in inner:
        if each.value.dtype.kind == "O":
            raise bad_expression(expression.text, 1, "text is no number to compute with.")
    with np.errstate(all="ignore"):
        value = work(*(each.value.astype(np.float64) for each in inner))
    finite = np.isfinite(value)
    return Column(np.where(finite, value, 0.0), known & finite)


def _truth(column: Column, expression: Expression) -> Column:
    if column.value.dtype != np.bool_:
        raise bad_expression(expression.text, 1, "a number or text is no condition; compare it with something.")
    return column


def _logic(operator: str, inner: list[Column]) -> Column:
    """Kleene's logic: true or unknown is true, false and unknown is false, the rest of unknown is unknown."""
    one = inner[0]
    if operator == "not":
        return Column(~one.value.astype(np.bool_), one.known)
    other = inner[1]
    first, second = one.value.astype(np.bool_), other.value.astype(np.bool_)
    if operator == "and":
        decided = (one.known & ~first) | (other.known & ~second)
        return Column(first & second & one.known & other.known, decided | (one.known & other.known))
    decided = (one.known & first) | (other.known & second)
    return Column(decided, decided | (one.known & other.known))
