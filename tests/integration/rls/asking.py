"""Requests made from the contracts, so that a method that is new tomorrow is asked too."""

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import grpc.aio
from google.longrunning import operations_pb2
from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message

import dualspan
from dualspan.historian.v1.resources_pb2 import AGGREGATE_AVERAGE
from dualspan.onboarding.v1 import writes_pb2
from dualspan_runtime.errors import error_info

# Offered where gateways connect, with their certificate or, to enrol, without.
GATEWAY_SERVICES = {
    "dualspan.onboarding.v1.EnrolmentService",
    "dualspan.onboarding.v1.GatewayService",
    "dualspan.historian.v1.IngestService",
}


def services() -> Iterator[ServiceDescriptor]:
    """Every service that the contracts have, and that of long-running operations."""
    for module in pkgutil.walk_packages(dualspan.__path__, "dualspan."):
        if module.name.endswith("_pb2"):
            yield from importlib.import_module(module.name).DESCRIPTOR.services_by_name.values()
    yield operations_pb2.DESCRIPTOR.services_by_name["Operations"]


def methods(*, of_gateways: bool = False) -> list[MethodDescriptor]:
    return [
        method
        for service in services()
        if (service.full_name in GATEWAY_SERVICES) is of_gateways
        for method in service.methods
        if method.full_name != "google.longrunning.Operations.DeleteOperation"  # not offered
    ]


def template_of(method: MethodDescriptor) -> dict[str, str]:
    """Field path → pattern of resource name, from the method's HTTP binding."""
    rule = next((value for option, value in method.GetOptions().ListFields() if option.name == "http"), None)
    if rule is None or method.full_name.startswith("google."):  # whose names are not ours
        return {}
    path = getattr(rule, rule.WhichOneof("pattern"))
    return dict(re.findall(r"\{([a-z_.]+)=([^}]+)\}", path))


def _fill_group(request: Any) -> None:
    """Groups of mapping are numbers, groups of enterprises a kind and an id."""
    if isinstance(request.group, str):
        request.group = "1"
    else:
        request.group.kind, request.group.id = 1, "mine"


# Without these a method would refuse before it looks for anything.
_FIELDS: dict[str, Callable[[Any], object]] = {
    "start_time": lambda request: request.start_time.FromSeconds(1_600_000_000),
    "end_time": lambda request: request.end_time.FromSeconds(1_800_000_000),
    "aggregates": lambda request: request.aggregates.append(AGGREGATE_AVERAGE),
    "certificate_sha256": lambda request: setattr(request, "certificate_sha256", "0" * 64),
    "scope": lambda request: request.scope.addresses.append("plc7"),
    "server_id": lambda request: setattr(request, "server_id", "press-1"),
    "asset_id": lambda request: setattr(request, "asset_id", "theirs"),
    "group": _fill_group,
    "write_guard": lambda request: setattr(
        request.write_guard, "tag", f"{request.write_guard.name.partition('/writeGuards')[0]}/tags/1"
    ),
    "write_command": lambda request: request.write_command.MergeFrom(
        writes_pb2.WriteCommand(guard=f"{request.parent}/writeGuards/setpoint", value=writes_pb2.WriteValue(number="1"))
    ),
    "columns": lambda request: request.columns.add(asset=f"{request.parent}/assets/press-1", property="state"),
    "app": lambda request: setattr(request, "app", "theirs"),
    "subscription_id": lambda request: setattr(request, "subscription_id", "theirs"),
    "app_version_id": lambda request: setattr(request, "app_version_id", "1.0.0"),
    "app_version": lambda request: setattr(request.app_version, "manifest", "id: theirs"),
    "browse_path_prefix": lambda request: setattr(request, "browse_path_prefix", "/"),
}


_NAME_FIELDS = ("parent", "name", "gateway", "server")


def fill(request: Message, method: MethodDescriptor, tenant: str, names: dict[str, str]) -> Message:
    """A request about the things of a tenant: every field that can name one does."""
    for path, pattern in template_of(method).items():
        *parents, field = path.split(".")
        target = request
        for parent in parents:
            target = getattr(target, parent)
        segments = [segment if segment != "*" else None for segment in pattern.split("/")]
        collections = [s for s in segments if s]
        missing = set(collections) - names.keys() - {"tenants"}
        assert not missing, f"{method.full_name} names {missing}: give the tenant an example of it"
        parts = (f"{c}/{tenant if c == 'tenants' else names[c]}" for c in collections)
        # A singleton is a collection's word without an id.
        setattr(target, field, "/".join(parts).rstrip("/"))
    _fill_fields(request, method.input_type, tenant, names)
    return request


def _fill_fields(request: Message, descriptor: Descriptor, tenant: str, names: dict[str, str]) -> None:
    for field in descriptor.fields:
        text = field.type == FieldDescriptor.TYPE_STRING
        if text and field.name in _NAME_FIELDS and not getattr(request, field.name):
            setattr(request, field.name, _default_name(descriptor, field.name, tenant, names))
        elif text and field.name == "names":
            getattr(request, field.name).append(f"tenants/{tenant}/tags/{names['tags']}")
        elif field.name == "tag_ids":
            getattr(request, field.name).append(int(names["tags"]))
        elif field.name in _FIELDS:
            _FIELDS[field.name](request)


def _default_name(descriptor: Descriptor, field: str, tenant: str, names: dict[str, str]) -> str:
    operation = descriptor.file.package == "google.longrunning" and "List" not in descriptor.name
    tail = {
        "parent": "",
        "name": f"/operations/{names['operations']}" if operation else "",
        "gateway": f"/gateways/{names['gateways']}",
        "server": f"/gateways/{names['gateways']}/servers/{names['servers']}",
    }[field]
    return f"tenants/{tenant}{tail}"


@dataclass(frozen=True)
class Answer:
    """How a call ended."""

    code: grpc.StatusCode
    reason: str
    response: Message | None


async def call(
    channel: grpc.aio.Channel, method: MethodDescriptor, request: Message, metadata: grpc.aio.Metadata | None
) -> Answer:
    path = f"/{method.containing_service.full_name}/{method.name}"
    serialise = type(request).SerializeToString
    parse = message_factory.GetMessageClass(method.output_type).FromString
    try:
        if method.server_streaming:
            stream = channel.unary_stream(path, serialise, parse)(request, metadata=metadata, timeout=3)
            response = await anext(aiter(stream), None)
            stream.cancel()
        else:
            response = await channel.unary_unary(path, serialise, parse)(request, metadata=metadata, timeout=20)
    except grpc.aio.AioRpcError as error:
        info = error_info(error)
        return Answer(error.code(), info.reason if info else "", None)
    return Answer(grpc.StatusCode.OK, "", response)


def request_of(method: MethodDescriptor) -> Message:
    return message_factory.GetMessageClass(method.input_type)()
