"""What the server says of its limits (Part 5, 6.3.2 and 6.3.11): the ones that it keeps to, no others."""

from collections.abc import Iterator

from asyncua import ua

from plc_sim.opcua.session import SessionLimits
from plc_sim.opcua.subscription_service import SubscriptionLimits

_IDS = ua.ObjectIds
_MOST_QUERIES = 0  # there is no Query service
_MOST_HISTORY_POINTS = 0xFFFF  # they hold nothing here: each carries its own state

Capability = tuple[int, int | float, ua.VariantType]
"""Numeric NodeId in namespace 0, value and its type."""


def capabilities(session: SessionLimits, subscriptions: SubscriptionLimits) -> Iterator[Capability]:
    """Every limit below ServerCapabilities that these servers have."""
    prefix = "Server_ServerCapabilities_OperationLimits_"
    per_call = {
        "MaxNodesPerRead": session.nodes,
        "MaxNodesPerWrite": session.nodes,
        "MaxNodesPerBrowse": session.nodes,
        "MaxNodesPerTranslateBrowsePathsToNodeIds": session.nodes,
        "MaxNodesPerRegisterNodes": session.nodes,
        "MaxNodesPerMethodCall": session.methods,
        "MaxNodesPerHistoryReadData": session.history_nodes,
        "MaxMonitoredItemsPerCall": subscriptions.max_items,
    }
    for name, value in per_call.items():
        yield getattr(_IDS, prefix + name), value, ua.VariantType.UInt32
    points = {
        "MaxBrowseContinuationPoints": session.continuation_points,
        "MaxQueryContinuationPoints": _MOST_QUERIES,
        "MaxHistoryContinuationPoints": _MOST_HISTORY_POINTS,
    }
    for name, value in points.items():
        yield getattr(_IDS, "Server_ServerCapabilities_" + name), value, ua.VariantType.UInt16
    totals = {
        "MaxSessions": session.sessions,
        "MaxSubscriptions": subscriptions.max_subscriptions,
        "MaxSubscriptionsPerSession": subscriptions.max_subscriptions_per_session,
        "MaxMonitoredItems": subscriptions.max_total_items,
        "MaxMonitoredItemsPerSubscription": subscriptions.max_items_per_subscription,
        "MaxMonitoredItemsQueueSize": subscriptions.max_queue,
        "MaxSelectClauseParameters": subscriptions.max_select_clauses,
        "MaxWhereClauseParameters": subscriptions.max_where_elements,
    }
    for name, value in totals.items():
        yield getattr(_IDS, "Server_ServerCapabilities_" + name), value, ua.VariantType.UInt32
    yield _IDS.Server_ServerCapabilities_MinSupportedSampleRate, subscriptions.min_publishing_ms, ua.VariantType.Double
