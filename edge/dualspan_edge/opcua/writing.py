"""Write and Call of one connection (Part 4, 5.11.4 and 5.12.2), each sent once."""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from asyncua import ua
from asyncua.ua.uaerrors import UaStatusCodeError
from asyncua.ua.uaprotocol_auto import Argument  # what values are decoded to; ua.Argument is another class

from dualspan.onboarding.v1 import writes_pb2 as writes
from dualspan_edge.errors import GatewayError, ServiceRefusedError
from dualspan_edge.opcua.asking import Asker
from dualspan_edge.opcua.connection import Connection
from dualspan_edge.opcua.datatypes import ABSTRACT_TYPES
from dualspan_edge.opcua.findings import Findings
from dualspan_edge.opcua.nodeids import parse_node_id, standard_node
from dualspan_edge.opcua.nodekeys import NodeNames, key_of
from dualspan_edge.opcua.nodetypes import DataTypes, TypeTree
from dualspan_edge.opcua.scalars import ValueRefused, from_variant
from dualspan_edge.opcua.services import read_attributes, value_of
from dualspan_edge.opcua.words import status_words

_ANSWER_SECONDS = 15.0
_CURRENT_WRITE = 2  # Part 3, 8.57
_SCALAR_RANKS = frozenset({-1, -2, -3})
_BAD = 0x80000000
# After these nobody knows whether the server has done it (Part 4, 7.39.2).
_IN_DOUBT = frozenset(
    {
        ua.StatusCodes.BadTimeout,
        ua.StatusCodes.BadCommunicationError,
        ua.StatusCodes.BadConnectionClosed,
        ua.StatusCodes.BadSecureChannelClosed,
        ua.StatusCodes.BadSessionClosed,
        ua.StatusCodes.BadShutdown,
        ua.StatusCodes.BadRequestInterrupted,
        ua.StatusCodes.BadRequestTimeout,
        ua.StatusCodes.BadUnexpectedError,
        ua.StatusCodes.BadUnknownResponse,
    }
)
_T = TypeVar("_T")


class Refused(GatewayError):
    """The server has not done it.

    Attributes:
        code: Its status code.
    """

    def __init__(self, code: int) -> None:
        super().__init__(status_words(code))
        self.code = code


class OutcomeUnknown(GatewayError):
    """It was sent, and nobody knows whether the server has done it."""


@dataclass(frozen=True, slots=True)
class Target:
    """A variable that is to be written, as it is now.

    Attributes:
        node: Which.
        built_in: The built-in type that its values have.
        type_name: Its data type's name.
        present: Its value; None if it has none that is good.
    """

    node: ua.NodeId
    built_in: int
    type_name: str
    present: writes.WriteValue | None


async def read_value(connection: Connection, node_id: str) -> writes.WriteValue | None:
    """A variable's value as it is now, not from any cache; None if it is no good scalar.

    Raises:
        GatewayError: There is no such node.
        ua.UaError, OSError, TimeoutError: The server cannot be asked.
    """
    node = parse_node_id(node_id, connection.namespaces)
    (answer,) = await read_attributes(connection.session, [(node, ua.AttributeIds.Value)], 1)
    return None if value_of(answer) is None else from_variant(answer.Value)


async def look_at(connection: Connection, node_id: str) -> Target:
    """A variable before it is written.

    Raises:
        GatewayError: There is no such node, or it cannot be written.
        ua.UaError, OSError, TimeoutError: The server cannot be asked.
    """
    node = parse_node_id(node_id, connection.namespaces)
    wanted = (
        ua.AttributeIds.DataType,
        ua.AttributeIds.ValueRank,
        ua.AttributeIds.UserAccessLevel,
        ua.AttributeIds.Value,
    )
    answers = await read_attributes(connection.session, [(node, attribute) for attribute in wanted], len(wanted))
    data_type, rank, access = (value_of(answer) for answer in answers[:3])
    value = answers[3].Value if value_of(answers[3]) is not None else None
    if not isinstance(data_type, ua.NodeId):
        code = answers[0].StatusCode
        raise Refused(int(code.value) if code is not None else int(ua.StatusCodes.BadNodeIdUnknown))
    if isinstance(access, int) and not access & _CURRENT_WRITE:
        raise ValueRefused("the server does not let this user write the node; allow it there or use another user")
    if rank not in _SCALAR_RANKS or (value is not None and value.is_array):
        raise ValueRefused("the variable is an array; only single values are written")
    (built_in, name), *_ = await _types(connection, [data_type])
    if built_in in ABSTRACT_TYPES:
        if value is None:
            raise ValueRefused(f"the variable's type {name} is open and it has no value that would tell it")
        built_in = value.VariantType.value
    return Target(node, built_in, name, from_variant(value))


async def _types(connection: Connection, data_types: Sequence[ua.NodeId]) -> list[tuple[int, str]]:
    """The built-in type and the name of each data type."""
    asker = Asker(connection, Findings())
    types = DataTypes(asker, TypeTree(asker, NodeNames(connection.namespaces)))
    keys = [key_of(data_type) for data_type in data_types]
    await types.learn(keys)
    return [(types.known(key).root, types.known(key).name) for key in keys]


async def write(connection: Connection, node: ua.NodeId, variant: ua.Variant) -> int:
    """Writes a value, once; returns the server's status code, which is not bad.

    Raises:
        Refused: The server has not written it.
        OutcomeUnknown: Nobody knows.
    """
    # A value alone: many controllers refuse a status and timestamps.
    value = ua.DataValue(variant, StatusCode=None)
    parameters = ua.WriteParameters()
    parameters.NodesToWrite = [ua.WriteValue(node, ua.AttributeIds.Value, None, value)]
    (result, *_) = await _sent(connection.session.write(parameters)) or [None]
    if result is None:
        raise OutcomeUnknown("the server answered without a result")
    return _judged(int(result.value))


@dataclass(frozen=True, slots=True)
class Method:
    """A method that is to be called.

    Attributes:
        object_node: On which object.
        method_node: Which.
        arguments: The built-in type and the name of the type of each input argument.
    """

    object_node: ua.NodeId
    method_node: ua.NodeId
    arguments: Sequence[tuple[int, str]]


async def look_at_method(connection: Connection, object_id: str, method_id: str) -> Method:
    """A method before it is called.

    Raises:
        GatewayError: A NodeId is none of this server, or an argument is no scalar.
        ua.UaError, OSError, TimeoutError: The server cannot be asked.
    """
    object_node, method_node = (parse_node_id(text, connection.namespaces) for text in (object_id, method_id))
    element = ua.RelativePathElement(
        ReferenceTypeId=standard_node(ua.ObjectIds.HasProperty),
        IsInverse=False,  # pyright: ignore[reportArgumentType]  # a plain bool; asyncua's default is True
        IncludeSubtypes=True,  # pyright: ignore[reportArgumentType]  # a plain bool
        TargetName=ua.QualifiedName("InputArguments", 0),
    )
    path = ua.BrowsePath(method_node, ua.RelativePath([element]))
    (found, *_) = await connection.session.translate_browsepaths_to_nodeids([path]) or [None]
    targets = [] if found is None else found.Targets or []
    if not targets:
        return Method(object_node, method_node, [])
    expanded = targets[0].TargetId
    node = ua.NodeId(expanded.Identifier, expanded.NamespaceIndex, expanded.NodeIdType)
    (answer,) = await read_attributes(connection.session, [(node, ua.AttributeIds.Value)], 1)
    arguments = value_of(answer)
    if not isinstance(arguments, list) or not all(isinstance(argument, Argument) for argument in arguments):
        raise ValueRefused("the server does not say what the method's arguments are")
    if any(argument.ValueRank not in _SCALAR_RANKS for argument in arguments):
        raise ValueRefused("the method takes arrays; only single values can be given")
    types = await _types(connection, [argument.DataType for argument in arguments])
    if any(built_in in ABSTRACT_TYPES for built_in, _ in types):
        raise ValueRefused("the method leaves the type of an argument open")
    return Method(object_node, method_node, types)


async def call(connection: Connection, method: Method, arguments: Sequence[ua.Variant]) -> tuple[int, list[ua.Variant]]:
    """Calls a method, once; returns the server's status code, which is not bad, and the output arguments.

    Raises:
        Refused: The method has not run, or says that it failed.
        OutcomeUnknown: Nobody knows.
    """
    request = ua.CallMethodRequest(method.object_node, method.method_node, list(arguments))
    (result, *_) = await _sent(connection.session.call([request])) or [None]
    if result is None:
        raise OutcomeUnknown("the server answered without a result")
    return _judged(int(result.StatusCode.value)), list(result.OutputArguments or ())


async def _sent(request: Awaitable[_T]) -> _T:
    """The answer to what must not be sent twice."""
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            return await request
    except UaStatusCodeError as error:
        if error.code in _IN_DOUBT:
            raise OutcomeUnknown(f"the server answered {status_words(int(error.code))}") from error
        raise Refused(int(error.code)) from error
    except ServiceRefusedError as error:
        raise Refused(error.code) from error
    except (TimeoutError, OSError, ua.UaError, ConnectionError) as error:
        raise OutcomeUnknown(f"the server did not answer: {str(error) or type(error).__name__}") from error


def _judged(code: int) -> int:
    if code in _IN_DOUBT:
        raise OutcomeUnknown(f"the server answered {status_words(code)}")
    if code & _BAD:
        raise Refused(code)
    return code
