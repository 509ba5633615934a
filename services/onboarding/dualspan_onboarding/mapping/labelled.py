"""Labelled sets: plants whose variables somebody has said the meaning of. Files of YAML, read for measuring only."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from dualspan_onboarding.mapping.nodes import Plant, PlantObject, PlantVariable

NOTHING = "-"


@dataclass(frozen=True, slots=True)
class Label:
    """What a variable is: a property of a machine; `property` is empty if it is none."""

    machine: str
    model: str
    property: str
    index: int


@dataclass(frozen=True, slots=True)
class LabelledPlant:
    """A plant and what its variables are, by NodeId."""

    name: str
    industry: str
    plant: Plant
    labels: dict[str, Label]


class LabelledSetError(Exception):
    """A file of a labelled set is not one."""


def read_folder(folder: Path) -> list[LabelledPlant]:
    """The plants of a folder, in order of file name.

    Raises:
        LabelledSetError: A file is not of the form that tests/data/mapping/README.md describes.
    """
    files = sorted(folder.glob("*.yaml"))
    if not files:
        raise LabelledSetError(f"{folder} has no *.yaml. Name a folder of labelled plants.")
    return [_read(file) for file in files]


def _read(file: Path) -> LabelledPlant:
    try:
        document: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
        repeats: list[str] = document.get("repeat", [""])
        machines = _machines(document["machines"], repeats)
        lines = [line for line in document["variables"].splitlines() if line.strip()]
        types: dict[str, str] = document.get("types", {})
        rows = [row for line in lines for row in _rows(line, repeats)]
    except (yaml.YAMLError, KeyError, AttributeError, TypeError, ValueError) as err:
        raise LabelledSetError(f"{file}: {err!r}. See tests/data/mapping/README.md for the form.") from err
    # A line without {n} is there once, however often the machine is.
    distinct = {row[0].node_id: row for row in rows}.values()
    objects = tuple(PlantObject(tuple(path.split("/")), name) for path, name in types.items())
    labels = {variable.node_id: _label(variable, text, machines) for variable, text in distinct}
    plant = Plant(tuple(variable for variable, _ in distinct), objects)
    return LabelledPlant(document["server"], document["industry"], plant, labels)


def _machines(stated: Sequence[dict[str, str]], repeats: Sequence[str]) -> dict[str, str]:
    return {each["path"].replace("{n}", n): each["model"] for each in stated for n in repeats}


def _rows(line: str, repeats: Sequence[str]) -> list[tuple[PlantVariable, str]]:
    """`path | type | unit | property`, optionally `| display name`, once for each repeat."""
    path, data_type, unit, label, *rest = (part.strip() for part in line.split("|"))
    rank = 1 if data_type.endswith("[]") else -1
    return [
        (
            PlantVariable(
                node_id=f"nsu=urn:labelled;s={path.replace('{n}', n)}",
                path=tuple(path.replace("{n}", n).split("/")),
                data_type=data_type.removesuffix("[]"),
                display_name=rest[0] if rest else "",
                value_rank=rank,
                unit=unit,
            ),
            label,
        )
        for n in repeats
    ]


def _label(variable: PlantVariable, text: str, machines: dict[str, str]) -> Label:
    path = variable.browse_path
    machine = max((each for each in machines if path.startswith(each)), key=len, default="")
    if text == NOTHING or not machine:
        return Label(machine, machines.get(machine, ""), "", 0)
    name, _, index = text.partition("/")
    return Label(machine, machines[machine], name, int(index or 0))
