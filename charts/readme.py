"""Writes charts/dualspan/README.md from the comments of values.yaml; `--check` says whether it is current."""

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).resolve().parent / "dualspan"
HEAD = """# The chart of DualSpan

`helm install` with one of the files in `scenarios`, or with values of your own.
[The guide](../../docs/guides/kubernetes.md) says how; this page has every value. It is made of the comments in
`values.yaml` by `python charts/readme.py`.

"""
_KEY = re.compile(r"^(?P<indent> *)(?P<name>[A-Za-z][A-Za-z0-9]*):(?P<rest>.*)$")


@dataclass(frozen=True, slots=True)
class Value:
    """One value of the chart.

    Attributes:
        path: Its name with those of what it is in, with dots.
        meaning: What the comment above it says.
        preset: What it is if nobody says otherwise.
    """

    path: str
    meaning: str
    preset: Any


@dataclass(frozen=True, slots=True)
class Section:
    """One key of the top.

    Attributes:
        name: The key.
        meaning: What the comment above it says.
        values: What is in it; itself if nothing is.
    """

    name: str
    meaning: str
    values: tuple[Value, ...]


def sections(text: str) -> Iterator[Section]:
    """Reads a values file in its order, with its comments."""
    presets = yaml.safe_load(text)
    comments = dict(_commented(text.splitlines()))
    for name, preset in presets.items():
        yield Section(name, comments.get(name, ""), tuple(_values(name, preset, comments)))


def render(text: str) -> str:
    """The page."""
    parts = [HEAD]
    for section in sections(text):
        parts.append(f"## {section.name}\n\n")
        if section.meaning:
            parts.append(f"{_text(section.meaning)}\n\n")
        parts.append("| Value | Preset | |\n| --- | --- | --- |\n")
        for value in section.values:
            meaning = "" if value.path == section.name else _text(value.meaning)
            parts.append(f"| `{value.path}` | `{json.dumps(value.preset, ensure_ascii=False)}` | {meaning} |\n")
        parts.append("\n")
    return "".join(parts).rstrip("\n") + "\n"


def _text(comment: str) -> str:
    """A comment, whose signs mean nothing else in Markdown."""
    return re.sub(r"([|<*_])", r"\\\1", comment)


def _commented(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Path → comment directly above it."""
    path: list[tuple[int, str]] = []
    comment: list[str] = []
    for line in lines:
        if line.lstrip().startswith("#"):
            comment.append(line.lstrip().removeprefix("#").strip())
            continue
        if found := _KEY.match(line):
            depth = len(found["indent"])
            path = [*(each for each in path if each[0] < depth), (depth, found["name"])]
            yield ".".join(name for _, name in path), " ".join(comment)
        comment = []


def _values(path: str, preset: Any, comments: dict[str, str]) -> Iterator[Value]:
    inner = [f"{path}.{name}" for name in preset] if isinstance(preset, dict) else []
    # A mapping that is written in one line is one value; so are resources, whose keys are those of Kubernetes.
    if not any(each in comments for each in inner) or path.endswith(".resources"):
        yield Value(path, comments.get(path, ""), preset)
        return
    for name, each in preset.items():
        own = f"{path}.{name}"
        if isinstance(each, dict) and comments.get(own) and any(f"{own}.{below}" in comments for below in each):
            yield Value(own, comments[own], {})
        yield from _values(own, each, comments)


def main() -> None:
    """Writes the page, or with `--check` compares it."""
    page = CHART / "README.md"
    wanted = render((CHART / "values.yaml").read_text("utf-8"))
    if "--check" not in sys.argv[1:]:
        page.write_text(wanted, "utf-8")
    elif not page.exists() or page.read_text("utf-8") != wanted:
        sys.exit("charts/dualspan/README.md is not what values.yaml says: run `python charts/readme.py`.")


if __name__ == "__main__":
    main()
