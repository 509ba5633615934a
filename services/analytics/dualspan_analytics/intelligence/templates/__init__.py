"""Anomaly detection for the asset models of the library, as data: what to watch, and over how long."""

import functools
from collections.abc import Mapping
from importlib import resources
from typing import Any

import yaml

from dualspan_analytics.assets import AssetTree
from dualspan_analytics.intelligence.watching import AnomalySpec, StateRule, Summary, Watched


@functools.cache
def templates() -> Mapping[str, AnomalySpec]:
    """The templates by asset model."""
    found: dict[str, AnomalySpec] = {}
    for file in sorted(resources.files(__name__).iterdir(), key=lambda file: file.name):
        if file.name.endswith(".yaml"):
            document = yaml.safe_load(file.read_text("utf-8"))
            found[document["model"]] = _spec(document)
    return found


def _spec(document: Mapping[str, Any]) -> AnomalySpec:
    state = document["state"]
    watched = (
        Watched(entry["property"], 0, Summary[entry.get("summary", "mean").upper()]) for entry in document["watched"]
    )
    steps = {name: document[name] for name in ("window", "persistence") if name in document}
    return AnomalySpec(
        state=StateRule(state["property"], tuple(state["running"]), tuple(state["failed"])),
        watched=tuple(watched),
        categories=tuple(document.get("categories", ())),
        **steps,
    )


def bound(spec: AnomalySpec, tree: AssetTree, asset_id: str) -> tuple[tuple[Watched, ...], tuple[str, ...]]:
    """What of a definition an asset has tags for: watched columns, indexed ones one by one, and categories."""
    refs = tree.bound_refs(asset_id)
    watched = tuple(
        Watched(ref.property, ref.index, wanted.summary)
        for wanted in spec.watched
        for ref in refs
        if ref.property == wanted.property and wanted.index in {0, ref.index}
    )
    there = {ref.property for ref in refs}
    return watched, tuple(name for name in spec.categories if name in there)
