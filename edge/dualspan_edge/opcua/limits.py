"""What a server states of its limits and of what it is (Part 5, 6.3), read as it is now."""

from asyncua import ua

from dualspan.onboarding.v1 import budget_service_pb2 as budget
from dualspan_edge.opcua.connection import Connection
from dualspan_edge.opcua.nodeids import standard_node
from dualspan_edge.opcua.services import read_attributes, value_of

_IDS = ua.ObjectIds
_CAPABILITIES = "Server_ServerCapabilities_"
_OPERATIONS = _CAPABILITIES + "OperationLimits_"
_SUMMARY = "Server_ServerDiagnostics_ServerDiagnosticsSummary_"
_BUILD = "Server_ServerStatus_BuildInfo_"
# Field of the contract → name of the standard's node.
_TEXTS = {
    "manufacturer_name": _BUILD + "ManufacturerName",
    "product_name": _BUILD + "ProductName",
    "software_version": _BUILD + "SoftwareVersion",
}
_NUMBERS = {
    "max_sessions": _CAPABILITIES + "MaxSessions",
    "max_subscriptions": _CAPABILITIES + "MaxSubscriptions",
    "max_monitored_items": _CAPABILITIES + "MaxMonitoredItems",
    "max_subscriptions_per_session": _CAPABILITIES + "MaxSubscriptionsPerSession",
    "max_monitored_items_per_subscription": _CAPABILITIES + "MaxMonitoredItemsPerSubscription",
    "max_monitored_items_queue_size": _CAPABILITIES + "MaxMonitoredItemsQueueSize",
    "max_nodes_per_read": _OPERATIONS + "MaxNodesPerRead",
    "max_monitored_items_per_call": _OPERATIONS + "MaxMonitoredItemsPerCall",
    "max_nodes_per_browse": _OPERATIONS + "MaxNodesPerBrowse",
    "max_nodes_per_register_nodes": _OPERATIONS + "MaxNodesPerRegisterNodes",
    "current_sessions": _SUMMARY + "CurrentSessionCount",
    "current_subscriptions": _SUMMARY + "CurrentSubscriptionCount",
}
_SAMPLE_RATE = _CAPABILITIES + "MinSupportedSampleRate"
_LARGEST = 2**32 - 1
_LONGEST = 200
# Asked for together: there are fewer than any server takes in a call, and each has its own status.
_PORTION = 5


async def read_server_limits(connection: Connection, own_subscriptions: int) -> budget.ServerLimits:
    """What the server states; what it does not state, or states in a type that is not the standard's, stays 0 or empty.

    Args:
        connection: To the server.
        own_subscriptions: Subscriptions of the gateway's own that run there.
    """
    names = [*_TEXTS.items(), *_NUMBERS.items(), ("min_supported_sample_rate_ms", _SAMPLE_RATE)]
    nodes = [(standard_node(getattr(_IDS, name)), ua.AttributeIds.Value) for _, name in names]
    portion = min(_PORTION, connection.limits.nodes_per_read)
    answers = await read_attributes(connection.session, nodes, portion)
    limits = budget.ServerLimits(own_subscriptions=own_subscriptions)
    for (field, _), answer in zip(names, answers, strict=True):
        value = value_of(answer)
        if field in _TEXTS:
            setattr(limits, field, value[:_LONGEST] if isinstance(value, str) else "")
        elif field in _NUMBERS:
            setattr(limits, field, min(max(value, 0), _LARGEST) if isinstance(value, int) else 0)
        elif isinstance(value, int | float) and 0 <= value < _LARGEST:
            limits.min_supported_sample_rate_ms = value
    return limits
