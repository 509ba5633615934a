"""What the console answers itself, beside the contracts."""

from __future__ import annotations

from typing import Any, Final

from dualspan_console.languages import LANGUAGES
from dualspan_console.transcoding.intake import JSON

_TEXT = {"type": "string"}
_TEXTS = {"type": "array", "items": _TEXT}
_PROBLEM = {"$ref": "#/components/responses/Problem"}
_CSRF = {"$ref": "#/components/parameters/CsrfToken"}
_TAGS = ["Session"]


def _answer(name: str, words: str) -> dict[str, Any]:
    return {"description": words, "content": {JSON: {"schema": {"$ref": f"#/components/schemas/{name}"}}}}


def _object(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


OWN_SCHEMAS: Final[dict[str, Any]] = {
    "Problem": _object(
        {
            "type": _TEXT | {"format": "uri", "description": "Names the reason."},
            "title": _TEXT,
            "status": {"type": "integer", "description": "Of HTTP."},
            "detail": _TEXT | {"description": "What happened and what to do next, for people."},
            "instance": _TEXT | {"format": "uri", "description": "Names the request, as logs do."},
            "reason": _TEXT | {"description": "UPPER_SNAKE_CASE and stable: for programs."},
            "metadata": {"type": "object", "additionalProperties": _TEXT},
            "fields": {
                "type": "array",
                "items": _object({"field": _TEXT, "description": _TEXT}, ["field", "description"]),
                "description": "What is wrong with which field.",
            },
            "retryAfter": {"type": "integer", "description": "Seconds after which trying again may help."},
        },
        ["type", "title", "status", "detail", "instance", "reason", "metadata"],
    ),
    "Session": _object(
        {
            "signedIn": {"type": "boolean"},
            "csrf": _TEXT | {"description": "Goes into the header x-csrf-token of what changes something."},
            "language": {"type": "string", "enum": list(LANGUAGES)},
            "appsUrl": _TEXT | {"description": "What all apps are under."},
            "tenant": _TEXT | {"description": "`tenants/{tenant}`."},
            "tenantDisplayName": _TEXT,
            "actor": _TEXT | {"description": "`tenants/{tenant}/users/{user}`, or an API token."},
            "email": _TEXT,
            "displayName": _TEXT,
            "roles": _TEXTS,
            "permissions": _TEXTS,
            "session": _TEXT | {"description": "`tenants/{tenant}/users/{user}/sessions/{session}`."},
        },
        ["signedIn", "csrf", "language", "appsUrl"],
    ),
}

OWN_PATHS: Final[dict[str, Any]] = {
    "/v1/session": {
        "get": {
            "operationId": "Session_Get",
            "tags": _TAGS,
            "summary": "Who is signed in; nobody is an answer too.",
            "security": [{}, {"session": []}, {"bearer": []}],
            "responses": {"200": _answer("Session", "Who is signed in."), "default": _PROBLEM},
        },
        "post": {
            "operationId": "Session_Begin",
            "tags": _TAGS,
            "summary": "Signs in: the answer sets the session's cookie. A session that the browser had ends.",
            "security": [],
            "requestBody": {
                "required": True,
                "content": {
                    JSON: {
                        "schema": _object(
                            {"email": _TEXT | {"minLength": 1}, "password": _TEXT | {"minLength": 1}},
                            ["email", "password"],
                        )
                    }
                },
            },
            "responses": {"201": _answer("Session", "Who has signed in."), "default": _PROBLEM},
        },
        "delete": {
            "operationId": "Session_End",
            "tags": _TAGS,
            "summary": "Signs out, everywhere that this session is used.",
            "security": [{}, {"session": []}],
            "parameters": [_CSRF],
            "responses": {"204": {"description": "Nobody is signed in now."}, "default": _PROBLEM},
        },
    },
    "/v1/session/language": {
        "put": {
            "operationId": "Session_ChooseLanguage",
            "tags": _TAGS,
            "summary": "Chooses the language of this browser.",
            "security": [],
            "requestBody": {
                "required": True,
                "content": {
                    JSON: {"schema": _object({"language": {"type": "string", "enum": list(LANGUAGES)}}, ["language"])}
                },
            },
            "responses": {"204": {"description": "It is chosen."}, "default": _PROBLEM},
        }
    },
    "/v1/session/oidc/{tenant}/{provider}": {
        "get": {
            "operationId": "Session_BeginWithProvider",
            "tags": _TAGS,
            "summary": "Leads a browser to an enterprise's identity provider; `/v1/oidcProviders:find` tells which.",
            "security": [],
            "parameters": [
                {"name": name, "in": "path", "required": True, "schema": _TEXT} for name in ("tenant", "provider")
            ],
            "responses": {"303": {"description": "To the provider."}, "default": _PROBLEM},
        }
    },
    "/v1/session/oidc/callback": {
        "get": {
            "operationId": "Session_CompleteWithProvider",
            "tags": _TAGS,
            "summary": "Where providers send browsers back to; leads into the console, or to its sign-in page.",
            "security": [],
            "parameters": [
                {"name": name, "in": "query", "required": False, "schema": _TEXT} for name in ("state", "code")
            ],
            "responses": {"303": {"description": "Into the console."}, "default": _PROBLEM},
        }
    },
    "/v1/openapi.json": {
        "get": {
            "operationId": "OpenApi_Get",
            "tags": _TAGS,
            "summary": "This document.",
            "security": [],
            "responses": {
                "200": {"description": "OpenAPI 3.1.", "content": {JSON: {"schema": {"type": "object"}}}},
                "default": _PROBLEM,
            },
        }
    },
}
