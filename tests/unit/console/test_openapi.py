"""The document that is made of the contracts."""

import json
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor
from openapi_spec_validator import validate

from dualspan_console.openapi.comments import Comments, first_sentence
from dualspan_console.openapi.document import make_document
from dualspan_console.transcoding.contracts import Route, all_methods, read_routes

ROUTES = read_routes()


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return json.loads(json.dumps(make_document(ROUTES, Comments.load())))


def operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for item in document["paths"].values() for operation in item.values()]


@pytest.mark.long
def test_the_document_is_valid(document: dict[str, Any]) -> None:
    validate(document)


def test_every_route_is_there_once(document: dict[str, Any]) -> None:
    ids = [operation["operationId"] for operation in operations(document)]
    assert len(ids) == len(set(ids))
    assert len([each for each in ids if not each.startswith(("Session_", "OpenApi_"))]) == len(ROUTES)


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    def references(part: Any) -> list[str]:
        if isinstance(part, dict):
            inner = [found for value in part.values() for found in references(value)]
            return [part["$ref"], *inner] if isinstance(part.get("$ref"), str) else inner
        return [found for value in part for found in references(value)] if isinstance(part, list) else []

    for reference in set(references(document)):
        place: Any = document
        for word in reference.removeprefix("#/").split("/"):
            place = place[word]
        assert place, reference


def test_everything_has_its_words(document: dict[str, Any]) -> None:
    assert not [each["operationId"] for each in operations(document) if not each["summary"]]
    wordless = [
        f"{name}.{field}"
        for name, schema in document["components"]["schemas"].items()
        if name[0].islower() and not name.startswith(("google.", "frame."))
        for field, told in schema.get("properties", {}).items()
        if not told.get("description")
    ]
    assert not wordless


def test_every_comment_is_of_something() -> None:
    comments = Comments.load()
    assert all(comments.of(method) for method in all_methods())
    assert first_sentence("Signs in. And more.") == "Signs in."
    assert first_sentence("") == ""


def test_what_is_given_and_what_is_answered_differ(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    given, answered = schemas["identity.UserInput"], schemas["identity.User"]
    assert "createTime" not in given["properties"]
    assert given["required"] == ["email", "roles"]
    assert set(answered["required"]) >= {"name", "email", "disabled"}
    assert "createTime" not in answered["required"]
    assert answered["properties"]["createTime"]["format"] == "date-time"


def test_who_may_call_is_said(document: dict[str, Any]) -> None:
    tags = document["paths"]["/v1/tenants/{tenant}/tags"]["get"]
    assert tags["x-permission"] == "onboarding.tags.read"
    assert {"name": "tenant", "in": "path"}.items() <= tags["parameters"][0].items()
    assert document["paths"]["/v1/sessions:signIn"]["post"]["security"] == []


def test_samples_are_columns_in_the_document(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert schemas["historian.ReadRawResponse"]["properties"]["frame"]["items"] == {
        "$ref": "#/components/schemas/frame.Columns"
    }
    assert not [name for name in schemas if name in {"frame.Frame", "frame.Block"}]


def test_recursive_messages_end() -> None:
    """A message that has itself in it is one component that refers to itself."""
    names: set[str] = set()

    def walk(descriptor: Descriptor) -> None:
        if descriptor.full_name not in names:
            names.add(descriptor.full_name)
            for field in descriptor.fields:
                if field.message_type is not None:
                    walk(field.message_type)

    routes: list[Route] = ROUTES
    for route in routes:
        walk(route.method.output_type)
    assert len(names) > 100
