"""Messages of charts ⇄ what the model holds."""

from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import TypeVar

import numpy as np

from dualspan.analytics.v1 import spc_pb2 as contract
from dualspan_analytics.service.control_charts import Asked, Evaluation
from dualspan_analytics.servicer.times import read_length, read_time, write_length, write_time
from dualspan_analytics.spc.capability import Capability, Index
from dualspan_analytics.spc.definition import ChartDefinition, FixedLimits
from dualspan_analytics.spc.model import ChartKind, Estimate, Exclusion, Panel, Tuning
from dualspan_analytics.spc.rules import WESTERN_ELECTRIC, Rule, Violation, title
from dualspan_analytics.spc.subgrouping import Grouping
from dualspan_analytics.store.spc import StoredLimits
from dualspan_runtime.errors import InvalidArgument
from dualspan_runtime.names import ResourceName

CONTROL_CHART = ResourceName("tenants/{tenant}/controlCharts/{control_chart}")
_MOST_VIOLATIONS = 10_000
_UNIT_OF_VALUES = frozenset({"individuals", "moving range", "mean", "range", "standard deviation", "ewma"})
_DEFAULTS = Tuning()
EnumT = TypeVar("EnumT", bound=IntEnum)


def definition(message: contract.ControlChart, chart: str) -> ChartDefinition:
    """A chart; raises InvalidArgument for what a later contract may have."""
    grouping, tuning, specification = message.subgrouping, message.tuning, message.specification
    interval = read_length(grouping.window, "subgrouping.window")
    return ChartDefinition(
        id=chart,
        display_name=message.display_name,
        kind=_known(ChartKind, message.kind, "kind"),
        asset=message.asset,
        model=message.model,
        property_id=message.property,
        property_index=message.property_index,
        inspected=tuple(message.inspected),
        units=message.units,
        grouping=Grouping(grouping.count, interval),
        split_by=grouping.split_by,
        sampled_by=grouping.sampled_by,
        only=tuple(grouping.only),
        tuning=Tuning(
            sigmas=tuning.sigmas or _DEFAULTS.sigmas,
            target=tuning.target if tuning.HasField("target") else None,
            weight=tuning.weight or _DEFAULTS.weight,
            is_steady=tuning.steady_limits,
            slack=tuning.slack if tuning.HasField("slack") else _DEFAULTS.slack,
            interval=tuning.interval or _DEFAULTS.interval,
            head_start=tuning.head_start,
            is_exact=tuning.exact_constants,
        ),
        rules=tuple(_known(Rule, rule, "rules") for rule in message.rules) or WESTERN_ELECTRIC,
        lower=specification.lower if specification.HasField("lower") else None,
        upper=specification.upper if specification.HasField("upper") else None,
        confidence=specification.confidence or 0.95,
        modulus=message.modulus,
    )


def chart(tenant: str, model: ChartDefinition) -> contract.ControlChart:
    """A chart as a message."""
    tuning = model.tuning
    message = contract.ControlChart(
        name=CONTROL_CHART.format(tenant=tenant, control_chart=model.id),
        display_name=model.display_name,
        kind=contract.ControlChartKind.ValueType(model.kind),
        asset=model.asset,
        model=model.model,
        property=model.property_id,
        property_index=model.property_index,
        inspected=model.inspected,
        units=model.units,
        modulus=model.modulus,
        subgrouping=contract.ControlChart.Subgrouping(
            count=model.grouping.count, split_by=model.split_by, sampled_by=model.sampled_by, only=model.only
        ),
        tuning=contract.ControlChart.Tuning(
            sigmas=tuning.sigmas,
            target=tuning.target,
            weight=tuning.weight,
            steady_limits=tuning.is_steady,
            slack=tuning.slack,
            interval=tuning.interval,
            head_start=tuning.head_start,
            exact_constants=tuning.is_exact,
        ),
        rules=[contract.RunRule.ValueType(rule) for rule in model.rules],
        specification=contract.ControlChart.Specification(
            lower=model.lower, upper=model.upper, confidence=model.confidence
        ),
    )
    if model.grouping.interval_us:
        message.subgrouping.window.CopyFrom(write_length(model.grouping.interval_us))
    return message


def asked(request: contract.EvaluateControlChartRequest, chart_id: str) -> Asked:
    """What is to be drawn; raises InvalidArgument."""
    return Asked(
        chart=chart_id,
        asset=request.asset,
        start_us=read_time(request, "start_time"),
        end_us=read_time(request, "end_time"),
        version=request.limits_version,
        is_phase_one=request.estimate_limits,
        exclusions=exclusions(request.exclusions),
    )


def asked_to_fix(request: contract.FixControlLimitsRequest, chart_id: str) -> tuple[Asked, Estimate | None]:
    """The span that limits are made from, or given limits; raises InvalidArgument."""
    if request.HasField("given"):
        given = Estimate(request.given.centre, request.given.sigma)
        return Asked(chart_id, request.asset, 0, 0), given
    start, end = read_time(request, "start_time"), read_time(request, "end_time")
    return Asked(chart_id, request.asset, start, end, exclusions=exclusions(request.exclusions)), None


def exclusions(messages: Iterable[contract.Exclusion]) -> tuple[Exclusion, ...]:
    """Points that are left out; raises InvalidArgument."""
    return tuple(
        Exclusion(read_time(message, "start_time"), read_time(message, "end_time"), message.reason)
        for message in messages
    )


def limits(model: StoredLimits | FixedLimits) -> contract.ControlLimits:
    """Limits, fixed or just estimated."""
    fixed = model.limits if isinstance(model, StoredLimits) else model
    estimate = fixed.estimate
    message = contract.ControlLimits(
        version=fixed.version,
        asset=fixed.asset,
        centre=estimate.centre,
        sigma=estimate.sigma,
        degrees=estimate.degrees,
        points=estimate.points,
        exclusions=[
            contract.Exclusion(
                start_time=write_time(exclusion.start), end_time=write_time(exclusion.end), reason=exclusion.reason
            )
            for exclusion in fixed.exclusions
        ],
        comment=fixed.comment,
    )
    if fixed.end_us:
        message.start_time.CopyFrom(write_time(fixed.start_us))
        message.end_time.CopyFrom(write_time(fixed.end_us))
    if isinstance(model, StoredLimits):
        message.author = model.author
        message.create_time.FromDatetime(model.create_time)
    return message


def evaluation(model: Evaluation) -> contract.EvaluateControlChartResponse:
    """A chart over a span, in columns."""
    data, notes = model.data, list(model.drawn.notes)
    more = len(model.violations) - _MOST_VIOLATIONS
    if more > 0:
        notes.append(f"{more} more violations are not listed.")
    return contract.EvaluateControlChartResponse(
        asset=model.asset,
        start=data.start.tolist(),
        end=data.end.tolist(),
        size=np.asarray(data.size, np.float64).tolist(),
        left_out=data.left_out.tolist(),
        label=data.labels,
        excluded=model.drawn.excluded,
        panels=[_panel(panel, model.unit) for panel in model.drawn.panels],
        violations=[_violation(violation) for violation in model.violations[:_MOST_VIOLATIONS]],
        shifts=[
            contract.EvaluateControlChartResponse.Shift(signalled=shift.signalled, began=shift.began, mean=shift.mean)
            for shift in model.drawn.shifts
        ],
        capability=None if model.capability is None else _capability(model.capability),
        limits=limits(model.limits),
        good_share=model.good_share,
        notes=notes,
    )


def all_limits(found: Sequence[StoredLimits]) -> list[contract.ControlLimits]:
    """Many limits."""
    return [limits(each) for each in found]


def _panel(panel: Panel, unit: str) -> contract.EvaluateControlChartResponse.Panel:
    return contract.EvaluateControlChartResponse.Panel(
        title=panel.name,
        unit=unit if panel.name in _UNIT_OF_VALUES else "",
        value=panel.value.tolist(),
        centre=panel.centre.tolist(),
        lower=panel.lower.tolist(),
        upper=panel.upper.tolist(),
    )


def _violation(violation: Violation) -> contract.EvaluateControlChartResponse.Violation:
    return contract.EvaluateControlChartResponse.Violation(
        panel=violation.panel,
        rule=contract.RunRule.ValueType(violation.rule),
        rule_title=title(violation.rule),
        signalled=violation.signalled,
        points=violation.points,
        text=violation.text,
    )


def _capability(model: Capability) -> contract.EvaluateControlChartResponse.Capability:
    return contract.EvaluateControlChartResponse.Capability(
        cp=_index(model.cp),
        cpk=_index(model.cpk),
        pp=_index(model.pp),
        ppk=_index(model.ppk),
        mean=model.mean,
        sigma_within=model.within,
        sigma_overall=model.overall,
        values=model.values,
        outside=model.outside,
        confidence=model.confidence,
        notes=model.notes,
    )


def _index(index: Index) -> contract.EvaluateControlChartResponse.Index:
    return contract.EvaluateControlChartResponse.Index(value=index.value, lower=index.lower, upper=index.upper)


def _known(kind: type[EnumT], value: int, field: str) -> EnumT:
    try:
        return kind(value)
    except ValueError as err:
        words = f"{field} {value} is not one that is known." if value else f"State the {field}."
        raise InvalidArgument("UNKNOWN_VALUE", words, field=field) from err
