"""Fitted models as data: arrays and facts, never code. What is read back is checked, and nothing in it can run."""

import hashlib
import io
import json
import platform
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualspan_analytics.intelligence.detector import AnomalyModel, Components
from dualspan_analytics.intelligence.forecast import ForecastModel, ForecastSpec, Kind
from dualspan_analytics.intelligence.regression import Scaling
from dualspan_analytics.intelligence.table import Table
from dualspan_analytics.intelligence.watching import AnomalySpec, StateRule, Summary, Watched

FORMAT = 1
_SCALARS = ("step_us", "window", "persistence", "margin", "minimum_sigma", "guard", "release")


class ArchiveError(ValueError):
    """What is stored is not a model of this format."""


@dataclass(frozen=True, slots=True)
class Archive:
    """A fitted model at rest.

    Attributes:
        arrays: An .npz file, without pickled objects.
        facts: JSON: the definition, what was known, the format.
    """

    arrays: bytes
    facts: str


def libraries() -> Mapping[str, str]:
    """What models are made with: library to version."""
    return {"python": platform.python_version(), "numpy": np.__version__, "scipy": version("scipy")}


def fingerprint(table: Table) -> str:
    """SHA-256 over everything that a model saw of a machine."""
    digest = hashlib.sha256(f"{table.start_us} {table.step_us} {len(table)}".encode())
    digest.update(table.run_share.tobytes() + table.failed.tobytes())
    for name, values in sorted(table.categories.items()):
        digest.update("\x1f".join([name, *("" if value is None else value for value in values.tolist())]).encode())
    for watched, values in sorted(table.columns.items()):
        digest.update(f"{watched} {watched.summary}".encode() + values.tobytes())
    return digest.hexdigest()


def values_fingerprint(start_us: int, step_us: int, values: NDArray[np.float64]) -> str:
    """SHA-256 over what a forecast was fitted to."""
    return hashlib.sha256(f"{start_us} {step_us} {len(values)}".encode() + values.tobytes()).hexdigest()


def spec_facts(spec: AnomalySpec) -> dict[str, Any]:
    """A definition as JSON-able facts."""
    return {
        "state": [spec.state.property, list(spec.state.running), list(spec.state.failed)],
        "watched": [[watched.property, watched.index, int(watched.summary)] for watched in spec.watched],
        "categories": list(spec.categories),
        **{name: getattr(spec, name) for name in _SCALARS},
    }


def spec_of(facts: Mapping[str, Any]) -> AnomalySpec:
    """A definition from its facts."""
    name, running, failed = facts["state"]
    return AnomalySpec(
        state=StateRule(name, tuple(running), tuple(failed)),
        watched=tuple(Watched(prop, index, Summary(summary)) for prop, index, summary in facts["watched"]),
        categories=tuple(facts["categories"]),
        **{each: facts[each] for each in _SCALARS},
    )


def store_anomaly(model: AnomalyModel) -> Archive:
    """A fitted anomaly model as data."""
    arrays = {
        "centre": model.scaling.centre,
        "spread": model.scaling.spread,
        "is_fitted": model.is_fitted,
        "season": model.season,
        "coefficients": model.coefficients,
        "sigma": model.sigma,
        "covariance": model.covariance,
        "offset": model.offset,
        "limits": model.limits,
        "mean": model.components.mean,
        "loadings": model.components.loadings,
        "variances": model.components.variances,
        "together": model.components.limits,
        "reference": model.reference,
    }
    known = {name: list(values) for name, values in model.known.items()}
    return Archive(_pack(arrays), json.dumps({"format": FORMAT, "spec": spec_facts(model.spec), "known": known}))


def load_anomaly(archive: Archive) -> AnomalyModel:
    """A fitted anomaly model, as it was; raises ArchiveError."""
    facts, arrays = _facts(archive), _unpack(archive.arrays)
    try:
        return AnomalyModel(
            spec=spec_of(facts["spec"]),
            known={name: tuple(values) for name, values in facts["known"].items()},
            scaling=Scaling(arrays["centre"], arrays["spread"]),
            is_fitted=arrays["is_fitted"],
            # Models that were made before courses were known follow none.
            season=arrays.get("season", np.zeros(len(arrays["is_fitted"]), np.int8)),
            coefficients=arrays["coefficients"],
            sigma=arrays["sigma"],
            covariance=arrays["covariance"],
            offset=arrays["offset"],
            limits=arrays["limits"],
            components=Components(arrays["mean"], arrays["loadings"], arrays["variances"], arrays["together"]),
            reference=arrays["reference"],
        )
    except (KeyError, TypeError, ValueError) as err:
        raise ArchiveError(f"The stored anomaly model is damaged: {err}. Train it again.") from err


def forecast_facts(spec: ForecastSpec) -> dict[str, Any]:
    """A forecast's definition as JSON-able facts."""
    return {
        "property": spec.property,
        "index": spec.index,
        "kind": int(spec.kind),
        "step_us": spec.step_us,
        "season": spec.season,
        "horizon": spec.horizon,
    }


def forecast_spec_of(facts: Mapping[str, Any]) -> ForecastSpec:
    """A forecast's definition from its facts."""
    return ForecastSpec(
        property=facts["property"],
        index=facts["index"],
        kind=Kind(facts["kind"]),
        step_us=facts["step_us"],
        season=facts["season"],
        horizon=facts["horizon"],
    )


def store_forecast(model: ForecastModel) -> Archive:
    """A fitted forecast as data."""
    arrays = {"profile": model.profile, "coefficients": model.coefficients, "offsets": model.offsets}
    facts = {"format": FORMAT, "spec": forecast_facts(model.spec), "first_phase": model.first_phase}
    return Archive(_pack(arrays), json.dumps(facts))


def load_forecast(archive: Archive) -> ForecastModel:
    """A fitted forecast, as it was; raises ArchiveError."""
    facts, arrays = _facts(archive), _unpack(archive.arrays)
    try:
        return ForecastModel(
            spec=forecast_spec_of(facts["spec"]),
            first_phase=facts["first_phase"],
            profile=arrays["profile"],
            coefficients=arrays["coefficients"],
            offsets=arrays["offsets"],
        )
    except (KeyError, TypeError, ValueError) as err:
        raise ArchiveError(f"The stored forecast is damaged: {err}. Train it again.") from err


def _pack(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    target = io.BytesIO()
    np.savez_compressed(target, allow_pickle=False, **arrays)
    return target.getvalue()


def _unpack(content: bytes) -> dict[str, NDArray[Any]]:
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as found:
            return {name: found[name] for name in found.files}
    except (OSError, ValueError, zipfile.BadZipFile) as err:
        raise ArchiveError(f"The stored arrays cannot be read: {err}. Train the model again.") from err


def _facts(archive: Archive) -> Mapping[str, Any]:
    try:
        facts = json.loads(archive.facts)
    except ValueError as err:
        raise ArchiveError(f"The stored facts are no JSON: {err}. Train the model again.") from err
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        raise ArchiveError(f"The stored model is not of format {FORMAT}. Train it again.")
    return facts
