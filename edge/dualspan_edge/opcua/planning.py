"""From the tags of a configuration to what can be asked of the server as it is now: nodes, types, parts."""

from collections.abc import Sequence
from dataclasses import replace

import structlog
from asyncua import ua
from asyncua.ua.ua_binary import nodeid_to_binary
from asyncua.ua.uaerrors import UaStatusCodeError

from dualspan.onboarding.v1 import gateway_service_pb2 as gateway
from dualspan.onboarding.v1 import resources_pb2 as onboarding
from dualspan.onboarding.v1 import sampling_pb2 as sampling
from dualspan_edge.decoder.cursor import NodeKey
from dualspan_edge.decoder.reading import Attribute, decode_read_response
from dualspan_edge.opcua.connection import Connection
from dualspan_edge.opcua.items import BAD_NODE_ID_UNKNOWN, BAD_UNEXPECTED_ERROR, refused, report
from dualspan_edge.opcua.nodeids import NodeIdError, parse_node_id
from dualspan_edge.opcua.plan import PlannedTag
from dualspan_edge.opcua.requests import READ_REQUEST, behind_node, read_parameters
from dualspan_edge.opcua.services import in_portions, refusals
from dualspan_edge.opcua.structures import with_parts
from dualspan_edge.opcua.words import status_words
from dualspan_frame import ValueKind

_log = structlog.get_logger(__name__)
_KINDS = frozenset(ValueKind)
# While the server reads so many, the next are on their way.
_PORTION, _TOGETHER = 2500, 4
_SUBSCRIBE_TO_EVENTS = 1  # Part 3, 8.59
_NO_EVENTS = "the node gives no events; choose an event notifier, such as the Server object (i=2253)"
_TOO_NEW = "this gateway does not know the kind of the tag; update the gateway"


async def find_nodes(
    connection: Connection, tags: Sequence[gateway.TagConfiguration]
) -> tuple[list[PlannedTag], list[gateway.TagReport]]:
    """The tags with their nodes and data types, parts of one node together, and reports of those that have none."""
    reports: list[gateway.TagReport] = []
    found: list[tuple[gateway.TagConfiguration, ua.NodeId]] = []
    for tag in tags:
        if tag.kind not in _KINDS:
            reports.append(report(tag, onboarding.TAG_STATE_REFUSED, BAD_UNEXPECTED_ERROR, _TOO_NEW))
            continue
        try:
            found.append((tag, parse_node_id(tag.node_id, connection.namespaces)))
        except NodeIdError as error:
            reports.append(report(tag, onboarding.TAG_STATE_REFUSED, BAD_NODE_ID_UNKNOWN, str(error)))
    planned, unknown = await _look_up(connection, found)
    planned, unusable = await with_parts(connection, planned)
    return await _registered(connection, planned), reports + unknown + unusable


async def _look_up(
    connection: Connection, found: Sequence[tuple[gateway.TagConfiguration, ua.NodeId]]
) -> tuple[list[PlannedTag], list[gateway.TagReport]]:
    data_type, notifier = behind_node(ua.AttributeIds.DataType), behind_node(ua.AttributeIds.EventNotifier)
    asked = [(nodeid_to_binary(node), notifier if _is_events(tag) else data_type) for tag, node in found]

    async def read(part: Sequence[tuple[bytes, bytes]]) -> list[Attribute]:
        with refusals():
            return decode_read_response(await connection.ask(READ_REQUEST, read_parameters(part)), len(part)).attributes

    answers = await in_portions(read, asked, min(connection.limits.nodes_per_read, _PORTION), _TOGETHER)
    planned: list[PlannedTag] = []
    reports: list[gateway.TagReport] = []
    for (tag, node), (status, value) in zip(found, answers, strict=True):
        if status == BAD_NODE_ID_UNKNOWN:
            reports.append(refused(tag, BAD_NODE_ID_UNKNOWN))
        elif _is_events(tag) and not (isinstance(value, int) and value & _SUBSCRIBE_TO_EVENTS):
            reports.append(report(tag, onboarding.TAG_STATE_REFUSED, ua.StatusCodes.BadNotSupported, _NO_EVENTS))
        else:
            planned.append(PlannedTag(tag, node, value if isinstance(value, NodeKey) else NodeKey()))
    return planned, reports


def _is_events(tag: gateway.TagConfiguration) -> bool:
    return tag.source == sampling.TAG_SOURCE_EVENTS


async def _registered(connection: Connection, planned: Sequence[PlannedTag]) -> list[PlannedTag]:
    """The same with registered nodes (Part 4, 5.8.5) where that was asked for; as they are if the server does not."""
    asked = [member for member in planned if member.tag.acquisition.register_node]
    if not asked:
        return list(planned)

    async def register(part: Sequence[PlannedTag]) -> list[ua.NodeId]:
        return await connection.session.register_nodes([member.node for member in part])

    try:
        nodes = await in_portions(register, asked, connection.limits.nodes_per_register)
    except UaStatusCodeError as error:
        _log.info("nodes_not_registered", reason=status_words(int(error.code)))
        return list(planned)
    registered = {id(member): node for member, node in zip(asked, nodes, strict=True)}
    return [replace(member, node=registered.get(id(member), member.node)) for member in planned]
