"""The OpenAPI 3.1 document of the console, made of the contracts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from dualspan_console.openapi.comments import Comments
from dualspan_console.openapi.operations import operation_of, path_of
from dualspan_console.openapi.own import OWN_PATHS, OWN_SCHEMAS
from dualspan_console.openapi.schemas import Schemas, reachable
from dualspan_console.transcoding.callers import CSRF_HEADER
from dualspan_console.transcoding.conditions import IF_MATCH
from dualspan_console.transcoding.contracts import Route
from dualspan_console.transcoding.intake import LONGEST_SECONDS, TIMEOUT_HEADER
from dualspan_console.transcoding.problems import PROBLEM_TYPE

_ABOUT = (
    "Every method of DualSpan's contracts over HTTP and JSON. Answers have all of their fields; what is unset is left "
    "out. Names of fields are in camel case; 64-bit integers are strings, as JSON has no such numbers. What a request "
    "has that is not known here is refused."
)


def make_document(routes: Iterable[Route], comments: Comments) -> dict[str, Any]:
    """The document of all routes."""
    routes = list(routes)
    schemas = Schemas(comments, reachable(route.method.output_type for route in routes if route.file is None))
    paths: dict[str, dict[str, Any]] = {path: dict(item) for path, item in OWN_PATHS.items()}
    counted: Counter[str] = Counter()
    for route in routes:
        operation = operation_of(route, schemas, comments, counted[route.address])
        counted[route.address] += 1
        paths.setdefault(path_of(route), {})[route.verb.lower()] = operation
    services = {route.method.containing_service.full_name: route.method.containing_service for route in routes}
    return {
        "openapi": "3.1.0",
        "info": {"title": "DualSpan", "version": "v1", "description": _ABOUT, "license": _LICENSE},
        "tags": [
            {"name": "Session", "description": "Who is signed in, for pages in a browser."},
            *({"name": each.name, "description": comments.of(each)} for each in services.values()),
        ],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": {**OWN_SCHEMAS, **schemas.components},
            "parameters": _PARAMETERS,
            "responses": _RESPONSES,
            "securitySchemes": _SECURITY,
        },
    }


_LICENSE = {"name": "Apache-2.0", "identifier": "Apache-2.0"}
_PARAMETERS = {
    "CsrfToken": {
        "name": CSRF_HEADER,
        "in": "header",
        "required": False,
        "schema": {"type": "string"},
        "description": "With the session's cookie: `csrf` of `GET /v1/session`.",
    },
    "IfMatch": {
        "name": IF_MATCH,
        "in": "header",
        "required": False,
        "schema": {"type": "string", "pattern": r'^(\*|"[!#-~]+")$'},
        "description": "The ETag that an answer had: if another state is there by now, nothing is done (412).",
    },
    "RequestTimeout": {
        "name": TIMEOUT_HEADER,
        "in": "header",
        "required": False,
        "schema": {"type": "string", "pattern": r"^[1-9][0-9]?$"},
        "description": f"Seconds until there must be an answer, {LONGEST_SECONDS:g} at most.",
    },
}
_RESPONSES = {
    "Problem": {
        "description": "What went wrong (RFC 9457).",
        "content": {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
}
_SECURITY = {
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "dualspan-session",
        "description": "Of a browser; `__Host-dualspan-session` through TLS. `POST /v1/session` sets it.",
    },
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An access token, or the secret of an API token.",
    },
}
