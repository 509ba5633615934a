"""Custom KPIs: one value for each window, from properties and from the sums of ISO 22400-2."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dualspan_analytics.columns import Series
from dualspan_analytics.expressions.errors import bad_expression
from dualspan_analytics.expressions.instants import Work, evaluate, instants_of
from dualspan_analytics.expressions.model import (
    AGGREGATES,
    Call,
    Element,
    Expression,
    Node,
    Number,
    Operation,
    Property,
    Truth,
    walk,
)
from dualspan_analytics.intervals import Intervals, Micros
from dualspan_analytics.kpis.counters import bad_time, increments
from dualspan_analytics.kpis.measures import Measure, Measures
from dualspan_analytics.kpis.ratios import Figures, Reasons, Sums, also, divide, doubts, first_of, good_share

_SECOND = 1e6
_NO_DATA = "no good data"
_DIVISION = "division by zero"
_NOT_FINITE = "the result is not a finite number"

SUMS: dict[str, tuple[Callable[[Sums], NDArray[np.float64]], float]] = {
    "APT": (lambda s: s.apt, _SECOND),
    "AUST": (lambda s: s.aust, _SECOND),
    "ADET": (lambda s: s.of(Measure.ADET), _SECOND),
    "ADOT": (lambda s: s.of(Measure.ADOT), _SECOND),
    "PDOT": (lambda s: s.of(Measure.PDOT), _SECOND),
    "AUPT": (lambda s: s.aupt, _SECOND),
    "AUBT": (lambda s: s.aubt, _SECOND),
    "PBT": (lambda s: s.pbt, _SECOND),
    "POT": (lambda s: s.pot, _SECOND),
    "PQ": (lambda s: s.produced, 1.0),
    "GQ": (lambda s: s.of(Measure.GOOD), 1.0),
    "SQ": (lambda s: s.of(Measure.SCRAP), 1.0),
    "RQ": (lambda s: s.of(Measure.REWORK), 1.0),
    "E": (lambda s: s.of(Measure.ENERGY), 1.0),
    "FE": (lambda s: s.of(Measure.FAILURES), 1.0),
}

_BAD = dict.fromkeys(("PQ", "GQ", "SQ", "RQ"), Measure.QUANTITY_BAD) | {"E": Measure.ENERGY_BAD}
"""Which time is without the data of a sum; of all others it is that without a known state."""


@dataclass(frozen=True, slots=True)
class Windows:
    """Where an expression is computed.

    Attributes:
        start: int64[w], µs, ascending, disjoint.
        end: int64[w].
        measures: float64[w, MEASURES]: the sums of each window.
    """

    start: Micros
    end: Micros
    measures: Measures


@dataclass(frozen=True, slots=True)
class _Result:
    value: NDArray[np.float64]
    reason: Reasons


def check_windowed(expression: Expression) -> None:
    """Refuse an expression that is no KPI: a KPI has one value for a window.

    Raises:
        InvalidArgument: A property stands outside of a function of windows, or text or a condition is the result.
    """
    nobody: dict[Property, Series | None] = dict.fromkeys(expression.properties)
    edge = np.array([0], np.int64)
    measures = np.zeros((1, len(Measure)))
    compute(expression, nobody, Windows(edge, edge + 1, measures), Work())


def compute(expression: Expression, series: Mapping[Property, Series | None], windows: Windows, work: Work) -> Figures:
    """The value of an expression in each window.

    The share of good data is that of its properties or of its sums, whichever is less.

    Args:
        expression: What to compute.
        series: Its properties, each with the last sample before the first window; None: it has no data.
        windows: Where.
        work: What the question may still do.

    Raises:
        InvalidArgument: It is no KPI.
        ResourceExhausted: It would take too long.
    """
    instants = _instants(expression, series, windows)
    samples = max((len(each) for each in series.values() if each is not None), default=0)
    work.take(expression, max(len(windows.start), len(instants.t), samples))
    asked = _Asked(expression, series, windows, instants, {})
    found = _value(expression.root, asked)
    share = np.minimum(1.0 - _bad_share(series, windows), _share_of_sums(expression, windows.measures))
    value = np.where(found.reason == "", found.value, np.nan)
    doubt = also(_undefined(asked), _doubts(expression, series, windows))
    return Figures(value, share, also(found.reason, doubt))


def _undefined(asked: "_Asked") -> Reasons:
    """object[w]: which functions leave out time in which their samples are good, but what is made of them no number."""
    where, reason = asked.instants, _none(len(asked.windows.start))
    for call in asked.known:
        inner = call.arguments[0]
        if isinstance(inner, Property):
            continue
        given = [each for each in walk(inner) if isinstance(each, Property)]
        known = [evaluate(each, asked.expression, asked.series, where.t).known for each in given]
        lost = where.inside & ~evaluate(inner, asked.expression, asked.series, where.t).known
        lost &= np.logical_and.reduce(known) if known else True
        gone = np.bincount(where.place, np.where(lost, where.length, 0), len(reason)) > 0
        reason[gone & (reason == "")] = f"{call.function}() leaves out time in which it divides by zero or is no number"
    return reason


@dataclass(frozen=True, slots=True)
class _Instants:
    """When anything changes that is looked at in windows, all int64[n]; `place` is each one's window."""

    t: Micros
    length: NDArray[np.int64]
    place: NDArray[np.int64]
    inside: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is computed, and of which calls it has been: a formula may hold one several times."""

    expression: Expression
    series: Mapping[Property, Series | None]
    windows: Windows
    instants: _Instants
    known: dict[Call, _Result]


def _instants(expression: Expression, series: Mapping[Property, Series | None], windows: Windows) -> _Instants:
    """The union of the instants of all that is looked at in time, made once for all functions of an expression."""
    calls = [node for node in walk(expression.root) if isinstance(node, Call) and node.function in AGGREGATES]
    looked = [
        each for call in calls if call.function != "increase" for each in walk(call) if isinstance(each, Property)
    ]
    used = {each: series.get(each) for each in looked}
    start, end = int(windows.start[0]), int(windows.end[-1])
    t = instants_of(used, np.union1d(windows.start, windows.end), start, end)
    place = np.searchsorted(windows.start, t, side="right") - 1
    return _Instants(t, np.append(t[1:], end) - t, place, t < windows.end[place])


def _value(node: Node, asked: _Asked) -> _Result:
    windows = asked.windows
    count = len(windows.start)
    if isinstance(node, Number):
        return _Result(np.full(count, node.value), _none(count))
    if isinstance(node, Element):
        of, unit = SUMS[node.name]
        return _Result(of(Sums(windows.measures)) / unit, _none(count))
    if isinstance(node, Call) and node.function in AGGREGATES:
        if node not in asked.known:
            asked.known[node] = _aggregate(node, asked)
        return asked.known[node]
    if isinstance(node, Property):
        raise bad_expression(
            asked.expression.text,
            1,
            f"{node} changes in time; say what of it in a window: mean, min, max, first, last, increase or duration.",
        )
    inner = _inner(node, asked.expression)
    return _combined(node, [_value(each, asked) for each in inner])


def _inner(node: Node, expression: Expression) -> tuple[Node, ...]:
    if isinstance(node, Operation) and node.operator in _NUMERIC:
        return node.operands
    if isinstance(node, Call) and node.function in _FUNCTIONS:
        return node.arguments
    what = "a truth" if isinstance(node, Truth) else "a condition or text"
    raise bad_expression(expression.text, 1, f"{what} is no KPI; use duration() of a condition.")


_NUMERIC: dict[str, Callable[..., NDArray[np.float64]]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "^": np.power,
    "negative": np.negative,
    "/": np.divide,
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


def _combined(node: Node, inner: list[_Result]) -> _Result:
    reason = inner[0].reason
    for each in inner[1:]:
        reason = first_of(reason, each.reason)
    if isinstance(node, Operation) and node.operator == "/":
        value, why = divide(inner[0].value, inner[1].value, _DIVISION)
        return _Result(np.where(np.isnan(value), 0.0, value), first_of(reason, why))
    work = _FUNCTIONS[node.function] if isinstance(node, Call) else _NUMERIC[_operator(node)]
    with np.errstate(all="ignore"):
        value = work(*(each.value for each in inner))
    wild = ~np.isfinite(value)
    return _Result(np.where(wild, 0.0, value), np.where((reason == "") & wild, _NOT_FINITE, reason))


def _operator(node: Node) -> str:
    assert isinstance(node, Operation)  # noqa: S101 - `_inner` lets nothing else through
    return node.operator


def _aggregate(call: Call, asked: _Asked) -> _Result:
    expression, instants = asked.expression, asked.instants
    if call.function == "increase":
        return _increase(call, expression, asked.series, asked.windows)
    found = evaluate(call.arguments[0], expression, asked.series, instants.t)
    count = len(asked.windows.start)
    if call.function == "duration":
        if found.value.dtype != np.bool_:
            raise bad_expression(expression.text, 1, "duration() takes a condition, such as duration(running).")
        holds = found.value.astype(np.bool_) & found.known
        return _duration(holds, found.known, instants.inside, instants.place, instants.length, count)
    if found.value.dtype.kind == "O":
        raise bad_expression(expression.text, 1, f"{call.function}() takes numbers, not text.")
    use = found.known & instants.inside
    value = found.value.astype(np.float64)[use]
    return _reduced(call.function, value, instants.length[use].astype(np.float64), instants.place[use], count)


def _duration(
    holds: NDArray[np.bool_],
    known: NDArray[np.bool_],
    inside: NDArray[np.bool_],
    place: NDArray[np.int64],
    length: NDArray[np.int64],
    count: int,
) -> _Result:
    seconds = np.bincount(place, weights=np.where(holds & inside, length, 0), minlength=count) / _SECOND
    looked = np.bincount(place, weights=np.where(known & inside, length, 0), minlength=count)
    return _Result(seconds, _where(looked <= 0))


def _reduced(
    function: str, value: NDArray[np.float64], length: NDArray[np.float64], place: NDArray[np.int64], count: int
) -> _Result:
    """Mean over time, least, greatest, first or last value of each window."""
    there = np.bincount(place, minlength=count) > 0
    result = np.zeros(count)
    if function == "mean":
        total = np.bincount(place, weights=value * length, minlength=count)
        time = np.bincount(place, weights=length, minlength=count)
        result = total / np.where(time > 0, time, 1.0)
    elif len(value):
        # `place` ascends, so each window's values are one run.
        first = np.flatnonzero(np.append(True, place[1:] != place[:-1]))
        last = np.append(first[1:] - 1, len(place) - 1)
        runs = {
            "min": lambda: np.minimum.reduceat(value, first),
            "max": lambda: np.maximum.reduceat(value, first),
            "first": lambda: value[first],
            "last": lambda: value[last],
        }
        result[place[first]] = runs[function]()
    return _Result(result, _where(~there))


def _increase(
    call: Call, expression: Expression, series: Mapping[Property, Series | None], windows: Windows
) -> _Result:
    argument = call.arguments[0]
    if not isinstance(argument, Property):
        raise bad_expression(expression.text, 1, "increase() takes a counter, such as increase(good_count).")
    count = len(windows.start)
    given = series.get(argument)
    if given is None or not len(given):
        return _Result(np.zeros(count), np.full(count, _NO_DATA, object))
    if given.value.dtype.kind in "OU":
        raise bad_expression(expression.text, 1, f"{argument} is text, not a counter.")
    start, end = int(windows.start[0]), int(windows.end[-1])
    found = increments(given, start, end)
    place = np.searchsorted(windows.start, found.timestamp, side="right") - 1
    inside = found.timestamp < windows.end[place]
    total = np.bincount(place[inside], weights=found.amount[inside], minlength=count)
    blind = found.bad.covered(windows.start, windows.end) >= windows.end - windows.start
    return _Result(total.astype(np.float64), _where(blind))


def counters_of(expression: Expression) -> Sequence[Property]:
    """What `increase` is taken of."""
    calls = [node for node in walk(expression.root) if isinstance(node, Call) and node.function == "increase"]
    return list(dict.fromkeys(node for call in calls for node in walk(call) if isinstance(node, Property)))


def _doubts(expression: Expression, series: Mapping[Property, Series | None], windows: Windows) -> Reasons:
    """object[w]: what of the counters of an expression is doubtful in each window."""
    named = {node.name for node in walk(expression.root) if isinstance(node, Element)}
    reason = doubts(Sums(windows.measures), [_BAD.get(name, Measure.UNKNOWN) for name in named])
    for counter in counters_of(expression):
        given = series.get(counter)
        if given is None or not len(given):
            continue
        found = increments(given, int(windows.start[0]), int(windows.end[-1]))
        t = np.unique(np.concatenate([found.resets, found.doubts]))
        count = np.searchsorted(t, windows.end) - np.searchsorted(t, windows.start)
        told = _none(len(count))
        told[count > 0] = f"{counter} was reset, set back or showed what cannot be true"
        reason = also(reason, told)
    return reason


def _bad_share(series: Mapping[Property, Series | None], windows: Windows) -> NDArray[np.float64]:
    """float64[w]: the share of each window without good data of any of the properties."""
    start, end = int(windows.start[0]), int(windows.end[-1])
    spans = [Intervals.of([(start, end)]) if each is None else bad_time(each, start, end) for each in series.values()]
    if not spans:
        return np.zeros(len(windows.start))
    bad = Intervals.joined(np.concatenate([each.start for each in spans]), np.concatenate([each.end for each in spans]))
    return bad.covered(windows.start, windows.end) / np.maximum(windows.end - windows.start, 1)


def _share_of_sums(expression: Expression, measures: Measures) -> NDArray[np.float64]:
    """float64[w]: the least share of good data of the sums that an expression names; 1 if it names none."""
    named = {node.name for node in walk(expression.root) if isinstance(node, Element)}
    shares = [good_share(Sums(measures), bad) for bad in {_BAD.get(name, Measure.UNKNOWN) for name in named}]
    return np.minimum.reduce([np.ones(len(measures)), *shares])


def _none(count: int) -> Reasons:
    return np.full(count, "", object)


def _where(missing: NDArray[np.bool_]) -> Reasons:
    reason = _none(len(missing))
    reason[missing] = _NO_DATA
    return reason
