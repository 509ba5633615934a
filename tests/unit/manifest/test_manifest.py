"""Manifests: what is read, what is refused, on which line and with what advice."""

import contextlib
import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from dualspan_manifest import InvalidManifestError, Problem, ValueKind, check_configuration, parse, schema
from dualspan_manifest.document import DocumentError, read
from dualspan_standards import ucum

SAMPLE = (Path(__file__).parents[2] / "data/manifests/oee-board.yaml").read_text("utf-8")


def problems(text: str) -> tuple[Problem, ...]:
    with pytest.raises(InvalidManifestError) as raised:
        parse(text)
    return raised.value.problems


def refused(text: str) -> tuple[Problem, ...]:
    try:
        parse(text)
    except InvalidManifestError as error:
        return error.problems
    return ()


def test_a_manifest_is_read_with_its_defaults() -> None:
    manifest = parse(SAMPLE)
    assert (manifest.id, manifest.version, manifest.names.zh) == ("oee-board", "1.2.0", "OEE 看板")
    machine = manifest.requirement("machine")
    assert machine is not None
    assert (machine.models, machine.minimum, machine.maximum) == ((), 1, 50)
    assert machine.properties[2].kind is ValueKind.NUMBER
    assert machine.properties[2].optional
    assert (manifest.resources.cpu, manifest.resources.memory, manifest.resources.pids) == (500, 256 * 1024**2, 64)
    assert (manifest.health.port, manifest.health.interval, manifest.health.timeout) == ("http", 10.0, 3.0)
    assert manifest.ui is not None
    assert manifest.port(manifest.ui.port) == 8080
    assert manifest.upgrade.canary == 300.0
    assert manifest.description == manifest.summary
    assert manifest.source == SAMPLE


@pytest.mark.parametrize(
    ("old", "new", "path", "reason", "advice"),
    [
        ("license: Apache-2.0", "licence: Apache-2.0", "licence", "no field 'licence'", "Did you mean 'license'?"),
        ("license: Apache-2.0", "license: Apache-9", "license", "no SPDX expression", "spdx.org"),
        ("kind: int64, unit", "kind: int, unit", "requires[0].properties[0].kind", "'int' is not known", "int64"),
        ("unit: s,", "unit: sec,", "requires[0].properties[2].unit", "no UCUM code", "Cel"),
        ("unit: s,", "unit: s, dimension: time,", "requires[0].properties[2].dimension", "unit and a dim", "Keep one"),
        ('version: "1.2.0"', "version: 1.2", "version", "not a text", 'in quotes: "1.2"'),
        ('version: "1.2.0"', 'version: "1.2.0-01"', "version", "no version", "leading zeros"),
        ("memory: 256Mi", "memory: 256MB", "resources.memory", "not written", "such as 256Mi"),
        ("port: 8080", "port: 80", "ports[0].port", "80 is less than 1024", "root"),
        ("output: oee,", "output: oe,", "upgrade.compare[0].output", "no output 'oe'", "Name one"),
        ("canary: 5m", "canary: 31d", "upgrade.canary", "more than 30 days", "30d or less"),
        ("host: api.example.com", "host: 169.254.169.254", "egress[0].host", "not written", "full name"),
        ("host: api.example.com", "host: localhost", "egress[0].host", "not written", "full name"),
        ("    role: machine\nscopes", "    role: machin\nscopes", "outputs[0].role", "has the role", "machine"),
        ("samples.export, outputs.write", "samples.export", "scopes", "may not write", "outputs.write"),
        ("default: 85", "default: 185", "configuration.properties.target.default", "185", "fit"),
        ("required: [shift]", "required: [shifts]", "configuration.required[0]", "'shifts'", "properties"),
        ("title: Target,", "pattern: (a+)+$,", "configuration.properties.target.pattern", "no field", "Known here"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(old: str, new: str, path: str, reason: str, advice: str) -> None:
    text = SAMPLE.replace(old, new, 1)
    assert text != SAMPLE
    found = {problem.path: problem for problem in problems(text)}
    assert path in found, found
    assert reason in found[path].reason
    assert advice in found[path].advice
    if path not in {"scopes", "upgrade"}:
        assert found[path].line == SAMPLE[: SAMPLE.index(old)].count("\n") + 1


def test_the_longest_canary_is_read() -> None:
    assert parse(SAMPLE.replace("canary: 5m", "canary: 30d")).upgrade.canary == 30 * 86_400


def test_an_image_by_tag_is_told_what_to_write() -> None:
    text = SAMPLE.replace("@sha256:" + "1" * 64, ":latest")
    (found,) = problems(text)
    assert found.path == "run.docker.image"
    assert "by a tag, not by a digest" in found.reason
    assert "sha256" in found.advice


def test_all_that_is_missing_is_told_once() -> None:
    found = problems("apiVersion: dualspan/v1\n")
    assert sorted(problem.path for problem in found) == sorted(schema()["required"][1:])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("a: &x [1]\nb: *x", "Anchors"),
        ("a: !!python/object:os.system x", "tag"),
        ("a: 1\na: 2", "twice"),
        ("a: 1\n---\nb: 2", "second document"),
        ("[" * 1000, "too deep"),
        ("? [1]\n: 2", "key must be a text"),
        ("a: [1", "not YAML"),
        ("a: \x00", "characters"),
        ("a: " + "x" * 200_000, "KiB"),
        ("[" + "1," * 30_000 + "]", "too many values"),
    ],
)
def test_hostile_documents_are_refused_at_once(text: str, reason: str) -> None:
    began = time.monotonic()
    assert reason in problems(text)[0].reason
    assert time.monotonic() - began < 1.0


def test_yaml_1_1_surprises_stay_texts() -> None:
    assert read("a: no\nb: 1:30\nc: 2024-01-01\nd: 0o17\ne: '1'", 1000).data == {
        "a": "no", "b": "1:30", "c": "2024-01-01", "d": "0o17", "e": "1",
    }  # fmt: skip


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**17), 10**17)
    | st.text(st.characters(categories=["L", "N", "P"]), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abcdef", min_size=1, max_size=5), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(JSON)
def test_documents_are_what_yaml_wrote(data: Any) -> None:
    # JSON is YAML 1.2; PyYAML writes it with quotes wherever a word means something.
    assert read(json.dumps(data, indent=1, ensure_ascii=False), 100_000).data == data


@given(st.text(max_size=200))
@example("\ufeffapiVersion: dualspan/v1")
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(DocumentError):
        read(text, 10_000)


@settings(max_examples=60)
@given(st.data())
def test_any_change_of_a_value_is_accepted_or_explained(data: st.DataObject) -> None:
    tree = yaml.safe_load(SAMPLE)
    node: Any = tree
    while True:
        key = data.draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node))))
        if isinstance(node[key], dict | list) and node[key] and data.draw(st.booleans()):
            node = node[key]
            continue
        node[key] = data.draw(JSON)
        break
    assert all(problem.reason and problem.advice for problem in refused(json.dumps(tree)))


def test_the_published_schema_is_one_and_knows_every_dimension() -> None:
    Draft202012Validator.check_schema(schema())
    assert schema()["$defs"]["property"]["properties"]["dimension"]["enum"] == sorted(ucum.DIMENSIONS)


def test_every_field_of_the_schema_is_described() -> None:
    def silent(node: Any, path: str = "") -> list[str]:
        if not isinstance(node, dict):
            return []
        fields: dict[str, Any] = node.get("properties", {})
        plain = [
            f"{path}.{name}" for name, field in fields.items() if not {"description", "$ref", "const"} & set(field)
        ]
        inner = [each for name, field in fields.items() for each in silent(field, f"{path}.{name}")]
        return plain + inner + silent(node.get("items"), f"{path}[]")

    assert silent(schema()) == []
    assert [each for name, part in schema()["$defs"].items() for each in silent(part, name)] == []


def test_settings_get_their_defaults_and_are_held_to_the_schema() -> None:
    configuration = parse(SAMPLE).configuration
    assert check_configuration(configuration, {"shift": "day"}) == ({"target": 85, "shift": "day"}, ())
    _, found = check_configuration(configuration, {"target": 101, "shfit": "day"})
    assert {problem.path: problem.reason for problem in found} == {
        "shift": "The field 'shift' is missing.",
        "target": "101 is more than 100.",
        "shfit": "There is no field 'shfit'.",
    }
