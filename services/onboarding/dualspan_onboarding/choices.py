"""From what a person chose of a server's nodes to tags: whole values, fields, elements, events. No I/O."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dualspan_onboarding.browsed import BrowsedNode
from dualspan_onboarding.errors.browsing import (
    fields_unknown,
    no_event_notifiers,
    nodes_unknown,
    nodes_unusable,
    values_not_described,
)
from dualspan_onboarding.model import NewTag, VariableChoice
from dualspan_onboarding.rules import DEFAULT_INTERVAL_US, browsed_sampling_us, is_readable_variable
from dualspan_onboarding.sampling import DEFAULT_ACQUISITION, Acquisition, Address, TagSource, ValueField
from dualspan_onboarding.sampling_rules import BYTES, check_fits, fitting

# The Server object: every server that has events raises its own there (Part 5, 8.3.2). A browse need not find it.
SERVER_NODE = BrowsedNode("i=2253", "Server", "Server", 1, "", 0, 0, 0, "", 0.0)
_OBJECT, _VIEW = 1, 128  # Part 3, 5.2.3
_SUBSCRIBE_TO_EVENTS = 1  # Part 3, 8.59
_EVENT_TYPE = "BaseEventType"


@dataclass(frozen=True, slots=True)
class Defaults:
    """What goes for variables that state nothing; None leaves it to the server or to us. Microseconds."""

    sampling_interval_us: int | None = None
    publishing_interval_us: int | None = None
    acquisition: Acquisition | None = None


def new_tag(node: BrowsedNode, defaults: Defaults, variable: VariableChoice | None = None) -> NewTag:
    """A tag of a node: what the variable states, else what goes for all, else what the server offers."""
    samplings = (variable.sampling_interval_us if variable else None, defaults.sampling_interval_us)
    publishings = (variable.publishing_interval_us if variable else None, defaults.publishing_interval_us)
    address = variable.address if variable else Address()
    return NewTag(
        node=node,
        display_name=variable.display_name.strip() if variable else "",
        sampling_interval_us=next((s for s in samplings if s is not None), browsed_sampling_us(node)),
        publishing_interval_us=next((p for p in publishings if p is not None), DEFAULT_INTERVAL_US),
        queue_size=variable.queue_size if variable else 0,
        address=address,
        acquisition=_acquisition(node, address, defaults, variable),
    )


def _acquisition(
    node: BrowsedNode, address: Address, defaults: Defaults, variable: VariableChoice | None
) -> Acquisition:
    if variable is not None and variable.acquisition is not None:
        fits = fitting if variable.expand or variable.lenient else check_fits
        return fits(variable.acquisition, address, node.kind)
    return fitting(defaults.acquisition or DEFAULT_ACQUISITION, address, node.kind)


def chosen_tags(
    nodes: Sequence[BrowsedNode],
    variables: Sequence[VariableChoice],
    defaults: Defaults,
    fields: Mapping[str, Sequence[ValueField]],
) -> list[NewTag]:
    """The tags that a person chose one by one, in the order of the nodes.

    Args:
        nodes: Those of the chosen nodes that the browse found.
        variables: What was chosen; a node may be there several times with different addresses.
        defaults: What goes for those that state nothing.
        fields: What is in the values of nodes of which parts were chosen.

    Raises:
        NotFound: A node was not browsed, or its values do not have the field.
        FailedPrecondition: A node has no readable value, no events, or its values were not looked into.
        InvalidArgument: The settings cannot go together.
    """
    wanted: dict[str, list[VariableChoice]] = {}
    for variable in variables:
        wanted.setdefault(variable.node_id, []).append(variable)
    known = {node.node_id: node for node in nodes}
    if SERVER_NODE.node_id in wanted:
        known.setdefault(SERVER_NODE.node_id, SERVER_NODE)
    missing = wanted.keys() - known.keys()
    if missing:
        raise nodes_unknown(sorted(missing))
    _check_usable([(known[variable.node_id], variable) for variable in variables])
    _check_described(variables, fields)
    return [
        tag
        for node in known.values()
        for variable in wanted.get(node.node_id, ())
        for tag in _tags_of(node, variable, defaults, fields.get(node.node_id, ()))
    ]


def _check_usable(chosen: Sequence[tuple[BrowsedNode, VariableChoice]]) -> None:
    of_events = [node for node, variable in chosen if variable.address.source is TagSource.EVENTS]
    silent = [node.node_id for node in of_events if not _has_events(node)]
    if silent:
        raise no_event_notifiers(silent)
    of_values = [node for node, variable in chosen if variable.address.source is TagSource.VALUE]
    unusable = [node.node_id for node in of_values if not is_readable_variable(node)]
    if unusable:
        raise nodes_unusable(unusable)


def _has_events(node: BrowsedNode) -> bool:
    if node.node_id == SERVER_NODE.node_id:
        return True
    return node.node_class in (_OBJECT, _VIEW) and bool(node.event_notifier & _SUBSCRIBE_TO_EVENTS)


def _check_described(variables: Sequence[VariableChoice], fields: Mapping[str, Sequence[ValueField]]) -> None:
    parts = [variable for variable in variables if variable.expand or variable.address.field_path]
    undescribed = [variable.node_id for variable in parts if not fields.get(variable.node_id)]
    if undescribed:
        raise values_not_described(undescribed)
    absent = [
        f"{variable.node_id} {variable.address.field_path}"
        for variable in parts
        if not variable.expand and variable.address.field_path not in {field.path for field in fields[variable.node_id]}
    ]
    if absent:
        raise fields_unknown(absent)


def _tags_of(
    node: BrowsedNode, variable: VariableChoice, defaults: Defaults, fields: Sequence[ValueField]
) -> list[NewTag]:
    if variable.address.source is TagSource.EVENTS:
        return [new_tag(dataclasses.replace(node, kind=BYTES, data_type=_EVENT_TYPE), defaults, variable)]
    if variable.expand:
        return [
            new_tag(
                part_of(node, field),
                defaults,
                dataclasses.replace(variable, address=Address(field_path=field.path), display_name=""),
            )
            for field in fields
        ]
    path = variable.address.field_path
    if path:
        field = next(field for field in fields if field.path == path)
        return [new_tag(part_of(node, field), defaults, variable)]
    if variable.address.index_range:
        return [new_tag(dataclasses.replace(node, kind=BYTES), defaults, variable)]
    return [new_tag(node, defaults, variable)]


def part_of(node: BrowsedNode, field: ValueField) -> BrowsedNode:
    """A field or an element as if it were a variable below its node."""
    return dataclasses.replace(
        node, browse_path=f"{node.browse_path}/{field.path}", kind=field.kind, data_type=field.data_type, unit=""
    )
