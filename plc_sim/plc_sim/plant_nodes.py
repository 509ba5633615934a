"""The address space of a plant: types, machines, nameplates, variables with units and ranges."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from asyncua import ua

from plc_sim.companions import (
    DI,
    IDENTIFICATION,
    MACHINE_IDENTIFICATION,
    NAMEPLATE,
    URIS,
    Companion,
    TypeName,
)
from plc_sim.model.alarms import CONDITION_NAMES
from plc_sim.model.plant import Machine, Plant, Variable
from plc_sim.model.signal import Enumeration, Signal, Structure, StructureField, Unit
from plc_sim.opcua.encoding import BuiltInType
from plc_sim.opcua.nodes import DATA_VARIABLE, OBJECTS, NodeBuilder, text
from plc_sim.opcua.server import SimServer
from plc_sim.opcua.standard import node_id
from plc_sim.plant_events import CONDITION_TYPE
from plc_sim.plant_methods import METHODS, Argument, Method

_ANALOG_UNIT_RANGE = node_id(17570)  # AnalogUnitRangeType (Part 8, 5.3.2.4)
_UNIT_NAMESPACE = "http://www.opcfoundation.org/UA/units/un/cefact"
_ENUMERATION_TYPE = node_id(ua.ObjectIds.Enumeration)
_STRUCTURE_TYPE = node_id(ua.ObjectIds.Structure)
_BASE_OBJECT = node_id(ua.ObjectIds.BaseObjectType)
_HAS_SUBTYPE = node_id(ua.ObjectIds.HasSubtype)
_HAS_ENCODING = node_id(ua.ObjectIds.HasEncoding)
_SERVER = node_id(ua.ObjectIds.Server)
_HAS_NOTIFIER = node_id(ua.ObjectIds.HasNotifier)
_HAS_CONDITION = node_id(ua.ObjectIds.HasCondition)
_STRING = node_id(ua.ObjectIds.String)
_LOCALIZED = node_id(ua.ObjectIds.LocalizedText)

Reader = Callable[[Variable], ua.DataValue]


@dataclass(frozen=True, slots=True)
class Namespaces:
    """Indexes of a plant's namespaces on its server."""

    variables: int
    types: int

    def companion(self, uri: str) -> int:
        """Index of a companion specification's namespace: they follow the plant's own."""
        return self.types + 1 + URIS.index(uri)


def variables_uri(plant: str) -> str:
    """Namespace of a plant's machines and variables."""
    return f"urn:dualspan:plc-sim:{plant}:plant"


def types_uri(plant: str) -> str:
    """Namespace of a plant's data types."""
    return f"urn:dualspan:plc-sim:{plant}:types"


class PlantNodes:
    """Builds the address space of a plant."""

    def __init__(self, server: SimServer, plant: Plant, namespaces: Namespaces, read: Reader) -> None:
        self._server = server
        self._plant = plant
        self._read = read
        self._builder = NodeBuilder(server, namespaces.variables)
        self._types = NodeBuilder(server, namespaces.types)
        self._namespaces = namespaces
        self._companions = {uri: NodeBuilder(server, namespaces.companion(uri)) for uri in URIS}
        self._object_types: dict[TypeName, ua.NodeId] = {}
        self._data_types: dict[str, ua.NodeId] = {}

    def build(self) -> None:
        """Add everything."""
        signals = {id(signal): signal for machine in self._plant.machines for signal in machine.signals}
        self._add_types(signals.values())
        root = self._builder.folder(OBJECTS, "Machines", "Machines", text("Machines"))
        for machine in self._plant.machines:
            self._add_machine(root, machine)

    def _add_types(self, signals: Iterable[Signal]) -> None:
        number = 1000
        for signal in signals:
            if signal.enumeration is not None and signal.enumeration.name not in self._data_types:
                number += 2
                self._add_enumeration(signal.enumeration, number)
            if signal.structure is not None:
                self._add_structure(signal.structure)

    def _add_enumeration(self, kind: Enumeration, number: int) -> None:
        fields = [
            ua.EnumField(Name=name, DisplayName=text(name), Description=text(name), Value=ua.Int64(value))
            for value, name in kind.members.items()
        ]
        node = self._types.data_type(_ENUMERATION_TYPE, number, kind.name, ua.EnumDefinition(Fields=fields))
        consecutive = list(kind.members) == list(range(len(kind.members)))
        if consecutive:
            strings = [text(name) for name in kind.members.values()]
            value, data_type, name = ua.Variant(strings, ua.VariantType.LocalizedText), _LOCALIZED, "EnumStrings"
        else:
            values = [
                ua.EnumValueType(Value=ua.Int64(v), DisplayName=text(n), Description=text(n))
                for v, n in kind.members.items()
            ]
            value, name = ua.Variant(values, ua.VariantType.ExtensionObject), "EnumValues"
            data_type = node_id(ua.ObjectIds.EnumValueType)
        self._types.constant(node, number + 1, name, value, data_type, namespace=0)
        self._data_types[kind.name] = node

    def _add_structure(self, kind: Structure) -> ua.NodeId:
        known = self._data_types.get(kind.name)
        if known is not None:
            return known
        definition = ua.StructureDefinition(
            DefaultEncodingId=self._types.node_id(kind.encoding_id),
            BaseDataType=_STRUCTURE_TYPE,
            StructureType=ua.StructureType.Structure,
            Fields=[self._field(field) for field in kind.fields],
        )
        node = self._types.data_type(_STRUCTURE_TYPE, kind.type_id, kind.name, definition)
        self._types.encoding(node, kind.encoding_id)
        self._data_types[kind.name] = node
        return node

    def _field(self, field: StructureField) -> ua.StructureField:
        kind = field.kind
        data_type = self._add_structure(kind) if isinstance(kind, Structure) else node_id(int(kind))
        return ua.StructureField(
            Name=field.name, Description=text(field.name), DataType=data_type, ValueRank=ua.Int32(-1), IsOptional=False
        )

    def _object_type(self, kind: TypeName | None) -> ua.NodeId:
        """A type of a companion specification; the base type of all objects if there is none."""
        if kind is None:
            return _BASE_OBJECT
        known = self._object_types.get(kind)
        if known is None:
            parent = self._object_type(kind.parent)
            known = self._companions[kind.uri].object_type(kind.number, kind.name, parent)
            self._object_types[kind] = known
        return known

    def _add_machine(self, root: ua.NodeId, machine: Machine) -> None:
        companion = machine.companion
        kind = self._object_type(companion.machine if companion is not None else None)
        node = self._builder.object(root, machine.name, machine.name, text(machine.label), type_id=kind, events=True)
        self._builder.refer(_SERVER, _HAS_NOTIFIER, node)
        self._add_identification(node, machine)
        folders: dict[str, ua.NodeId] = {}
        for signal in machine.signals:
            parent, path = node, machine.name
            *groups, name = signal.path.split("/")
            for group in groups:
                path = f"{path}/{group}"
                if path not in folders:
                    folders[path] = self._add_group(parent, path, group, companion)
                parent = folders[path]
            shared = companion is not None and signal.path in companion.variables
            where = self._namespaces.companion(companion.uri) if companion is not None and shared else None
            self._add_variable(parent, name, self._plant.variables[f"{machine.name}/{signal.path}"], where)
        for method in METHODS:
            self._add_method(node, machine, method)

        self._add_conditions(node, machine)

    def _add_group(self, parent: ua.NodeId, path: str, name: str, companion: Companion | None) -> ua.NodeId:
        """An object of a machine; one of the specification's where that has it."""
        kind = companion.groups.get(name) if companion is not None else None
        where = None if kind is None else self._namespaces.companion(kind.uri)
        return self._builder.object(parent, path, name, text(name), type_id=self._object_type(kind), namespace=where)

    def _add_conditions(self, machine_node: ua.NodeId, machine: Machine) -> None:
        path = f"{machine.name}/Alarms"
        folder = self._builder.folder(machine_node, path, "Alarms", text("Alarms"))
        event_id = Argument("EventId", ua.VariantType.ByteString, "The event that is acknowledged")
        comment = Argument("Comment", ua.VariantType.LocalizedText, "What to do about it")
        for name in CONDITION_NAMES:
            node = self._builder.object(folder, f"{path}/{name}", name, text(name), type_id=CONDITION_TYPE)
            arguments = [_argument(event_id), _argument(comment)]
            words = text("Acknowledge"), text("Says that somebody has seen it")
            self._builder.method(node, f"{path}/{name}/Acknowledge", "Acknowledge", *words, arguments, [], namespace=0)
            self._builder.refer(machine_node, _HAS_CONDITION, node)

    def _add_method(self, parent: ua.NodeId, machine: Machine, method: Method) -> None:
        path = f"{machine.name}/{method.name}"
        inputs, outputs = ([_argument(a) for a in arguments] for arguments in (method.inputs, method.outputs))
        self._builder.method(parent, path, method.name, text(method.label), text(method.purpose), inputs, outputs)

    def _add_identification(self, machine_node: ua.NodeId, machine: Machine) -> None:
        """A nameplate as OPC UA for Machinery has it, with its type and BrowseNames."""
        path = f"{machine.name}/{IDENTIFICATION}"
        node = self._builder.object(
            machine_node,
            path,
            IDENTIFICATION,
            text(IDENTIFICATION),
            type_id=self._object_type(MACHINE_IDENTIFICATION),
            namespace=self._namespaces.companion(DI),
        )
        plate = machine.identification
        values: dict[str, tuple[Any, ua.VariantType]] = {
            "Manufacturer": (text(plate.manufacturer), ua.VariantType.LocalizedText),
            "Model": (text(plate.model), ua.VariantType.LocalizedText),
            "SerialNumber": (plate.serial_number, ua.VariantType.String),
            "ProductInstanceUri": (f"urn:dualspan:plc-sim:{plate.serial_number}", ua.VariantType.String),
            "YearOfConstruction": (plate.year_of_construction, ua.VariantType.UInt16),
            "Location": (plate.location, ua.VariantType.String),
            "DisplayNameZh": (text(machine.label_zh, "zh"), ua.VariantType.LocalizedText),
        }
        for name, (value, kind) in values.items():
            variant = ua.Variant(value, kind)
            where = self._namespaces.companion(NAMEPLATE[name]) if name in NAMEPLATE else None
            self._builder.constant(node, f"{path}/{name}", name, variant, node_id(kind.value), namespace=where)

    def _add_variable(self, parent: ua.NodeId, name: str, variable: Variable, namespace: int | None) -> None:
        signal = variable.signal
        node = self._builder.variable(
            parent,
            variable.identifier,
            name,
            text(signal.label),
            self._data_type(signal),
            lambda: self._read(variable),
            description=text(signal.label_zh, "zh"),
            array_length=signal.length,
            minimum_sampling_ms=signal.grid_ms,
            type_id=DATA_VARIABLE if signal.unit is None else _ANALOG_UNIT_RANGE,
            writable=signal.writable,
            locked=signal.locked,
            namespace=namespace,
        )
        if signal.unit is not None:
            self._add_range(node, variable.identifier, signal, signal.unit)

    def _add_range(self, node: ua.NodeId, identifier: str, signal: Signal, unit: Unit) -> None:
        span = ua.Range(Low=ua.Double(signal.low), High=ua.Double(signal.high))
        information = ua.EUInformation(
            NamespaceUri=_UNIT_NAMESPACE,
            UnitId=ua.Int32(unit.unit_id),
            DisplayName=text(unit.symbol),
            Description=text(unit.name),
        )
        for name, value, kind in (
            ("EURange", span, ua.ObjectIds.Range),
            ("EngineeringUnits", information, ua.ObjectIds.EUInformation),
        ):
            variant = ua.Variant(value, ua.VariantType.ExtensionObject)
            self._builder.constant(node, f"{identifier}/{name}", name, variant, node_id(kind), namespace=0)

    def _data_type(self, signal: Signal) -> ua.NodeId:
        custom = signal.enumeration or signal.structure
        if custom is not None:
            return self._data_types[custom.name]
        return _STRING if signal.kind is BuiltInType.STRING else node_id(int(signal.kind))


def _argument(argument: Argument) -> ua.Argument:
    return ua.Argument(
        Name=argument.name,
        DataType=node_id(argument.kind.value),
        ValueRank=ua.Int32(-1),
        Description=text(argument.purpose),
    )
