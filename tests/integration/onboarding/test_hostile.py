"""Whatever a person writes into whichever field, the answer is a clear refusal or a clean result."""

import grpc.aio
import pytest
from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from integration.onboarding.running import GATEWAY, SERVER, TENANT, Onboarding

from dualspan.onboarding.v1 import resources_pb2 as resources
from dualspan.onboarding.v1 import service_pb2 as messages

HOSTILE = (
    "\x00",
    "a\x00b",
    "'; DROP TABLE onboarding.tag; --",
    "%",
    "\\",
    "<script>alert(1)</script>",
    "../../../etc/passwd",
    "\u202egnp.exe",
    "\ud7ff\ue000\U0010ffff",
    "a" * 100_000,
    "{{7*7}}",
    "$(reboot)",
    "tenants/rival",
    "-",
)
CLEAR = {
    grpc.StatusCode.OK,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.ALREADY_EXISTS,
}
VALID: dict[str, str] = {
    "parent": TENANT,
    "gateway": GATEWAY,
    "server": SERVER,
    "names": f"{TENANT}/tags/1",
    "gateway_id": "g9",
    "opc_ua_server_id": "s9",
    "certificate_sha256": "0" * 64,
    "endpoint_url": "opc.tcp://plc:4840",
    "node_id": "i=1",
    "browse_path_prefix": "/",
}


def paths_of(descriptor: Descriptor, prefix: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The ways to every text field of a message; statuses are only ever written by the platform."""
    found: list[tuple[str, ...]] = []
    for field in descriptor.fields:
        path = (*prefix, field.name)
        if field.type == FieldDescriptor.TYPE_STRING:
            found.append(path)
        elif field.message_type is not None and field.name in {"gateway", "opc_ua_server", "variables", "update_mask"}:
            found += paths_of(field.message_type, path)
    return found


def put(message: Message, path: tuple[str, ...], text: str) -> None:
    field, *rest = path
    value = getattr(message, field)
    repeated = hasattr(value, "append")
    if rest:
        put(value.add() if repeated and not len(value) else value[0] if repeated else value, tuple(rest), text)
    elif repeated:
        value.append(text)
    else:
        setattr(message, field, text)


def valid_name(method: str) -> str:
    names = {"GetGateway": GATEWAY, "RevokeGateway": GATEWAY, "GetTag": f"{TENANT}/tags/1"}
    return names.get(method, SERVER)


@pytest.mark.slow
async def test_no_text_in_any_field_is_more_than_refused(onboarding: Onboarding) -> None:
    await onboarding.create_gateway()
    server = resources.OpcUaServer(endpoint_url="opc.tcp://plc:4840")
    create = messages.CreateOpcUaServerRequest(parent=GATEWAY, opc_ua_server=server, opc_ua_server_id="press-1")
    await onboarding.stub.CreateOpcUaServer(create, metadata=onboarding.engineer)
    service = messages.DESCRIPTOR.services_by_name["OnboardingService"]
    asked = 0
    for method in service.methods:
        for path in paths_of(method.input_type):
            for text in HOSTILE:
                request = message_factory.GetMessageClass(method.input_type)()
                for other in paths_of(method.input_type):
                    valid = VALID.get(other[-1], valid_name(method.name) if other == ("name",) else "")
                    if other != path and valid and not (other[-1] == "browse_path_prefix" and "Accept" in method.name):
                        put(request, other, GATEWAY if other == ("parent",) and "OpcUa" in method.name else valid)
                put(request, path, text)
                code = await code_of(onboarding, method.name, request)
                assert code in CLEAR, f"{method.name} answered {code} to {path} = {text[:40]!r}"
                asked += 1
    assert asked > 400
    await onboarding.get_gateway()


async def code_of(onboarding: Onboarding, method: str, request: Message) -> grpc.StatusCode:
    try:
        await getattr(onboarding.stub, method)(request, metadata=onboarding.engineer)
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK
