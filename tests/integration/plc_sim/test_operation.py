"""Writing to a plant and calling its methods, by an ordinary client."""

import asyncio
import time
from datetime import UTC, datetime

import numpy as np
import pytest
from asyncua import Client, Node, ua
from integration.plc_sim.client import Connector, Site

from plc_sim.model.plant import Machine, Plant
from plc_sim.opcua.standard import node_id
from plc_sim.plants import make_plant

SETPOINT = "Press01/Setpoints/PlatenTemperature"
LOCKED = "Press01/Setpoints/ClampLimit"
CODES = ua.StatusCodes
shared = pytest.mark.asyncio(loop_scope="module")


def value(number: object, kind: ua.VariantType = ua.VariantType.Double) -> ua.DataValue:
    return ua.DataValue(ua.Variant(number, kind))


def stamped(number: float) -> ua.DataValue:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    return ua.DataValue(ua.Variant(number), SourceTimestamp=moment)  # pyright: ignore[reportArgumentType]  # works


async def write(client: Client, node: str | ua.NodeId, content: ua.DataValue, attribute: int = 13) -> int:
    item = ua.WriteValue()
    item.NodeId = node_id(node, 2) if isinstance(node, str) else node
    item.AttributeId = ua.AttributeIds(attribute)
    item.Value = content
    (result,) = await client.uaclient.write(ua.WriteParameters(NodesToWrite=[item]))
    return result.value


async def call(client: Client, machine: str, method: str, *arguments: ua.Variant) -> ua.CallMethodResult:
    request = ua.CallMethodRequest()
    request.ObjectId, request.MethodId = node_id(machine, 2), node_id(method, 2)
    request.InputArguments = list(arguments)
    (result,) = await client.uaclient.call([request])
    return result


def text(content: str) -> ua.Variant:
    return ua.Variant(content, ua.VariantType.String)


def number(content: int) -> ua.Variant:
    return ua.Variant(content, ua.VariantType.UInt32)


async def test_a_written_setpoint_is_in_force_when_the_answer_comes(site: Site, connect: Connector) -> None:
    client = await connect(site.server.endpoint_url)
    assert await write(client, SETPOINT, value(175.5)) == 0
    assert await client.get_node(node_id(SETPOINT, 2)).read_value() == 175.5
    await site.server.restart()
    again = await connect(site.server.endpoint_url)
    assert await again.get_node(node_id(SETPOINT, 2)).read_value() == 175.5
    (last,) = site.server.plant.writes.of(SETPOINT)
    upper = site.server.plant.variables["Press01/Mould/UpperTemperature"]
    untouched = make_plant("curing", 11).variables["Press01/Mould/UpperTemperature"]
    later = (last.at_us // 1_000_000 + 900) * 1_000_000
    difference = upper.ticks(later, later + 1)[1] - untouched.ticks(later, later + 1)[1]
    view = site.server.plant.view_at(site.server.plant.machines[0], later)
    expected = 7.5 * (1.0 - np.exp(-900.0 / 180.0)) * view.warmth(90.0)
    assert difference == pytest.approx(expected, abs=0.02)


async def test_what_was_sampled_before_a_write_stays(site: Site, connect: Connector) -> None:
    plant = site.server.plant
    client = await connect(site.server.endpoint_url)
    start = time.time_ns() // 1000 - 60_000_000
    names = [name for name in plant.variables if name.startswith("Press01/")]
    now = time.time_ns() // 1000
    before = {name: plant.variables[name].ticks(start, now) for name in names}
    await write(client, SETPOINT, value(150.0))
    await call(client, "Press01", "Press01/Stop", text("test"))
    assert plant.writes.path is not None
    told = make_plant("curing", 11, plant.writes.path.with_name("overlays.jsonl"))
    for name in names:
        times, values, status = told.variables[name].ticks(start, now)
        assert np.array_equal(values, before[name][1], equal_nan=values.dtype.kind == "f"), name
        assert np.array_equal(times, before[name][0])
        assert np.array_equal(status, before[name][2])


@shared
@pytest.mark.parametrize(
    ("node", "content", "code"),
    [
        (SETPOINT, value(1000.0), CODES.BadOutOfRange),
        (SETPOINT, value(float("nan")), CODES.BadOutOfRange),
        (SETPOINT, value(150.0, ua.VariantType.Float), CODES.BadTypeMismatch),
        (SETPOINT, value([150.0]), CODES.BadTypeMismatch),
        (SETPOINT, stamped(150.0), CODES.BadWriteNotSupported),
        (LOCKED, value(1500.0), CODES.BadUserAccessDenied),
        ("Press01/Hydraulics/Pressure", value(1.0), CODES.BadNotWritable),
        ("Press01/Nothing", value(1.0), CODES.BadNodeIdUnknown),
    ],
)
async def test_wrong_writes_are_refused(
    shared_site: Site, shared_connect: Connector, node: str, content: ua.DataValue, code: int
) -> None:
    client = await shared_connect(shared_site.server.endpoint_url)
    assert await write(client, node, content) == code
    assert not shared_site.server.plant.writes.of(node)


@shared
async def test_access_levels_and_ranges_say_what_may_be_written(shared_site: Site, shared_connect: Connector) -> None:
    client = await shared_connect(shared_site.server.endpoint_url)

    async def levels(name: str) -> tuple[int, int]:
        node = client.get_node(node_id(name, 2))
        values = await node.read_attributes([ua.AttributeIds.AccessLevel, ua.AttributeIds.UserAccessLevel])
        present = [value.Value.Value & 2 for value in values if value.Value is not None]
        return present[0], present[1]

    assert await levels(SETPOINT) == (2, 2)
    assert await levels(LOCKED) == (2, 0)
    assert await levels("Press01/Hydraulics/Pressure") == (0, 0)
    node: Node = client.get_node(node_id(SETPOINT, 2))
    span = await (await node.get_child(["0:EURange"])).read_value()
    assert (span.Low, span.High) == (140.0, 190.0)


def busy(plant: Plant) -> Machine:
    """One that nothing stops for the next 20 minutes, which are longer than any cycle."""
    instants = range(time.time_ns() // 1000, time.time_ns() // 1000 + 1_200_000_000, 20_000_000)
    return next(each for each in plant.machines if all(plant.view_at(each, at).running[0] for at in instants))


async def test_methods_work_in_the_right_state_and_are_refused_in_the_wrong_one(site: Site, connect: Connector) -> None:
    client = await connect(site.server.endpoint_url)
    plant = site.server.plant
    press = busy(plant)
    recipe = (text("T22545R17"), number(500))

    async def ask(method: str, *arguments: ua.Variant) -> ua.CallMethodResult:
        return await call(client, press.name, f"{press.name}/{method}", *arguments)

    assert (await ask("Start")).StatusCode.value == CODES.BadInvalidState
    assert (await ask("SetRecipe", *recipe)).StatusCode.value == CODES.BadInvalidState
    stopped = await ask("Stop", text("service"))
    assert stopped.StatusCode.is_good()
    (at,) = stopped.OutputArguments
    assert isinstance(at.Value, datetime)
    assert (await ask("Stop", text("again"))).StatusCode.value == CODES.BadInvalidState
    assert (await ask("SetRecipe", *recipe)).StatusCode.is_good()
    started = await ask("Start")
    assert started.StatusCode.is_good()
    begun = int(started.OutputArguments[0].Value.timestamp() * 1e6) + 1
    assert plant.view_at(press, begun).product[0] == 1
    assert plant.view_at(press, begun - 1_000_000).reason[0] == 903


async def test_a_counter_begins_again(site: Site, connect: Connector) -> None:
    client = await connect(site.server.endpoint_url)
    count = client.get_node(node_id("Press03/Order/BatchCount", 2))
    before = await count.read_value()
    result = await call(client, "Press03", "Press03/ResetCounter")
    (last,) = result.OutputArguments
    assert before <= last.Value <= before + 2
    await asyncio.sleep(0.7)  # its grid, and the cycle of the PLC
    assert await count.read_value() <= 2


@shared
@pytest.mark.parametrize(
    ("machine", "method", "arguments", "code", "each"),
    [
        ("Press04", "Press04/Stop", (), CODES.BadArgumentsMissing, []),
        ("Press04", "Press04/Start", (text("x"),), CODES.BadTooManyArguments, []),
        ("Press04", "Press04/Stop", (number(1),), CODES.BadInvalidArgument, [CODES.BadTypeMismatch]),
        ("Press04", "Press04/Stop", (text("x" * 300),), CODES.BadInvalidArgument, [CODES.BadOutOfRange]),
        ("Press04", "Press04/SetRecipe", (text("?"), number(1)), CODES.BadInvalidArgument, [CODES.BadOutOfRange, 0]),
        ("Press04", "Press05/Start", (), CODES.BadMethodInvalid, []),
        ("Press99", "Press04/Start", (), CODES.BadNodeIdUnknown, []),
        ("Press04/Mould", "Press04/Start", (), CODES.BadMethodInvalid, []),
    ],
)
async def test_wrong_calls_are_refused(
    shared_site: Site,
    shared_connect: Connector,
    machine: str,
    method: str,
    arguments: tuple[ua.Variant, ...],
    code: int,
    each: list[int],
) -> None:
    client = await shared_connect(shared_site.server.endpoint_url)
    result = await call(client, machine, method, *arguments)
    assert result.StatusCode.value == code
    assert [status.value for status in result.InputArgumentResults] == each


@shared
async def test_arguments_are_described(shared_site: Site, shared_connect: Connector) -> None:
    client = await shared_connect(shared_site.server.endpoint_url)
    method = client.get_node(node_id("Press01/SetRecipe", 2))
    inputs = await (await method.get_child(["0:InputArguments"])).read_value()
    assert [(argument.Name, argument.DataType.Identifier) for argument in inputs] == [("Recipe", 12), ("Quantity", 7)]
