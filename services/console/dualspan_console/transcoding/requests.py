"""From path, query and body to the request of a method."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, cast

from google.protobuf import field_mask_pb2, json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from starlette.requests import Request

from dualspan_console.transcoding.contracts import Route
from dualspan_console.transcoding.intake import read_query
from dualspan_console.transcoding.problems import FieldProblem, Problem

_MASK = field_mask_pb2.FieldMask.DESCRIPTOR.full_name
_WORDS = {"true": True, "false": False}
# Messages that JSON writes as one word (proto3's mapping), so that a parameter can hold one.
_WRAPPED = ("Double", "Float", "Int64", "UInt64", "Int32", "UInt32", "Bool", "String", "Bytes")
_AS_WORDS = frozenset(
    f"google.protobuf.{name}"
    for name in ("Timestamp", "Duration", "FieldMask", *(f"{wrapped}Value" for wrapped in _WRAPPED))
)
_UNKNOWN_FIELD = re.compile(r'Message type "[^"]+" has no field named "([^"]+)"(?: at "([^"]+)")?')
_BAD_VALUE = re.compile(r"Failed to parse (\S+) field: (.*?)\.?$", re.DOTALL)
# Python's words, which proto's reader passes on.
_NO_INTEGER = "invalid literal for int()"
_DEEPEST = 20
_LONGEST_WORDS = 300


def build_request(route: Route, fields: Mapping[str, str], query: Sequence[tuple[str, str]], body: bytes) -> Message:
    """Makes the request that an HTTP request stands for (google/api/http.proto, "Rules for HTTP mapping").

    Args:
        route: Where it came to.
        fields: What the path says.
        query: What the query says, in its order.
        body: JSON, or nothing.

    Raises:
        Problem: Something in it is unknown, twice there, or of the wrong form.
    """
    request = route.new_request()
    sent = _read_body(route, request, body)
    taken = {*fields, *([route.body] if route.body else ())}
    if route.body == "*" and query:
        raise _unknown([name for name, _ in query])
    parameters = _from_query(route.method.input_type, query, taken)
    _parse(request, parameters, ())
    for path, value in fields.items():
        _fill(request, path.split("."), value)
    if route.verb == "PATCH":
        _complete_mask(route, request, sent)
    return request


def check_no_query(request: Request) -> None:
    """Refuses parameters where none are known.

    Raises:
        Problem: There are some (`UNKNOWN_FIELD`).
    """
    check_known([name for name, _ in read_query(request)], ())


def check_known(names: Iterable[str], known: Collection[str]) -> None:
    """Refuses what is not known.

    Raises:
        Problem: There is some (`UNKNOWN_FIELD`).
    """
    if strangers := [name for name in names if name not in known]:
        raise _unknown(strangers)


def _read_body(route: Route, request: Message, body: bytes) -> Sequence[str]:
    """Reads the body into its place; returns the names of the fields that it has."""
    if not route.body:
        if body:
            raise Problem(400, "BODY_NOT_EXPECTED", "This method takes no body. Leave it out.")
        return ()
    document = decode_object(body)
    target = request if route.body == "*" else cast("Message", getattr(request, route.body))
    if route.body != "*":
        target.SetInParent()
    _parse(target, document, () if route.body == "*" else (route.body,))
    names = target.DESCRIPTOR.fields_by_camelcase_name, target.DESCRIPTOR.fields_by_name
    return [(names[0].get(word) or names[1][word]).name for word in document]


def decode_object(body: bytes) -> dict[str, Any]:
    """Reads a JSON object; an empty body is an empty one.

    Raises:
        Problem: It is none (`MALFORMED_JSON`).
    """
    if not body.strip():
        return {}
    try:
        document = json_loads(body)
    except (ValueError, RecursionError) as error:
        raise Problem(400, "MALFORMED_JSON", f"The body is not JSON: {str(error)[:_LONGEST_WORDS]}.") from error
    if not isinstance(document, dict):
        raise Problem(400, "MALFORMED_JSON", "The body must be a JSON object.")
    return cast("dict[str, Any]", document)


def json_loads(body: bytes) -> Any:
    """Reads JSON in which no name stands twice, nor NaN or the infinities, which JSON has not (RFC 8259).

    Raises:
        ValueError: It is none.
    """
    return json.loads(body.decode(), object_pairs_hook=_without_repeats, parse_constant=_no_constant)


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    counted = Counter(name for name, _ in pairs)
    if repeated := [name for name, times in counted.items() if times > 1]:
        raise ValueError(f"the name {repeated[0][:60]!r} stands there twice")
    return dict(pairs)


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is no JSON; write it as the text {word!r}")


def _parse(target: Message, document: dict[str, Any], at: Sequence[str]) -> None:
    try:
        json_format.ParseDict(document, target, max_recursion_depth=_DEEPEST)
    except json_format.ParseError as error:
        raise _refused(str(error), at) from error
    # What proto's own reader stumbles over, given a value of a kind that it did not think of.
    except (TypeError, ValueError, AttributeError, KeyError, RecursionError, OverflowError) as error:
        raise Problem(400, "MALFORMED_FIELD", "A value of the body is of the wrong type.") from error


def _refused(words: str, at: Sequence[str]) -> Problem:
    if found := _UNKNOWN_FIELD.search(words):
        inner = [part for part in (found[2] or "").split(".")[1:] if part]
        return _unknown([".".join([*at, *inner, found[1]])])
    if found := _BAD_VALUE.search(words):
        what = "must be a whole number" if _NO_INTEGER in found[2] else found[2][:_LONGEST_WORDS]
        return Problem(
            400, "MALFORMED_FIELD", f"{found[1]}: {what}.", fields=[FieldProblem(".".join([*at, found[1]]), what)]
        )
    return Problem(400, "MALFORMED_FIELD", words[:_LONGEST_WORDS])


def _unknown(names: Iterable[str]) -> Problem:
    unique = list(dict.fromkeys(name[:100] for name in names))[:20]
    return Problem(
        400,
        "UNKNOWN_FIELD",
        f"There is no field {', '.join(unique)} here. Leave it out, or see /v1/openapi.json for those that there are.",
        fields=[FieldProblem(name, "is not known") for name in unique],
    )


def _from_query(descriptor: Descriptor, query: Sequence[tuple[str, str]], taken: set[str]) -> dict[str, Any]:
    """The parameters as JSON has them: nested by their dots."""
    document: dict[str, Any] = {}
    for name, word in query:
        fields = _field_path(descriptor, name)
        if fields is None or ".".join(field.name for field in fields) in taken or fields[0].name in taken:
            raise _unknown([name])
        place = document
        for field in fields[:-1]:
            place = place.setdefault(field.json_name, {})
        last = fields[-1]
        value = _word(last, name, word)
        if last.is_repeated:
            place.setdefault(last.json_name, []).append(value)
        elif last.json_name in place:
            raise Problem(
                400, "REPEATED_PARAMETER", f"{name} stands there twice.", fields=[FieldProblem(name, "stands twice")]
            )
        else:
            place[last.json_name] = value
    return document


def _field_path(descriptor: Descriptor, name: str) -> list[FieldDescriptor] | None:
    """The fields that a parameter's name leads through; None if there is none that a parameter can be."""
    fields: list[FieldDescriptor] = []
    place: Descriptor | None = descriptor
    for part in name.split(".")[:_DEEPEST]:
        if place is None or (fields and fields[-1].is_repeated):
            return None
        field = place.fields_by_camelcase_name.get(part) or place.fields_by_name.get(part)
        if field is None:
            return None
        fields.append(field)
        place = None if is_parameter(field) else field.message_type
    return fields if place is None else None


def is_parameter(field: FieldDescriptor) -> bool:
    """Whether a parameter of a query can be this field: a value, or several, that each are one word."""
    return field.message_type is None or field.message_type.full_name in _AS_WORDS


def _word(field: FieldDescriptor, name: str, word: str) -> Any:
    is_truth = field.type == FieldDescriptor.TYPE_BOOL or (
        field.message_type is not None and field.message_type.full_name == "google.protobuf.BoolValue"
    )
    if not is_truth:
        return word
    if word not in _WORDS:
        raise Problem(
            400, "MALFORMED_FIELD", f"{name} must be true or false.", fields=[FieldProblem(name, "is true or false")]
        )
    return _WORDS[word]


def _fill(request: Message, path: Sequence[str], value: str) -> None:
    """Sets a field from the path, which counts more than what a body says of it."""
    place = request
    for name in path[:-1]:
        place = cast("Message", getattr(place, name))
    setattr(place, path[-1], value)


def _complete_mask(route: Route, request: Message, sent: Sequence[str]) -> None:
    """PATCH without a mask changes what the body has, as RFC 5789 and AIP-134 mean it, and nothing else."""
    field = route.method.input_type.fields_by_name.get("update_mask")
    if field is None or field.message_type is None or field.message_type.full_name != _MASK:
        return
    mask = cast("field_mask_pb2.FieldMask", getattr(request, field.name))
    if not mask.paths:
        mask.paths.extend(name for name in sent if name not in {"name", "etag"})
