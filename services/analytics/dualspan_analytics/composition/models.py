"""Models: definitions, training, scores, forecasts."""

from concurrent.futures import Executor
from functools import cache

from dualspan.analytics.v1.models_pb2_grpc import add_ModelServiceServicer_to_server
from dualspan_analytics.parts import Concern, Parts
from dualspan_analytics.service.forecasting import Forecasting
from dualspan_analytics.service.leisure import Leisure, idle_threads
from dualspan_analytics.service.live_scoring import LiveScoring
from dualspan_analytics.service.machine_reading import MachineReader
from dualspan_analytics.service.models import Models
from dualspan_analytics.service.scoring import Scoring
from dualspan_analytics.service.training import Training
from dualspan_analytics.servicer.models import ModelServicer
from dualspan_runtime.server import Binding

_DAY_US = 86_400_000_000


def compose(parts: Parts) -> Concern:
    """The calls, and scores as samples arrive; the worker trains, and scores what the stream missed."""
    reader = MachineReader(parts.plant)
    models = Models(parts.database, parts.operations, reader, parts.jobs)
    servicer = ModelServicer(models, scoring(parts), Forecasting(parts.database, reader), parts.tokens)
    live = LiveScoring(parts.database, parts.plant, scoring(parts))
    return Concern([Binding(add_ModelServiceServicer_to_server, servicer)], [live.run])


def training(parts: Parts) -> Training:
    """What trains, for the worker."""
    settings = parts.settings
    leisure = Leisure(settings.training_pause, _threads() if settings.training_gives_way else None)
    reader = MachineReader(parts.plant, leisure)
    return Training(parts.database, parts.operations, reader, parts.jobs, settings.training_slice_seconds, leisure)


@cache
def _threads() -> Executor:
    """For all trainings of a worker."""
    return idle_threads()


def scoring(parts: Parts) -> Scoring:
    """What scores, for calls and for the worker."""
    settings = parts.settings
    delay_us = int(settings.score_delay_seconds * 1_000_000)
    return Scoring(parts.database, MachineReader(parts.plant), delay_us, settings.score_days * _DAY_US)
