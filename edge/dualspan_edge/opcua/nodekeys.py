"""NodeIds as they are sent, and as they are stored: with their namespace as URI."""

import base64
import struct
from collections.abc import Sequence
from uuid import UUID

from asyncua import ua
from asyncua.ua.ua_binary import nodeid_to_binary

from dualspan_edge.decoder.cursor import Cursor, ForeignNode, Name, NodeKey, numeric_key

# What the platform stores; a longer NodeId could never be subscribed to.
MAX_NODE_ID_BYTES = 1000
_numeric = struct.Struct("<HI").unpack_from
_namespace = struct.Struct("<H").unpack_from
_STRING, _GUID, _BYTES = 3, 4, 5


def key_of(node: ua.NodeId) -> NodeKey:
    """The key of a NodeId."""
    body = nodeid_to_binary(node)
    return Cursor(body, 0, len(body)).node_key()


def namespace_of(key: NodeKey) -> int:
    """The namespace index of a key."""
    return _namespace(key, 1)[0]


class NodeNames:
    """NodeIds and names of one server, as texts.

    Args:
        namespaces: The server's NamespaceArray as it is now.
    """

    def __init__(self, namespaces: Sequence[str]) -> None:
        self._indexes = {uri: index for index, uri in reversed(list(enumerate(namespaces)))}
        self._prefixes = ["", *(f"nsu={uri.replace('%', '%25').replace(';', '%3B')};" for uri in namespaces[1:])]

    def node_id(self, key: NodeKey) -> str:
        """A NodeId (Part 6, 5.3.1.10); empty if it cannot be written or stored."""
        namespace = namespace_of(key)
        if namespace >= len(self._prefixes) or len(key) > MAX_NODE_ID_BYTES:
            return ""
        prefix = self._prefixes[namespace]
        match key[0]:
            case 2:
                return f"{prefix}i={_numeric(key, 1)[1]}"
            case 3:
                try:
                    text = key[7:].decode()
                except UnicodeDecodeError:
                    return ""
                return f"{prefix}s={text}" if text and "\x00" not in text else ""
            case 4:
                return f"{prefix}g={UUID(bytes_le=bytes(key[3:19]))}"
            case _:
                return f"{prefix}b={base64.b64encode(key[7:]).decode()}" if key[7:] else ""

    def browse_name(self, name: Name) -> str:
        """A QualifiedName, outside namespace 0 with its namespace as URI."""
        if name.namespace >= len(self._prefixes):
            return name.text
        return f"{self._prefixes[name.namespace]}{name.text}"

    def here(self, key: NodeKey, foreign: ForeignNode | None) -> NodeKey | None:
        """The key of an ExpandedNodeId; None if it is on another server or in a namespace that this one lacks."""
        if foreign is None:
            return key
        if foreign.server_index:
            return None
        if not foreign.namespace_uri:
            return key
        index = self._indexes.get(foreign.namespace_uri)
        return None if index is None else NodeKey(key[:1] + struct.pack("<H", index) + key[3:])


def standard_key(identifier: int) -> NodeKey:
    """The key of a node of namespace 0."""
    return numeric_key(0, identifier)
