"""The methods that have an address, read from the descriptors of all contracts."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from google.api import annotations_pb2
from google.api.http_pb2 import HttpRule
from google.longrunning import operations_pb2
from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FileDescriptor, MethodDescriptor
from google.protobuf.message import Message

import dualspan
from dualspan.runtime.v1 import access_pb2
from dualspan_console.transcoding.templates import Template, parse_template

AUTHENTICATED: Final = "authenticated"
_OPERATIONS = operations_pb2.DESCRIPTOR.services_by_name["Operations"]
# This contract is Google's: its own annotations fit no name of ours. As its services' configurations do, the rules
# stand here (google/api/http.proto, "Transcoding with gRPC API Configuration").
_OPERATION_RULES = {
    "ListOperations": HttpRule(get="/v1/{name=tenants/*}/operations"),
    "GetOperation": HttpRule(get="/v1/{name=tenants/*/operations/*}"),
    "WaitOperation": HttpRule(post="/v1/{name=tenants/*/operations/*}:wait", body="*"),
    "CancelOperation": HttpRule(post="/v1/{name=tenants/*/operations/*}:cancel", body="*"),
}


@dataclass(frozen=True, slots=True)
class Route:
    """One address of a method.

    Attributes:
        method: Of the contract.
        verb: GET, POST, …
        template: The path.
        body: The field that the body becomes; `*` for the whole request; "" for none.
        permission: What the caller needs, as the contract says.
    """

    method: MethodDescriptor
    verb: str
    template: Template
    body: str
    permission: str

    @property
    def file(self) -> access_pb2.File | None:
        """Which fields of the answer make it a file; None if it is JSON."""
        options = self.method.GetOptions()
        return options.Extensions[access_pb2.file] if options.HasExtension(access_pb2.file) else None

    @property
    def address(self) -> str:
        """`/package.Service/Method`, as gRPC calls it."""
        return f"/{self.method.containing_service.full_name}/{self.method.name}"

    @property
    def service(self) -> str:
        """The service of the platform that answers: `historian` of `dualspan.historian.v1`; `operations` of several."""
        return self.method.containing_service.file.package.split(".")[1] if self._is_ours else "operations"

    @property
    def _is_ours(self) -> bool:
        return self.method.containing_service.full_name != _OPERATIONS.full_name

    def new_request(self) -> Message:
        """An empty request."""
        return message_class(self.method.input_type)()


def message_class(descriptor: Descriptor) -> type[Message]:
    """The class of a message."""
    return message_factory.GetMessageClass(descriptor)


def contract_files() -> list[FileDescriptor]:
    """All contracts of the platform, in order of their names."""
    found = pkgutil.walk_packages(dualspan.__path__, "dualspan.")
    names = sorted(each.name for each in found if each.name.endswith("_pb2"))
    return [importlib.import_module(name).DESCRIPTOR for name in names]


def http_rule(method: MethodDescriptor) -> HttpRule:
    """What the contract says of a method's address; empty if it has none."""
    extension: Any = annotations_pb2.http
    return method.GetOptions().Extensions[extension]


def all_methods() -> Iterator[MethodDescriptor]:
    """Every method of every contract of the platform."""
    for file in contract_files():
        for service in file.services_by_name.values():
            yield from service.methods


def read_routes() -> list[Route]:
    """Every address of every method."""
    routes = [
        _route(method, rule, method.GetOptions().Extensions[access_pb2.permission])
        for method in all_methods()
        for rule in _rules(http_rule(method))
    ]
    return routes + [
        _route(_OPERATIONS.methods_by_name[name], rule, AUTHENTICATED) for name, rule in _OPERATION_RULES.items()
    ]


def _rules(rule: HttpRule) -> Iterable[HttpRule]:
    return [each for each in (rule, *rule.additional_bindings) if each.WhichOneof("pattern")]


def _route(method: MethodDescriptor, rule: HttpRule, permission: str) -> Route:
    kind = rule.WhichOneof("pattern")
    verb, text = (rule.custom.kind, rule.custom.path) if kind == "custom" else (str(kind), getattr(rule, str(kind)))
    return Route(method, verb.upper(), parse_template(text), rule.body, permission)
