"""Resources of the contract of models, made of what the model holds; and the other way round."""

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from google.protobuf.timestamp_pb2 import Timestamp

from dualspan.analytics.v1 import models_pb2 as contract
from dualspan_analytics.intelligence import archive
from dualspan_analytics.intelligence.changes import Change
from dualspan_analytics.intelligence.errors import invalid_definition
from dualspan_analytics.intelligence.forecast import ForecastSpec, Kind
from dualspan_analytics.intelligence.remaining import Remaining
from dualspan_analytics.intelligence.watching import AnomalySpec, StateRule, Summary, Watched
from dualspan_analytics.service.forecasting import Forecast
from dualspan_analytics.service.model_answers import duration, timestamp
from dualspan_analytics.service.scoring import Scored
from dualspan_analytics.servicer.times import read_length, read_time
from dualspan_analytics.store.models import Definition

Spanned: TypeAlias = (
    contract.TrainModelsRequest
    | contract.ScoreSpanRequest
    | contract.ReadScoresRequest
    | contract.FindChangesRequest
    | contract.EstimateRemainingRequest
)
_SHOWN = 5
_DAY_US = 86_400_000_000
_LONGEST_US = 10**15


def span(request: Spanned) -> tuple[int, int]:
    """The span of a request in µs; raises InvalidArgument without one."""
    return read_time(request, "start_time"), read_time(request, "end_time")


def faults(request: contract.TrainModelsRequest) -> list[tuple[str, int, int, int]]:
    """Faults that people confirmed; raises InvalidArgument for one whose times are out of order."""
    found: list[tuple[str, int, int, int]] = []
    for each in request.known_faults:
        times = [read_time(each, field) for field in ("onset_time", "stop_time", "end_time")]
        if times != sorted(times):
            raise invalid_definition([("known_faults", "A fault begins, then stops the machine, then ends.")])
        found.append((each.asset, times[0], times[1], times[2]))
    return found


def new_definition(given: contract.ModelDefinition, definition_id: str) -> Definition:
    """A definition as it is to be made; its spec comes from `spec_of`."""
    return Definition(definition_id, given.display_name, "", given.asset_model, given.under, {}, 0, False, None)


def spec_of(given: contract.ModelDefinition) -> AnomalySpec | ForecastSpec | None:
    """What a definition asks for; None for the template of its asset model."""
    which = given.WhichOneof("spec")
    if which is None:
        raise invalid_definition([("spec", "Say `anomaly` or `forecast`.")])
    if which == "forecast":
        return _forecast_spec(given.forecast)
    return _anomaly_spec(given.anomaly) if given.anomaly.ByteSize() else None


def _anomaly_spec(given: contract.AnomalySpec) -> AnomalySpec:
    usual = AnomalySpec(StateRule("", ()), ())
    return AnomalySpec(
        state=StateRule(given.state_property, tuple(given.running), tuple(given.failed)),
        watched=tuple(
            Watched(each.property, each.index, Summary(each.summary or Summary.MEAN)) for each in given.watched
        ),
        categories=tuple(given.categories),
        step_us=read_length(given.step, "step") or usual.step_us,
        window=given.window or usual.window,
        persistence=given.persistence or usual.persistence,
        margin=given.margin or usual.margin,
        minimum_sigma=given.minimum_sigma or usual.minimum_sigma,
        guard=given.guard or usual.guard,
        release=given.release or usual.release,
    )


def _forecast_spec(given: contract.ForecastSpec) -> ForecastSpec:
    step_us = read_length(given.step, "step") or 900_000_000
    day = max(1, _DAY_US // step_us)
    return ForecastSpec(
        property=given.property,
        index=given.index,
        kind=Kind(given.kind or Kind.MEAN),
        step_us=step_us,
        season=given.season or day,
        horizon=given.horizon or day,
    )


def anomaly_message(spec: AnomalySpec) -> contract.AnomalySpec:
    """What an anomaly model watches."""
    return contract.AnomalySpec(
        state_property=spec.state.property,
        running=spec.state.running,
        failed=spec.state.failed,
        watched=[
            contract.WatchedProperty(
                property=each.property, index=each.index, summary=contract.Summary.ValueType(each.summary)
            )
            for each in spec.watched
        ],
        categories=spec.categories,
        step=duration(spec.step_us),
        window=spec.window,
        persistence=spec.persistence,
        margin=spec.margin,
        minimum_sigma=spec.minimum_sigma,
        guard=spec.guard,
        release=spec.release,
    )


def _forecast_message(spec: ForecastSpec) -> contract.ForecastSpec:
    return contract.ForecastSpec(
        property=spec.property,
        index=spec.index,
        kind=contract.ForecastKind.ValueType(spec.kind),
        step=duration(spec.step_us),
        season=spec.season,
        horizon=spec.horizon,
    )


def definition_message(tenant: str, definition: Definition) -> contract.ModelDefinition:
    """A definition."""
    message = contract.ModelDefinition(
        name=f"tenants/{tenant}/modelDefinitions/{definition.definition_id}",
        display_name=definition.display_name,
        asset_model=definition.asset_model,
        under=definition.under,
        live_version=definition.live_version,
        needs_retraining=definition.needs_retraining,
    )
    if definition.created_at is not None:
        created = Timestamp()
        created.FromDatetime(definition.created_at)
        message.create_time.CopyFrom(created)
    if definition.kind == "anomaly":
        message.anomaly.CopyFrom(anomaly_message(archive.spec_of(definition.spec)))
    else:
        message.forecast.CopyFrom(_forecast_message(archive.forecast_spec_of(definition.spec)))
    return message


def scores(scored: Scored) -> contract.ScoreColumns:
    """Scores in columns, with their alarms."""
    found = scored.scores
    top = found.share.max(axis=1, initial=0.0)
    leading = np.where(top > 0.0, found.share.argmax(axis=1), -1) if found.share.shape[1] else np.full(len(top), -1)
    return contract.ScoreColumns(
        time=found.time_us.tolist(),
        score=found.score.tolist(),
        reason=found.reason.tolist(),
        leading=leading.tolist(),
        leading_share=top.tolist(),
        properties=scored.names,
        episodes=_episodes(scored),
        version=scored.version,
        scored_share=float(np.isfinite(found.score).mean()) if len(found.score) else 0.0,
    )


def _episodes(scored: Scored) -> list[contract.AnomalyEpisode]:
    found = scored.scores
    result: list[contract.AnomalyEpisode] = []
    for alarm in scored.alarms:
        first = int(np.searchsorted(found.time_us, alarm.start_us))
        last = int(np.searchsorted(found.time_us, alarm.end_us, side="right"))
        share = found.share[first]
        order = np.argsort(share)[::-1][:_SHOWN]
        result.append(
            contract.AnomalyEpisode(
                start_time=timestamp(alarm.start_us),
                end_time=timestamp(alarm.end_us),
                peak=float(np.nanmax(found.score[first:last])),
                contributions=[
                    contract.Contribution(property=str(scored.names[place]), share=float(share[place]))
                    for place in order.tolist()
                    if share[place] > 0.0
                ],
            )
        )
    return result


def forecast(found: Forecast) -> contract.ForecastColumns:
    """A forecast in columns."""
    return contract.ForecastColumns(
        time=found.time_us.tolist(),
        quantiles=found.quantiles.ravel().tolist(),
        unit=found.unit,
        version=found.version,
        good_share=found.good_share,
    )


def sensitivity(request: contract.FindChangesRequest) -> float:
    """How small a change counts; raises InvalidArgument for what is no number from 0.01 to 100."""
    wanted = request.sensitivity or 1.0
    if not 0.01 <= wanted <= 100.0:
        raise invalid_definition([("sensitivity", "Give 0.01 to 100.")])
    return wanted


def changes(found: Sequence[Change], unit: str, good_share: float) -> contract.FindChangesResponse:
    """Changes of level."""
    return contract.FindChangesResponse(
        changes=[
            contract.LevelChange(time=timestamp(each.time_us), before=each.before, after=each.after, sigmas=each.sigmas)
            for each in found
        ],
        unit=unit,
        good_share=good_share,
    )


def limit(request: contract.EstimateRemainingRequest) -> tuple[float, float]:
    """The limit and the confidence; raises InvalidArgument for what is no number."""
    confidence = request.confidence or 0.9
    if not math.isfinite(request.limit):
        raise invalid_definition([("limit", "Give a number.")])
    if not 0.5 <= confidence < 1.0:
        raise invalid_definition([("confidence", "Give 0.5 or more, and less than 1.")])
    return request.limit, confidence


def remaining(found: Remaining, unit: str, good_share: float) -> contract.EstimateRemainingResponse:
    """Time to a limit."""
    message = contract.EstimateRemainingResponse(
        approaching=not math.isnan(found.us),
        level=found.level,
        slope_per_hour=found.slope_per_s * 3600.0,
        unit=unit,
        good_share=good_share,
    )
    spans = ((message.remaining, found.us), (message.earliest, found.us_low), (message.latest, found.us_high))
    for field, span_us in spans:
        if math.isfinite(span_us) and abs(span_us) < _LONGEST_US:
            field.CopyFrom(duration(span_us))
    return message
