"""A plant as an ordinary OPC UA client sees it."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest
from asyncua import Client, Node, ua
from asyncua.crypto.security_policies import SecurityPolicyAes256Sha256RsaPss, SecurityPolicyBasic256Sha256
from cryptography import x509
from integration.plc_sim.client import PASSWORD, USER, Connector, Received, Site, micros

from plc_sim.opcua.encoding import BuiltInType
from plc_sim.opcua.standard import node_id
from plc_sim.plant_nodes import types_uri, variables_uri

PRESSURE = "Press01/Hydraulics/Pressure"

pytestmark = pytest.mark.asyncio(loop_scope="module")


def now_us() -> int:
    return time.time_ns() // 1000


async def variables_below(node: Node) -> list[Node]:
    found: list[Node] = []
    for child in await node.get_children():
        if await child.read_node_class() == ua.NodeClass.Variable:
            found.append(child)
        else:
            found += await variables_below(child)
    return found


async def test_every_variable_can_be_browsed_and_read(shared_site: Site, shared_connect: Connector) -> None:
    client = await shared_connect(shared_site.server.endpoint_url)
    index = await client.get_namespace_index(variables_uri("curing"))
    assert await client.get_namespace_index(types_uri("curing")) == index + 1
    machines = await client.nodes.objects.get_child([f"{index}:Machines"])
    nodes = await variables_below(machines)
    plant = shared_site.server.plant
    browsed = {str(node.nodeid.Identifier): node for node in nodes}
    assert set(plant.variables) <= set(browsed)
    for start in range(0, len(plant.variables), 100):
        names = list(plant.variables)[start : start + 100]
        values = await client.read_attributes([browsed[name] for name in names], ua.AttributeIds.Value)
        for name, value in zip(names, values, strict=True):
            assert value.StatusCode is not None
            assert value.StatusCode.is_good(), name
            assert micros(value.SourceTimestamp) == plant.variables[name].last(now_us())[0][0] or (
                micros(value.SourceTimestamp) > now_us() - 5_000_000
            )


async def test_nodes_say_what_they_are(shared_site: Site, shared_connect: Connector) -> None:
    client = await shared_connect(shared_site.server.endpoint_url)
    pressure = client.get_node(node_id(PRESSURE, 2))
    unit = await (await pressure.get_child(["0:EngineeringUnits"])).read_value()
    span = await (await pressure.get_child(["0:EURange"])).read_value()
    assert (unit.DisplayName.Text, span.Low, span.High) == ("bar", 0.0, 250.0)
    assert (await pressure.read_display_name()).Text == "Hydraulic pressure"
    assert (await pressure.read_description()).Text == "液压压力"
    interval = await pressure.read_attribute(ua.AttributeIds.MinimumSamplingInterval)
    assert interval.Value is not None
    assert interval.Value.Value == 200.0
    assert ua.AccessLevel.HistoryRead in await pressure.get_access_level()
    step = client.get_node(node_id("Press01/Status/Step", 2))
    strings = await (await client.get_node(await step.read_data_type()).get_child(["0:EnumStrings"])).read_value()
    assert [text.Text for text in strings][:3] == ["Open", "Loading", "Closing"]
    serial = client.get_node(node_id("Press01/Identification/SerialNumber", 2))
    assert await serial.read_value() == "HL111701"


async def test_structures_decode_by_their_definitions(shared_site: Site, shared_connect: Connector) -> None:
    client = await shared_connect(shared_site.server.endpoint_url)
    await client.load_data_type_definitions()
    result = await client.get_node(node_id("Press02/Production/LastResult", 2)).read_value()
    assert type(result).__name__ == "CuringResultDataType"
    count = await client.get_node(node_id("Press02/Production/CycleCount", 2)).read_value()
    assert abs(result.Cycle - count) <= 1
    assert result.Article in {"T20555R16", "T22545R17", "T23560R18"}


async def test_limits_are_announced_and_kept(shared_site: Site, shared_connect: Connector) -> None:
    client = await shared_connect(shared_site.server.endpoint_url)
    limits = ua.ObjectIds
    for number in (
        limits.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead,
        limits.Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall,
    ):
        assert await client.get_node(node_id(number)).read_value() == 500
    pressure = client.get_node(node_id(PRESSURE, 2))
    with pytest.raises(ua.uaerrors.BadTooManyOperations):
        await client.read_attributes([pressure] * 501, ua.AttributeIds.Value)


@pytest.mark.parametrize("policy", [SecurityPolicyBasic256Sha256, SecurityPolicyAes256Sha256RsaPss])
async def test_secure_policies_are_offered_and_no_others(
    shared_site: Site, shared_connect: Connector, policy: type
) -> None:
    client = await shared_connect(shared_site.server.endpoint_url, policy)
    assert await client.get_namespace_array()
    endpoints = await client.get_endpoints()
    assert {endpoint.SecurityMode for endpoint in endpoints} == {ua.MessageSecurityMode.SignAndEncrypt}
    assert len(endpoints) == 2
    certificate = x509.load_der_x509_certificate(endpoints[0].ServerCertificate)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    assert uris == [endpoints[0].Server.ApplicationUri] == ["urn:dualspan:plc-sim:curing"]
    assert shared_site.server.identity.certificate_der == endpoints[0].ServerCertificate


async def test_strangers_stay_outside(shared_site: Site, shared_connect: Connector) -> None:
    anonymous = await shared_connect.prepare(shared_site.server.endpoint_url)
    anonymous.set_user("")
    wrong = await shared_connect.prepare(shared_site.server.endpoint_url, password="guess")
    open_door = Client(shared_site.server.endpoint_url)
    open_door.set_user(USER)
    open_door.set_password(PASSWORD)
    for client in (anonymous, wrong, open_door):
        with pytest.raises((ua.UaError, ConnectionError, TimeoutError)):
            await client.connect()
        client.disconnect_socket()


async def test_live_values_are_the_samples_and_history_is_the_same(
    shared_site: Site, shared_connect: Connector
) -> None:
    client = await shared_connect(shared_site.server.endpoint_url)
    names = [name for name in shared_site.server.plant.variables if name.startswith("Press01/")]
    received = Received()
    subscription = await client.create_subscription(100, received)
    nodes = [client.get_node(node_id(name, 2)) for name in names]
    begin = now_us()
    await subscription.subscribe_data_change(nodes, queuesize=100)
    await asyncio.sleep(4.0)
    until = now_us() - 1_000_000
    for name, node in zip(names, nodes, strict=True):
        times = [time for time in received.times(name) if time <= until]
        assert times, name
        variable = shared_site.server.plant.variables[name]
        # The first is the last sample before the item was made, somewhere between `begin` and the first cycle.
        assert times[0] <= begin + 2_000_000
        assert times == variable.samples(times[0], until + 1)[0].tolist(), name
        if variable.signal.driver:  # last changed longer ago than history reaches
            continue
        start = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=times[0])
        end = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=until + 1)
        stored = await node.read_raw_history(start, end, return_bounds=False)
        assert [micros(value.SourceTimestamp) for value in stored] == times, name
        if variable.signal.kind is not BuiltInType.EXTENSION_OBJECT:
            live = [row[1] for row in received.rows[name]]
            assert [value.Value.Value for value in stored if value.Value] == live[: len(times)], name


async def test_a_message_can_be_had_again_until_it_is_acknowledged(
    shared_site: Site, shared_connect: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await shared_connect(shared_site.server.endpoint_url)
    service = shared_site.server.server.subscription_service
    received = Received()
    subscription = await client.create_subscription(100, received)
    number = subscription.subscription_id
    assert number is not None
    inner = service.subscriptions[number]
    monkeypatch.setattr(inner, "acknowledge", lambda _sequence: ua.StatusCode())
    await subscription.subscribe_data_change(client.get_node(node_id(PRESSURE, 2)), queuesize=50)
    await asyncio.sleep(1.0)
    known = inner.unacknowledged()
    assert known
    again = await client.uaclient.session.republish(number, known[-1])
    assert again.SequenceNumber == known[-1]
    assert again.NotificationData
    with pytest.raises(ua.uaerrors.BadMessageNotAvailable):
        await client.uaclient.session.republish(number, 99_999)
