"""What the contracts must hold so that each method has one address over HTTP."""

import re

import pytest
from google.protobuf.descriptor import FieldDescriptor

from dualspan.runtime.v1.access_pb2 import permission
from dualspan_console.transcoding.contracts import Route, all_methods, http_rule, read_routes
from dualspan_console.transcoding.router import RouteClashError, Router
from dualspan_console.transcoding.templates import parse_path, parse_template

# People call none of these: other services, gateways and apps do, over gRPC.
NOT_FOR_PEOPLE = {"service", "gateway", "app"}
# Gateways call it before they have a certificate, on a listener of their own.
ENROL = "dualspan.onboarding.v1.EnrolmentService.Enrol"
ROUTES = read_routes()


def test_every_method_that_people_may_call_has_an_address() -> None:
    without = [
        method.full_name
        for method in all_methods()
        if method.GetOptions().Extensions[permission] not in NOT_FOR_PEOPLE
        and not method.client_streaming
        and not http_rule(method).WhichOneof("pattern")
    ]
    assert without == [ENROL], "give them an option (google.api.http)"


def test_no_other_method_has_one() -> None:
    exposed = [
        route.method.full_name
        for route in ROUTES
        if route.permission in NOT_FOR_PEOPLE or not route.permission or route.method.client_streaming
    ]
    assert not exposed


def test_no_two_methods_could_be_meant_by_one_request() -> None:
    router = Router(ROUTES)
    for route in ROUTES:
        path = "/" + "/".join("x" if each == "*" else each for each in route.template.segments)
        verb = f":{route.template.verb}" if route.template.verb else ""
        found = router.find(route.verb, parse_path((path + verb).encode()))
        assert found.route is route, route.method.full_name


def test_two_that_could_are_refused() -> None:
    one = ROUTES[0]
    other = Route(one.method, one.verb, parse_template(one.template.text.replace("parent=", "name=")), "", "x")
    with pytest.raises(RouteClashError):
        Router([one, other])


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method.name} {route.verb}")
def test_an_address_fits_its_request(route: Route) -> None:
    for variable in route.template.variables:
        place = route.method.input_type
        *above, last = variable.field.split(".")
        for name in above:
            place = place.fields_by_name[name].message_type
            assert place is not None
        assert place.fields_by_name[last].type == FieldDescriptor.TYPE_STRING
    if route.body not in {"", "*"}:
        assert route.method.input_type.fields_by_name[route.body].message_type is not None
    assert bool(route.body) == (route.verb in {"POST", "PATCH", "PUT"})
    assert re.match(r"/v1/", route.template.text)


def test_a_file_names_fields_of_its_answer() -> None:
    files = [route for route in ROUTES if route.file is not None]
    assert files
    for route in files:
        fields, answer = route.file, route.method.output_type.fields_by_name
        assert fields is not None
        assert answer[fields.content].type == FieldDescriptor.TYPE_BYTES
        assert answer[fields.media_type].type == FieldDescriptor.TYPE_STRING
        assert not fields.file_name or answer[fields.file_name].type == FieldDescriptor.TYPE_STRING


SECRET = re.compile(r"password|secret|private_key|credential$|(^|_)(token|code)$")
# Where a list goes on: of no use to anybody else.
NO_SECRETS = {"page_token"}


def test_no_secret_is_in_an_address_which_proxies_log() -> None:
    exposed = [
        f"{route.method.full_name}: {field.full_name}"
        for route in ROUTES
        if route.body != "*"
        for top in route.method.input_type.fields
        if top.name != route.body
        for field in ([top] if top.message_type is None else top.message_type.fields)
        if SECRET.search(field.name) and field.name not in NO_SECRETS
    ]
    assert not exposed
