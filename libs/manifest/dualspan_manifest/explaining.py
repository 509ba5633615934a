"""What JSON Schema's errors mean, in words that a person can act on."""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from dualspan_manifest.document import Document
from dualspan_manifest.problems import Path, Problem, written

_SHOWN = 60
# jsonschema.ValidationError, whose attributes may be "unset" by their types.
SchemaError: TypeAlias = Any
_TYPES = {
    "object": "a mapping",
    "array": "a list",
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "nothing",
}
_TAGGED_IMAGE = re.compile(r"[^@]+:[A-Za-z0-9_][A-Za-z0-9._-]*")


def explain(errors: Iterable[SchemaError], document: Document) -> Iterator[Problem]:
    """The problems that a schema's errors are; a key that is unknown or missing is one each.

    Args:
        errors: As jsonschema tells them.
        document: What was validated.
    """
    told = set[Problem]()
    for error in errors:
        for problem in _problems(error, document):
            if problem not in told:
                told.add(problem)
                yield problem


def _problems(error: SchemaError, document: Document) -> Iterator[Problem]:
    path: Path = tuple(error.absolute_path)
    keyword = str(error.validator)
    if keyword == "additionalProperties":
        yield from _unknown_keys(error, document, path)
    elif keyword == "required":
        yield from _missing_keys(error, document, path)
    else:
        reason, advice = _words(keyword, error)
        yield Problem(document.line(path), written(path), reason, advice)


def _unknown_keys(error: SchemaError, document: Document, path: Path) -> Iterator[Problem]:
    known = list(error.schema.get("properties", ()))
    for key in error.instance:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, 1)
            advice = f"Did you mean {near[0]!r}?" if near else f"Known here: {', '.join(known)}."
            where = (*path, key)
            yield Problem(document.line(where), written(where), f"There is no field {str(key)[:_SHOWN]!r}.", advice)


def _missing_keys(error: SchemaError, document: Document, path: Path) -> Iterator[Problem]:
    # jsonschema makes an error of each and says which in words only, so each tells of all; the caller drops repeats.
    for key in error.validator_value:
        if key not in error.instance:
            what = error.schema.get("properties", {}).get(key, {}).get("description", "")
            where = written((*path, key))
            yield Problem(document.line(path), where, f"The field {key!r} is missing.", what or "Add it.")


def _words(keyword: str, error: SchemaError) -> tuple[str, str]:
    schema, value, limit = error.schema, error.instance, error.validator_value
    meaning = str(schema.get("x-advice") or schema.get("description") or "See the manifest's schema.")
    if keyword == "type":
        wanted = limit if isinstance(limit, list) else [limit]
        return f"{_shown(value)} is not {' or '.join(_TYPES[each] for each in wanted)}.", _quoting(
            wanted, value, meaning
        )
    if keyword == "enum":
        near = difflib.get_close_matches(str(value), [str(each) for each in limit], 1)
        choice = f"Did you mean {near[0]!r}? " if near else ""
        return f"{_shown(value)} is not known here.", f"{choice}Choose of {', '.join(str(each) for each in limit)}."
    if keyword == "const":
        return f"{_shown(value)} is not {limit!r}.", f"Write {limit}."
    if keyword == "pattern":
        return _pattern(value), meaning
    return _bounds(keyword, value, limit), meaning


def _pattern(value: Any) -> str:
    if _TAGGED_IMAGE.fullmatch(str(value)) and "/" in str(value):
        return f"{_shown(value)} is named by a tag, not by a digest."
    return f"{_shown(value)} is not written as it must be."


def _quoting(wanted: list[str], value: Any, meaning: str) -> str:
    if wanted == ["string"] and isinstance(value, int | float):
        return f'Write it in quotes: "{value}".'
    return meaning


_BOUNDS: Mapping[str, str] = {
    "minLength": "The text has fewer than {limit} characters.",
    "maxLength": "The text has more than {limit} characters.",
    "minItems": "The list has fewer than {limit} entries.",
    "maxItems": "The list has more than {limit} entries.",
    "minProperties": "Nothing is set here.",
    "maxProperties": "There are more than {limit} keys.",
    "minimum": "{value} is less than {limit}.",
    "maximum": "{value} is more than {limit}.",
    "exclusiveMinimum": "{value} is not more than {limit}.",
    "exclusiveMaximum": "{value} is not less than {limit}.",
    "multipleOf": "{value} is no multiple of {limit}.",
    "uniqueItems": "The list has an entry twice.",
    "format": "{value} is no {limit}.",
}


def _bounds(keyword: str, value: Any, limit: Any) -> str:
    return _BOUNDS.get(keyword, "{value} is not allowed here.").format(value=_shown(value), limit=limit)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
