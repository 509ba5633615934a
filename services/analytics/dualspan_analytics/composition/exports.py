"""Exports as Parquet."""

from dualspan.analytics.v1.exports_pb2_grpc import add_ExportServiceServicer_to_server
from dualspan_analytics.parts import Concern, Parts
from dualspan_analytics.sealing import Seal
from dualspan_analytics.service.export_runs import ExportRuns
from dualspan_analytics.service.exports import Exports
from dualspan_analytics.servicer.exports import ExportServicer
from dualspan_runtime.server import Binding


def compose(parts: Parts) -> Concern:
    """Their service."""
    servicer = ExportServicer(use_cases(parts), parts.tokens, parts.settings.export_folder)
    return Concern([Binding(add_ExportServiceServicer_to_server, servicer)])


def use_cases(parts: Parts) -> Exports:
    """What is exported, and asking for it."""
    settings = parts.settings
    endpoints = tuple(filter(None, (each.strip().rstrip("/") for each in settings.export_endpoints.split(","))))
    folder = settings.export_folder
    return Exports(parts.database, parts.operations, parts.plant, parts.jobs, _seal(parts), folder, endpoints)


def runs(parts: Parts) -> ExportRuns:
    """Doing it, for the worker."""
    settings = parts.settings
    return ExportRuns(
        parts.database,
        parts.operations,
        parts.plant.holding_at_most(settings.export_samples_at_once),
        parts.changes,
        parts.jobs,
        _seal(parts),
        settings.export_folder,
        int(settings.export_folder_gibibytes * 2**30),
        settings.export_slice_seconds,
    )


def _seal(parts: Parts) -> Seal:
    return Seal(parts.settings.platform.service_secret.get_secret_value())
