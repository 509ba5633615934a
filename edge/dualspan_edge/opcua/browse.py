"""What a server offers: its address space, level by level, in as few calls as its limits and its pace allow."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from asyncua import ua

from dualspan.onboarding.v1 import browse_pb2
from dualspan.onboarding.v1 import resources_pb2 as onboarding
from dualspan_edge.decoder.browsing import Reference
from dualspan_edge.decoder.cursor import Name, NodeKey
from dualspan_edge.opcua.asking import Asker
from dualspan_edge.opcua.connection import Connection
from dualspan_edge.opcua.describing import METHOD, OBJECT, VARIABLE, Describer, FoundNode
from dualspan_edge.opcua.findings import Findings
from dualspan_edge.opcua.nodeids import parse_node_id
from dualspan_edge.opcua.nodekeys import NodeNames, key_of, namespace_of, standard_key
from dualspan_edge.opcua.properties import WANTED
from dualspan_edge.opcua.references import ReferenceReader

_OBJECTS, _HAS_PROPERTY = standard_key(ua.ObjectIds.ObjectsFolder), standard_key(ua.ObjectIds.HasProperty)
_CLASSES = frozenset({OBJECT, VARIABLE, METHOD})
# Nodes that are described together and sent on together.
_PORTION = 500
# References that may be looked at however few nodes are wanted.
_MARGIN = 100_000


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where a browse ends, whatever the server says.

    Attributes:
        depth: Levels below the root; no plant has as many, and a server that makes nodes up has no end.
        references: References that are looked at for each node that may be listed: properties and repeats count.
        seconds: In all.
        path_bytes: Of a browse path; what is below is not browsed.
    """

    depth: int = 100
    references: int = 20
    seconds: float = 1800.0
    path_bytes: int = 1500


@dataclass(frozen=True, slots=True)
class Discovery:
    """What was found since the last one."""

    nodes: Sequence[onboarding.BrowsedNode]
    types: Sequence[browse_pb2.BrowsedType]


class Browser:
    """One browse of a server: objects, variables and methods below a node.

    Properties are not listed; those that say what the values of a variable mean become part of it. Below the Objects
    folder, what belongs to the standard itself (the Server object and its diagnostics) is left out.

    Attributes:
        truncated: It ended before everything was listed.
    """

    def __init__(self, connection: Connection, root_node_id: str, max_nodes: int, bounds: Bounds | None = None) -> None:
        """Prepares a browse.

        Args:
            connection: Where.
            root_node_id: Where to begin; the Objects folder if empty.
            max_nodes: Stop after so many nodes.
            bounds: Where it ends in any case.

        Raises:
            NodeIdError: The root is no NodeId of this server.
        """
        self._bounds = bounds or Bounds()
        self._namespaces = connection.namespaces
        self._root = key_of(parse_node_id(root_node_id, connection.namespaces)) if root_node_id else _OBJECTS
        self._most = max_nodes
        self._names = NodeNames(connection.namespaces)
        self._findings = Findings()
        asker = Asker(connection, self._findings)
        self._asker = asker
        self._reader = ReferenceReader(asker, self._findings, lambda: self.truncated)
        self._describer = Describer(asker, self._names, self._findings)
        self._seen = {self._root}
        self._references = 0
        self.truncated = False

    @property
    def namespaces(self) -> Sequence[str]:
        """The server's NamespaceArray: what an index means while this browse runs."""
        return self._namespaces

    def warnings(self) -> list[str]:
        """What could not be had and why, and what the server did against the standard."""
        return self._findings.warnings()

    async def run(self) -> AsyncIterator[Discovery]:
        """Browses, portion by portion.

        Raises:
            ua.UaError, GatewayError, TimeoutError, ConnectionError: The server refuses, breaks the protocol, or is
                silent.
        """
        ends = asyncio.get_running_loop().time() + self._bounds.seconds
        level = [FoundNode(self._root, None, "", Name(0, ""), "", OBJECT, None)]
        for _ in range(self._bounds.depth):
            children: list[FoundNode] = []
            start = 0
            while start < len(level) and not self.truncated:
                parents = level[start : start + self._asker.browses.portion]
                start += len(parents)
                await self._browse(parents, children)
                for at in range(0, len(parents), _PORTION):
                    listed = [node for node in parents[at : at + _PORTION] if node.parent is not None]
                    if listed:
                        yield Discovery(*await self._describer.describe(listed))
                if asyncio.get_running_loop().time() > ends:
                    self._stop(f"it took longer than {self._bounds.seconds / 60:.0f} minutes")
            # Found already, and allowed: what a bound ended keeps them.
            for at in range(start, len(level), _PORTION):
                yield Discovery(*await self._describer.describe(level[at : at + _PORTION]))
            level = children
            if not level:
                return
        self._stop(f"its nodes are more than {self._bounds.depth} levels deep")

    async def _browse(self, parents: Sequence[FoundNode], children: list[FoundNode]) -> None:
        """The children of some nodes, each node of the server once."""

        def take(index: int, references: Sequence[Reference]) -> int:
            self._references += len(references)
            if self._references > self._bounds.references * self._most + _MARGIN:
                self._stop("it offers references without end")
            before = len(children)
            parent = parents[index]
            for reference in references:
                self._take(parent, reference, children)
            return len(children) - before

        await self._reader.read([parent.key for parent in parents], lambda index: parents[index].path, take)

    def _stop(self, why: str) -> None:
        self._findings.note(f"{why}, and what is missing was not looked for")
        self.truncated = True

    def _take(self, parent: FoundNode, reference: Reference, children: list[FoundNode]) -> None:
        key = self._names.here(reference.node, reference.foreign)
        if key is None or not reference.is_forward:
            self._findings.elsewhere += key is None
            return
        name = reference.browse_name
        if reference.reference_type == _HAS_PROPERTY:
            if name.text in WANTED:
                parent.properties = (parent.properties or {}) | {name.text: key}
            return
        if key in self._seen or reference.node_class not in _CLASSES:
            return
        if parent.key == _OBJECTS and namespace_of(key) == 0:
            return
        if len(self._seen) > self._most:
            self.truncated = True
            return
        path = f"{parent.path}/{name.text}" if parent.path else name.text
        if len(path.encode("utf-8", "replace")) > self._bounds.path_bytes:
            self._findings.note(f"it has paths of more than {self._bounds.path_bytes} bytes, which were left out")
            return
        self._seen.add(key)
        children.append(self._found(key, parent.key, path, reference))

    def _found(self, key: NodeKey, parent: NodeKey, path: str, reference: Reference) -> FoundNode:
        has_type = reference.node_class != METHOD
        return FoundNode(
            key=key,
            parent=parent,
            path=path,
            browse_name=reference.browse_name,
            display_name=reference.display_name,
            node_class=reference.node_class,
            type_definition=self._names.here(reference.type_definition, reference.foreign_type) if has_type else None,
        )
