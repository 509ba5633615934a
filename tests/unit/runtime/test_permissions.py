import importlib
import pkgutil
from itertools import pairwise

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import MethodDescriptor

import dualspan
from dualspan.historian.v1 import service_pb2 as historian
from dualspan.identity.v1 import service_pb2 as identity
from dualspan.identity.v1.resources_pb2 import User
from dualspan.onboarding.v1 import service_pb2 as onboarding
from dualspan.onboarding.v1.resources_pb2 import OpcUaServer
from dualspan.runtime.v1.access_pb2 import permission as permission_option
from dualspan_runtime.authorisation import check_permission, choose_tenant
from dualspan_runtime.errors import PermissionDenied, Unauthenticated
from dualspan_runtime.permissions import MissingPermissionError, read_policies
from dualspan_runtime.principal import ANONYMOUS, Principal, PrincipalKind
from dualspan_runtime.roles import ALL_PERMISSIONS, ROLE_PERMISSIONS, SPECIAL_PERMISSIONS, role_name, role_number
from dualspan_runtime.tenancy import tenant_reader

USER = Principal(PrincipalKind.USER, "users/u", "acme", frozenset({"viewer"}))
ROOT = Principal(PrincipalKind.USER, "users/r", "acme", frozenset({"platform_admin"}))
GATEWAY = Principal(PrincipalKind.GATEWAY, "gateways/g", "acme", serial="1")
SERVICE = Principal(PrincipalKind.SERVICE, "services/historian")


def all_methods() -> list[MethodDescriptor]:
    """Of every contract that there is, so that a new one cannot be forgotten."""
    contracts = [
        importlib.import_module(module.name)
        for module in pkgutil.walk_packages(dualspan.__path__, "dualspan.")
        if module.name.endswith("_pb2")
    ]
    services = [service for file in contracts for service in file.DESCRIPTOR.services_by_name.values()]
    return [method for service in services for method in service.methods]


def add_service(name: str, permission: str) -> str:
    """Adds a service whose only method states this permission, or none, to the pool; returns its full name."""
    file = descriptor_pb2.FileDescriptorProto(name=f"{name}.proto", package="tests", syntax="proto3")
    file.dependency.append("google/protobuf/empty.proto")
    empty = ".google.protobuf.Empty"
    method = file.service.add(name=name).method.add(name="Do", input_type=empty, output_type=empty)
    if permission:
        method.options.Extensions[permission_option] = permission
    descriptor_pool.Default().Add(file)
    return f"tests.{name}"


def test_every_method_of_every_contract_has_a_policy() -> None:
    names = {method.containing_service.full_name for method in all_methods()}
    policies = read_policies(names)
    assert len(policies) == len(all_methods()) > 30


def test_no_role_has_a_permission_that_no_contract_names() -> None:
    named = {method.GetOptions().Extensions[permission_option] for method in all_methods()}
    assert named - SPECIAL_PERMISSIONS == ALL_PERMISSIONS


def test_a_method_without_permission_stops_the_start() -> None:
    with pytest.raises(MissingPermissionError, match=r"tests\.Silent\.Do does not say who may call it"):
        read_policies([add_service("Silent", "")])


def test_a_permission_that_no_role_has_stops_the_start() -> None:
    with pytest.raises(MissingPermissionError, match="which no role has"):
        read_policies([add_service("Misspelt", "historian.sample.reed")])


def test_a_platform_admin_reads_nobodys_samples() -> None:
    assert not any(name.startswith(("historian.", "onboarding.")) for name in ROLE_PERMISSIONS["platform_admin"])


def test_each_role_may_do_what_the_one_before_it_may() -> None:
    order = ["viewer", "operator", "engineer", "admin"]
    for less, more in pairwise(order):
        assert ROLE_PERMISSIONS[less] <= ROLE_PERMISSIONS[more]


def test_roles_have_the_contracts_numbers() -> None:
    assert [role_number(role_name(number)) for number in range(1, 7)] == list(range(1, 7))
    assert {role_name(number) for number in range(1, 7)} == set(ROLE_PERMISSIONS)


@pytest.mark.parametrize(
    ("principal", "allowed"),
    [
        (ANONYMOUS, {"public"}),
        (USER, {"public", "authenticated", "historian.samples.read"}),
        (ROOT, {"public", "authenticated", "identity.users.manage"}),
        (GATEWAY, {"public", "authenticated", "gateway"}),
        (SERVICE, {"public", "authenticated", "service", "historian.samples.read", "identity.users.manage"}),
    ],
)
def test_who_may_what(principal: Principal, allowed: set[str]) -> None:
    for permission in {*SPECIAL_PERMISSIONS, "historian.samples.read", "identity.users.manage"}:
        if permission in allowed:
            check_permission(principal, permission)
        else:
            expected = Unauthenticated if principal is ANONYMOUS else PermissionDenied
            with pytest.raises(expected):
                check_permission(principal, permission)


@pytest.mark.parametrize(
    ("principal", "permission", "named", "tenant"),
    [
        (USER, "historian.samples.read", {"acme"}, "acme"),
        (USER, "identity.tenants.read", set(), "acme"),
        (USER, "historian.samples.read", {"other"}, None),
        (USER, "historian.samples.read", {"acme", "other"}, None),
        (GATEWAY, "gateway", set(), "acme"),
        (GATEWAY, "gateway", {"other"}, None),
        (ROOT, "identity.users.manage", {"other"}, "other"),
        (ROOT, "historian.samples.read", {"other"}, None),
        (ROOT, "authenticated", {"other"}, None),
        (SERVICE, "service", {"other"}, "other"),
        (SERVICE, "service", set(), ""),
        (SERVICE, "service", {"acme", "other"}, None),
        (ANONYMOUS, "public", set(), ""),
    ],
)
def test_for_which_tenant_a_call_works(
    principal: Principal, permission: str, named: set[str], tenant: str | None
) -> None:
    if tenant is None:
        with pytest.raises(PermissionDenied) as raised:
            choose_tenant(principal, permission, frozenset(named))
        assert raised.value.reason == "FOREIGN_TENANT"
    else:
        assert choose_tenant(principal, permission, frozenset(named)) == tenant


OTHER = "tenants/other"


@pytest.mark.parametrize(
    ("request_", "tenants"),
    [
        (identity.ListUsersRequest(parent="tenants/acme"), {"acme"}),
        (identity.GetTenantRequest(name="tenants/acme"), {"acme"}),
        (identity.UpdateUserRequest(user=User(name="tenants/acme/users/u")), {"acme"}),
        # The name inside a creation is ignored, as the contract says.
        (identity.CreateUserRequest(parent="tenants/acme", user=User(name=f"{OTHER}/users/u")), {"acme"}),
        (identity.ListTenantsRequest(), set()),
        (identity.SignGatewayCertificateRequest(gateway="tenants/acme/gateways/g"), {"acme"}),
        (onboarding.AcceptVariablesRequest(server="tenants/acme/gateways/g/servers/s"), {"acme"}),
        (onboarding.BatchDeleteTagsRequest(parent="tenants/acme", names=["tenants/other/tags/1"]), {"acme", "other"}),
        (onboarding.ListTagsRequest(parent="tenants/acme", server=f"{OTHER}/gateways/g/servers/s"), {"acme", "other"}),
        (
            onboarding.UpdateOpcUaServerRequest(opc_ua_server=OpcUaServer(name=f"{OTHER}/gateways/g/servers/s")),
            {"other"},
        ),
        (historian.ReadRawRequest(parent="nonsense"), set()),
    ],
)
def test_the_tenants_that_a_request_is_about(request_: identity.ListUsersRequest, tenants: set[str]) -> None:
    assert tenant_reader(request_.DESCRIPTOR)(request_) == tenants


def test_every_unary_request_with_a_resource_name_is_seen() -> None:
    """A method that names a resource in a field that nobody looks at would open every tenant."""
    blind = [
        method.full_name
        for method in all_methods()
        if not method.client_streaming
        and method.GetOptions().Extensions[permission_option] not in SPECIAL_PERMISSIONS
        and not any(
            field.name in {"parent", "name", "gateway", "server", "names"}
            or (field.message_type is not None and "name" in field.message_type.fields_by_name)
            for field in method.input_type.fields
        )
    ]
    assert set(blind) == {
        # A new tenant has no name yet, and the list is cut to what the caller may see.
        "dualspan.identity.v1.IdentityService.ListTenants",
        # What waits for a reviewer of the platform is of every publisher.
        "dualspan.marketplace.v1.PublishingService.ListReviews",
    }
