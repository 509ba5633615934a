"""What clients write to a plant: setpoints within their ranges, and a plain status code for everything else."""

import asyncio
import math

from asyncua import ua

from plc_sim.model.operator import Operator
from plc_sim.model.plant import Variable
from plc_sim.opcua.server import SimServer
from plc_sim.opcua.standard import status_code
from plc_sim.opcua.subscription import now_us
from plc_sim.plant_sampler import Lookup

_CODES = ua.StatusCodes


class PlantWrites:
    """The Write service of a plant (Part 4, 5.11.4).

    Args:
        server: Whose nodes they are.
        lookup: Finds a variable by its NodeId.
        operator: Takes what is written.
        user: The only user that may write.
    """

    def __init__(self, server: SimServer, lookup: Lookup, operator: Operator, user: str) -> None:
        self._server = server
        self._lookup = lookup
        self._operator = operator
        self._user = user

    async def write(self, value: ua.WriteValue, user: str) -> ua.StatusCode:
        """Write one node; the answer comes when the value is in force, at the PLC's next cycle."""
        variable = self._lookup(value.NodeId)
        code = self._refusal(value, variable, user)
        if code is not None or variable is None:
            return status_code(code or _CODES.BadNotWritable)
        content = value.Value.Value
        assert content is not None  # noqa: S101 - it has been looked at
        now = now_us()
        at = self._operator.write(variable.identifier, float(content.Value), now)
        await asyncio.sleep((at - now) / 1e6)
        return ua.StatusCode()

    def _refusal(self, value: ua.WriteValue, variable: Variable | None, user: str) -> int | None:
        """Why not, or None."""
        space = self._server.iserver.aspace
        if value.NodeId not in space:
            return _CODES.BadNodeIdUnknown
        if value.AttributeId != ua.AttributeIds.Value:
            return _CODES.BadWriteNotSupported
        if variable is None or not variable.signal.writable:
            return _CODES.BadNotWritable
        if user != self._user or variable.signal.locked:
            return _CODES.BadUserAccessDenied
        if value.IndexRange:
            return _CODES.BadIndexRangeInvalid
        return _content_refusal(value.Value, variable)


def _content_refusal(value: ua.DataValue, variable: Variable) -> int | None:
    """Why a setpoint does not take a value, or None."""
    bad = value.StatusCode is not None and value.StatusCode.value != 0
    if bad or value.SourceTimestamp is not None or value.ServerTimestamp is not None:
        return _CODES.BadWriteNotSupported  # like most controllers: values only
    content, signal = value.Value, variable.signal
    if content is None or content.is_array or int(content.VariantType) != int(signal.kind):
        return _CODES.BadTypeMismatch
    number = float(content.Value)
    if not math.isfinite(number) or (signal.unit is not None and not signal.low <= number <= signal.high):
        return _CODES.BadOutOfRange
    return None
