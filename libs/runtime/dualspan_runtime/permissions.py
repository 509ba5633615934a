"""What each method demands of its caller: read from the contracts once, before the server starts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from google.longrunning import operations_pb2
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import MethodDescriptor

from dualspan.runtime.v1.access_pb2 import permission as permission_option
from dualspan_runtime.roles import ALL_PERMISSIONS, AUTHENTICATED, PUBLIC, SPECIAL_PERMISSIONS
from dualspan_runtime.tenancy import TenantReader, tenant_reader

# Contracts that are not ours and so carry no option.
_FOREIGN_SERVICES: Mapping[str, str] = {
    "grpc.health.v1.Health": PUBLIC,
    "grpc.reflection.v1alpha.ServerReflection": PUBLIC,
    operations_pb2.DESCRIPTOR.services_by_name["Operations"].full_name: AUTHENTICATED,
}


class MissingPermissionError(Exception):
    """A method does not say who may call it."""


@dataclass(frozen=True, slots=True)
class MethodPolicy:
    """What a method demands.

    Attributes:
        permission: One of the five words, or a permission that a role has.
        unary: One request, one response.
        read_tenants: Finds the tenants that a request is about; None when the requests are a stream.
    """

    permission: str
    unary: bool
    read_tenants: TenantReader | None


def read_policies(services: Iterable[str]) -> dict[str, MethodPolicy]:
    """Returns the policies of all methods of these services, by `/package.Service/Method`.

    Raises:
        MissingPermissionError: A method states no permission, or one that no role has.
    """
    pool = descriptor_pool.Default()
    return {
        f"/{service}/{method.name}": _policy(method, _FOREIGN_SERVICES.get(service))
        for service in services
        for method in pool.FindServiceByName(service).methods
    }


def _policy(method: MethodDescriptor, foreign: str | None) -> MethodPolicy:
    permission = foreign or method.GetOptions().Extensions[permission_option]
    if not permission:
        msg = (
            f"{method.full_name} does not say who may call it. "
            "Add `option (dualspan.runtime.v1.permission)` to it in its .proto file."
        )
        raise MissingPermissionError(msg)
    if permission not in SPECIAL_PERMISSIONS and permission not in ALL_PERMISSIONS:
        msg = f"{method.full_name} needs {permission!r}, which no role has. Add it to dualspan_runtime/roles.py."
        raise MissingPermissionError(msg)
    return MethodPolicy(
        permission,
        unary=not (method.client_streaming or method.server_streaming),
        read_tenants=None if method.client_streaming else tenant_reader(method.input_type),
    )
