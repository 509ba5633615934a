"""Events and conditions of a plant, as an ordinary client gets them."""

import asyncio

import pytest
from asyncua import Client, ua
from asyncua.common.events import Event
from integration.plc_sim.client import Connector, Site

from plc_sim.opcua.standard import node_id

CODES = ua.StatusCodes
SERVER = node_id(ua.ObjectIds.Server)
FIELDS = {
    "id": (ua.ObjectIds.BaseEventType, ["EventId"]),
    "type": (ua.ObjectIds.BaseEventType, ["EventType"]),
    "source": (ua.ObjectIds.BaseEventType, ["SourceName"]),
    "message": (ua.ObjectIds.BaseEventType, ["Message"]),
    "severity": (ua.ObjectIds.BaseEventType, ["Severity"]),
    "condition": (ua.ObjectIds.ConditionType, []),
    "retain": (ua.ObjectIds.ConditionType, ["Retain"]),
    "active": (ua.ObjectIds.AlarmConditionType, ["ActiveState", "Id"]),
    "acked": (ua.ObjectIds.AcknowledgeableConditionType, ["AckedState", "Id"]),
    "comment": (ua.ObjectIds.ConditionType, ["Comment"]),
    "nonsense": (ua.ObjectIds.ConditionType, ["Nonsense"]),
}


def operand(kind: int, path: list[str]) -> ua.SimpleAttributeOperand:
    attribute = ua.AttributeIds.Value if path else ua.AttributeIds.NodeId
    names = [ua.QualifiedName(name) for name in path]
    return ua.SimpleAttributeOperand(TypeDefinitionId=node_id(kind), BrowsePath=names, AttributeId=attribute)


def event_filter(*elements: ua.ContentFilterElement) -> ua.EventFilter:
    wanted = ua.EventFilter(SelectClauses=[operand(kind, path) for kind, path in FIELDS.values()])
    wanted.WhereClause.Elements = list(elements)
    return wanted


def element(kind: ua.FilterOperator, *operands: object) -> ua.ContentFilterElement:
    return ua.ContentFilterElement(FilterOperator=kind, FilterOperands=list(operands))


class Events:
    """A subscription to events, made by hand: the client's own knows no where clauses of more than types."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._queue: asyncio.Queue[dict[str, object]] = asyncio.Queue()
        self.subscription = 0
        self.results: list[ua.MonitoredItemCreateResult] = []

    def event_notification(self, event: Event) -> None:
        """asyncua's handler contract; we read the raw fields instead."""

    async def _published(self, result: ua.PublishResult) -> None:
        for part in result.NotificationMessage.NotificationData or []:
            if isinstance(part, ua.EventNotificationList):
                for event in part.Events:
                    values = [field.Value for field in event.EventFields]
                    self._queue.put_nowait(dict(zip(FIELDS, values, strict=True)))

    async def watch(self, node: ua.NodeId, wanted: ua.EventFilter, queue: int = 0) -> ua.MonitoredItemCreateResult:
        if not self.subscription:
            parameters = ua.CreateSubscriptionParameters(
                RequestedPublishingInterval=100,
                RequestedLifetimeCount=1000,
                RequestedMaxKeepAliveCount=10,
                PublishingEnabled=True,
            )
            made = await self._client.uaclient.create_subscription(parameters, self._published)
            self.subscription = made.SubscriptionId
        request = ua.MonitoredItemCreateRequest(MonitoringMode=ua.MonitoringMode.Reporting)
        request.ItemToMonitor.NodeId = node
        request.ItemToMonitor.AttributeId = ua.AttributeIds.EventNotifier
        request.RequestedParameters.Filter = wanted
        request.RequestedParameters.ClientHandle = 7
        request.RequestedParameters.QueueSize = queue
        many = ua.CreateMonitoredItemsParameters(SubscriptionId=self.subscription, ItemsToCreate=[request])
        (result,) = await self._client.uaclient.create_monitored_items(many)
        return result

    async def next(self) -> dict[str, object]:
        async with asyncio.timeout(10):
            return await self._queue.get()

    async def quiet(self, seconds: float) -> bool:
        await asyncio.sleep(seconds)
        return self._queue.empty()

    async def call(self, owner: ua.NodeId, method: ua.NodeId, *arguments: ua.Variant) -> int:
        request = ua.CallMethodRequest(ObjectId=owner, MethodId=method, InputArguments=list(arguments))
        (result,) = await self._client.uaclient.call([request])
        return result.StatusCode.value

    async def acknowledge(self, machine: str, event_id: object, comment: str = "seen") -> int:
        return await self.call(
            node_id(f"{machine}/Alarms/OnDemand", 2),
            node_id(ua.ObjectIds.AcknowledgeableConditionType_Acknowledge),
            ua.Variant(event_id, ua.VariantType.ByteString),
            ua.Variant(ua.LocalizedText(comment), ua.VariantType.LocalizedText),
        )


@pytest.fixture
async def events(site: Site, connect: Connector) -> Events:
    return Events(await connect(site.server.endpoint_url))


async def test_an_alarm_is_told_acknowledged_and_over(site: Site, events: Events) -> None:
    made = await events.watch(SERVER, event_filter())
    assert made.StatusCode.is_good()
    await site.control.command("alarm", {"machine": "Press03", "duration_s": 3.0, "severity": 777, "message": "Hot"})
    came = await events.next()
    assert (came["source"], came["severity"], came["active"], came["acked"], came["retain"]) == (
        "Press03",
        777,
        True,
        False,
        True,
    )
    assert came["message"] == ua.LocalizedText("Hot", "en")
    assert came["condition"] == node_id("Press03/Alarms/OnDemand", 2)
    assert came["type"] == node_id(ua.ObjectIds.OffNormalAlarmType)
    assert came["nonsense"] is None
    assert await events.acknowledge("Press03", b"nothing of mine") == CODES.BadEventIdUnknown
    assert await events.acknowledge("Press03", came["id"], "on my way") == 0
    acked = await events.next()
    assert (acked["active"], acked["acked"]) == (True, True)
    assert acked["comment"] == ua.LocalizedText("on my way", "en")
    assert await events.acknowledge("Press03", acked["id"]) == CODES.BadConditionBranchAlreadyAcked
    over = await events.next()
    assert (over["active"], over["acked"], over["retain"]) == (False, True, False)


async def test_a_client_that_comes_late_refreshes(site: Site, events: Events) -> None:
    await site.control.command("alarm", {"machine": "Press01", "duration_s": 600.0})
    await events.watch(node_id("Press01", 2), event_filter())
    await events.next()  # that it became active
    await site.server.restart()
    assert site.server.alarms.demands("Press01")


async def test_refresh_tells_what_is_retained_between_its_marks(site: Site, events: Events) -> None:
    await events.watch(node_id("Press01", 2), event_filter())
    await site.control.command("alarm", {"machine": "Press01", "duration_s": 600.0})
    first = await events.next()
    refresh = node_id(ua.ObjectIds.ConditionType), node_id(ua.ObjectIds.ConditionType_ConditionRefresh)
    unknown = ua.Variant(events.subscription + 99, ua.VariantType.UInt32)
    assert await events.call(*refresh, unknown) == CODES.BadSubscriptionIdInvalid
    assert await events.call(*refresh, ua.Variant(events.subscription, ua.VariantType.UInt32)) == 0
    kinds: list[object] = []
    told: list[dict[str, object]] = []
    while not kinds or kinds[-1] != node_id(ua.ObjectIds.RefreshEndEventType):
        told.append(await events.next())
        kinds.append(told[-1]["type"])
    assert kinds[0] == node_id(ua.ObjectIds.RefreshStartEventType)
    again = [event for event in told if event["condition"] == node_id("Press01/Alarms/OnDemand", 2)]
    assert [event["id"] for event in again] == [first["id"]]


async def test_filters_let_through_what_they_say(site: Site, events: Events) -> None:
    severe = element(
        ua.FilterOperator.GreaterThanOrEqual,
        operand(*FIELDS["severity"]),
        ua.LiteralOperand(Value=ua.Variant(700, ua.VariantType.UInt16)),
    )
    alarms = element(
        ua.FilterOperator.OfType,
        ua.LiteralOperand(Value=ua.Variant(node_id(ua.ObjectIds.AlarmConditionType), ua.VariantType.NodeId)),
    )
    both = element(ua.FilterOperator.And, ua.ElementOperand(Index=1), ua.ElementOperand(Index=2))
    await events.watch(SERVER, event_filter(both, severe, alarms))
    await site.control.command("alarm", {"machine": "Press05", "duration_s": 60.0, "severity": 300})
    await site.control.command("alarm", {"machine": "Press06", "duration_s": 60.0, "severity": 900})
    assert (await events.next())["source"] == "Press06"
    assert await events.quiet(0.5)


async def test_wrong_filters_are_refused(site: Site, events: Events) -> None:
    circle = element(ua.FilterOperator.Not, ua.ElementOperand(Index=0))
    like = element(ua.FilterOperator.Like, operand(*FIELDS["source"]), ua.LiteralOperand(Value=ua.Variant("P%")))
    for wanted, code in (
        (event_filter(circle), CODES.BadFilterElementInvalid),
        (event_filter(like), CODES.BadFilterOperatorUnsupported),
        (ua.EventFilter(), CODES.BadEventFilterInvalid),
    ):
        assert (await events.watch(SERVER, wanted)).StatusCode.value == code
    unknown = await events.watch(node_id("Press01/Mould", 2), event_filter())
    assert unknown.StatusCode.value == CODES.BadNotSupported


async def test_a_full_queue_says_so(site: Site, events: Events) -> None:
    await events.watch(SERVER, event_filter(), queue=2)
    site.server.gate.hold(1.0)
    for number in range(1, 6):
        await site.control.command("alarm", {"machine": f"Press0{number}", "duration_s": 60.0})
    kinds = [(await events.next())["type"] for _ in range(3)]
    assert kinds[0] == node_id(ua.ObjectIds.EventQueueOverflowEventType)
