"""Every fault on demand, as a client feels it."""

import asyncio
import time

import numpy as np
import pytest
from asyncua import Client, ua
from integration.plc_sim.client import Connector, Received, Site, code_of, micros

from plc_sim.control import ControlClient, ControlError, ControlServer
from plc_sim.opcua.encoding import OVERFLOW
from plc_sim.opcua.standard import node_id
from plc_sim.plant_nodes import variables_uri

PRESSURE = "Press01/Hydraulics/Pressure"
TROUBLE = (ConnectionError, TimeoutError, ua.UaError, asyncio.CancelledError)


async def read(client: Client, name: str = PRESSURE, namespace: int = 2) -> ua.DataValue:
    return await client.get_node(node_id(name, namespace)).read_data_value(raise_on_bad_status=False)


async def subscribe(client: Client, queue: int = 100, name: str = PRESSURE) -> Received:
    received = Received()
    subscription = await client.create_subscription(100, received)
    await subscription.subscribe_data_change(client.get_node(node_id(name, 2)), queuesize=queue)
    return received


async def test_dropped_connections(site: Site, connect: Connector) -> None:
    client = await connect(site.server.endpoint_url)
    assert (await site.control.command("drop_connections", {}))["connections"] == 1
    with pytest.raises(TROUBLE):
        await read(client)
    assert (await read(await connect(site.server.endpoint_url))).Value is not None


async def test_a_restart_forgets_sessions_and_keeps_address_and_certificate(site: Site, connect: Connector) -> None:
    url, fingerprint = site.server.endpoint_url, site.server.identity.sha256
    client = await connect(url)
    await subscribe(client)
    began = time.monotonic()
    await site.control.command("restart", {"down_s": 0.5})
    assert time.monotonic() - began >= 0.5
    with pytest.raises(TROUBLE):
        await read(client)
    assert site.server.endpoint_url == url
    assert site.server.identity.sha256 == fingerprint
    assert (await site.control.command("status", {}))["subscriptions"] == 0
    assert (await read(await connect(url))).Value is not None


async def test_a_new_certificate(site: Site, connect: Connector) -> None:
    old = site.server.identity.certificate_der
    result = await site.control.command("new_certificate", {})
    client = await connect(site.server.endpoint_url)
    (endpoint, *_) = await client.get_endpoints()
    assert endpoint.ServerCertificate == site.server.identity.certificate_der != old
    assert result["certificate_sha256"] == site.server.identity.sha256


async def test_reindexed_namespaces(site: Site, connect: Connector) -> None:
    before = await read(await connect(site.server.endpoint_url))
    assert (await site.control.command("reindex_namespaces", {}))["namespace"] == 3
    client = await connect(site.server.endpoint_url)
    assert await client.get_namespace_index(variables_uri("curing")) == 3
    assert code_of(await read(client)) == ua.StatusCodes.BadNodeIdUnknown
    after = await read(client, namespace=3)
    assert micros(after.SourceTimestamp) >= micros(before.SourceTimestamp)
    await client.load_data_type_definitions()
    result = await client.get_node(node_id("Press02/Production/LastResult", 3)).read_value()
    assert type(result).__name__ == "CuringResultDataType"


async def test_lost_subscriptions(site: Site, connect: Connector) -> None:
    client = await connect(site.server.endpoint_url)
    received = await subscribe(client)
    await asyncio.sleep(0.7)
    assert (await site.control.command("lose_subscriptions", {}))["subscriptions"] == 1
    seen = len(received.times(PRESSURE))
    await asyncio.sleep(1.0)
    assert len(received.times(PRESSURE)) <= seen + 1
    with pytest.raises(ua.uaerrors.BadSubscriptionIdInvalid):
        await client.uaclient.delete_monitored_items(ua.DeleteMonitoredItemsParameters(ua.UInt32(1), []))


async def test_slow_answers(site: Site, connect: Connector) -> None:
    client = await connect(site.server.endpoint_url)
    await site.control.command("slow", {"delay_s": 0.6, "duration_s": 5.0})
    began = time.monotonic()
    await read(client)
    assert time.monotonic() - began >= 0.6
    await site.control.command("recover", {})
    began = time.monotonic()
    await read(client)
    assert time.monotonic() - began < 0.6


async def test_silence(site: Site, connect: Connector) -> None:
    client = await connect(site.server.endpoint_url)
    received = await subscribe(client)
    await asyncio.sleep(0.5)
    await site.control.command("mute", {"duration_s": 60.0})
    await asyncio.sleep(0.2)
    seen = len(received.times(PRESSURE))
    with pytest.raises(TROUBLE):
        await asyncio.wait_for(read(client), 1.0)
    assert len(received.times(PRESSURE)) == seen
    await site.control.command("recover", {})
    assert (await read(await connect(site.server.endpoint_url))).Value is not None


async def test_overflowing_queues_lose_what_the_journal_says(site: Site, connect: Connector) -> None:
    client = await connect(site.server.endpoint_url)
    received = await subscribe(client, queue=3)
    await asyncio.sleep(0.6)
    await site.control.command("overflow", {"duration_s": 2.0})
    await asyncio.sleep(3.0)
    (loss,) = (await site.control.command("losses", {}))["losses"]
    assert loss["variable"] == PRESSURE
    rows = received.rows[PRESSURE]
    assert [row[0] for row in rows if row[2] & OVERFLOW == OVERFLOW] == [
        next(row[0] for row in rows if row[0] > loss["last_us"])
    ]
    times = received.times(PRESSURE)
    sent = site.server.plant.variables[PRESSURE].samples(times[0], times[-1] + 1)[0].tolist()
    missing = sorted(set(sent) - set(times))
    assert (missing[0], missing[-1], len(missing)) == (loss["first_us"], loss["last_us"], loss["count"])


async def test_bad_status_and_nan(site: Site, connect: Connector) -> None:
    client = await connect(site.server.endpoint_url)
    received = await subscribe(client)
    await site.control.command("bad_status", {"variable": PRESSURE, "duration_s": 1.0})
    await asyncio.sleep(0.5)
    assert code_of(await read(client)) == ua.StatusCodes.BadSensorFailure
    await asyncio.sleep(1.0)
    await site.control.command("nan", {"variable": PRESSURE, "duration_s": 0.5})
    await asyncio.sleep(1.2)
    rows = received.rows[PRESSURE]
    assert [row[2] for row in rows].count(int(ua.StatusCodes.BadSensorFailure)) == 1
    assert sum(isinstance(row[1], float) and np.isnan(row[1]) for row in rows) == 1
    assert rows[-1][2] == 0
    assert len((await site.control.command("overlays", {}))["overlays"]) == 2
    until = received.times(PRESSURE)[-1]
    assert received.times(PRESSURE) == site.server.plant.variables[PRESSURE].samples(rows[0][0], until + 1)[0].tolist()


async def test_the_control_channel(site: Site) -> None:
    listener = ControlServer({"curing": site.control})
    await listener.start()
    async with await ControlClient.connect(listener.address) as control:
        assert (await control.call("curing", "status"))["variables"] == len(site.server.plant.variables)
        truth = await control.call(
            "curing", "truth", start_us=time.time_ns() // 1000 - 10**9, end_us=time.time_ns() // 1000
        )
        assert len(truth["outputs"]) == len(site.server.plant.machines)
        for target, command, arguments in (
            ("brewery", "status", {}),
            ("curing", "explode", {}),
            ("curing", "slow", {}),
            ("curing", "nan", {"variable": "nothing", "duration_s": 1}),
            ("curing", "mute", {"duration_s": "long"}),
        ):
            with pytest.raises(ControlError, match=r"\w"):
                await control.call(target, command, **arguments)
    reader, writer = await asyncio.open_connection("127.0.0.1", int(listener.address.rpartition(":")[2]))
    writer.write(b"this is no JSON\n[]\n")
    assert b'"ok":false' in await reader.readline()
    assert b'"ok":false' in await reader.readline()
    writer.close()
    await listener.stop()


async def test_what_was_sampled_while_the_line_was_cut_comes_after_a_transfer(site: Site, connect: Connector) -> None:
    first = await connect(site.server.endpoint_url)
    received = Received()
    subscription = await first.create_subscription(100, received)
    handle = await subscription.subscribe_data_change(first.get_node(node_id(PRESSURE, 2)), queuesize=100)
    assert isinstance(handle, int)
    await asyncio.sleep(0.7)
    number = subscription.subscription_id
    assert number is not None
    await site.control.command("drop_connections", {})
    await asyncio.sleep(1.0)
    second = await connect(site.server.endpoint_url)
    bodies: list[ua.PublishResult] = []

    async def keep(result: ua.PublishResult) -> None:
        bodies.append(result)

    inner = site.server.server.subscription_service.subscriptions[number]
    unseen = inner.unacknowledged()
    params = ua.TransferSubscriptionsParameters([ua.UInt32(number)], False)  # pyright: ignore[reportArgumentType]
    (result,) = await second.uaclient.session.transfer_subscriptions(params)
    assert result.StatusCode.is_good()
    second.uaclient.session._subscription_callbacks[number] = keep
    second.uaclient.session.ensure_publish_loop()
    await asyncio.sleep(1.0)
    late = [await second.uaclient.session.republish(number, sequence) for sequence in unseen]
    messages = [*late, *(body.NotificationMessage for body in bodies)]
    times = set(received.times(PRESSURE))
    for message in messages:
        for part in message.NotificationData:
            times |= {micros(item.Value.SourceTimestamp) for item in part.MonitoredItems}
    expected = site.server.plant.variables[PRESSURE].samples(min(times), max(times) + 1)[0].tolist()
    assert sorted(times) == expected
    assert not (await site.control.command("losses", {}))["losses"]
