"""Messages as JSON Schema, by proto3's JSON mapping."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

from google.api import field_behavior_pb2
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from dualspan.frame.v1 import frame_pb2
from dualspan_console.openapi.comments import Comments

Schema: TypeAlias = dict[str, Any]
REFERENCE: Final = "#/components/schemas/"
_INPUT = "Input"

_NUMBER_WORDS = {"type": "string", "enum": ["NaN", "Infinity", "-Infinity"]}
_FLOAT: Schema = {"oneOf": [{"type": "number", "format": "double"}, _NUMBER_WORDS]}
_INT32: Schema = {"type": "integer", "format": "int32", "minimum": -(2**31), "maximum": 2**31 - 1}
_UINT32: Schema = {"type": "integer", "format": "int64", "minimum": 0, "maximum": 2**32 - 1}
_INT64: Schema = {"type": "string", "format": "int64", "pattern": "^-?[0-9]{1,19}$"}
_UINT64: Schema = {"type": "string", "format": "uint64", "pattern": "^[0-9]{1,20}$"}
_BYTES: Schema = {"type": "string", "format": "byte", "contentEncoding": "base64"}
_F = FieldDescriptor
_SCALARS: Mapping[int, Schema] = {
    _F.TYPE_DOUBLE: _FLOAT,
    _F.TYPE_FLOAT: _FLOAT,
    _F.TYPE_INT64: _INT64,
    _F.TYPE_SINT64: _INT64,
    _F.TYPE_SFIXED64: _INT64,
    _F.TYPE_UINT64: _UINT64,
    _F.TYPE_FIXED64: _UINT64,
    _F.TYPE_INT32: _INT32,
    _F.TYPE_SINT32: _INT32,
    _F.TYPE_SFIXED32: _INT32,
    _F.TYPE_UINT32: _UINT32,
    _F.TYPE_FIXED32: _UINT32,
    _F.TYPE_BOOL: {"type": "boolean"},
    _F.TYPE_STRING: {"type": "string"},
    _F.TYPE_BYTES: _BYTES,
}
_WELL_KNOWN: Mapping[str, Schema] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time", "examples": ["2026-11-23T08:00:00Z"]},
    "google.protobuf.Duration": {"type": "string", "pattern": r"^-?[0-9]{1,12}(\.[0-9]{1,9})?s$", "examples": ["1.5s"]},
    "google.protobuf.FieldMask": {"type": "string", "examples": ["displayName,roles"]},
    "google.protobuf.Struct": {"type": "object"},
    "google.protobuf.Value": {},
    "google.protobuf.ListValue": {"type": "array"},
    "google.protobuf.Empty": {"type": "object", "additionalProperties": False},
    "google.protobuf.Any": {
        "type": "object",
        "properties": {"@type": {"type": "string"}},
        "required": ["@type"],
    },
    "google.protobuf.BoolValue": _SCALARS[_F.TYPE_BOOL],
    "google.protobuf.StringValue": _SCALARS[_F.TYPE_STRING],
    "google.protobuf.BytesValue": _BYTES,
    "google.protobuf.DoubleValue": _FLOAT,
    "google.protobuf.FloatValue": _FLOAT,
    "google.protobuf.Int64Value": _INT64,
    "google.protobuf.UInt64Value": _UINT64,
    "google.protobuf.Int32Value": _INT32,
    "google.protobuf.UInt32Value": _UINT32,
}
_FRAME = frame_pb2.Frame.DESCRIPTOR.full_name
_BLOCK = frame_pb2.Block.DESCRIPTOR.full_name
_COLUMNS: Schema = {
    "type": "object",
    "description": "Samples of one kind as columns: row i of every column together is one sample.",
    "properties": {
        "kind": {"type": "string", "enum": [name for name in frame_pb2.ValueKind.keys() if "UNSP" not in name]},  # noqa: SIM118
        "tag": {"type": "array", "items": {"type": "integer"}, "description": "Numeric ids of tags."},
        "time": {
            "type": "array",
            "items": {"type": "number"},
            "description": "Source timestamps: milliseconds since 1970 UTC, with their fraction.",
        },
        "status": {"type": "array", "items": _UINT32, "description": "OPC UA status codes."},
        "value": {
            "type": "array",
            "items": {"type": ["number", "string", "boolean", "null"]},
            "description": "null: NaN or an infinity. An integer that JavaScript cannot hold is a string.",
        },
    },
    "required": ["kind", "time", "status", "value"],
    "additionalProperties": False,
}


class Schemas:
    """Collects the schemas that a document needs.

    Args:
        comments: The contracts' words.
        answered: Full names of the messages that answers are made of.
    """

    def __init__(self, comments: Comments, answered: frozenset[str]) -> None:
        self._comments = comments
        self._answered = answered
        self._components: dict[str, Schema] = {}

    @property
    def components(self) -> dict[str, Schema]:
        """All that were referred to, in order of name."""
        return dict(sorted(self._components.items()))

    def message(self, descriptor: Descriptor, *, given: bool) -> Schema:
        """The schema of a message, by reference where it is one of ours.

        Args:
            descriptor: Of the message.
            given: As callers give it; otherwise as it is answered.
        """
        if descriptor.full_name in _WELL_KNOWN:
            return dict(_WELL_KNOWN[descriptor.full_name])
        if descriptor.full_name in {_FRAME, _BLOCK} and not given:
            return self._columns(descriptor.full_name)
        # What is answered has all of its fields; what is given may leave some out.
        twin = given and descriptor.full_name in self._answered
        name = component_name(descriptor.full_name) + (_INPUT if twin else "")
        if name not in self._components:
            self._components[name] = {}
            self._components[name] = self._object(descriptor, given=given)
        return {"$ref": REFERENCE + name}

    def field(self, field: FieldDescriptor, *, given: bool) -> Schema:
        """The schema of a field, with its words."""
        schema = self._map(field, given=given) if _is_map(field) else self._single(field, given=given)
        if field.is_repeated and not _is_map(field):
            schema = {"type": "array", "items": schema}
        words = self._comments.of(field)
        if field.containing_oneof is not None and len(field.containing_oneof.fields) > 1:
            others = [other.json_name for other in field.containing_oneof.fields if other is not field]
            words = f"{words} Excludes {', '.join(others)}.".strip()
        if words:
            schema = schema | {"description": words}
        return schema | _behaviour(field)

    def enum(self, descriptor: EnumDescriptor) -> Schema:
        """The schema of an enum, by reference."""
        name = component_name(descriptor.full_name)
        if name not in self._components:
            values = [value.name for value in descriptor.values]
            told = [f"`{value}`: {self._comments.value(descriptor, value)}" for value in values]
            words = "\n\n".join([self._comments.of(descriptor), "\n".join(f"- {line}" for line in told)])
            self._components[name] = {"type": "string", "enum": values, "description": words}
        return {"$ref": REFERENCE + name}

    def _single(self, field: FieldDescriptor, *, given: bool) -> Schema:
        if field.enum_type is not None:
            return self.enum(field.enum_type)
        if field.message_type is not None:
            return self.message(field.message_type, given=given)
        return dict(_SCALARS[field.type])

    def _map(self, field: FieldDescriptor, *, given: bool) -> Schema:
        assert field.message_type is not None  # noqa: S101 - a map is a message of keys and values
        value = field.message_type.fields_by_name["value"]
        return {"type": "object", "additionalProperties": self._single(value, given=given)}

    def _object(self, descriptor: Descriptor, *, given: bool) -> Schema:
        fields = [each for each in descriptor.fields if not (given and _is_output(each))]
        schema: Schema = {
            "type": "object",
            "properties": {each.json_name: self.field(each, given=given) for each in fields},
            "additionalProperties": False,
        }
        if words := self._comments.of(descriptor):
            schema["description"] = words
        required = [each.json_name for each in fields if _is_required(each)] if given else _always_there(fields)
        if required:
            schema["required"] = required
        return schema

    def _columns(self, full_name: str) -> Schema:
        self._components.setdefault("frame.Columns", _COLUMNS)
        one = {"$ref": REFERENCE + "frame.Columns"}
        if full_name == _BLOCK:
            return one
        return {"type": "array", "items": one}


def component_name(full_name: str) -> str:
    """How a document calls a message or an enum: `historian.Gap` for `dualspan.historian.v1.Gap`."""
    words = full_name.removeprefix("dualspan.").split(".")
    return ".".join(word for word in words if word != "v1")


def _always_there(fields: Iterable[FieldDescriptor]) -> list[str]:
    """What every answer has: all that can have no "unset"."""
    return [each.json_name for each in fields if not each.has_presence]


def behaviours(field: FieldDescriptor) -> list[int]:
    """What the contract says of a field (google.api.field_behavior)."""
    extension: Any = field_behavior_pb2.field_behavior
    return list(field.GetOptions().Extensions[extension])


def _is_required(field: FieldDescriptor) -> bool:
    return field_behavior_pb2.REQUIRED in behaviours(field)


def _is_output(field: FieldDescriptor) -> bool:
    return field_behavior_pb2.OUTPUT_ONLY in behaviours(field)


def _behaviour(field: FieldDescriptor) -> Schema:
    found = behaviours(field)
    return {"x-field-behavior": [field_behavior_pb2.FieldBehavior.Name(each) for each in found]} if found else {}


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def reachable(descriptors: Iterable[Descriptor]) -> frozenset[str]:
    """The full names of messages and of all that they are made of."""
    waiting, found = list(descriptors), set[str]()
    while waiting:
        one = waiting.pop()
        if one.full_name not in found:
            found.add(one.full_name)
            waiting += [field.message_type for field in one.fields if field.message_type is not None]
    return frozenset(found)
