"""Versions as the contract has them: what calls answer, and what operations end with."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from dualspan.analytics.v1 import models_pb2

if TYPE_CHECKING:
    from dualspan_analytics.service.models import Proven


def timestamp(time_us: int) -> Timestamp:
    """A time of µs since the Unix epoch."""
    message = Timestamp()
    message.FromMicroseconds(time_us)
    return message


def duration(span_us: float) -> Duration:
    """A span of µs."""
    message = Duration()
    message.FromMicroseconds(int(span_us))
    return message


def version_message(tenant: str, proven: "Proven") -> models_pb2.ModelVersion:
    """A version with its figures and machines."""
    version = proven.version
    created = Timestamp()
    created.FromDatetime(version.created_at)
    return models_pb2.ModelVersion(
        name=f"tenants/{tenant}/modelDefinitions/{version.definition_id}/versions/{version.version}",
        start_time=timestamp(version.start_us),
        end_time=timestamp(version.end_us),
        ready=version.ready,
        verdict=models_pb2.Verdict.ValueType(version.verdict),
        verdict_text=version.verdict_text,
        backtest=[_figures(row) for row in version.report],
        assets=[
            models_pb2.FittedAsset(
                asset=each.asset_id,
                span_sha256=each.span_sha256,
                problem=each.problem,
                drift_psi=math.nan if each.drift_psi is None else each.drift_psi,
                drift_property=each.drift_property,
            )
            for each in proven.fitted
        ],
        libraries=version.libraries,
        create_time=created,
    )


def _figures(row: Mapping[str, Any]) -> models_pb2.BacktestFigures:
    figures = models_pb2.BacktestFigures()
    for name, value in row.items():
        if name == "median_lead_us":
            figures.median_lead.CopyFrom(duration(value or 0.0))
        else:
            setattr(figures, name, math.nan if value is None else value)
    return figures
