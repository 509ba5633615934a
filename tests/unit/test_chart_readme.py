"""charts/dualspan/README.md says what values.yaml says, and every value is described by the schema."""

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import yaml

CHARTS = Path(__file__).resolve().parents[2] / "charts"
TEXT = (CHARTS / "dualspan/values.yaml").read_text("utf-8")


def writer() -> Any:
    specification = importlib.util.spec_from_file_location("readme", CHARTS / "readme.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules["readme"] = module
    specification.loader.exec_module(module)
    return module


def test_it_is_current() -> None:
    assert (CHARTS / "dualspan/README.md").read_text("utf-8") == writer().render(TEXT), "run `python charts/readme.py`"


def test_values_have_the_comments_above_them() -> None:
    text = "# All.\ntop:\n  # First\n  # one.\n  a: 1\n  b: {x: 1}\n# Last.\nend: []\n"
    first, last = writer().sections(text)
    assert (first.name, first.meaning) == ("top", "All.")
    assert [(each.path, each.meaning, each.preset) for each in first.values] == [
        ("top.a", "First one.", 1),
        ("top.b", "", {"x": 1}),
    ]
    assert [(each.path, each.meaning) for each in last.values] == [("end", "Last.")]


def loose(schema: Any, definitions: Any, path: str) -> list[str]:
    """Objects with properties of their own that take any other name, too."""
    if "$ref" in schema:
        return []
    here = [path] if "properties" in schema and schema.get("additionalProperties") is not False else []
    below = [*schema.get("properties", {}).items()]
    if isinstance(schema.get("items"), dict):
        below.append(("[]", schema["items"]))
    return here + [each for name, inner in below for each in loose(inner, definitions, f"{path}.{name}")]


def unknown(value: Any, schema: Any, definitions: Any, path: str) -> list[str]:
    """Values that have no schema."""
    schema = definitions[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    if not isinstance(value, dict) or "properties" not in schema:
        return []
    return [
        each
        for name, inner in value.items()
        for each in (
            unknown(inner, schema["properties"][name], definitions, f"{path}.{name}")
            if name in schema["properties"]
            else [f"{path}.{name}"]
        )
    ]


def test_the_schema_knows_every_value_and_no_other_name() -> None:
    schema = json.loads((CHARTS / "dualspan/values.schema.json").read_text("utf-8"))
    definitions = schema["definitions"]
    assert loose(schema, definitions, "") == []
    assert [name for name, each in definitions.items() if loose(each, definitions, name)] == []
    assert unknown(yaml.safe_load(TEXT), schema, definitions, "") == []
