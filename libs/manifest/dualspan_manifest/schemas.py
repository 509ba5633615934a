"""The published JSON Schema, ready to validate with."""

import functools
import json
from importlib import resources
from typing import Any

from jsonschema import Draft202012Validator


@functools.cache
def schema() -> dict[str, Any]:
    """The JSON Schema of `app.yaml` (draft 2020-12)."""
    text = resources.files("dualspan_manifest").joinpath("schema/app-v1.schema.json").read_text("utf-8")
    return json.loads(text)


@functools.cache
def validator() -> Any:
    """A validator of that schema."""
    return Draft202012Validator(schema())
