"""What a plant answers to Call: its machines' methods, its conditions' methods, and asyncua's for the rest."""

from asyncua import ua
from asyncua.server.internal_server import InternalServer

from plc_sim.opcua.session import refused
from plc_sim.opcua.trust_list import TrustList
from plc_sim.plant_conditions import ConditionMethods
from plc_sim.plant_methods import PlantMethods


class PlantCalls:
    """The Call service of a plant.

    Args:
        server: asyncua's core, for methods that are not the plant's.
        machines: Methods of the machines.
        conditions: Methods of their conditions.
        trust_list: Methods of the trust list.
    """

    def __init__(
        self, server: InternalServer, machines: PlantMethods, conditions: ConditionMethods, trust_list: TrustList
    ) -> None:
        self._server = server
        self._trust_list = trust_list
        self._methods = (machines, conditions)

    async def call(self, request: ua.CallMethodRequest, user: str) -> ua.CallMethodResult:
        """Carry out one method."""
        for methods in self._methods:
            if methods.knows(request):
                return methods.call(request, user)
        if self._trust_list.owns(request.MethodId):
            return await self._trust_list.call(request, user)
        space = self._server.aspace
        if request.ObjectId not in space:
            return refused(ua.StatusCodes.BadNodeIdUnknown)
        if request.MethodId not in space or request.MethodId.NamespaceIndex != 0:
            return refused(ua.StatusCodes.BadMethodInvalid)
        if space[request.MethodId].call is None:
            return refused(ua.StatusCodes.BadNotImplemented)
        return (await self._server.method_service.call([request]))[0]
