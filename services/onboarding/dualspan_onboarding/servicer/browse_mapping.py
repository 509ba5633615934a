"""What a browse finds: messages of the contract and what the model holds."""

from dualspan.onboarding.v1 import browse_pb2, gateway_service_pb2, resources_pb2, snapshot_service_pb2
from dualspan_onboarding.browsed import (
    PLAIN_FACTS,
    Browse,
    BrowsedNode,
    BrowsedType,
    EngineeringUnits,
    EnumValue,
    ListedNode,
    Snapshot,
    StructureField,
    ValueRange,
    VariableDetails,
)
from dualspan_onboarding.notices import storable
from dualspan_onboarding.service.browsing import BrowseNews
from dualspan_onboarding.service.comparing import NodeChange
from dualspan_onboarding.servicer.mapping import timestamp


def browsed_node(model: BrowsedNode) -> resources_pb2.BrowsedNode:
    """A node that a browse found."""
    plain = {name: getattr(model, name) for name in PLAIN_FACTS}
    return resources_pb2.BrowsedNode(**plain, details=_details(model.details))


def listed_node(model: ListedNode) -> resources_pb2.BrowsedNode:
    """A node with what a person wants to know of it beside what the browse found."""
    message = browsed_node(model.node)
    message.child_count, message.is_tag = model.child_count, model.is_tag
    return message


def _details(model: VariableDetails) -> browse_pb2.VariableDetails | None:
    if model == VariableDetails():
        return None
    units = model.engineering_units
    return browse_pb2.VariableDetails(
        data_type_id=model.data_type_id,
        array_dimensions=model.array_dimensions,
        engineering_units=units
        and browse_pb2.EngineeringUnits(
            namespace_uri=units.namespace_uri,
            unit_id=units.unit_id,
            unece_code=units.unece_code,
            display_name=units.display_name,
            description=units.description,
        ),
        eu_range=_range(model.eu_range),
        instrument_range=_range(model.instrument_range),
        enum_values=[browse_pb2.EnumValue(value=each.value, name=each.name) for each in model.enum_values],
        fields=[
            browse_pb2.StructureField(
                name=field.name,
                data_type=field.data_type,
                value_rank=field.value_rank,
                is_optional=field.is_optional,
            )
            for field in model.fields
        ],
    )


def _range(model: ValueRange | None) -> browse_pb2.ValueRange | None:
    return model and browse_pb2.ValueRange(low=model.low, high=model.high)


def _found(message: resources_pb2.BrowsedNode) -> BrowsedNode:
    plain = {name: getattr(message, name) for name in PLAIN_FACTS}
    return BrowsedNode(**plain, details=_found_details(message.details))


def _found_details(message: browse_pb2.VariableDetails) -> VariableDetails:
    units = message.engineering_units
    return VariableDetails(
        data_type_id=message.data_type_id,
        array_dimensions=tuple(message.array_dimensions),
        engineering_units=EngineeringUnits(
            units.namespace_uri, units.unit_id, units.unece_code, units.display_name, units.description
        )
        if message.HasField("engineering_units")
        else None,
        eu_range=_found_range(message.eu_range) if message.HasField("eu_range") else None,
        instrument_range=_found_range(message.instrument_range) if message.HasField("instrument_range") else None,
        enum_values=tuple(EnumValue(each.value, each.name) for each in message.enum_values),
        fields=tuple(
            StructureField(field.name, field.data_type, field.value_rank, field.is_optional) for field in message.fields
        ),
    )


def _found_range(message: browse_pb2.ValueRange) -> ValueRange:
    return ValueRange(message.low, message.high)


def browse_news(message: gateway_service_pb2.ConnectRequest.BrowseResult) -> BrowseNews:
    """What a gateway says of a browse."""
    return BrowseNews(
        command_id=message.command_id,
        nodes=[_found(node) for node in message.nodes],
        done=message.done,
        error=storable(message.error, 2000),
        types=[BrowsedType(each.node_id, each.browse_name, each.supertype) for each in message.types],
        truncated=message.truncated,
        warnings=list(message.warnings),
        namespaces=list(message.namespaces),
    )


def browse_command(model: Browse) -> gateway_service_pb2.ConnectResponse.Browse:
    """What a gateway is told to browse."""
    return gateway_service_pb2.ConnectResponse.Browse(
        command_id=model.command_id,
        server=model.server.server,
        root_node_id=model.root_node_id,
        max_nodes=model.max_nodes,
    )


def snapshot(model: Snapshot) -> browse_pb2.BrowseSnapshot:
    """A snapshot, without its nodes."""
    return browse_pb2.BrowseSnapshot(
        name=str(model.name),
        start_time=timestamp(model.started_at),
        end_time=timestamp(model.ended_at),
        root_node_id=model.root_node_id,
        nodes=model.nodes,
        variables=model.variables,
        truncated=model.truncated,
        warnings=model.warnings,
        current=model.current,
    )


def node_change(model: NodeChange) -> snapshot_service_pb2.NodeChange:
    """One node that differs."""
    return snapshot_service_pb2.NodeChange(
        kind=snapshot_service_pb2.NodeChangeKind.ValueType(model.kind),
        before=model.before and browsed_node(model.before),
        after=model.after and browsed_node(model.after),
        fields=model.fields,
    )
