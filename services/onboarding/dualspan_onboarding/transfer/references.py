"""How files name nodes: with the namespace's URI, with its index, or by a path of BrowseNames."""

import re
from collections.abc import Sequence
from urllib.parse import unquote

from dualspan_onboarding.rules import is_node_id
from dualspan_onboarding.transfer.entries import Reference, Refused, shown

STANDARD = "http://opcfoundation.org/UA/"
_OBJECTS = frozenset({"i=85", ""})
_ROOT = "i=84"
# Part 6, 5.3.1.11: an ExpandedNodeId may name another server; 0 is the one that is asked.
_SERVER = re.compile(r"svr=(\d{1,10});", re.ASCII)
_INDEX = re.compile(r"ns=(\d{1,5});(.+)", re.ASCII | re.DOTALL)
# `{namespace}#{identifier}`, which OPC Publisher writes; the identifier is percent-encoded.
_FRAGMENT = re.compile(r"(?P<uri>[a-z][a-z0-9+.-]*:[^#]+)#(?P<type>[isgb])=(?P<id>.+)", re.IGNORECASE | re.DOTALL)
_IDENTIFIER = re.compile(r"([isgb])=(.+)", re.DOTALL)
# Part 4, A.2: `/2:Name`, `.Name`, or with a URI for the index as `uri#Name`.
# Part 4, A.2: `&` before a character that would mean something else.
_ESCAPED = re.compile(r"&(.)", re.DOTALL)
_ELEMENT = re.compile(r"[/.]?(?:(?P<index>\d+):|(?P<uri>[a-z][a-z0-9+.-]*:[^#]+)#)?(?P<name>.+)", re.DOTALL)


def _refused(text: str) -> Refused:
    return Refused(
        "MALFORMED_NODE_ID",
        f"{shown(text)!r} is not a NodeId.",
        "Write nsu=http://…;s=…, ns=2;s=…, i=…, or leave it out and give a BrowsePath.",
    )


def _canonical(identifier: str) -> str:
    """An identifier as the platform writes it, so that two spellings are one node."""
    match = _IDENTIFIER.fullmatch(identifier)
    if match is None:
        return identifier
    kind, value = match.groups()
    if kind in "ig":
        value = value.strip()
    if kind == "i" and value.isascii() and value.isdigit() and len(value) <= 20:
        return f"i={int(value)}"
    return f"{kind}={value.lower()}" if kind == "g" else f"{kind}={value}"


def parse_reference(text: str) -> Reference:
    """The node that a text names; raises Refused."""
    # Blanks behind it may be the node's own.
    text = text.lstrip()
    if "\x00" in text or not _encodable(text):
        raise _refused(text)
    rest = text
    server = _SERVER.match(text)
    if server is not None:
        if int(server[1]):
            raise Refused(
                "FOREIGN_SERVER",
                f"{shown(text)!r} is a node of another server (svr={server[1]}).",
                "Put it under the server's own endpoint.",
            )
        rest = text[server.end() :]
    index = _INDEX.fullmatch(rest)
    if index is not None:
        return _indexed(int(index[1]), _canonical(index[2]), text)
    return Reference(_with_uri(rest, text))


def _encodable(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _indexed(index: int, identifier: str, text: str) -> Reference:
    if not is_node_id(identifier) or identifier.startswith("nsu=") or index > 65_535:
        raise _refused(text)
    return Reference(identifier, index)


def _with_uri(rest: str, text: str) -> str:
    fragment = None if rest.startswith("nsu=") else _FRAGMENT.fullmatch(rest)
    if fragment is not None:
        uri = fragment["uri"].replace("%", "%25").replace(";", "%3B")
        rest = f"nsu={uri};{fragment['type'].lower()}={unquote(fragment['id'])}"
    if rest.startswith("nsu="):
        uri, _, identifier = rest[4:].partition(";")
        identifier = _canonical(identifier)
        rest = identifier if uri == STANDARD else f"nsu={uri};{identifier}"
    else:
        rest = _canonical(rest)
    if not is_node_id(rest):
        raise _refused(text)
    return rest


def with_path(start: Reference | None, elements: Sequence[str]) -> Reference:
    """A node that a path leads to; raises Refused.

    Args:
        start: Where the path begins; the root of the address space if None.
        elements: BrowseNames, each perhaps with a separator and a namespace before it.
    """
    names = [_name(element) for element in elements]
    if start is None or (start.node_id == _ROOT and not start.index):
        if names[:1] != ["Objects"]:
            raise Refused(
                "PATH_OUTSIDE_OBJECTS",
                f"The path {shown('/'.join(elements))!r} does not begin at the Objects folder.",
                "Begin it with Objects, or give the Id of the node that it begins at.",
            )
        return Reference("", 0, tuple(names[1:]))
    if start.node_id in _OBJECTS and not start.index:
        return Reference("", 0, tuple(names))
    return Reference(start.node_id, start.index, tuple(names))


def _name(element: str) -> str:
    if element.startswith("<") or not _encodable(element) or "\x00" in element:
        raise Refused(
            "PATH_NOT_UNDERSTOOD",
            f"{shown(element)!r} is not a BrowseName.",
            "Write BrowseNames alone, without reference types in angle brackets.",
        )
    match = _ELEMENT.fullmatch(element)
    if match is None:
        raise Refused("PATH_NOT_UNDERSTOOD", "A name of the path is empty.", "Take it out, or name the node by its Id.")
    return _ESCAPED.sub(r"\1", match["name"])


def node_id_of(reference: Reference, namespaces: Sequence[str]) -> str | None:
    """The node that the reference names or begins at, its index turned into a URI; None if the index is unknown.

    Args:
        reference: Which.
        namespaces: The server's NamespaceArray; empty if it is not known.
    """
    if not reference.index:
        return reference.node_id
    if reference.index >= len(namespaces):
        return None
    uri = namespaces[reference.index].replace("%", "%25").replace(";", "%3B")
    return f"nsu={uri};{reference.node_id}"
