"""A load server: its nodes, its history (none) and its statistics."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import numpy as np
from asyncua import ua

from plc_sim.load import FIRST_NODE_ID, LoadPlan, LoadSampler
from plc_sim.load_statistics import LoadStatistics
from plc_sim.opcua.certificate import Identity
from plc_sim.opcua.core import without_collector
from plc_sim.opcua.gate import Gate
from plc_sim.opcua.nodes import DATA_VARIABLE, OBJECTS, NodeBuilder, text
from plc_sim.opcua.server import ServerOptions, SimServer
from plc_sim.opcua.standard import node_id, status_code
from plc_sim.opcua.subscription import now_us

NAMESPACE = "urn:dualspan:plc-sim:load:variables"
_FOLDER_SIZE = 500
_ANALOG_EVERY = 10
_CELL_TYPE_ID = 2_000_000_000
_DOUBLE = node_id(ua.ObjectIds.Double)
_ANALOG_ITEM = node_id(ua.ObjectIds.AnalogItemType)
_EU_INFORMATION = node_id(ua.ObjectIds.EUInformation)
_RANGE = node_id(ua.ObjectIds.Range)
_UNITS = "EngineeringUnits"
_CELSIUS = ua.EUInformation(
    NamespaceUri="http://www.opcfoundation.org/UA/units/un/cefact",
    UnitId=ua.Int32(4408652),
    DisplayName=text("°C"),
    Description=text("degree Celsius"),
)
_SPAN = ua.Range(Low=ua.Double(100.0), High=ua.Double(260.0))


class NoHistory:
    """The history of a server that stores nothing."""

    async def init(self) -> None:
        """Nothing to open."""

    async def stop(self) -> None:
        """Nothing to close."""

    async def read_history(self, params: ua.HistoryReadParameters) -> list[ua.HistoryReadResult]:
        """Refuse every node."""
        refused = status_code(ua.StatusCodes.BadHistoryOperationUnsupported)
        return [ua.HistoryReadResult(StatusCode=refused) for _ in params.NodesToRead]


class LoadServer:
    """`items` double variables that change together, `rate` values per second in all."""

    def __init__(self, plan: LoadPlan, options: ServerOptions, identity: Identity, *, cells: bool = False) -> None:
        """Prepare a server.

        Args:
            plan: What it produces.
            options: How it presents itself.
            identity: Its certificate.
            cells: Variables are in objects of a type, every tenth has a unit and a range; otherwise in folders.
        """
        self.plan = plan
        self._cells = cells
        self.gate = Gate()
        self.statistics = LoadStatistics()
        self.identity = identity
        self._server = SimServer(options, identity, self.gate)

    @property
    def endpoint_url(self) -> str:
        """Where clients connect."""
        return self._server.endpoint.geturl()

    async def start(self) -> None:
        """Build the address space and listen."""
        await self._server.prepare(self._sampler, NoHistory(), lambda: [NAMESPACE])
        with without_collector():
            self._build()
        await self._server.start()

    def _sampler(self) -> LoadSampler:
        return LoadSampler(self.plan, 2, self.statistics)

    def _build(self) -> None:
        builder = NodeBuilder(self._server, 2)
        root = builder.folder(OBJECTS, "Load", "Load", text("Load"))
        kind = builder.object_type(_CELL_TYPE_ID, "LoadCellType") if self._cells else None
        parent = root
        for item in range(self.plan.items):
            if item % _FOLDER_SIZE == 0:
                parent = self._parent(builder, root, item // _FOLDER_SIZE, kind)
            analog = kind is not None and item % _ANALOG_EVERY == 0
            node = builder.variable(
                parent,
                FIRST_NODE_ID + item,
                f"Item{item:06}",
                text(f"Item{item:06}"),
                _DOUBLE,
                lambda item=item: self._read(item),
                minimum_sampling_ms=self.plan.tick_us / 1000,
                history=False,
                type_id=_ANALOG_ITEM if analog else DATA_VARIABLE,
            )
            if analog:
                self._measure(builder, node, item)

    def _parent(self, builder: NodeBuilder, root: ua.NodeId, number: int, kind: ua.NodeId | None) -> ua.NodeId:
        """The folder, or the cell, that the next variables are in."""
        if kind is None:
            return builder.folder(root, f"Block{number:03}", f"Block{number:03}", text(f"Block {number}"))
        return builder.object(root, f"Cell{number:03}", f"Cell{number:03}", text(f"Cell {number}"), type_id=kind)

    def _measure(self, builder: NodeBuilder, node: ua.NodeId, item: int) -> None:
        """Unit and range of a variable."""
        for name, value, data_type in ((_UNITS, _CELSIUS, _EU_INFORMATION), ("EURange", _SPAN, _RANGE)):
            variant = ua.Variant(value, ua.VariantType.ExtensionObject)
            builder.constant(node, f"{name}{item:06}", name, variant, data_type, namespace=0)

    def _read(self, item: int) -> ua.DataValue:
        tick = now_us() // self.plan.tick_us
        value = float(self.plan.values(np.array([item]), np.array([tick]))[0])
        stamp = datetime.fromtimestamp(tick * self.plan.tick_us / 1e6, UTC)
        variant = ua.Variant(value, ua.VariantType.Double)
        return ua.DataValue(variant, None, stamp, stamp)  # pyright: ignore[reportArgumentType]  # plain datetimes work

    async def stop(self) -> None:
        """Stop listening."""
        await self._server.stop()

    def report(self, *, per_item: bool = True) -> dict[str, Any]:
        """What was sent: totals, and a row for every monitored item that ever was."""
        sent, dropped = self.statistics.totals()
        report: dict[str, Any] = {
            "items": self.plan.items,
            "tick_us": self.plan.tick_us,
            "seed": self.plan.seed,
            "rate": self.plan.rate,
            "sent": sent,
            "dropped": dropped,
        }
        if per_item:
            report["streams"] = [asdict(stream) for stream in self.statistics.streams()]
        return report

    async def command(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Answer a line of the control socket.

        Raises:
            ValueError: An unknown command or argument.
        """
        if name != "statistics":
            raise ValueError(f"unknown command {name!r}; a load server knows: statistics")
        return self.report(per_item=bool(arguments.get("per_item", True)))
