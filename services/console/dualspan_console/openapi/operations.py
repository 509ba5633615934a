"""Methods as operations of an OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from google.api import field_behavior_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from dualspan_console.openapi.comments import Comments, first_sentence
from dualspan_console.openapi.schemas import Schema, Schemas, behaviours
from dualspan_console.transcoding.conditions import etag_holder
from dualspan_console.transcoding.contracts import Route
from dualspan_console.transcoding.events import EVENT_STREAM
from dualspan_console.transcoding.intake import JSON
from dualspan_console.transcoding.requests import is_parameter
from dualspan_console.transcoding.templates import ONE, Variable

_EVENT: Schema = {"type": "object", "properties": {"data": {"type": "string"}, "event": {"type": "string"}}}
_SEGMENT: Schema = {"type": "string", "pattern": "^[^/]+$"}
_DEEPEST = 3
PROBLEM: Final = {"$ref": "#/components/responses/Problem"}
TIMEOUT: Final = {"$ref": "#/components/parameters/RequestTimeout"}
CSRF: Final = {"$ref": "#/components/parameters/CsrfToken"}
CONDITION: Final = {"$ref": "#/components/parameters/IfMatch"}
SIGNED_IN: Final[Sequence[Mapping[str, list[str]]]] = ({"session": []}, {"bearer": []})


def path_of(route: Route) -> str:
    """The path as OpenAPI has it: a variable for each segment, called after its collection."""
    segments = [word if name is None else f"{{{name}}}" for word, name in _named(route)]
    return "/" + "/".join(segments) + (f":{route.template.verb}" if route.template.verb else "")


def operation_of(route: Route, schemas: Schemas, comments: Comments, number: int) -> Schema:
    """The operation of a route.

    Args:
        route: Of a method.
        schemas: Collects what it refers to.
        comments: The contracts' words.
        number: Which of the method's addresses it is, from 0.
    """
    words = comments.of(route.method)
    service = route.method.containing_service
    operation: Schema = {
        "operationId": f"{service.name}_{route.method.name}" + (f"_{number + 1}" if number else ""),
        "tags": [service.name],
        "summary": first_sentence(words),
        "description": words,
        "parameters": list(_parameters(route, schemas, comments)),
        "responses": {"200": _answer(route, schemas), "default": PROBLEM},
        "security": [] if route.permission == "public" else list(SIGNED_IN),
        "x-permission": route.permission,
    }
    if route.body:
        operation["requestBody"] = _body(route, schemas)
    return operation


def _named(route: Route) -> Iterator[tuple[str, str | None]]:
    """Each segment of the path, and what it is called if it is variable."""
    collection = ""
    for segment in route.template.segments:
        yield segment, _singular(collection) if segment == ONE else None
        collection = segment


def _singular(collection: str) -> str:
    if collection.endswith("ies"):
        return collection.removesuffix("ies") + "y"
    return collection.removesuffix("s")


def _parameters(route: Route, schemas: Schemas, comments: Comments) -> Iterator[Schema]:
    for _, name in _named(route):
        if name is not None:
            yield {
                "name": name,
                "in": "path",
                "required": True,
                "schema": _SEGMENT,
                "description": f"Id of the {name}.",
            }
    if route.body != "*":
        taken = {*(each.field for each in route.template.variables), route.body}
        yield from _query(route.method.input_type, schemas, comments, taken)
    if route.verb != "GET":
        yield CSRF
    if etag_holder(route) is not None:
        yield CONDITION
    if not route.method.server_streaming:
        yield TIMEOUT


def _query(
    descriptor: Descriptor, schemas: Schemas, comments: Comments, taken: set[str], above: Sequence[FieldDescriptor] = ()
) -> Iterator[Schema]:
    for field in descriptor.fields:
        path = [*above, field]
        if ".".join(each.name for each in path) in taken or len(path) > _DEEPEST:
            continue
        if not is_parameter(field):
            if field.message_type is not None and not field.is_repeated:
                yield from _query(field.message_type, schemas, comments, taken, path)
            continue
        schema = schemas.field(field, given=True)
        description = schema.pop("description", "")
        yield {
            "name": ".".join(each.json_name for each in path),
            "in": "query",
            "required": field_behavior_pb2.REQUIRED in behaviours(field) and not above,
            "schema": schema,
            "description": description,
        }


def _body(route: Route, schemas: Schemas) -> Schema:
    if route.body != "*":
        field = route.method.input_type.fields_by_name[route.body]
        assert field.message_type is not None  # noqa: S101 - a test of the contracts holds it
        return {"required": True, "content": {JSON: {"schema": schemas.message(field.message_type, given=True)}}}
    schema = dict(_without(route.method.input_type, route.template.variables, schemas))
    return {"required": bool(schema.get("required")), "content": {JSON: {"schema": schema}}}


def _without(descriptor: Descriptor, variables: Sequence[Variable], schemas: Schemas) -> Mapping[str, Any]:
    """The schema of a request but for what its path says already."""
    said = {each.field for each in variables}
    fields = [field for field in descriptor.fields if field.name not in said]
    schema: Schema = {
        "type": "object",
        "properties": {field.json_name: schemas.field(field, given=True) for field in fields},
        "additionalProperties": False,
    }
    required = [field.json_name for field in fields if field_behavior_pb2.REQUIRED in behaviours(field)]
    return schema | ({"required": required} if required else {})


def _answer(route: Route, schemas: Schemas) -> Schema:
    if route.file is not None:
        return {"description": "The file, with its media type.", "content": {"*/*": {}}}
    schema = schemas.message(route.method.output_type, given=False)
    if route.method.server_streaming:
        return {
            "description": (
                "A stream of server-sent events: the data of each is one message; an event `error` has a problem, "
                "and is the last. A comment every 15 s says that the stream lives."
            ),
            "content": {EVENT_STREAM: {"schema": _EVENT, "x-event-schema": schema}},
        }
    return {"description": "What was asked for.", "content": {JSON: {"schema": schema}}}
