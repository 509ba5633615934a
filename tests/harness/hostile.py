"""An OPC UA server that breaks the standard where it is browsed: a process of its own, so that its memory is not ours.

Below the root of each behaviour (`ns=2;s=<behaviour>`) it does one thing wrong; everything else it does right.
`python -m harness.hostile` prints its address and runs until it is killed.
"""

import asyncio
import itertools
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

from asyncua import ua
from asyncua.common.utils import ServiceError

from plc_sim.load import LoadPlan
from plc_sim.load_server import NAMESPACE, LoadServer
from plc_sim.opcua import certificate
from plc_sim.opcua.server import ServerOptions
from plc_sim.opcua.session import SimSession
from plc_sim.opcua.standard import node_id, status_code

TESTS = Path(__file__).parents[1]
INDEX = 2
FEW = 7
HUGE = 3_000_000
MANY = 60_000
_ORGANIZES = node_id(ua.ObjectIds.Organizes)
_FOLDER = node_id(ua.ObjectIds.FolderType)
_numbers = itertools.count(1)


def root_of(behaviour: str) -> str:
    """The NodeId below which the server behaves so, with its namespace as URI."""
    return f"nsu={NAMESPACE};s={behaviour}"


def _reference(identifier: str, name: str = "", kind: ua.NodeClass = ua.NodeClass.Object) -> ua.ReferenceDescription:
    text = name or identifier.rpartition("/")[2]
    return ua.ReferenceDescription(
        ReferenceTypeId=_ORGANIZES,
        IsForward=True,  # pyright: ignore[reportArgumentType]  # plain bool works
        NodeId=node_id(identifier, INDEX),  # pyright: ignore[reportArgumentType]  # a NodeId works
        BrowseName=ua.QualifiedName(text, INDEX),
        DisplayName=ua.LocalizedText(text),
        NodeClass=kind,
        TypeDefinition=_FOLDER,  # pyright: ignore[reportArgumentType]  # a NodeId works
    )


def _result(*references: ua.ReferenceDescription, point: bytes = b"") -> ua.BrowseResult:
    result = ua.BrowseResult(References=list(references))
    result.ContinuationPoint = point or None  # pyright: ignore[reportAttributeAccessIssue]  # plain bytes work
    return result


def _refused(code: int) -> ua.BrowseResult:
    return ua.BrowseResult(StatusCode=status_code(code))


def _same_for_ever(node: str) -> ua.BrowseResult:
    return _result(_reference("same/Child"), point=f"same:{node}".encode()) if node == "same" else _result()


def _new_for_ever(node: str) -> ua.BrowseResult:
    if node != "new":
        return _result()
    fresh = [_reference(f"new/N{next(_numbers)}") for _ in range(500)]
    return _result(*fresh, point=b"new:new")


def _properties_for_ever(node: str) -> ua.BrowseResult:
    fresh = [_reference(f"properties/P{next(_numbers)}") for _ in range(500)]
    for reference in fresh:
        reference.ReferenceTypeId = node_id(ua.ObjectIds.HasProperty)
    return _result(*fresh, point=f"properties:{node}".encode())


def _deeper(node: str) -> ua.BrowseResult:
    return _result(_reference(f"deep/L{next(_numbers)}"))


def _cycle(node: str) -> ua.BrowseResult:
    """A leads to B, B to A, both to themselves and to the root, each said three times."""
    step = _reference("cycle/B" if node.endswith("A") else "cycle/A")
    return _result(*[step, _reference(node), _reference("cycle")] * 3)


def _too_many(node: str) -> ua.BrowseResult:
    return _result(*(_reference(f"flood/F{number}") for number in range(MANY))) if node == "flood" else _result()


def _huge_texts(node: str) -> ua.BrowseResult:
    if node != "huge":
        return _result()
    return _result(
        _reference("huge/name", "x" * HUGE),
        _reference("huge/" + "i" * HUGE, "identifier"),
        _reference("huge/display"),
        _reference("huge/fine"),
    )


def _bad_text(node: str) -> ua.BrowseResult:
    # Surrogate escapes become the bytes FF and FE, which no UTF-8 has.
    if node != "text":
        return _result()
    return _result(_reference("text/name", "Te\udcff\udcfemp"), _reference("text/\udcff", "identifier"))


def _no_points(node: str) -> ua.BrowseResult:
    if node == "nopoints":
        return _result(_reference("nopoints/poor"), _reference("nopoints/fine"))
    return _refused(ua.StatusCodes.BadNoContinuationPoints) if node == "nopoints/poor" else _result()


def _points_vanish(node: str) -> ua.BrowseResult:
    return _result(_reference("vanish/First"), point=b"vanish:gone") if node == "vanish" else _result()


def _denied(node: str) -> ua.BrowseResult:
    if node == "denied":
        return _result(_reference("denied/secret"), _reference("denied/open"))
    return _refused(ua.StatusCodes.BadUserAccessDenied) if node == "denied/secret" else _result()


def _states(node: str) -> ua.BrowseResult:
    """Variables with more states than anybody could tell apart."""
    if node == "states":
        return _result(*(_reference(f"states/V{number}", kind=ua.NodeClass.Variable) for number in range(20)))
    if node.endswith("EnumStrings"):
        return _result()
    stated = _reference(f"{node}/EnumStrings")
    stated.ReferenceTypeId = node_id(ua.ObjectIds.HasProperty)
    return _result(stated)


def _wide(node: str) -> ua.BrowseResult:
    """Fifty harmless children, for what goes wrong with calls."""
    if "/" in node:
        return _result()
    return _result(*(_reference(f"{node}/C{number:02}", kind=ua.NodeClass.Object) for number in range(50)))


_NODES: dict[str, Callable[[str], ua.BrowseResult]] = {
    "same": _same_for_ever,
    "new": _new_for_ever,
    "properties": _properties_for_ever,
    "deep": _deeper,
    "cycle": _cycle,
    "flood": _too_many,
    "huge": _huge_texts,
    "text": _bad_text,
    "nopoints": _no_points,
    "vanish": _points_vanish,
    "denied": _denied,
    "states": _states,
    "few": _wide,
    "silent": _wide,
    "short": _wide,
}


def _behaviour(node: ua.NodeId) -> str:
    identifier = node.Identifier
    return identifier.partition("/")[0] if node.NamespaceIndex == INDEX and isinstance(identifier, str) else ""


class HostileSession(SimSession):
    """A session that answers as the standard says, but for the nodes of a behaviour."""

    async def browse(self, params: ua.BrowseParameters) -> list[ua.BrowseResult]:
        nodes = [description.NodeId for description in params.NodesToBrowse]
        if not nodes or _behaviour(nodes[0]) not in _NODES:
            return await super().browse(params)
        await _misbehave(nodes)
        results = [_NODES[_behaviour(node)](str(node.Identifier)) for node in nodes]
        return results[:-1] if _behaviour(nodes[0]) == "short" and len(nodes) > 1 else results

    async def browse_next(self, parameters: ua.BrowseNextParameters) -> list[ua.BrowseResult]:
        points = [bytes(point) for point in parameters.ContinuationPoints]
        if b":" not in points[0]:
            return await super().browse_next(parameters)
        if parameters.ReleaseContinuationPoints:
            return [_result() for _ in points]
        return [self._next(*point.decode().split(":")) for point in points]

    @staticmethod
    def _next(behaviour: str, node: str) -> ua.BrowseResult:
        if behaviour == "vanish":
            return _refused(ua.StatusCodes.BadContinuationPointInvalid)
        return _NODES[behaviour](node)

    async def read(self, params: ua.ReadParameters) -> list[ua.DataValue]:
        nodes = [each.NodeId for each in params.NodesToRead]
        if not nodes or _behaviour(nodes[0]) not in _NODES:
            return await super().read(params)
        await _misbehave(nodes)
        return [_value(str(each.NodeId.Identifier), each.AttributeId) for each in params.NodesToRead]


def _value(node: str, attribute: int) -> ua.DataValue:
    if attribute == ua.AttributeIds.Description:
        text = "d" * HUGE if node == "huge/display" else "a node"
        return ua.DataValue(ua.Variant(ua.LocalizedText(text), ua.VariantType.LocalizedText))
    if attribute == ua.AttributeIds.Value and node.endswith("EnumStrings"):
        states = [ua.LocalizedText("s" * 1000) for _ in range(1000)]
        return ua.DataValue(ua.Variant(states, ua.VariantType.LocalizedText))
    return _NOTHING


_NOTHING = ua.DataValue(StatusCode=status_code(ua.StatusCodes.BadAttributeIdInvalid))


async def _misbehave(nodes: Sequence[ua.NodeId]) -> None:
    """What goes wrong with whole calls: fewer operations than stated are too many; silence behind the first level."""
    behaviours = {_behaviour(node) for node in nodes}
    if "few" in behaviours and len(nodes) > FEW:
        raise ServiceError(ua.StatusCodes.BadTooManyOperations)
    if "silent" in behaviours and any("/" in str(node.Identifier) for node in nodes):
        await asyncio.sleep(3600)


async def _serve() -> None:
    folder = Path(tempfile.mkdtemp(prefix="hostile-"))
    options = ServerOptions(
        name="hostile",
        application_uri="urn:dualspan:plc-sim:hostile",
        product_uri="urn:dualspan:plc-sim",
        bind_host="127.0.0.1",
        advertised_host="127.0.0.1",
        port=0,
        username="operator",
        password="operator",
        allow_none=True,
        max_nodes=10_000,
    )
    identity = certificate.load_or_create(folder, options.application_uri, options.name, ("127.0.0.1",))
    server = LoadServer(LoadPlan.of(1000, 100), options, identity)
    await server.start()
    internal: Any = server._server.iserver
    ordinary = internal.create_session

    def create_session(*arguments: Any, **options: Any) -> SimSession:
        session = ordinary(*arguments, **options)
        session.__class__ = HostileSession
        return session

    internal.create_session = create_session
    print(server.endpoint_url, flush=True)
    await asyncio.Event().wait()


@contextmanager
def run_hostile_server() -> Generator[str]:
    """Runs the server; its address."""
    environment = os.environ | {"PYTHONPATH": str(TESTS)}
    with Popen([sys.executable, "-m", "harness.hostile"], stdout=PIPE, env=environment, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    asyncio.run(_serve())
