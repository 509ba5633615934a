"""Sampling and load budgets of the contract, made of what the model holds; and the other way round."""

from collections.abc import Sequence
from enum import IntEnum
from typing import TypeVar

from google.protobuf.field_mask_pb2 import FieldMask

from dualspan.onboarding.v1 import budget_service_pb2, sampling_pb2, sampling_service_pb2
from dualspan_onboarding.budget import Estimate, Figure, ServerLimits, TagLoad, VendorProfile
from dualspan_onboarding.errors import malformed
from dualspan_onboarding.rules import DEFAULT_INTERVAL_US, check_interval, check_queue_size
from dualspan_onboarding.sampling import (
    DEFAULT_ACQUISITION,
    WHOLE_VALUE,
    Acquisition,
    AcquisitionMode,
    Address,
    DataChangeTrigger,
    DeadbandType,
    TagSource,
)
from dualspan_onboarding.sampling_rules import check_acquisition, queue_at_server
from dualspan_onboarding.service.sampling import SamplingChange, TagFilter
from dualspan_onboarding.servicer.spans import duration, microseconds, timestamp

EnumT = TypeVar("EnumT", bound=IntEnum)
_MOST_GROUPS = 1000
_MOST_IN_GROUP = 1_000_000
_FLOAT64 = 1
_INTERVALS = ("sampling_interval", "publishing_interval", "queue_size")
# Field of the contract's message → field of the model's.
_ACQUISITION_FIELDS = {
    "mode": "mode",
    "deadband_type": "deadband_type",
    "deadband_value": "deadband_value",
    "trigger": "trigger",
    "discard_newest": "discard_newest",
    "heartbeat_interval": "heartbeat_us",
    "register_node": "register_node",
    "minimum_severity": "minimum_severity",
}


def _known(kind: type[EnumT], value: int, default: EnumT, field: str) -> EnumT:
    """A member of an enumeration; the default for 0; raises InvalidArgument for what a later contract may have."""
    if value == 0:
        return default
    try:
        return kind(value)
    except ValueError as err:
        raise malformed("UNKNOWN_VALUE", field, f"{field} {value} is not one that is known.") from err


def acquisition(message: sampling_pb2.Acquisition) -> Acquisition:
    """How values are to be got; raises InvalidArgument."""
    return Acquisition(
        mode=_known(AcquisitionMode, message.mode, AcquisitionMode.SUBSCRIPTION, "acquisition.mode"),
        deadband_type=_known(DeadbandType, message.deadband_type, DeadbandType.NONE, "acquisition.deadband_type"),
        deadband_value=message.deadband_value,
        trigger=_known(DataChangeTrigger, message.trigger, DataChangeTrigger.STATUS_VALUE, "acquisition.trigger"),
        discard_newest=message.discard_newest,
        heartbeat_us=microseconds(message.heartbeat_interval),
        register_node=message.register_node,
        minimum_severity=min(message.minimum_severity, 0x7FFF),
    )


def acquisition_message(model: Acquisition) -> sampling_pb2.Acquisition:
    """How values are got."""
    return sampling_pb2.Acquisition(
        mode=sampling_pb2.AcquisitionMode.ValueType(model.mode),
        deadband_type=sampling_pb2.DeadbandType.ValueType(model.deadband_type),
        deadband_value=model.deadband_value,
        trigger=sampling_pb2.DataChangeTrigger.ValueType(model.trigger),
        discard_newest=model.discard_newest,
        heartbeat_interval=duration(model.heartbeat_us) if model.heartbeat_us else None,
        register_node=model.register_node,
        minimum_severity=model.minimum_severity,
    )


def configured_acquisition(model: Acquisition) -> sampling_pb2.Acquisition | None:
    """How the gateway is to get values; None where it is as everywhere, so that a configuration stays short."""
    return None if model == DEFAULT_ACQUISITION else acquisition_message(model)


def address(source: int, field_path: str, index_range: str) -> Address:
    """Which part of a node is meant; raises InvalidArgument."""
    if not (source or field_path or index_range):
        return WHOLE_VALUE
    return Address(_known(TagSource, source, TagSource.VALUE, "source"), field_path, index_range)


def _figure(model: Figure) -> budget_service_pb2.LoadFigure:
    return budget_service_pb2.LoadFigure(
        quantity=model.quantity,
        unit=model.unit,
        present=model.present,
        wanted=model.wanted,
        limit=model.limit,
        source=budget_service_pb2.LimitSource.ValueType(model.source),
        over=model.over,
        detail=model.detail,
    )


def estimate(model: Estimate) -> budget_service_pb2.LoadEstimate:
    """A load against what a server bears."""
    return budget_service_pb2.LoadEstimate(
        figures=[_figure(figure) for figure in model.figures],
        within_budget=not model.over,
        profile=model.profile,
        limits_known=model.limits_known,
        warnings=model.warnings,
    )


def limits(model: ServerLimits) -> budget_service_pb2.ServerLimits:
    """What a server states of itself."""
    message = budget_service_pb2.ServerLimits(read_time=timestamp(model.read_at))
    for field in message.DESCRIPTOR.fields:
        if field.name != "read_time":
            setattr(message, field.name, getattr(model, field.name))
    return message


def profile(model: VendorProfile) -> budget_service_pb2.VendorProfile:
    """What a kind of server bears."""
    return budget_service_pb2.VendorProfile(
        id=model.profile_id,
        title=model.title,
        limits=[
            budget_service_pb2.VendorProfile.Limit(quantity=quantity, value=value)
            for quantity, value in model.limits.items()
        ],
        source=model.source,
        verified=model.is_verified,
    )


def groups(messages: Sequence[budget_service_pb2.EstimateLoadRequest.Group]) -> list[TagLoad]:
    """Tags that are thought of; raises InvalidArgument."""
    if len(messages) > _MOST_GROUPS or sum(max(group.count, 0) for group in messages) > _MOST_IN_GROUP:
        words = f"At most {_MOST_GROUPS} groups and {_MOST_IN_GROUP} tags at once."
        raise malformed("TOO_MANY_GROUPS", "groups", words)
    return [load for group in messages for load in _group(group)]


def _group(message: budget_service_pb2.EstimateLoadRequest.Group) -> list[TagLoad]:
    if message.count < 1:
        raise malformed("COUNT_OUT_OF_RANGE", "groups.count", "groups.count must be 1 or more.")
    sampling = check_interval(microseconds(message.sampling_interval), "groups.sampling_interval")
    publishing = check_interval(microseconds(message.publishing_interval), "groups.publishing_interval")
    publishing = publishing or DEFAULT_INTERVAL_US
    queue = check_queue_size(message.queue_size, "groups.queue_size")
    how = check_acquisition(acquisition(message.acquisition))
    load = TagLoad(
        node_id="",
        kind=_FLOAT64,
        data_type=message.data_type,
        sampling_us=sampling,
        publishing_us=publishing,
        queue_size=queue_at_server(TagSource.VALUE, queue, sampling, publishing),
        mode=how.mode,
        register_node=how.register_node,
    )
    return [load] * message.count


def tag_filter(request: sampling_service_pb2.UpdateTagsRequest) -> TagFilter:
    """Which tags are meant."""
    return TagFilter(
        tag_ids=tuple(request.tag_ids),
        browse_path_prefix=request.browse_path_prefix,
        query=request.query,
        data_type=request.data_type,
    )


def sampling_change(request: sampling_service_pb2.UpdateTagsRequest) -> SamplingChange:
    """What is to be different; raises InvalidArgument."""
    wanted = _wanted(request, request.update_mask)
    how = acquisition(request.acquisition)
    return SamplingChange(
        sampling_interval_us=microseconds(request.sampling_interval) if "sampling_interval" in wanted else None,
        publishing_interval_us=microseconds(request.publishing_interval) if "publishing_interval" in wanted else None,
        queue_size=request.queue_size if "queue_size" in wanted else None,
        acquisition={
            ours: getattr(how, ours)
            for theirs, ours in _ACQUISITION_FIELDS.items()
            if "acquisition" in wanted or f"acquisition.{theirs}" in wanted
        },
    )


def _wanted(request: sampling_service_pb2.UpdateTagsRequest, mask: FieldMask) -> set[str]:
    """The fields of the mask, or those that are set without one (AIP-134)."""
    known = {*_INTERVALS, "acquisition", *(f"acquisition.{field}" for field in _ACQUISITION_FIELDS)}
    unknown = set(mask.paths) - known
    if unknown:
        raise malformed("UNKNOWN_FIELD", "update_mask", f"Cannot be changed: {', '.join(sorted(unknown))[:200]}.")
    if mask.paths:
        return set(mask.paths)
    stated = {field.name for field, _ in request.ListFields()} & set(_INTERVALS)
    return stated | {f"acquisition.{field.name}" for field, _ in request.acquisition.ListFields()}
