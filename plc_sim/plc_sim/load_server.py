"""A load server: its nodes, its history (none) and its statistics."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import numpy as np
from asyncua import ua

from plc_sim.load import FIRST_NODE_ID, LoadPlan, LoadSampler
from plc_sim.load_statistics import LoadStatistics
from plc_sim.opcua.certificate import Identity
from plc_sim.opcua.gate import Gate
from plc_sim.opcua.nodes import OBJECTS, NodeBuilder, text
from plc_sim.opcua.server import ServerOptions, SimServer
from plc_sim.opcua.standard import node_id, status_code
from plc_sim.opcua.subscription import now_us

NAMESPACE = "urn:dualspan:plc-sim:load:variables"
_FOLDER_SIZE = 500
_DOUBLE = node_id(ua.ObjectIds.Double)


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

    def __init__(self, plan: LoadPlan, options: ServerOptions, identity: Identity) -> None:
        self.plan = plan
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
        self._build()
        await self._server.start()

    def _sampler(self) -> LoadSampler:
        return LoadSampler(self.plan, 2, self.statistics)

    def _build(self) -> None:
        builder = NodeBuilder(self._server, 2)
        root = builder.folder(OBJECTS, "Load", "Load", text("Load"))
        folder = root
        for item in range(self.plan.items):
            if item % _FOLDER_SIZE == 0:
                number = item // _FOLDER_SIZE
                folder = builder.folder(root, f"Block{number:03}", f"Block{number:03}", text(f"Block {number}"))
            name = f"Item{item:06}"
            builder.variable(
                folder,
                FIRST_NODE_ID + item,
                name,
                text(name),
                _DOUBLE,
                lambda item=item: self._read(item),
                minimum_sampling_ms=self.plan.tick_us / 1000,
                history=False,
            )

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
