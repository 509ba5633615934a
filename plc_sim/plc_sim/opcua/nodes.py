"""Adding nodes to a simulated server's address space, many at a time."""

from collections.abc import Callable
from typing import Any

from asyncua import ua
from asyncua.server.address_space import AttributeValue

from plc_sim.opcua.server import SimServer
from plc_sim.opcua.standard import node_id

Reader = Callable[[], ua.DataValue]

OBJECTS = node_id(ua.ObjectIds.ObjectsFolder)
_ORGANIZES = node_id(ua.ObjectIds.Organizes)
_HAS_COMPONENT = node_id(ua.ObjectIds.HasComponent)
_HAS_PROPERTY = node_id(ua.ObjectIds.HasProperty)
_FOLDER = node_id(ua.ObjectIds.FolderType)
_BASE_OBJECT = node_id(ua.ObjectIds.BaseObjectType)
_PROPERTY_TYPE = node_id(ua.ObjectIds.PropertyType)
DATA_VARIABLE = node_id(ua.ObjectIds.BaseDataVariableType)

_HAS_SUBTYPE = node_id(ua.ObjectIds.HasSubtype)
_HAS_ENCODING = node_id(ua.ObjectIds.HasEncoding)
_ENCODING_TYPE = node_id(ua.ObjectIds.DataTypeEncodingType)

READABLE = 0x01
WRITABLE = 0x02
HISTORY = 0x04
"""Bits of AccessLevel (Part 3, 8.57)."""
EVENTS = 0x01
"""SubscribeToEvents, a bit of EventNotifier (Part 3, 8.59)."""

_MASK = ua.NodeAttributesMask
_OBJECT_MASK = int(_MASK.DisplayName | _MASK.Description | _MASK.EventNotifier)
_DATA_TYPE_MASK = int(_MASK.DisplayName | _MASK.Description | _MASK.IsAbstract)
_VARIABLE_MASK = int(
    _MASK.DisplayName
    | _MASK.Description
    | _MASK.Value
    | _MASK.DataType
    | _MASK.ValueRank
    | _MASK.ArrayDimensions
    | _MASK.AccessLevel
    | _MASK.UserAccessLevel
    | _MASK.MinimumSamplingInterval
    | _MASK.Historizing
)


_METHOD_MASK = int(_MASK.DisplayName | _MASK.Description | _MASK.Executable | _MASK.UserExecutable)
_ARGUMENT = node_id(ua.ObjectIds.Argument)


def text(value: str, locale: str = "en") -> ua.LocalizedText:
    """A LocalizedText."""
    return ua.LocalizedText(Text=value, Locale=locale)


class NodeBuilder:
    """Adds objects, variables and properties below a namespace.

    asyncua's own `add_*` coroutines cost about a millisecond per node; a plant has thousands.
    """

    def __init__(self, server: SimServer, namespace: int) -> None:
        self.namespace = namespace
        self._nodes: Any = server.iserver.node_mgt_service
        self._space: Any = server.iserver.aspace

    def node_id(self, identifier: str | int) -> ua.NodeId:
        """A NodeId of this namespace."""
        return node_id(identifier, self.namespace)

    def folder(self, parent: ua.NodeId, identifier: str | int, name: str, display: ua.LocalizedText) -> ua.NodeId:
        """Add a folder that its parent organises."""
        return self.object(parent, identifier, name, display, type_id=_FOLDER, reference=_ORGANIZES)

    def object(
        self,
        parent: ua.NodeId,
        identifier: str | int,
        name: str,
        display: ua.LocalizedText,
        *,
        type_id: ua.NodeId = _BASE_OBJECT,
        reference: ua.NodeId = _HAS_COMPONENT,
        events: bool = False,
        namespace: int | None = None,
    ) -> ua.NodeId:
        """Add an object; with `events` clients may subscribe to its events.

        Its BrowseName is in this namespace unless one is given.
        """
        attributes = ua.ObjectAttributes(
            SpecifiedAttributes=ua.UInt32(_OBJECT_MASK),
            DisplayName=display,
            Description=display,
            EventNotifier=ua.Byte(EVENTS if events else 0),
        )
        return self._add(ua.NodeClass.Object, parent, identifier, name, attributes, type_id, reference, namespace)

    def variable(
        self,
        parent: ua.NodeId,
        identifier: str | int,
        name: str,
        display: ua.LocalizedText,
        data_type: ua.NodeId,
        read: Reader,
        *,
        description: ua.LocalizedText | None = None,
        array_length: int = 0,
        minimum_sampling_ms: float = 0.0,
        history: bool = True,
        type_id: ua.NodeId = DATA_VARIABLE,
        writable: bool = False,
        locked: bool = False,
        namespace: int | None = None,
    ) -> ua.NodeId:
        """Add a variable whose value is made when it is read; `locked`: writable, but not by the users.

        Its BrowseName is in this namespace unless one is given.
        """
        user_level = READABLE | (HISTORY if history else 0) | (WRITABLE if writable and not locked else 0)
        level = user_level | (WRITABLE if writable else 0)
        attributes = ua.VariableAttributes(
            SpecifiedAttributes=ua.UInt32(_VARIABLE_MASK),
            DisplayName=display,
            Description=description or display,
            Value=ua.Variant(None, ua.VariantType.Null),
            DataType=data_type,
            ValueRank=ua.Int32(1 if array_length else -1),
            ArrayDimensions=[ua.UInt32(array_length)] if array_length else [],
            AccessLevel=ua.Byte(level),
            UserAccessLevel=ua.Byte(user_level),
            MinimumSamplingInterval=ua.Double(minimum_sampling_ms),
            Historizing=history,  # pyright: ignore[reportArgumentType]  # plain bool works
        )
        node = self._add(
            ua.NodeClass.Variable, parent, identifier, name, attributes, type_id, _HAS_COMPONENT, namespace
        )
        self._space.set_attribute_value_callback(node, ua.AttributeIds.Value, lambda _node, _attribute: read())
        return node

    def constant(
        self,
        parent: ua.NodeId,
        identifier: str | int,
        name: str,
        value: ua.Variant,
        data_type: ua.NodeId,
        *,
        namespace: int | None = None,
    ) -> ua.NodeId:
        """Add a property: a value that does not change. Its BrowseName is in this namespace unless one is given."""
        is_array = isinstance(value.Value, list)
        attributes = ua.VariableAttributes(
            SpecifiedAttributes=ua.UInt32(_VARIABLE_MASK),
            DisplayName=text(name),
            Description=text(name),
            Value=value,
            DataType=data_type,
            ValueRank=ua.Int32(1 if is_array else -1),
            ArrayDimensions=[ua.UInt32(0)] if is_array else [],
            AccessLevel=ua.Byte(READABLE),
            UserAccessLevel=ua.Byte(READABLE),
            Historizing=False,  # pyright: ignore[reportArgumentType]  # plain bool works
        )
        where = self.namespace if namespace is None else namespace
        return self._add(
            ua.NodeClass.Variable, parent, identifier, name, attributes, _PROPERTY_TYPE, _HAS_PROPERTY, where
        )

    def method(
        self,
        parent: ua.NodeId,
        identifier: str,
        name: str,
        display: ua.LocalizedText,
        description: ua.LocalizedText,
        inputs: list[ua.Argument],
        outputs: list[ua.Argument],
        *,
        namespace: int | None = None,
    ) -> ua.NodeId:
        """Add a method with its arguments (Part 3, 5.7). Its BrowseName is in this namespace unless one is given."""
        attributes = ua.MethodAttributes(
            SpecifiedAttributes=ua.UInt32(_METHOD_MASK),
            DisplayName=display,
            Description=description,
            Executable=True,
            UserExecutable=True,
        )
        where = self.namespace if namespace is None else namespace
        node = self._add(ua.NodeClass.Method, parent, identifier, name, attributes, ua.NodeId(), _HAS_COMPONENT, where)
        for kind, arguments in (("InputArguments", inputs), ("OutputArguments", outputs)):
            if arguments:
                value = ua.Variant(arguments, ua.VariantType.ExtensionObject)
                self.constant(node, f"{identifier}/{kind}", kind, value, _ARGUMENT, namespace=0)
        return node

    def data_type(
        self, parent: ua.NodeId, identifier: int, name: str, definition: ua.EnumDefinition | ua.StructureDefinition
    ) -> ua.NodeId:
        """Add a DataType with its definition."""
        attributes = ua.DataTypeAttributes(
            SpecifiedAttributes=ua.UInt32(_DATA_TYPE_MASK),
            DisplayName=text(name),
            Description=text(name),
            IsAbstract=False,
        )
        node = self._add(ua.NodeClass.DataType, parent, identifier, name, attributes, ua.NodeId(), _HAS_SUBTYPE)
        value = ua.DataValue(ua.Variant(definition, ua.VariantType.ExtensionObject))
        self._space[node].attributes[ua.AttributeIds.DataTypeDefinition] = AttributeValue(value)
        return node

    def object_type(self, identifier: int, name: str, parent: ua.NodeId = _BASE_OBJECT) -> ua.NodeId:
        """Add a type of objects."""
        attributes = ua.ObjectTypeAttributes(
            SpecifiedAttributes=ua.UInt32(_DATA_TYPE_MASK),
            DisplayName=text(name),
            Description=text(name),
            IsAbstract=False,
        )
        return self._add(ua.NodeClass.ObjectType, parent, identifier, name, attributes, ua.NodeId(), _HAS_SUBTYPE)

    def encoding(self, data_type: ua.NodeId, identifier: int) -> ua.NodeId:
        """Add the "Default Binary" encoding of a structure."""
        attributes = ua.ObjectAttributes(
            SpecifiedAttributes=ua.UInt32(_OBJECT_MASK), DisplayName=text("Default Binary")
        )
        return self._add(
            ua.NodeClass.Object, data_type, identifier, "Default Binary", attributes, _ENCODING_TYPE, _HAS_ENCODING, 0
        )

    def refer(self, source: ua.NodeId, reference: ua.NodeId, target: ua.NodeId) -> None:
        """Add a reference between objects, in both directions."""
        for start, end, forward in ((source, target, True), (target, source, False)):
            item = ua.AddReferencesItem(
                SourceNodeId=start,
                ReferenceTypeId=reference,
                IsForward=forward,
                TargetNodeId=end,  # pyright: ignore[reportArgumentType]  # plain NodeIds work
                TargetNodeClass=ua.NodeClass.Object,
            )
            self._nodes.add_references([item])[0].check()

    def _add(
        self,
        node_class: ua.NodeClass,
        parent: ua.NodeId,
        identifier: str | int,
        name: str,
        attributes: Any,
        type_id: ua.NodeId,
        reference: ua.NodeId,
        browse_namespace: int | None = None,
    ) -> ua.NodeId:
        item = ua.AddNodesItem()
        item.RequestedNewNodeId = self.node_id(identifier)
        item.BrowseName = ua.QualifiedName(name, self.namespace if browse_namespace is None else browse_namespace)
        item.NodeClass = node_class
        item.ParentNodeId = parent
        item.ReferenceTypeId = reference
        item.TypeDefinition = type_id
        item.NodeAttributes = attributes
        result = self._nodes.add_nodes([item])[0]
        result.StatusCode.check()
        return result.AddedNodeId
