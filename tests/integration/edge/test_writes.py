"""Writes and calls by the gateway, on real servers: a simulated plant, asyncua's, and node-opcua."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from asyncua import ua
from asyncua.common.methods import uamethod
from integration.edge.plant import NAMESPACE, Plant
from integration.plc_sim.client import HOSTS, PASSWORD, USER
from integration.plc_sim.conftest import options

from dualspan.onboarding.v1 import gateway_service_pb2 as gateway
from dualspan.onboarding.v1 import resources_pb2 as onboarding
from dualspan.onboarding.v1.writes_pb2 import (
    MethodCall,
    VariableWrite,
    WriteCheck,
    WriteLimits,
    WriteOutcome,
    WriteValue,
)
from dualspan_edge.clock import now_microseconds
from dualspan_edge.commands import CommandRegistry
from dualspan_edge.errors import GatewayError
from dualspan_edge.opcua.certificates import load_application_instance
from dualspan_edge.opcua.connection import Connection, connect
from dualspan_edge.opcua.server import Connected
from dualspan_edge.writes import WriteDesk
from harness.node_opcua import NodeOpcUaSettings, run_node_opcua
from plc_sim.opcua import certificate
from plc_sim.plant_server import PlantServer
from plc_sim.plants import make_plant

EXECUTED, REFUSED, UNKNOWN = (
    WriteOutcome.RESULT_EXECUTED,
    WriteOutcome.RESULT_REFUSED,
    WriteOutcome.RESULT_UNKNOWN,
)
SIMULATED = "urn:dualspan:plc-sim:curing:plant"
NO_LIMITS = WriteLimits()


def number(value: object) -> WriteValue:
    return WriteValue(number=str(value))


@dataclass
class Servers:
    """The connections of a gateway, by server."""

    connections: dict[str, Connection]

    def connected(self, server: str) -> Connected:
        if server not in self.connections:
            raise GatewayError(f"the server {server} is not connected")
        return Connected(self.connections[server], 0)


@dataclass
class Desk:
    """A gateway's writes."""

    desk: WriteDesk
    servers: Servers

    async def write(self, node_id: str, value: WriteValue, tolerance: str = "", **check: Any) -> WriteOutcome:
        limits = check.pop("limits", NO_LIMITS)
        work = VariableWrite(
            server="plant",
            node_id=node_id,
            value=value,
            tolerance=tolerance,
            check=WriteCheck(limits=[limits], **check),
        )
        report = await self.desk.write(gateway.ConnectResponse.Command(write=work), lambda *_: None)
        return report.write

    async def call(self, object_id: str, method_id: str, *arguments: WriteValue, **check: Any) -> WriteOutcome:
        limits = check.pop("limits", [NO_LIMITS] * len(arguments))
        work = MethodCall(
            server="plant",
            object_id=object_id,
            method_id=method_id,
            arguments=arguments,
            check=WriteCheck(limits=limits, **check),
        )
        report = await self.desk.call(gateway.ConnectResponse.Command(call=work), lambda *_: None)
        return report.call


@asynccontextmanager
async def desk_at(folder: Path, *, enabled: bool = True, **way: Any) -> AsyncGenerator[Desk]:
    configuration = gateway.ServerConfiguration(server="plant", **way)
    instance = await asyncio.to_thread(load_application_instance, folder / "gateway", "gateway")
    connection = await connect(configuration, instance, None)
    servers = Servers({"plant": connection})
    try:
        commands = CommandRegistry(now_microseconds)
        yield Desk(WriteDesk(servers, commands, enabled=enabled), servers)  # pyright: ignore[reportArgumentType] - what it uses
    finally:
        await connection.close(keep_session=False)


@pytest.fixture
async def desk(plant: Plant, tmp_path: Path) -> AsyncGenerator[Desk]:
    way = plant.configuration()
    async with desk_at(
        tmp_path,
        endpoint_url=way.endpoint_url,
        security_mode=way.security_mode,
        trusted_certificate_sha256=way.trusted_certificate_sha256,
    ) as found:
        yield found


async def writable(plant: Plant, name: str, value: object, kind: ua.VariantType) -> str:
    node = plant.server.get_node(await plant.add(name, value, kind))
    await node.set_writable()
    return f"nsu={NAMESPACE};s=machine.{name}"


async def value_of(plant: Plant, name: str) -> object:
    return await plant.server.get_node(plant.node(name)).read_value()


@pytest.mark.parametrize(
    ("kind", "before", "value", "after"),
    [
        (ua.VariantType.Double, 1.0, number("2.5"), 2.5),
        (ua.VariantType.Float, 1.0, number("231.1"), 231.10000610351562),
        (ua.VariantType.Int16, 1, number("-5"), -5),
        (ua.VariantType.UInt64, 1, number(2**64 - 1), 2**64 - 1),
        (ua.VariantType.Boolean, False, WriteValue(boolean=True), True),
        (ua.VariantType.String, "a", WriteValue(text="冷"), "冷"),
        (ua.VariantType.ByteString, b"a", WriteValue(binary=b"\x00"), b"\x00"),
    ],
)
async def test_a_value_is_written_in_the_variables_own_type_and_read_back(
    plant: Plant, desk: Desk, kind: ua.VariantType, before: object, value: WriteValue, after: object
) -> None:
    node = await writable(plant, "setpoint", before, kind)
    outcome = await desk.write(node, value)
    assert (outcome.result, outcome.matches, outcome.detail) == (EXECUTED, True, "")
    assert outcome.data_type == kind.name
    assert outcome.before.WhichOneof("value")
    assert outcome.execute_time.seconds
    assert await value_of(plant, "setpoint") == after


async def test_nothing_is_written_at_a_gateway_that_was_not_switched_on(plant: Plant, desk: Desk) -> None:
    node = await writable(plant, "setpoint", 1.0, ua.VariantType.Double)
    commands = CommandRegistry(now_microseconds)
    desk.desk = WriteDesk(desk.servers, commands, enabled=False)  # pyright: ignore[reportArgumentType] - what it uses
    outcome = await desk.write(node, number(2))
    assert (outcome.result, "DUALSPAN_GATEWAY_WRITES" in outcome.detail) == (REFUSED, True)
    called = await desk.call(f"nsu={NAMESPACE};s=machine.", f"nsu={NAMESPACE};s=machine.Start")
    assert (called.result, "DUALSPAN_GATEWAY_WRITES" in called.detail) == (REFUSED, True)
    assert await value_of(plant, "setpoint") == 1.0


@pytest.mark.parametrize(
    ("value", "limits", "why"),
    [
        (number(11), WriteLimits(maximum="10"), "more than the limit"),
        (number(5), WriteLimits(maximum_step="3.9"), "away from the present"),
        (number(70_000), NO_LIMITS, "is not between"),
        (number("1.5"), NO_LIMITS, "not a whole number"),
        (WriteValue(text="x"), NO_LIMITS, "type is Int16"),
        (number("NaN"), NO_LIMITS, "not a number"),
    ],
)
async def test_limits_and_types_are_checked_again_where_the_machine_is(
    plant: Plant, desk: Desk, value: WriteValue, limits: WriteLimits, why: str
) -> None:
    node = await writable(plant, "setpoint", 1, ua.VariantType.Int16)
    outcome = await desk.write(node, value, limits=limits)
    assert (outcome.result, why in outcome.detail) == (REFUSED, True), outcome.detail
    assert await value_of(plant, "setpoint") == 1


async def test_the_machines_mode_is_read_at_that_moment(plant: Plant, desk: Desk) -> None:
    node = await writable(plant, "setpoint", 1.0, ua.VariantType.Double)
    mode = await writable(plant, "mode", 2, ua.VariantType.Int32)
    check: dict[str, Any] = {"mode_server": "plant", "mode_node_id": mode, "mode_values": [number(3), number(5)]}
    refused = await desk.write(node, number(2), **check)
    assert (refused.result, refused.machine_mode.number) == (REFUSED, "2")
    assert "another mode" in refused.detail
    await plant.write("mode", 3, ua.VariantType.Int32)
    assert (await desk.write(node, number(2), **check)).result == EXECUTED
    await plant.write("mode", 3, ua.VariantType.Int32, ua.StatusCodes.BadSensorFailure)
    unsure = await desk.write(node, number(9), **check)
    assert (unsure.result, "cannot be read" in unsure.detail) == (REFUSED, True)
    assert (await desk.write(node, number(9), **(check | {"mode_server": "other"}))).result == REFUSED
    assert await value_of(plant, "setpoint") == 2.0


async def test_a_value_that_the_machine_does_not_keep_is_a_mismatch(
    plant: Plant, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dualspan_edge.writes._READ_BACK_SECONDS", 0.2)
    node = await writable(plant, "setpoint", 1.0, ua.VariantType.Double)
    session = desk.servers.connections["plant"].session
    take = session.write

    async def corrected(parameters: ua.WriteParameters) -> list[ua.StatusCode]:
        answer = await take(parameters)
        await plant.write("setpoint", 4.5, ua.VariantType.Double)
        return answer

    monkeypatch.setattr(session, "write", corrected)
    outcome = await desk.write(node, number(5), "0.4")
    assert (outcome.result, outcome.matches, outcome.after.number) == (EXECUTED, False, "4.5")
    assert "another one" in outcome.detail
    assert (await desk.write(node, number(5), "0.5")).matches, "4.5 is within a tolerance of 0.5"


async def test_what_cannot_be_written_is_said_in_words(plant: Plant, desk: Desk) -> None:
    fixed = plant.server.get_node(await plant.add("fixed", 1.0, ua.VariantType.Double))
    outcome = await desk.write(f"nsu={NAMESPACE};s=machine.fixed", number(2))
    assert (outcome.result, "does not let this user write" in outcome.detail) == (REFUSED, True)
    assert await fixed.read_value() == 1.0
    array = await writable(plant, "array", [1.0, 2.0], ua.VariantType.Double)
    assert "array" in (await desk.write(array, number(2))).detail
    missing = await desk.write(f"nsu={NAMESPACE};s=nothing", number(2))
    assert (missing.result, "no such node" in missing.detail) == (REFUSED, True)
    elsewhere = await desk.write("nsu=urn:elsewhere;s=x", number(2))
    assert (elsewhere.result, "no namespace" in elsewhere.detail) == (REFUSED, True)


async def test_a_server_that_falls_silent_leaves_an_unknown_outcome(
    plant: Plant, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = await writable(plant, "setpoint", 1.0, ua.VariantType.Double)
    connection = desk.servers.connections["plant"]
    sent: list[ua.WriteParameters] = []

    async def silent(parameters: ua.WriteParameters) -> list[ua.StatusCode]:
        sent.append(parameters)
        raise ConnectionError("the connection is closed")

    monkeypatch.setattr(connection.session, "write", silent)
    outcome = await desk.write(node, number(2))
    assert (outcome.result, "look at the machine" in outcome.detail) == (UNKNOWN, True)
    assert len(sent) == 1, "what may have happened is not tried again"

    async def nonsense(parameters: ua.WriteParameters) -> list[ua.StatusCode]:
        raise ValueError("no such thing in OPC UA")

    monkeypatch.setattr(connection.session, "write", nonsense)
    assert (await desk.write(node, number(2))).result == UNKNOWN


async def test_two_writes_to_one_server_keep_the_largest_step(plant: Plant, desk: Desk) -> None:
    node = await writable(plant, "setpoint", 0.0, ua.VariantType.Double)
    limits = WriteLimits(maximum_step="10")
    outcomes = await asyncio.gather(*(desk.write(node, number(step), limits=limits) for step in (10, 20, 31)))
    assert [outcome.result for outcome in outcomes] == [EXECUTED, EXECUTED, REFUSED]


@uamethod
def _scaled(parent: object, factor: int, name: str) -> tuple[float, str]:
    if name == "broken":
        raise ValueError(name)
    return factor * 1.5, name


async def test_a_method_is_called_with_arguments_of_its_types(plant: Plant, desk: Desk) -> None:
    inputs = [ua.VariantType.Int16, ua.VariantType.String]
    outputs = [ua.VariantType.Double, ua.VariantType.String]
    await plant.machine.add_method(plant.node("Scale"), f"{plant.index}:Scale", _scaled, inputs, outputs)
    machine, method = (f"nsu={NAMESPACE};s=machine.{name}" for name in ("", "Scale"))
    done = await desk.call(machine, method, number(4), WriteValue(text="x"))
    assert (done.result, [value.number or value.text for value in done.outputs]) == (EXECUTED, ["6.0", "x"])
    few = await desk.call(machine, method, number(4))
    assert (few.result, "takes 2 arguments" in few.detail) == (REFUSED, True)
    large = await desk.call(machine, method, number(40_000), WriteValue(text="x"))
    assert (large.result, "is not between" in large.detail) == (REFUSED, True)
    limited = await desk.call(
        machine, method, number(4), WriteValue(text="x"), limits=[WriteLimits(maximum="3"), NO_LIMITS]
    )
    assert (limited.result, "more than the limit" in limited.detail) == (REFUSED, True)
    none = await desk.call(machine, f"nsu={NAMESPACE};s=machine.Nothing")
    assert none.result == REFUSED


async def test_a_simulated_press_takes_setpoints_and_stops(tmp_path: Path) -> None:
    identity = certificate.load_or_create(tmp_path / "curing", "urn:dualspan:plc-sim:curing", "Test curing", HOSTS)
    server = PlantServer(make_plant("curing", 11), options(), tmp_path / "curing", HOSTS)
    await server.start()
    try:
        async with desk_at(
            tmp_path,
            endpoint_url=server.endpoint_url,
            security_mode=onboarding.SECURITY_MODE_SIGN_AND_ENCRYPT,
            trusted_certificate_sha256=hashlib.sha256(identity.certificate_der).hexdigest(),
            username=USER,
            password=PASSWORD,
        ) as desk:
            await _run_a_press(desk)
    finally:
        await server.stop()


async def _run_a_press(desk: Desk) -> None:
    def node(name: str) -> str:
        return f"nsu={SIMULATED};s=Press01{name}"

    setpoint = node("/Setpoints/PlatenTemperature")
    done = await desk.write(setpoint, number("171.5"), limits=WriteLimits(maximum_step="5"))
    assert (done.result, done.matches, done.before.number, done.after.number) == (EXECUTED, True, "168.0", "171.5")
    hot = await desk.write(setpoint, number(189), limits=WriteLimits(minimum="140", maximum="185"))
    assert (hot.result, hot.after.WhichOneof("value")) == (REFUSED, None)
    beyond = await desk.write(setpoint, number(500))
    assert (beyond.result, beyond.status_code) == (REFUSED, ua.StatusCodes.BadOutOfRange)
    locked = await desk.write(node("/Setpoints/ClampLimit"), number(1500))
    assert (locked.result, "does not let this user" in locked.detail) == (REFUSED, True)
    running = await desk.call(node(""), node("/Start"))
    assert (running.result, running.status_code) == (REFUSED, ua.StatusCodes.BadInvalidState)
    stopped = await desk.call(node(""), node("/Stop"), WriteValue(text="change of mould"))
    assert (stopped.result, stopped.outputs[0].text.endswith("Z")) == (EXECUTED, True)


async def test_a_server_of_another_make_is_written_to_as_well(tmp_path: Path, free_port: Callable[[], int]) -> None:
    settings = NodeOpcUaSettings(free_port(), str(tmp_path / "pki"), setpoint=True)
    async with run_node_opcua(settings) as server:
        way: dict[str, Any] = {"endpoint_url": server.url, "security_mode": onboarding.SECURITY_MODE_NONE}
        async with desk_at(tmp_path, **way) as desk:
            namespace = server.application_uri
            setpoint = f"nsu={namespace};s=machine.Setpoint"
            done = await desk.write(setpoint, number("21.5"), limits=WriteLimits(maximum_step="5"))
            assert (done.result, done.matches, done.data_type) == (EXECUTED, True, "Float"), done.detail
            assert (done.before.number, done.after.number) == ("20.0", "21.5")
            # It says that its sensor may be written, and takes what is written nowhere.
            sensor = await desk.write(f"nsu={namespace};s=machine.V1", number(100))
            assert (sensor.result, sensor.matches) == (EXECUTED, False)
            called = await desk.call(
                f"nsu={namespace};s=machine", f"nsu={namespace};s=machine.Add", number(4), number(-6)
            )
            assert (called.result, [output.number for output in called.outputs]) == (EXECUTED, ["-2"]), called.detail
