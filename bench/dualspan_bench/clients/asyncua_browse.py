"""What one writes first to browse a server: asyncua, a call for each node, attributes in thousands."""

import asyncio
import json
import resource
import sys
import time
from collections import deque

from asyncua import Client, ua
from asyncua.common.node import Node

_ATTRIBUTES = (
    ua.AttributeIds.DataType,
    ua.AttributeIds.ValueRank,
    ua.AttributeIds.AccessLevel,
    ua.AttributeIds.UserAccessLevel,
    ua.AttributeIds.MinimumSamplingInterval,
    ua.AttributeIds.Description,
)
_PORTION = 1000


async def main() -> None:
    """Browse the first so many cells of a load server."""
    url, cells = sys.argv[1], int(sys.argv[2])
    async with Client(url, timeout=60) as client:
        root = await client.nodes.objects.get_child("2:Load")
        started = time.perf_counter()
        variables, properties, nodes = await _walk(client, (await root.get_children())[:cells])
        for start in range(0, len(variables), _PORTION):
            part = variables[start : start + _PORTION]
            for attribute in _ATTRIBUTES:
                await client.read_attributes(part, attribute)
        for start in range(0, len(properties), _PORTION):
            await client.read_attributes(properties[start : start + _PORTION], ua.AttributeIds.Value)
        seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    print(json.dumps({"nodes": nodes, "seconds": seconds, "peak_mb": peak}), flush=True)


async def _walk(client: Client, roots: list[Node]) -> tuple[list[Node], list[Node], int]:
    """Variables, their properties, and how many nodes were visited."""
    variables: list[Node] = []
    properties: list[Node] = []
    waiting = deque(roots)
    nodes = 0
    while waiting:
        node = waiting.popleft()
        nodes += 1
        for description in await node.get_children_descriptions():
            child = client.get_node(description.NodeId)
            if description.ReferenceTypeId == ua.NodeId(ua.Int32(ua.ObjectIds.HasProperty)):
                properties.append(child)
                continue
            waiting.append(child)
            if description.NodeClass == ua.NodeClass.Variable:
                variables.append(child)
    return variables, properties, nodes


if __name__ == "__main__":
    asyncio.run(main())
