"""Which tenant a request is about: found from its fields, by a plan made once per message type."""

from collections.abc import Callable

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from dualspan_runtime.names import tenant_of

TenantReader = Callable[[Message], frozenset[str]]

_NAME_FIELDS = ("parent", "name", "gateway", "server")
_LIST_FIELDS = ("names",)
_NOTHING: frozenset[str] = frozenset()


def tenant_reader(descriptor: Descriptor) -> TenantReader:
    """Returns a function from a request to the tenants that its names begin with.

    Top-level `parent`, `name`, `gateway`, `server` and `names` count. A request without `parent` and `name` that
    carries a resource (an update) is about that resource's `name`; with a `parent` (a creation) that name is ignored.
    """
    fields = descriptor.fields_by_name
    plain = [
        name for name in _NAME_FIELDS if name in fields and _is_text(fields[name]) and not fields[name].is_repeated
    ]
    lists = [name for name in _LIST_FIELDS if name in fields and _is_text(fields[name]) and fields[name].is_repeated]
    nested = [] if plain else [field.name for field in descriptor.fields if _is_resource(field)]
    if not (plain or lists or nested):
        return lambda _request: _NOTHING

    def read(request: Message) -> frozenset[str]:
        names = [getattr(request, field) for field in plain]
        names += [getattr(request, field).name for field in nested]
        for field in lists:
            names += getattr(request, field)
        return frozenset(tenant for name in names if (tenant := tenant_of(name)))

    return read


def _is_text(field: FieldDescriptor) -> bool:
    return field.type == FieldDescriptor.TYPE_STRING


def _is_resource(field: FieldDescriptor) -> bool:
    if field.is_repeated or field.message_type is None:
        return False
    name = field.message_type.fields_by_name.get("name")
    return name is not None and _is_text(name)
