"""What anybody may read of a server: what runs there, and what it allows."""

from asyncua import Client, ua

from dualspan.onboarding.v1 import discovery_pb2
from dualspan_edge.discovery.describing import text
from dualspan_edge.opcua.nodeids import standard_node
from dualspan_edge.opcua.services import read_attributes, value_of

_IDS = ua.ObjectIds
_SOFTWARE = {
    "product_name": _IDS.Server_ServerStatus_BuildInfo_ProductName,
    "manufacturer_name": _IDS.Server_ServerStatus_BuildInfo_ManufacturerName,
    "software_version": _IDS.Server_ServerStatus_BuildInfo_SoftwareVersion,
    "build_number": _IDS.Server_ServerStatus_BuildInfo_BuildNumber,
    "product_uri": _IDS.Server_ServerStatus_BuildInfo_ProductUri,
}
_LIMITS = {
    "sessions": _IDS.Server_ServerCapabilities_MaxSessions,
    "subscriptions_per_session": _IDS.Server_ServerCapabilities_MaxSubscriptionsPerSession,
    "monitored_items_per_subscription": _IDS.Server_ServerCapabilities_MaxMonitoredItemsPerSubscription,
    "nodes_per_read": _IDS.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead,
    "nodes_per_browse": _IDS.Server_ServerCapabilities_OperationLimits_MaxNodesPerBrowse,
    "monitored_items_per_call": _IDS.Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall,
}
_FASTEST = _IDS.Server_ServerCapabilities_MinSupportedSampleRate
# Part 4, 5.6.2: the server closes the session by itself if the gateway is gone.
_SESSION_TIMEOUT_MS = 10_000
_UINT32 = 2**32
_LONGEST_INTERVAL_MS = 86_400_000.0
# A server that allows few nodes per Read (and cannot be asked yet how many) is asked in portions of this.
_PORTION = 10


async def read_details(client: Client, server: discovery_pb2.DiscoveredServer) -> None:
    """Opens an anonymous session on a client whose channel is open, reads, and closes the session.

    Raises:
        OSError, TimeoutError, ua.UaError: The server refuses, or is gone.
    """
    client.session_timeout = _SESSION_TIMEOUT_MS
    await client.create_session()
    try:
        await client.activate_session()
        numbers = [*_SOFTWARE.values(), *_LIMITS.values(), _FASTEST]
        nodes = [(standard_node(number), ua.AttributeIds.Value) for number in numbers]
        answers = await read_attributes(client.uaclient.session, nodes, _PORTION)
    finally:
        await client.uaclient.session.close_session(True)
    values = [value_of(answer) for answer in answers]
    for field, value in zip(_SOFTWARE, values, strict=False):
        setattr(server.software, field, text(value, 200))
    for field, value in zip(_LIMITS, values[len(_SOFTWARE) :], strict=False):
        if isinstance(value, int) and 0 < value < _UINT32:
            setattr(server.limits, field, value)
    fastest = values[-1]
    if isinstance(fastest, int | float) and 0 < fastest <= _LONGEST_INTERVAL_MS:
        server.limits.minimum_sampling_interval.FromMicroseconds(round(fastest * 1000))
