"""`app.yaml`: what an app is, what it needs of a plant, what it brings and how it runs."""

from dualspan_manifest.configuration import check_configuration
from dualspan_manifest.model import (
    Category,
    Comparison,
    Egress,
    Health,
    HelmChart,
    LocalText,
    Manifest,
    Output,
    Port,
    PropertyNeed,
    Requirement,
    Resources,
    Run,
    Upgrade,
    ValueKind,
)
from dualspan_manifest.parsing import MAX_BYTES, InvalidManifestError, parse, schema
from dualspan_manifest.problems import Problem

__all__ = [
    "MAX_BYTES",
    "Category",
    "Comparison",
    "Egress",
    "Health",
    "HelmChart",
    "InvalidManifestError",
    "LocalText",
    "Manifest",
    "Output",
    "Port",
    "Problem",
    "PropertyNeed",
    "Requirement",
    "Resources",
    "Run",
    "Upgrade",
    "ValueKind",
    "check_configuration",
    "parse",
    "schema",
]
