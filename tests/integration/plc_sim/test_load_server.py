"""The load server over the network: half a million values a second, and not one that is not accounted for."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import numpy as np
import pytest
from asyncua import Client, ua
from integration.plc_sim.client import HOSTS, PASSWORD, USER

from plc_sim.load import FIRST_NODE_ID, LoadPlan
from plc_sim.load_server import NAMESPACE, LoadServer
from plc_sim.opcua.certificate import Identity
from plc_sim.opcua.encoding import FILETIME_EPOCH, OVERFLOW
from plc_sim.opcua.server import ServerOptions
from plc_sim.opcua.standard import node_id
from plc_sim.opcua.subscription_service import SubscriptionLimits

ITEMS = 2000
RATE = 500_000.0
PLAIN = np.dtype([("handle", "<u4"), ("mask", "u1"), ("type", "u1"), ("value", "<f8"), ("source", "<i8")])
MARKED = np.dtype(
    [("handle", "<u4"), ("mask", "u1"), ("type", "u1"), ("value", "<f8"), ("status", "<u4"), ("source", "<i8")]
)
_DATA_CHANGE = node_id(ua.ObjectIds.DataChangeNotification_Encoding_DefaultBinary)


@pytest.fixture
async def server(server_identity: Identity) -> AsyncIterator[LoadServer]:
    options = ServerOptions(
        name="load",
        application_uri="urn:dualspan:plc-sim:load",
        product_uri="urn:dualspan:plc-sim",
        bind_host="127.0.0.1",
        advertised_host=HOSTS[0],
        port=0,
        username=USER,
        password=PASSWORD,
        allow_none=True,
        max_nodes=10_000,
        subscriptions=SubscriptionLimits(fixed_publishing_ms=100.0, max_items=10_000),
    )
    load = LoadServer(LoadPlan.of(RATE, ITEMS), options, server_identity)
    await load.start()
    yield load
    await load.stop()


@dataclass(slots=True)
class Sink:
    """Keeps the bodies of notifications as they came, and acknowledges nothing before they are kept."""

    bodies: list[bytes] = field(default_factory=list)

    async def take(self, result: ua.PublishResult) -> None:
        self.bodies += [part.Body for part in result.NotificationMessage.NotificationData]


@pytest.fixture
def bodies_stay_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let asyncua hand notifications over undecoded: its own decoder takes 20 µs a value."""
    monkeypatch.delitem(ua.extension_objects_by_typeid, _DATA_CHANGE)


async def subscribe(client: Client, sink: Sink, queue: int) -> int:
    params = ua.CreateSubscriptionParameters(100.0, 1000, 10, 0, True, 0)  # pyright: ignore[reportArgumentType]
    created = await client.uaclient.create_subscription(params, sink.take)
    items = [
        ua.MonitoredItemCreateRequest(
            ua.ReadValueId(NodeId=node_id(FIRST_NODE_ID + item, 2), AttributeId=ua.AttributeIds.Value),  # pyright: ignore[reportArgumentType]
            ua.MonitoringMode.Reporting,
            ua.MonitoringParameters(item, 0.0, None, queue, True),  # pyright: ignore[reportArgumentType]
        )
        for item in range(ITEMS)
    ]
    request = ua.CreateMonitoredItemsParameters(created.SubscriptionId, ua.TimestampsToReturn.Source, items)
    results = await client.uaclient.create_monitored_items(request)
    assert all(result.StatusCode.is_good() for result in results)
    return created.SubscriptionId


def rows_of(body: bytes) -> np.ndarray:
    """The rows of a notification, and whether they are marked; they come in runs of one layout."""
    count = int.from_bytes(body[:4], "little")
    offset = 4
    runs: list[np.ndarray] = []
    while count:
        layout = MARKED if body[offset + 4] & 0x02 else PLAIN
        run = np.frombuffer(body, layout, count=min(ITEMS if layout is MARKED else count, count), offset=offset)
        run = run[: int(np.argmax(run["mask"] != run["mask"][0])) or len(run)]
        out = np.zeros(len(run), [("item", "i8"), ("tick_us", "i8"), ("value", "f8"), ("marked", "?")])
        out["item"], out["value"] = run["handle"], run["value"]
        out["tick_us"] = (run["source"] - FILETIME_EPOCH) // 10
        if layout is MARKED:
            assert (run["status"] == OVERFLOW).all()
            out["marked"] = True
        runs.append(out)
        offset += run.nbytes
        count -= len(run)
    assert body[offset:] == b"\xff\xff\xff\xff"
    return np.concatenate(runs)


async def receive(server: LoadServer, seconds: float, queue: int, pause_s: float = 0.0) -> np.ndarray:
    sink = Sink()
    client = Client(server.endpoint_url, timeout=30)
    await client.connect()
    try:
        assert await client.get_namespace_index(NAMESPACE) == 2
        number = await subscribe(client, sink, queue)
        await asyncio.sleep(seconds / 2)
        if pause_s:
            server.gate.hold(pause_s)
            await asyncio.sleep(pause_s)
        await asyncio.sleep(seconds / 2)
        await client.uaclient.delete_subscriptions([number])
        await asyncio.sleep(0.2)
    finally:
        await client.disconnect()
    return np.concatenate([rows_of(body) for body in sink.bodies])


def check(server: LoadServer, rows: np.ndarray) -> None:
    """Each stream: the ticks that the statistics claim, in order, once, with the values of the plan."""
    plan = server.plan
    ticks = rows["tick_us"] // plan.tick_us
    assert np.array_equal(rows["value"], plan.values(rows["item"], ticks))
    order = np.argsort(rows["item"], kind="stable")
    items, ticks = rows["item"][order], ticks[order]
    edges = np.searchsorted(items, np.arange(ITEMS + 1))
    for stream in server.statistics.streams():
        mine = ticks[edges[stream.item] : edges[stream.item + 1]]
        assert len(mine) == stream.sent
        assert (mine[0], mine[-1]) == (stream.first_tick, stream.last_tick)
        assert (np.diff(mine) > 0).all()
        assert stream.sent + stream.dropped == stream.last_tick - stream.first_tick + 1
    assert len(rows) == server.report(per_item=False)["sent"]


async def test_half_a_million_values_a_second_are_all_accounted_for(
    server: LoadServer, bodies_stay_bytes: None
) -> None:
    rows = await receive(server, 3.0, queue=10_000)
    check(server, rows)
    assert server.report(per_item=False)["dropped"] == 0
    assert not rows["marked"].any()
    span = (rows["tick_us"].max() - rows["tick_us"].min()) / 1e6
    assert len(rows) / span == pytest.approx(RATE, rel=0.02)


async def test_what_the_queues_could_not_hold_is_counted_and_marked(
    server: LoadServer, bodies_stay_bytes: None
) -> None:
    rows = await receive(server, 1.0, queue=100, pause_s=1.0)
    check(server, rows)
    report = server.report()
    assert report["dropped"] >= ITEMS * 100
    assert rows["marked"].sum() >= ITEMS
    assert all(stream["dropped"] > 0 for stream in report["streams"])


async def test_ordinary_clients_decode_it_too(server: LoadServer) -> None:
    client = Client(server.endpoint_url, timeout=30)
    async with client:
        node = client.get_node(node_id(FIRST_NODE_ID + 5, 2))
        assert (await node.read_browse_name()).Name == "Item000005"
        value = await node.read_data_value()
        assert value.SourceTimestamp is not None
        tick_us = (ua.datetime_to_win_epoch(value.SourceTimestamp) - FILETIME_EPOCH) // 10
        tick = tick_us // server.plan.tick_us
        assert value.Value is not None
        assert value.Value.Value == server.plan.values(np.array([5]), np.array([tick]))[0]
        folders = await (await client.nodes.objects.get_child(["2:Load"])).get_children()
        assert sum([len(await folder.get_children()) for folder in folders]) == ITEMS
