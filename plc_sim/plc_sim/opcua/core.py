"""asyncua's core, begun and ended quickly."""

import asyncio
import contextlib
import gc
from collections.abc import Generator
from pathlib import Path

from asyncua import ua
from asyncua.server.address_space import AttributeValue, NodeData
from asyncua.server.internal_server import InternalServer

_template: dict[ua.NodeId, NodeData] = {}


async def _standard_nodes() -> dict[ua.NodeId, NodeData]:
    """The nodes of the standard namespace."""
    if not _template:
        core = InternalServer()
        await core.load_standard_address_space()
        _template.update(core.aspace._nodes)  # noqa: SLF001 - asyncua has no way to list them
        core.method_service.stop()
    return _template


def _own(attribute: AttributeValue) -> AttributeValue:
    copied = AttributeValue(attribute.value or ua.DataValue())
    copied.value = attribute.value
    return copied


def _copy(node: NodeData) -> NodeData:
    """A node of its own, sharing the values, which asyncua replaces and never changes."""
    copied = NodeData(node.nodeid)
    copied.attributes = {name: _own(attribute) for name, attribute in node.attributes.items()}
    copied.references = list(node.references)
    copied.call = node.call
    return copied


@contextlib.contextmanager
def without_collector() -> Generator[None]:
    """While many nodes are made that stay: the collector would walk them, again and again, and find nothing."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


class QuickInternalServer(InternalServer):
    """asyncua's core; many of them begin in one process, and none lets its end be waited for."""

    async def load_standard_address_space(self, shelf_file: Path | None = None) -> None:
        """Copy the standard nodes from a template, which is filled once per process: it takes over a second."""
        del shelf_file
        with without_collector():
            template = await _standard_nodes()
            self.aspace._nodes = {node_id: _copy(node) for node_id, node in template.items()}  # noqa: SLF001

    async def stop(self) -> None:
        """End at once: asyncua waits until its clock, which ticks every second, has ticked again."""
        clock, self.time_task = self.time_task, None
        if clock is not None:
            clock.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await clock
        await super().stop()
