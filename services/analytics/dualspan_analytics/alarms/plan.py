"""From rules and assets to conditions: a rule on a model is one condition for each asset, index and limit."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dualspan_analytics.alarms.rules import (
    AlarmRule,
    BadData,
    Direction,
    Limits,
    OpcUaConditions,
    Rate,
    Signal,
    SignalKind,
    Stale,
    States,
    Suppression,
    is_whole,
)
from dualspan_analytics.alarms.table import ConditionKey, ConditionRow, ConditionTable, Measure, Purpose
from dualspan_analytics.assets import Asset, AssetTree
from dualspan_analytics.columns import PropertyRef
from dualspan_analytics.units import Conversion, conversion
from dualspan_runtime.errors import DomainError

MOST_CONDITIONS = 200_000
"""Of one tenant: it shares memory and cores with the others."""
_TRUTH = {"false": 0, "true": 1}


class Texts:
    """Codes of the texts that rules ask for; any other text is one code."""

    OTHER = float(1 << 40)
    """What is none of them; no state of a rule has this code."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}

    def code(self, text: str) -> int:
        """The code of a text that a rule names; whole numbers stand for themselves."""
        if (number := _number(text)) is not None:
            return number
        # Below all numbers that are likely as states, and counted downwards.
        return self._codes.setdefault(text, -(1 << 30) - len(self._codes))

    def columns(self, values: NDArray[np.object_]) -> NDArray[np.float64]:
        """Texts of samples as codes, each distinct text looked up once."""
        distinct, inverse = np.unique(values.astype(str), return_inverse=True)
        codes = [self._known(text) for text in distinct.tolist()]
        return np.array(codes, np.float64)[inverse]

    def _known(self, text: str) -> float:
        number = _number(text)
        return float(self._codes.get(text, self.OTHER) if number is None else number)


def _number(text: str) -> int | None:
    """What a text of a state is as a number: as a property of numbers or of truth has it."""
    return _TRUTH[text] if text in _TRUTH else int(text) if is_whole(text) else None


@dataclass(frozen=True, slots=True)
class Trouble:
    """A rule that cannot be evaluated for an asset, or for any if `asset` is "", and why."""

    rule: str
    asset: str
    text: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What is evaluated for a tenant.

    Attributes:
        table: The conditions.
        rules: By id.
        texts: Codes of texts.
        troubles: What is left out; the rest is evaluated.
    """

    table: ConditionTable
    rules: Mapping[str, AlarmRule]
    texts: Texts
    troubles: Sequence[Trouble]


def make_plan(rules: Iterable[AlarmRule], tree: AssetTree, most: int = MOST_CONDITIONS) -> Plan:
    """The conditions of the enabled rules. What one rule gets wrong stays with it.

    Args:
        rules: All of a tenant.
        tree: Its assets.
        most: Conditions. Where there are more, the rules with the most of them are left out, so that one rule that
            watches too much takes no other's place.
    """
    texts, troubles, watching = Texts(), list[Trouble](), _Watching(tree)
    known = {rule.rule_id: rule for rule in rules}
    wanted = [
        (rule, watching.of(rule, troubles))
        for rule in known.values()
        if rule.enabled and not isinstance(rule.condition, OpcUaConditions)
    ]
    rows: list[ConditionRow] = []
    for rule, assets in sorted(wanted, key=lambda each: len(each[1]) * max(len(each[0].limits_by_level), 1)):
        found, wrong = _planned(rule, assets, tree, texts, most - len(rows))
        if found is None:
            words = f"It watches too much: all rules may make {most} conditions (assets x indexes x limits) together."
            wrong = [Trouble(rule.rule_id, "", f"{words} Narrow its scope.")]
        rows += found or ()
        troubles += wrong
    return Plan(ConditionTable.of(rows), known, texts, troubles)


def _planned(
    rule: AlarmRule, assets: Sequence[Asset], tree: AssetTree, texts: Texts, most: int
) -> tuple[Sequence[ConditionRow] | None, Sequence[Trouble]]:
    """The conditions of one rule, and what keeps it from watching some assets; None when there are more than `most`."""
    rows, troubles = list[ConditionRow](), list[Trouble]()
    for asset in assets:
        try:
            rows += _rows(rule, asset, tree, texts)
        except DomainError as error:
            troubles.append(Trouble(rule.rule_id, asset.id, error.message))
        if len(rows) > most:
            return None, []
    return rows, troubles


class _Watching:
    """Which assets rules watch; all assets are gone through once for each model and place, not for each rule.

    Args:
        tree: All assets.
    """

    def __init__(self, tree: AssetTree) -> None:
        self._tree = tree
        self._known: dict[tuple[str, str], Sequence[Asset]] = {}

    def of(self, rule: AlarmRule, troubles: list[Trouble]) -> Sequence[Asset]:
        """The assets of a rule; those that it names and that are not there are troubles."""
        model, under = rule.scope.model, rule.scope.under
        if not model or (under and under not in self._tree.assets):
            return watched(rule, self._tree, troubles)
        if (model, under) not in self._known:
            self._known[model, under] = watched(rule, self._tree, troubles)
        return self._known[model, under]


def watched(rule: AlarmRule, tree: AssetTree, troubles: list[Trouble]) -> Sequence[Asset]:
    """The assets that a rule watches; those that it names and that are not there are troubles."""
    under = rule.scope.under
    if under and under not in tree.assets:
        troubles.append(Trouble(rule.rule_id, under, f"There is no asset {under!r}."))
        return []
    if rule.scope.model:
        return [asset for asset in tree.under(under) if asset.model == rule.scope.model]
    inside = {asset.id for asset in tree.under(under)} if under else tree.assets.keys()
    missing = [name for name in rule.scope.assets if name not in tree.assets]
    troubles += [Trouble(rule.rule_id, name, f"There is no asset {name!r}.") for name in missing]
    return [tree.assets[name] for name in rule.scope.assets if name in inside and name in tree.assets]


def _rows(rule: AlarmRule, asset: Asset, tree: AssetTree, texts: Texts) -> Sequence[ConditionRow]:
    if rule.source is not SignalKind.PROPERTY:
        signal = Signal(rule.source, asset.id, rule.name)
        found = list(_conditions(rule, signal, Conversion(1.0, 0.0), texts))
        if rule.suppressed_while is not None:
            found += _suppression(rule, rule.suppressed_while, found[-1], tree, texts)
        return found
    indexes = _indexes(rule, asset, tree)
    unit = tree.unit(PropertyRef(asset.id, rule.name, indexes[0]))
    scale = conversion(rule.unit or unit, unit)
    rows: list[ConditionRow] = []
    for index in indexes:
        signal = Signal(SignalKind.PROPERTY, asset.id, rule.name, index)
        rows += _conditions(rule, signal, scale, texts)
        if rule.suppressed_while is not None:
            rows += _suppression(rule, rule.suppressed_while, rows[-1], tree, texts)
    return rows


def _indexes(rule: AlarmRule, asset: Asset, tree: AssetTree) -> Sequence[int]:
    """Which of an indexed property; raises DomainError where nothing is bound."""
    bound = sorted(index for name, index in asset.bindings if name == rule.name)
    wanted = [index for index in bound if rule.index in {0, index}]
    # With nothing to watch the tree says what is missing: the property, or its tag.
    return wanted or [ref.index for ref in tree.bindings([PropertyRef(asset.id, rule.name, rule.index)])]


def _conditions(rule: AlarmRule, signal: Signal, scale: Conversion, texts: Texts) -> Sequence[ConditionRow]:
    condition, factor, offset = rule.condition, scale.factor, scale.offset
    match condition:
        case Limits():
            return [
                _row(
                    rule,
                    signal,
                    Measure.VALUE,
                    level=limit.level,
                    sign=1 if limit.level in {"H", "HH"} else -1,
                    limit=limit.value * factor + offset,
                    deadband=condition.deadband * abs(factor),
                )
                for limit in condition.limits
            ]
        case Rate():
            sign = -1 if condition.direction is Direction.FALLING else 1
            either = condition.direction is Direction.EITHER
            return [
                _row(
                    rule,
                    signal,
                    Measure.RATE_EITHER_WAY if either else Measure.RATE,
                    sign=sign,
                    limit=sign * condition.per_minute * abs(factor),
                    deadband=condition.deadband * abs(factor),
                    span_us=condition.span_us,
                )
            ]
        case States():
            return [_state_row(rule, signal, condition, texts)]
        case Stale():
            return [_row(rule, signal, Measure.STALE, on_delay_us=condition.after_us)]
        case BadData():
            return [_row(rule, signal, Measure.BAD_DATA)]
        case OpcUaConditions():
            return []


def _state_row(rule: AlarmRule, signal: Signal, states: States, texts: Texts) -> ConditionRow:
    codes = tuple(texts.code(value) for value in states.values)
    return _row(rule, signal, Measure.STATE, sign=-1 if states.negated else 1, states=codes)


def _suppression(
    rule: AlarmRule, suppression: Suppression, of: ConditionRow, tree: AssetTree, texts: Texts
) -> Sequence[ConditionRow]:
    ref = PropertyRef(of.key.asset, suppression.property)
    tree.binding(ref)
    signal = Signal(SignalKind.PROPERTY, ref.asset, ref.property)
    codes = tuple(texts.code(value) for value in suppression.states.values)
    return [
        ConditionRow(
            ConditionKey(rule.rule_id, ref.asset, of.key.index, "", Purpose.SUPPRESSION),
            rule.revision,
            signal,
            Measure.STATE,
            sign=-1 if suppression.states.negated else 1,
            states=codes,
        )
    ]


def _row(
    rule: AlarmRule,
    signal: Signal,
    measure: Measure,
    *,
    level: str = "",
    sign: int = 1,
    limit: float = 0.5,
    deadband: float = 0.0,
    span_us: int = 0,
    states: tuple[int, ...] = (),
    on_delay_us: int | None = None,
) -> ConditionRow:
    return ConditionRow(
        ConditionKey(rule.rule_id, signal.asset, signal.index, level),
        rule.revision,
        signal,
        measure,
        sign=sign,
        limit=limit,
        deadband=deadband,
        on_delay_us=rule.on_delay_us if on_delay_us is None else on_delay_us,
        off_delay_us=rule.off_delay_us,
        span_us=span_us,
        states=states,
        uncertain_is_bad=rule.uncertain_is_bad,
    )
