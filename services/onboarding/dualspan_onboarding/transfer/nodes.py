"""Which node an entry means, and what is known of it: from the server's browse, from the tags there, from the file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from dualspan_onboarding.browsed import BrowsedNode
from dualspan_onboarding.model import Tag
from dualspan_onboarding.rules import is_readable_variable
from dualspan_onboarding.sampling import Address, TagSource
from dualspan_onboarding.sampling_rules import BYTES
from dualspan_onboarding.transfer.entries import Entry, Reference, Refused, shown
from dualspan_onboarding.transfer.references import node_id_of

_VARIABLE = 2  # Part 3, 5.2.3
_INT64 = 2  # dualspan.frame.v1.ValueKind
_SUBSCRIBE_TO_EVENTS = 1  # Part 3, 8.59
_SERVER_OBJECT = "i=2253"
_EVENT_TYPE = "BaseEventType"


def _standard(node_id: str, path: str, data_type: str) -> BrowsedNode:
    return BrowsedNode(node_id, path, path.rpartition("/")[2], _VARIABLE, data_type, _INT64, -1, 1, "", 0.0)


# What every server has (Part 5, 6.3.1) and a browse leaves out.
_STANDARD_NODES: Mapping[str, BrowsedNode] = {
    node.node_id: node
    for node in (
        _standard("i=2257", "Server/ServerStatus/StartTime", "UtcTime"),
        _standard("i=2258", "Server/ServerStatus/CurrentTime", "UtcTime"),
        _standard("i=2259", "Server/ServerStatus/State", "ServerState"),
        _standard("i=2267", "Server/ServiceLevel", "Byte"),
        _standard("i=2992", "Server/ServerStatus/SecondsTillShutdown", "UInt32"),
        replace(_standard(_SERVER_OBJECT, "Server", ""), node_class=1, kind=0, event_notifier=1),
    )
}


class Waits(Exception):
    """Nothing is known of the node until its server has been browsed."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a server.

    Attributes:
        browsed: A browse of it has finished.
        namespaces: Its NamespaceArray as the browse saw it; empty if that is not known.
        tags: What is stored of it, by node id and part.
        nodes: Those of the wanted nodes that the browse found.
        by_path: Node ids at the wanted browse paths.
    """

    browsed: bool = False
    namespaces: Sequence[str] = ()
    tags: Mapping[tuple[str, Address], Tag] = field(default_factory=dict[tuple[str, Address], Tag])
    nodes: Mapping[str, BrowsedNode] = field(default_factory=dict[str, BrowsedNode])
    by_path: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])


def first_node_id(reference: Reference, known: Known) -> str | None:
    """The node that a reference names or begins at; None if its index says nothing yet.

    Raises:
        Refused: The index is of no namespace of the server.
    """
    node_id = node_id_of(reference, known.namespaces)
    if node_id is None and known.browsed:
        words = (
            f"The server has no namespace {reference.index}."
            if known.namespaces
            else f"What namespace {reference.index} is, was not kept when the server was browsed."
        )
        raise Refused("NAMESPACE_UNKNOWN", words, "Browse the server again, or write nsu=http://… for ns=.")
    return node_id


def path_of(reference: Reference, known: Known) -> str:
    """The browse path that a reference leads to, from the Objects folder; raises Refused."""
    start = ""
    if reference.node_id:
        node_id = first_node_id(reference, known) or ""
        node = known.nodes.get(node_id)
        if node is None:
            raise Refused(
                "NODE_NOT_BROWSED",
                f"The last browse did not find {shown(node_id)}, at which the path begins.",
                "Correct the Id, or browse the server again.",
            )
        start = node.browse_path
    return "/".join(part for part in (start, *reference.path) if part)


def node_for(entry: Entry, known: Known) -> BrowsedNode:
    """The node of an entry, with the kind that its samples have.

    Raises:
        Refused: There is no such node, or nothing of it can be stored.
        Waits: The server has to be browsed first.
    """
    node_id = _node_id(entry.node, known)
    tag = known.tags.get((node_id, entry.address))
    if tag is not None:
        return node_of(tag)
    found = known.nodes.get(node_id) or _STANDARD_NODES.get(node_id)
    if found is None:
        return _from_facts(node_id, entry, known)
    return _part(found, entry)


def _node_id(reference: Reference, known: Known) -> str:
    if not reference.path:
        node_id = first_node_id(reference, known)
        if node_id is None:
            raise Waits
        return node_id
    if not known.browsed:
        raise Waits
    path = path_of(reference, known)
    ids = known.by_path.get(path, ())
    if not ids:
        words = f"The last browse found nothing at {shown(path)}."
        raise Refused("NODE_NOT_BROWSED", words, "Correct the BrowsePath, or browse the server again.")
    if len(ids) > 1:
        words = f"{len(ids)} nodes have the path {shown(path)}: {shown(', '.join(ids))}."
        raise Refused("PATH_AMBIGUOUS", words, "Name the node by its Id.")
    return ids[0]


def node_of(tag: Tag) -> BrowsedNode:
    """A tag's node, as far as the tag says."""
    return BrowsedNode(tag.node_id, tag.browse_path, "", _VARIABLE, tag.data_type, tag.kind, -1, 1, tag.unit, 0.0)


def _part(node: BrowsedNode, entry: Entry) -> BrowsedNode:
    """The node as its tag has it: a value, events, a part of a value; raises Refused."""
    address, kind = entry.address, entry.facts.get("kind")
    if address.source is TagSource.EVENTS:
        if not node.event_notifier & _SUBSCRIBE_TO_EVENTS:
            words = f"{shown(node.node_id)} has no events."
            raise Refused("NO_EVENT_NOTIFIER", words, "Name the Server object (i=2253), or an object with events.")
        return replace(node, kind=BYTES, data_type=_EVENT_TYPE)
    if not is_readable_variable(node):
        words = f"{shown(node.node_id)} is no readable variable of a known type."
        raise Refused(
            "NODE_NOT_READABLE", words, "Take the entry out, or give the gateway's user the right to read it."
        )
    if address.field_path:
        if not isinstance(kind, int):
            words = f"Of what kind {shown(address.field_path)} is, is not known."
            raise Refused("KIND_MISSING", words, "Fill in kind, or accept the field from the browse.")
        data_type = str(entry.facts.get("data_type", ""))
        path = f"{node.browse_path}/{address.field_path}"
        return replace(node, browse_path=path, kind=kind, data_type=data_type, unit="")
    if address.index_range:
        return replace(node, kind=BYTES)
    if kind is not None and kind != node.kind:
        words = f"{shown(node.node_id)} has another kind: that is the server's to say."
        raise Refused("KIND_DIFFERS", words, "Leave kind empty.")
    return node


def _from_facts(node_id: str, entry: Entry, known: Known) -> BrowsedNode:
    """A node of which only the file knows; raises Refused, Waits."""
    if known.browsed:
        words = f"The last browse did not find {shown(node_id)}."
        raise Refused("NODE_NOT_BROWSED", words, "Correct the Id, or browse the server again.")
    facts = entry.facts
    kind = BYTES if entry.address.source is TagSource.EVENTS else facts.get("kind")
    if not isinstance(kind, int):
        raise Waits
    path = str(facts.get("browse_path", "")) or node_id
    data_type, unit = str(facts.get("data_type", "")), str(facts.get("unit", ""))
    return BrowsedNode(node_id, path, "", _VARIABLE, data_type, int(kind), -1, 1, unit, 0.0)
