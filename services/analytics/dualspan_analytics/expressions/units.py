"""Units of what an expression says: of one property it is converted, of several nobody knows what they make."""

from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np

from dualspan_analytics.expressions.model import AGGREGATES, Call, Element, Expression, Property, walk
from dualspan_analytics.kpis.ratios import Figures, also
from dualspan_analytics.units import conversion
from dualspan_runtime.errors import InvalidArgument

_QUANTITIES = frozenset({"PQ", "GQ", "SQ", "RQ"})
_PLAIN = frozenset({"", "1"})
"""Units of ratios: whatever they are made of goes away."""


def in_unit(found: Figures, expression: Expression, have: Mapping[Property, str], unit: str) -> Figures:
    """Figures in the unit that a KPI names: what is nothing but a mean or the like of one property is converted.

    Args:
        found: In the property's unit.
        expression: What was computed.
        have: UCUM of each property; "" if it has none.
        unit: UCUM of the KPI.
    """
    argument = _plain_property(expression)
    if unit in _PLAIN or argument is None or not have[argument]:
        return found
    try:
        change = conversion(have[argument], unit)
    except InvalidArgument:
        why = np.full(len(found.value), f"{argument} is in {have[argument]}, which does not convert to {unit}", object)
        return replace(found, value=np.full(len(found.value), np.nan), reason=also(why, found.reason))
    is_difference = isinstance(expression.root, Call) and expression.root.function == "increase"
    return replace(found, value=change.factor * found.value + (0.0 if is_difference else change.offset))


def mixed(
    expression: Expression, have: Mapping[Property, Collection[str]], counted_in: Collection[str], unit: str
) -> str:
    """What to say of figures of several machines whose units differ; "" where they do not, or it does not matter.

    Args:
        expression: What is computed of each.
        have: Units of each property among the machines.
        counted_in: Units in which machines count.
        unit: UCUM of the KPI.
    """
    if unit in _PLAIN:
        return ""
    units = {str(each): set(of) for each, of in have.items()}
    names = {node.name for node in walk(expression.root) if isinstance(node, Element)}
    if names & _QUANTITIES:
        units["quantities"] = set(counted_in) - {""}
    if _plain_property(expression) is not None:
        return ""  # each is converted
    found = {name: of for name, of in units.items() if len(of) > 1}
    words = [f"{name} in {' and in '.join(sorted(each or 'no unit' for each in of))}" for name, of in found.items()]
    return f"machines have {', '.join(words)}; ask for each" if words else ""


def _plain_property(expression: Expression) -> Property | None:
    """The property of which an expression is nothing but a mean, a maximum or the like."""
    root = expression.root
    if not isinstance(root, Call) or root.function not in AGGREGATES or root.function == "duration":
        return None
    argument = root.arguments[0]
    return argument if isinstance(argument, Property) else None
