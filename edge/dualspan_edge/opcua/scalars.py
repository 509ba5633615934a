"""Values of commands as OPC UA scalars and back: exactly, or not at all."""

import datetime as dt
import math
import struct
from decimal import Decimal, InvalidOperation
from uuid import UUID

import numpy as np
from asyncua import ua

from dualspan.onboarding.v1 import writes_pb2 as writes
from dualspan_edge.errors import GatewayError

# Built-in types (Part 6, 5.1.2).
_BOOLEAN, _FLOAT, _DOUBLE, _STRING, _DATE_TIME, _GUID, _BYTE_STRING, _LOCALIZED_TEXT = 1, 10, 11, 12, 13, 14, 15, 21
_ENUMERATION, _INT32 = 29, 6
_INTEGERS = {
    2: (-(2**7), 2**7 - 1),
    3: (0, 2**8 - 1),
    4: (-(2**15), 2**15 - 1),
    5: (0, 2**16 - 1),
    6: (-(2**31), 2**31 - 1),
    7: (0, 2**32 - 1),
    8: (-(2**63), 2**63 - 1),
    9: (0, 2**64 - 1),
}
_LONGEST_NUMBER = 60
_LARGEST_EXPONENT = 400
# Characters or bytes of a value that an outcome shows.
_LONGEST_SHOWN = 1000
_LARGEST_FLOAT = Decimal(struct.unpack("<f", b"\xff\xff\x7f\x7f")[0])
# To the next Float, if there were one, it is a step of 2**104.
_HALF_STEP = Decimal(2**103)
_FORMS = {_BOOLEAN: "boolean", _STRING: "text", _LOCALIZED_TEXT: "text", _GUID: "text", _BYTE_STRING: "binary"}


class ValueRefused(GatewayError):
    """A value that its variable, its limits or the standard do not allow. Nothing was written."""


def decimal_of(text: str) -> Decimal:
    """The number that decimal digits are; raises ValueRefused."""
    try:
        number = Decimal(text) if len(text) <= _LONGEST_NUMBER else Decimal("NaN")
    except InvalidOperation as error:
        raise ValueRefused(f"{text[:40]!r} is not a number in decimal digits") from error
    if not number.is_finite() or abs(number.adjusted()) > _LARGEST_EXPONENT:
        raise ValueRefused(f"{text[:40]!r} is not a number that a machine has")
    return number


def to_variant(value: writes.WriteValue, built_in: int, type_name: str) -> ua.Variant:
    """The value in a variable's own type.

    Args:
        value: What is to be written.
        built_in: The number of the built-in type that the variable's type is or derives from.
        type_name: Its name, for people.

    Raises:
        ValueRefused: The value is not one of this type.
    """
    if built_in == _ENUMERATION:
        built_in = _INT32
    form = value.WhichOneof("value")
    if built_in in _INTEGERS:
        return ua.Variant(_integer(value, built_in, type_name), ua.VariantType(built_in))
    if built_in in {_FLOAT, _DOUBLE}:
        return ua.Variant(_real(value, built_in, type_name), ua.VariantType(built_in))
    if built_in == _DATE_TIME and form == "text":
        return ua.Variant(_moment(value.text), ua.VariantType.DateTime)
    if _FORMS.get(built_in) != form or form is None:
        raise ValueRefused(f"the variable's type is {type_name}; {_shown(value)} is none")
    content: object = getattr(value, form)
    if built_in == _GUID:
        content = _guid(value.text)
    elif built_in == _LOCALIZED_TEXT:
        content = ua.LocalizedText(value.text)
    return ua.Variant(content, ua.VariantType(built_in))


def _number(value: writes.WriteValue, type_name: str) -> Decimal:
    if value.WhichOneof("value") != "number":
        raise ValueRefused(f"the variable's type is {type_name}; {_shown(value)} is none")
    return decimal_of(value.number)


def _integer(value: writes.WriteValue, built_in: int, type_name: str) -> int:
    number, (least, most) = _number(value, type_name), _INTEGERS[built_in]
    if number != number.to_integral_value():
        raise ValueRefused(f"the variable's type is {type_name}: {number} is not a whole number")
    if not least <= number <= most:
        raise ValueRefused(f"the variable's type is {type_name}: {number} is not between {least} and {most}")
    return int(number)


def _real(value: writes.WriteValue, built_in: int, type_name: str) -> float:
    number = _number(value, type_name)
    if built_in == _FLOAT:
        # Digits that round to the largest Float are it; what would become infinite is not.
        single = float(np.float32(min(max(number, -_LARGEST_FLOAT), _LARGEST_FLOAT)))
        if abs(number) > _LARGEST_FLOAT + _HALF_STEP:
            raise ValueRefused(f"the variable's type is {type_name}: {number} is too large for it")
        return single
    real = float(number)
    if not math.isfinite(real):
        raise ValueRefused(f"the variable's type is {type_name}: {number} is too large for it")
    return real


def _moment(text: str) -> dt.datetime:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueRefused(f"{text[:40]!r} is not a time such as 2026-01-31T12:00:00Z") from error
    if moment.tzinfo is None:
        raise ValueRefused(f"{text[:40]!r} does not say in which time zone it is: add Z for UTC")
    return moment.astimezone(dt.UTC)


def _guid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise ValueRefused(f"{text[:40]!r} is not a Guid") from error


def from_variant(variant: ua.Variant | None) -> writes.WriteValue | None:
    """A scalar as commands have it; None if it is none."""
    if variant is None or variant.Value is None or variant.is_array:
        return None
    return from_scalar(variant.Value, variant.VariantType.value)


def from_scalar(content: object, built_in: int) -> writes.WriteValue | None:
    """A scalar of a built-in type as commands have it; None if they have no such."""
    match content:
        case bool():
            return writes.WriteValue(boolean=content)
        case int():
            return writes.WriteValue(number=str(int(content)))
        case float():
            # The shortest digits that mean the same number in the type that it has.
            digits = str(np.float32(content)) if built_in == _FLOAT else repr(content)
            return writes.WriteValue(number=digits) if math.isfinite(content) else writes.WriteValue(text=digits)
        case bytes():
            return writes.WriteValue(binary=content)
        case _:
            text = _text(content)
            return None if text is None else writes.WriteValue(text=text)


def _text(content: object) -> str | None:
    match content:
        case str():
            return content
        case dt.datetime():
            return f"{content.replace(tzinfo=None).isoformat()}Z"
        case UUID():
            return str(content)
        case ua.LocalizedText():
            return content.Text or ""
        case _:
            return None


def clipped(value: writes.WriteValue) -> writes.WriteValue:
    """A value for people to look at: what is longer than anybody reads says so and how it begins."""
    if len(value.text) > _LONGEST_SHOWN:
        return writes.WriteValue(text=f"{value.text[:_LONGEST_SHOWN]}… (clipped, {len(value.text)} characters)")
    if len(value.binary) > _LONGEST_SHOWN:
        begins = value.binary[: _LONGEST_SHOWN // 2].hex()
        return writes.WriteValue(text=f"{begins}… (hex, clipped, {len(value.binary)} bytes)")
    return value


def same(one: writes.WriteValue, other: writes.WriteValue | None, tolerance: Decimal = Decimal(0)) -> bool:
    """Whether two values are one, numbers within a tolerance."""
    if other is None or one.WhichOneof("value") != other.WhichOneof("value"):
        return False
    if one.WhichOneof("value") == "number":
        return abs(decimal_of(one.number) - decimal_of(other.number)) <= tolerance
    return one == other


def check_limits(value: writes.WriteValue, limits: writes.WriteLimits, present: writes.WriteValue | None) -> None:
    """Refuses what is outside the limits that came with the command.

    Args:
        value: What is to be written.
        limits: What it may be.
        present: What the machine has now; None if that is not known.

    Raises:
        ValueRefused: It may not be written.
    """
    if limits.allowed_values and not any(same(allowed, value) for allowed in limits.allowed_values):
        raise ValueRefused(f"{_shown(value)} is none of the allowed values")
    if not (limits.minimum or limits.maximum or limits.maximum_step):
        return
    number = _number(value, "a number")
    if limits.minimum and number < decimal_of(limits.minimum):
        raise ValueRefused(f"{number} is less than the limit {limits.minimum}")
    if limits.maximum and number > decimal_of(limits.maximum):
        raise ValueRefused(f"{number} is more than the limit {limits.maximum}")
    if limits.maximum_step:
        if present is None or present.WhichOneof("value") != "number":
            raise ValueRefused("the value that the machine has now is not known, so the largest step cannot be kept")
        step = abs(number - decimal_of(present.number))
        if step > decimal_of(limits.maximum_step):
            raise ValueRefused(
                f"{number} is {step} away from the present {present.number}; the largest step is {limits.maximum_step}"
            )


def _shown(value: writes.WriteValue) -> str:
    form = value.WhichOneof("value")
    return "nothing" if form is None else repr(getattr(value, form))[:60]
