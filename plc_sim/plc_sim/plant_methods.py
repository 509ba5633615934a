"""The methods of machines: stop, start, reset the batch counter, set a recipe (Part 4, 5.12.2)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from asyncua import ua

from plc_sim.model.operator import MOST_UNITS, Operator, RefusedError
from plc_sim.model.plant import Machine
from plc_sim.opcua.session import refused
from plc_sim.opcua.standard import status_code
from plc_sim.opcua.subscription import now_us

_CODES = ua.StatusCodes
_TYPES = ua.VariantType
LONGEST_REASON = 200
"""Characters of the reason that Stop takes."""


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of a method: its name, type and what it is for."""

    name: str
    kind: ua.VariantType
    purpose: str


@dataclass(frozen=True, slots=True)
class Method:
    """A method that every machine has."""

    name: str
    label: str
    purpose: str
    inputs: tuple[Argument, ...]
    outputs: tuple[Argument, ...]


METHODS = (
    Method(
        "Start",
        "Start",
        "Lets a machine that was stopped go on",
        (),
        (Argument("EffectiveTime", _TYPES.DateTime, "When the first cycle begins"),),
    ),
    Method(
        "Stop",
        "Stop",
        "Stops the machine when its cycle is complete",
        (Argument("Reason", _TYPES.String, "Why, for the log"),),
        (Argument("EffectiveTime", _TYPES.DateTime, "When the machine stands still"),),
    ),
    Method(
        "ResetCounter",
        "Reset batch counter",
        "Begins a new batch",
        (),
        (Argument("LastCount", _TYPES.UInt32, "What the last batch had"),),
    ),
    Method(
        "SetRecipe",
        "Set recipe",
        "Has a stopped machine make another product",
        (
            Argument("Recipe", _TYPES.String, "Article number of the product"),
            Argument("Quantity", _TYPES.UInt32, "Units to make"),
        ),
        (Argument("EffectiveTime", _TYPES.DateTime, "When the machine knows it"),),
    ),
)
_BY_NAME = {method.name: method for method in METHODS}

Results = Sequence[ua.Variant]
Carry = Callable[[Machine, list[Any], int], Results]


class _BadArgumentsError(Exception):
    """Arguments whose types are right and whose values are not; a status code for each."""

    def __init__(self, codes: list[int]) -> None:
        super().__init__()
        self.codes = codes


class PlantMethods:
    """The Call service of a plant.

    Args:
        operator: Carries the methods out.
        namespace: Index of the plant's variables and machines.
        user: The only user that may call.
    """

    def __init__(self, operator: Operator, namespace: int, user: str) -> None:
        self._operator = operator
        self._namespace = namespace
        self._user = user
        self._carry: dict[str, Carry] = {
            "Start": self._start,
            "Stop": self._stop,
            "ResetCounter": self._reset,
            "SetRecipe": self._set_recipe,
        }

    def knows(self, request: ua.CallMethodRequest) -> bool:
        """Whether the object is one of the machines."""
        return self._machine(request.ObjectId) is not None

    def call(self, request: ua.CallMethodRequest, user: str) -> ua.CallMethodResult:
        """Carry out a method of a machine, or say why not."""
        machine = self._machine(request.ObjectId)
        if machine is None:
            return refused(_CODES.BadNodeIdUnknown)
        method = self._method(machine, request.MethodId)
        if method is None:
            return refused(_CODES.BadMethodInvalid)
        if user != self._user:
            return refused(_CODES.BadUserAccessDenied)
        arguments = list(request.InputArguments or [])
        if len(arguments) != len(method.inputs):
            few = len(arguments) < len(method.inputs)
            return refused(_CODES.BadArgumentsMissing if few else _CODES.BadTooManyArguments)
        codes = [_type_code(given, wanted) for given, wanted in zip(arguments, method.inputs, strict=True)]
        if any(codes):
            return _wrong(codes)
        return self._answer(method, machine, [argument.Value for argument in arguments])

    def _answer(self, method: Method, machine: Machine, values: list[Any]) -> ua.CallMethodResult:
        try:
            outputs = self._carry[method.name](machine, values, now_us())
        except RefusedError:
            return refused(_CODES.BadInvalidState)
        except _BadArgumentsError as err:
            return _wrong(err.codes)
        result = ua.CallMethodResult(StatusCode=ua.StatusCode())
        result.InputArgumentResults = [ua.StatusCode() for _ in values]
        result.OutputArguments = list(outputs)
        return result

    def _machine(self, node: ua.NodeId) -> Machine | None:
        if node.NamespaceIndex != self._namespace or not isinstance(node.Identifier, str):
            return None
        return self._operator.machine(node.Identifier)

    def _method(self, machine: Machine, node: ua.NodeId) -> Method | None:
        if node.NamespaceIndex != self._namespace or not isinstance(node.Identifier, str):
            return None
        owner, _, name = node.Identifier.rpartition("/")
        return _BY_NAME.get(name) if owner == machine.name else None

    def _start(self, machine: Machine, _: list[Any], now: int) -> Results:
        return [_moment(self._operator.start(machine, now))]

    def _stop(self, machine: Machine, values: list[Any], now: int) -> Results:
        if len(values[0] or "") > LONGEST_REASON:
            raise _BadArgumentsError([_CODES.BadOutOfRange])
        return [_moment(self._operator.stop(machine, now))]

    def _reset(self, machine: Machine, _: list[Any], now: int) -> Results:
        return [ua.Variant(self._operator.reset_counter(machine, now), _TYPES.UInt32)]

    def _set_recipe(self, machine: Machine, values: list[Any], now: int) -> Results:
        codes = [product.code for product in machine.timeline.model.products]
        recipe, quantity = values
        wrong = [
            0 if recipe in codes else _CODES.BadOutOfRange,
            0 if 0 < quantity <= MOST_UNITS else _CODES.BadOutOfRange,
        ]
        if any(wrong):
            raise _BadArgumentsError(wrong)
        return [_moment(self._operator.set_recipe(machine, codes.index(recipe), quantity, now))]


def _type_code(given: ua.Variant, wanted: Argument) -> int:
    right = given.VariantType == wanted.kind and not given.is_array
    return 0 if right else _CODES.BadTypeMismatch


def _wrong(codes: list[int]) -> ua.CallMethodResult:
    result = refused(_CODES.BadInvalidArgument)
    result.InputArgumentResults = [status_code(code) for code in codes]
    return result


def _moment(at_us: int) -> ua.Variant:
    return ua.Variant(datetime.fromtimestamp(at_us / 1e6, UTC), _TYPES.DateTime)
