"""What a server offers: its address space, breadth first, in as few calls as its limits allow."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from asyncua import ua

from dualspan.frame.v1 import frame_pb2
from dualspan.onboarding.v1 import resources_pb2 as onboarding
from dualspan_edge.opcua.connection import Connection
from dualspan_edge.opcua.datatypes import DataTypes, Description
from dualspan_edge.opcua.nodeids import NodeIdError, format_node_id, parse_node_id, standard_node
from dualspan_edge.opcua.services import in_portions, read_attributes, value_of

_MOST_REFERENCES = 1000
# Properties are references too, and are not listed.
_MARGIN = 10_000
_WANTED_CLASSES = ua.NodeClass.Object | ua.NodeClass.Variable
_DESCRIBED = (
    ua.AttributeIds.DataType,
    ua.AttributeIds.ValueRank,
    ua.AttributeIds.AccessLevel,
    ua.AttributeIds.MinimumSamplingInterval,
)
_ENGINEERING_UNITS = "EngineeringUnits"


@dataclass(slots=True)
class _Found:
    """A node on its way into the result."""

    node: ua.NodeId
    path: str
    display_name: str
    node_class: int
    units: ua.NodeId | None = field(default=None)


async def browse(
    connection: Connection, root_node_id: str, max_nodes: int
) -> AsyncIterator[list[onboarding.BrowsedNode]]:
    """Objects and variables below a node, level by level.

    Properties are not listed; EngineeringUnits become the unit of their variable. Below the Objects folder, what
    belongs to the standard itself (the Server object and its diagnostics) is left out.

    Args:
        connection: Where.
        root_node_id: Where to begin; the Objects folder if empty.
        max_nodes: Stop after so many nodes.

    Raises:
        NodeIdError: The root is no NodeId of this server.
        ua.UaError: The server refuses.
    """
    objects = standard_node(ua.ObjectIds.ObjectsFolder)
    root = parse_node_id(root_node_id, connection.namespaces) if root_node_id else objects
    types = DataTypes(connection)
    level = [_Found(root, "", "", int(ua.NodeClass.Object))]
    seen = {root}
    listed = 0
    while level and listed < max_nodes:
        children: list[_Found] = []
        portion = connection.limits.nodes_per_browse
        for start in range(0, len(level), portion):
            parents = level[start : start + portion][: max_nodes - listed]
            if not parents:
                break
            found_here = await _children(connection, parents, max_nodes + _MARGIN)
            for parent, references in zip(parents, found_here, strict=True):
                children += _new_nodes(parent, references, seen, skip_standard=parent.node == objects)
            found = [parent for parent in parents if parent.path][: max_nodes - listed]
            if found:
                listed += len(found)
                yield await _describe(connection, types, found)
            del children[max_nodes:]
        level = children


def _new_nodes(
    parent: _Found, references: Sequence[ua.ReferenceDescription], seen: set[ua.NodeId], *, skip_standard: bool
) -> list[_Found]:
    found: list[_Found] = []
    for reference in references:
        expanded = reference.NodeId
        node = ua.NodeId(expanded.Identifier, expanded.NamespaceIndex, expanded.NodeIdType)
        if reference.ReferenceTypeId == standard_node(ua.ObjectIds.HasProperty):
            if reference.BrowseName.Name == _ENGINEERING_UNITS:
                parent.units = node
            continue
        if node in seen or (skip_standard and node.NamespaceIndex == 0):
            continue
        seen.add(node)
        name = reference.BrowseName.Name or ""
        path = f"{parent.path}/{name}" if parent.path else name
        found.append(_Found(node, path, reference.DisplayName.Text or "", int(reference.NodeClass)))
    return found


async def _children(
    connection: Connection, parents: Sequence[_Found], most: int
) -> list[list[ua.ReferenceDescription]]:
    """The hierarchical references of each node; none where the server refuses one of them.

    After `most` of them nothing more is asked for.
    """

    async def ask(part: Sequence[_Found]) -> list[ua.BrowseResult]:
        parameters = ua.BrowseParameters()
        parameters.RequestedMaxReferencesPerNode = ua.UInt32(_MOST_REFERENCES)
        parameters.NodesToBrowse = [_description(parent.node) for parent in part]
        return await connection.session.browse(parameters)

    results = await in_portions(ask, parents, connection.limits.nodes_per_browse)
    references: list[list[ua.ReferenceDescription]] = [list(result.References or ()) for result in results]
    open_points = {index: result.ContinuationPoint for index, result in enumerate(results) if result.ContinuationPoint}
    while open_points:
        enough = sum(len(found) for found in references) >= most
        parameters = ua.BrowseNextParameters()
        # Released, they hold nothing at the server any more (Part 4, 5.8.3).
        parameters.ReleaseContinuationPoints = enough
        parameters.ContinuationPoints = list(open_points.values())
        answers = await connection.session.browse_next(parameters)
        if enough:
            break
        still_open: dict[int, ua.ByteString] = {}
        for index, answer in zip(open_points, answers, strict=True):
            references[index] += answer.References or ()
            if answer.ContinuationPoint:
                still_open[index] = answer.ContinuationPoint
        open_points = still_open
    return references


def _description(node: ua.NodeId) -> ua.BrowseDescription:
    description = ua.BrowseDescription()
    description.NodeId = node
    description.BrowseDirection = ua.BrowseDirection.Forward
    description.ReferenceTypeId = standard_node(ua.ObjectIds.HierarchicalReferences)
    description.IncludeSubtypes = True
    # A UInt32 in the standard: NodeClass itself knows no sums.
    description.NodeClassMask = ua.UInt32(_WANTED_CLASSES)
    description.ResultMask = ua.BrowseResultMask.All
    return description


async def _describe(connection: Connection, types: DataTypes, found: Sequence[_Found]) -> list[onboarding.BrowsedNode]:
    variables = [node for node in found if node.node_class == ua.NodeClass.Variable]
    attributes = [(node.node, attribute) for node in variables for attribute in _DESCRIBED]
    portion = connection.limits.nodes_per_read
    answers = [value_of(value) for value in await read_attributes(connection.session, attributes, portion)]
    rows = [answers[start : start + len(_DESCRIBED)] for start in range(0, len(answers), len(_DESCRIBED))]
    descriptions = await types.describe(
        [(node.node, row[0], row[1]) for node, row in zip(variables, rows, strict=True)]
    )
    units = await _read_units(connection, variables)
    extras = {
        node.node: (description, row, units.get(node.node, ""))
        for node, description, row in zip(variables, descriptions, rows, strict=True)
    }
    result: list[onboarding.BrowsedNode] = []
    for node in found:
        try:
            result.append(_browsed(node, connection.namespaces, extras.get(node.node)))
        except NodeIdError:
            continue  # a namespace that the server's own array lacks: it could never be subscribed to
    return result


def _browsed(
    node: _Found, namespaces: Sequence[str], extra: tuple[Description, Sequence[object], str] | None
) -> onboarding.BrowsedNode:
    browsed = onboarding.BrowsedNode(
        node_id=format_node_id(node.node, namespaces),
        browse_path=node.path,
        display_name=node.display_name,
        node_class=node.node_class,
    )
    if extra is None:
        return browsed
    description, (_, rank, access, minimum), unit = extra
    browsed.data_type = description.name
    browsed.kind = frame_pb2.ValueKind.ValueType(description.kind)
    browsed.value_rank = rank if isinstance(rank, int) else -2
    browsed.access_level = int(access) if isinstance(access, int) else 0
    browsed.minimum_sampling_interval_ms = float(minimum) if isinstance(minimum, int | float) else 0.0
    browsed.unit = unit
    return browsed


async def _read_units(connection: Connection, variables: Sequence[_Found]) -> dict[ua.NodeId, str]:
    """The display name of each variable's EUInformation (Part 8, 5.6.4.3)."""
    with_units = [(node.node, node.units) for node in variables if node.units is not None]
    nodes = [(units, ua.AttributeIds.Value) for _, units in with_units]
    answers = await read_attributes(connection.session, nodes, connection.limits.nodes_per_read)
    found: dict[ua.NodeId, str] = {}
    for (node, _), answer in zip(with_units, answers, strict=True):
        information = value_of(answer)
        if isinstance(information, ua.EUInformation):
            found[node] = information.DisplayName.Text or ""
    return found
