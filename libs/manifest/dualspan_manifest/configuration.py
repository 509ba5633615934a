"""A subscriber's settings against the app's schema of them.

The schema is a publisher's, the settings are a subscriber's, and neither is trusted: the part of JSON Schema that
manifests may use has no references, no patterns and no nesting of choices, so validating takes time in proportion to
what is validated.
"""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from dualspan_manifest.document import Document
from dualspan_manifest.explaining import explain
from dualspan_manifest.problems import Path, Problem

_MOST_PROBLEMS = 50
_FORMATS = FormatChecker(("date", "time", "email"))


def check_configuration(
    schema: Mapping[str, Any], values: Mapping[str, Any]
) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    """The settings with defaults filled in, and what is wrong with them.

    Args:
        schema: A manifest's `configuration`.
        values: By name, as the subscriber set them.

    Returns:
        Settings and problems, whose lines are all 1: settings have no document.
    """
    properties: Mapping[str, Mapping[str, Any]] = schema["properties"]
    complete = {name: setting["default"] for name, setting in properties.items() if "default" in setting} | dict(values)
    document = Document(complete, {})
    strict = {**schema, "additionalProperties": False}
    errors = Draft202012Validator(strict, format_checker=_FORMATS).iter_errors(complete)
    return complete, tuple(islice(explain(errors, document), _MOST_PROBLEMS))


def broken_settings(schema: Mapping[str, Any]) -> Iterator[tuple[Path, str, str]]:
    """What is wrong with a schema of settings itself: path in it, reason, advice."""
    properties: Mapping[str, Mapping[str, Any]] = schema["properties"]
    for index, name in enumerate(schema.get("required", ())):
        if name not in properties:
            yield ("required", index), f"There is no setting {name!r}.", "Name one of properties."
    for name, setting in properties.items():
        yield from _broken_setting(setting, ("properties", name))


def _broken_setting(setting: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, str, str]]:
    if setting["type"] == "array":
        if "items" not in setting:
            yield path, "A list says nothing of its items.", "Add items with their type."
            return
        if setting["items"]["type"] == "array":
            yield (*path, "items"), "A list of lists makes no form.", "Use two settings."
            return
    whole = {key: value for key, value in setting.items() if key != "default"}
    for key in ("default", "enum"):
        values = [setting[key]] if key == "default" and key in setting else setting.get(key, ())
        check = whole if key == "default" else {"type": setting["type"]}
        for value in values:
            if not Draft202012Validator(check).is_valid(value):
                yield (*path, key), f"{value!r} is not what the setting may be.", "Make it fit type and bounds."
