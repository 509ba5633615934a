"""NodeIds with their namespace as URI: indexes differ between servers and change between their restarts."""

import base64
import binascii
from collections.abc import Sequence
from uuid import UUID

from asyncua import ua

from dualspan_edge.errors import GatewayError

_FORMS = {
    "i": ua.NodeIdType.Numeric,
    "s": ua.NodeIdType.String,
    "g": ua.NodeIdType.Guid,
    "b": ua.NodeIdType.ByteString,
}


class NodeIdError(GatewayError):
    """A text that is no NodeId, or a namespace that the server does not have."""


def standard_node(number: int) -> ua.NodeId:
    """A node of namespace 0, by its number."""
    return ua.NodeId(ua.Int32(number))


def parse_node_id(text: str, namespaces: Sequence[str]) -> ua.NodeId:
    """The NodeId that a text names (Part 6, 5.3.1.10: `nsu=…;s=…`, `ns=…;s=…` or `i=…`).

    Args:
        text: The text.
        namespaces: The server's NamespaceArray as it is now.

    Raises:
        NodeIdError: The text is no NodeId, or its namespace is not in the array.
    """
    index, rest = 0, text
    if text.startswith("nsu="):
        uri, _, rest = text[4:].partition(";")
        uri = uri.replace("%3B", ";").replace("%25", "%")
        if uri not in namespaces:
            raise NodeIdError(f"the server has no namespace {uri}; it may run another program or configuration now")
        index = namespaces.index(uri)
    elif text.startswith("ns="):
        number, _, rest = text[3:].partition(";")
        if not number.isdecimal():
            raise NodeIdError(f"{text!r} is not a NodeId")
        index = int(number)
    return ua.NodeId(*_identifier(rest, index))  # pyright: ignore[reportArgumentType]  # asyncua types identifiers as Int32


def _identifier(text: str, index: int) -> tuple[int | str | bytes | UUID, int, ua.NodeIdType]:
    form, _, value = text.partition("=")
    if form not in _FORMS:
        raise NodeIdError(f"{text!r} is not a NodeId: it has to be i=, s=, g= or b=")
    identifier: int | str | bytes | UUID = value
    try:
        if form == "i":
            identifier = int(value)
        elif form == "g":
            identifier = UUID(value)
        elif form == "b":
            identifier = base64.b64decode(value, validate=True)
    except (ValueError, binascii.Error) as error:
        raise NodeIdError(f"{text!r} is not a NodeId") from error
    return identifier, index, _FORMS[form]


def format_node_id(node_id: ua.NodeId, namespaces: Sequence[str]) -> str:
    """The opposite of `parse_node_id`.

    Raises:
        NodeIdError: Its namespace is not in the array.
    """
    value: object = node_id.Identifier
    if isinstance(value, bytes):
        text = "b=" + base64.b64encode(value).decode()
    elif isinstance(value, UUID):
        text = f"g={value}"
    elif isinstance(value, str):
        text = f"s={value}"
    else:
        text = f"i={value}"
    if node_id.NamespaceIndex == 0:
        return text
    if node_id.NamespaceIndex >= len(namespaces):
        raise NodeIdError(f"namespace {node_id.NamespaceIndex} is not in the server's array")
    uri = namespaces[node_id.NamespaceIndex].replace("%", "%25").replace(";", "%3B")
    return f"nsu={uri};{text}"
