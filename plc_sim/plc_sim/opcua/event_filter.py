"""Event filters (Part 4, 7.22.3): which fields of an event a client wants, and which events."""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from asyncua import ua

from plc_sim.opcua.standard import node_id, status_code

_CODES = ua.StatusCodes
_OPERATORS = ua.FilterOperator
CONDITION_ID = ("#ConditionId",)
"""Path under which the NodeId of a condition is among an event's fields (Part 9, 5.5.2: attribute NodeId)."""

Fields = Mapping[tuple[str, ...], ua.Variant]
"""The fields of an event by their BrowsePaths (names only: all of them are in namespace 0)."""
Supertypes = Callable[[ua.NodeId], frozenset[ua.NodeId]]
"""An event type and all that it is a kind of."""

_COMPARISONS: dict[ua.FilterOperator, Callable[[Any, Any], bool]] = {
    _OPERATORS.Equals: operator.eq,
    _OPERATORS.GreaterThan: operator.gt,
    _OPERATORS.LessThan: operator.lt,
    _OPERATORS.GreaterThanOrEqual: operator.ge,
    _OPERATORS.LessThanOrEqual: operator.le,
}
_OPERANDS = {
    **dict.fromkeys(_COMPARISONS, 2),
    _OPERATORS.And: 2,
    _OPERATORS.Or: 2,
    _OPERATORS.Not: 1,
    _OPERATORS.OfType: 1,
    _OPERATORS.IsNull: 1,
}
_NULL = ua.Variant(None, ua.VariantType.Null)


class FilterRefusedError(Exception):
    """A filter that cannot be served.

    Attributes:
        code: The status code that says why.
    """

    def __init__(self, code: int) -> None:
        super().__init__()
        self.code = code


@dataclass(frozen=True, slots=True)
class EventFilter:
    """A filter that has been looked through.

    Attributes:
        paths: One for each field that is wanted.
        elements: Of the where clause; the first is its root, none lets every event through.
    """

    paths: tuple[tuple[str, ...], ...]
    elements: tuple[ua.ContentFilterElement, ...]

    @classmethod
    def of(cls, asked: object, *, most_fields: int, most_elements: int) -> "EventFilter":
        """Take what a client asks for.

        Raises:
            FilterRefusedError: It is none, too large, or uses an operator that this server does not know.
        """
        if not isinstance(asked, ua.EventFilter):
            raise FilterRefusedError(_CODES.BadMonitoredItemFilterInvalid)
        clauses, elements = asked.SelectClauses or [], asked.WhereClause.Elements or []
        if not clauses:
            raise FilterRefusedError(_CODES.BadEventFilterInvalid)
        if len(clauses) > most_fields or len(elements) > most_elements:
            raise FilterRefusedError(_CODES.BadTooManyOperations)
        for index, element in enumerate(elements):
            _check(element, index, len(elements))
        return cls(tuple(_path(clause) for clause in clauses), tuple(elements))

    def select(self, fields: Fields) -> list[ua.Variant]:
        """The wanted fields; null for those that the event does not have."""
        return [fields.get(path, _NULL) for path in self.paths]

    def passes(self, fields: Fields, supertypes: Supertypes) -> bool:
        """Whether the where clause lets an event through; what compares with null does not."""
        return not self.elements or self._value(0, fields, supertypes) is True

    def results(self, known: Sequence[tuple[str, ...]]) -> ua.EventFilterResult:
        """What is said of each clause when the item is made."""
        result = ua.EventFilterResult()
        unknown = status_code(_CODES.BadNodeIdUnknown)
        result.SelectClauseResults = [ua.StatusCode() if path in known else unknown for path in self.paths]
        return result

    def _value(self, index: int, fields: Fields, supertypes: Supertypes) -> bool | None:
        element = self.elements[index]
        kind = ua.FilterOperator(element.FilterOperator)
        values = [self._operand(operand, fields, supertypes) for operand in element.FilterOperands]
        if kind in _COMPARISONS:
            return _compared(_COMPARISONS[kind], *values)
        if kind == _OPERATORS.And:
            return values[0] is True and values[1] is True
        if kind == _OPERATORS.Or:
            return values[0] is True or values[1] is True
        if kind == _OPERATORS.Not:
            return None if values[0] is None else not values[0]
        if kind == _OPERATORS.IsNull:
            return values[0] is None
        own = fields[("EventType",)].Value
        return values[0] in supertypes(own)

    def _operand(self, operand: object, fields: Fields, supertypes: Supertypes) -> Any:
        if isinstance(operand, ua.ElementOperand):
            return self._value(int(operand.Index), fields, supertypes)
        if isinstance(operand, ua.LiteralOperand):
            return operand.Value.Value
        assert isinstance(operand, ua.SimpleAttributeOperand)  # noqa: S101 - _check lets no other through
        return fields.get(_path(operand), _NULL).Value


def _path(operand: ua.SimpleAttributeOperand) -> tuple[str, ...]:
    """BrowsePath of a field; names of other namespaces name nothing here."""
    names = operand.BrowsePath or []
    if not names and operand.AttributeId == ua.AttributeIds.NodeId:
        return CONDITION_ID
    return tuple((name.Name or "") if name.NamespaceIndex == 0 else "?" for name in names)


def _check(element: ua.ContentFilterElement, index: int, count: int) -> None:
    operands = element.FilterOperands or []
    wanted = _OPERANDS.get(ua.FilterOperator(element.FilterOperator))
    if wanted is None:
        raise FilterRefusedError(_CODES.BadFilterOperatorUnsupported)
    if len(operands) != wanted:
        raise FilterRefusedError(_CODES.BadFilterOperandCountMismatch)
    for operand in operands:
        if isinstance(operand, ua.ElementOperand):
            if not index < operand.Index < count:  # only onwards, so that there is no circle
                raise FilterRefusedError(_CODES.BadFilterElementInvalid)
        elif not isinstance(operand, (ua.LiteralOperand, ua.SimpleAttributeOperand)):
            raise FilterRefusedError(_CODES.BadFilterOperandInvalid)


def _compared(compare: Callable[[Any, Any], bool], left: Any, right: Any) -> bool | None:
    if left is None or right is None:
        return None
    try:
        return bool(compare(left, right))
    except TypeError:
        return False


def supertypes_in(space: Any) -> Supertypes:
    """Find supertypes in an address space."""
    known: dict[ua.NodeId, frozenset[ua.NodeId]] = {}
    has_subtype = node_id(ua.ObjectIds.HasSubtype)

    def find(kind: ua.NodeId) -> frozenset[ua.NodeId]:
        if kind not in known:
            found: set[ua.NodeId] = set()
            current: ua.NodeId | None = kind
            while current is not None and current not in found:
                found.add(current)
                references = space[current].references
                parents = [r.NodeId for r in references if r.ReferenceTypeId == has_subtype and not r.IsForward]
                current = parents[0] if parents else None
            known[kind] = frozenset(found)
        return known[kind]

    return find
