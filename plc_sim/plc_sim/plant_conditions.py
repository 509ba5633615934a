"""The methods of conditions (Part 9, 5.5 and 5.7): refresh and acknowledge."""

from collections.abc import Mapping

from asyncua import ua

from plc_sim.model.alarms import AcknowledgeError, AlarmBook
from plc_sim.opcua.session import refused
from plc_sim.opcua.subscription import Subscription, now_us
from plc_sim.plant_events import EventItems
from plc_sim.plant_sampler import PlantSampler

_CODES, _IDS = ua.StatusCodes, ua.ObjectIds
_REFRESHES = {_IDS.ConditionType_ConditionRefresh: 1, _IDS.ConditionType_ConditionRefresh2: 2}
_ACKNOWLEDGE = _IDS.AcknowledgeableConditionType_Acknowledge


class ConditionMethods:
    """Answers calls of condition methods.

    Args:
        book: The plant's conditions.
        namespace: Index of the plant's machines.
        subscriptions: Of the server, by number.
        user: The only user that may acknowledge.
    """

    def __init__(self, book: AlarmBook, namespace: int, subscriptions: Mapping[int, Subscription], user: str) -> None:
        self._book = book
        self._namespace = namespace
        self._subscriptions = subscriptions
        self._user = user

    def knows(self, request: ua.CallMethodRequest) -> bool:
        """Whether it is a refresh, or of one of the conditions."""
        return self._refreshed(request) > 0 or self._condition(request.ObjectId) is not None

    def call(self, request: ua.CallMethodRequest, user: str) -> ua.CallMethodResult:
        """Carry out a method, or say why not."""
        arguments = list(request.InputArguments or [])
        if count := self._refreshed(request):
            return self._refresh(arguments) if len(arguments) == count else _miscounted(len(arguments), count)
        condition = self._condition(request.ObjectId)
        if condition is None or not self._acknowledges(request, *condition):
            return refused(_CODES.BadMethodInvalid)
        if user != self._user:
            return refused(_CODES.BadUserAccessDenied)
        return self._acknowledge(condition, arguments, user) if len(arguments) == 2 else _miscounted(len(arguments), 2)

    @staticmethod
    def _refreshed(request: ua.CallMethodRequest) -> int:
        """Number of arguments that a refresh has; 0 if it is none."""
        method = request.MethodId
        return _REFRESHES.get(method.Identifier, 0) if method.NamespaceIndex == 0 else 0  # pyright: ignore[reportArgumentType]

    def _condition(self, node: ua.NodeId) -> tuple[str, str] | None:
        if node.NamespaceIndex != self._namespace or not isinstance(node.Identifier, str):
            return None
        machine, _, name = node.Identifier.partition("/Alarms/")
        return (machine, name) if self._book.knows(machine, name) else None

    def _acknowledges(self, request: ua.CallMethodRequest, machine: str, name: str) -> bool:
        """Whether the method is Acknowledge: that of the type, or the condition's own."""
        method = request.MethodId
        own = f"{machine}/Alarms/{name}/Acknowledge"
        return (method.NamespaceIndex, method.Identifier) in {(0, _ACKNOWLEDGE), (self._namespace, own)}

    def _refresh(self, arguments: list[ua.Variant]) -> ua.CallMethodResult:
        subscription = self._subscriptions.get(arguments[0].Value)
        events = self._events(subscription)
        if events is None:
            return refused(_CODES.BadSubscriptionIdInvalid)
        item = arguments[1].Value if len(arguments) > 1 else None
        if item is not None and item not in events:
            return refused(_CODES.BadMonitoredItemIdInvalid)
        events.refresh(now_us(), item)
        return ua.CallMethodResult(StatusCode=ua.StatusCode())

    @staticmethod
    def _events(subscription: Subscription | None) -> EventItems | None:
        sampler = subscription.sampler if subscription is not None else None
        return sampler.events if isinstance(sampler, PlantSampler) else None

    def _acknowledge(self, condition: tuple[str, str], arguments: list[ua.Variant], user: str) -> ua.CallMethodResult:
        event_id, comment = (argument.Value for argument in arguments)
        if not isinstance(event_id, bytes) or not isinstance(comment, ua.LocalizedText):
            return refused(_CODES.BadTypeMismatch)
        try:
            self._book.acknowledge(*condition, event_id, comment.Text or "", user, now_us())
        except AcknowledgeError as err:
            return refused(_CODES.BadConditionBranchAlreadyAcked if err.known else _CODES.BadEventIdUnknown)
        return ua.CallMethodResult(StatusCode=ua.StatusCode())


def _miscounted(given: int, wanted: int) -> ua.CallMethodResult:
    return refused(_CODES.BadArgumentsMissing if given < wanted else _CODES.BadTooManyArguments)
