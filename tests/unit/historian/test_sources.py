"""Who sends samples: a gateway, or an app by a name that no gateway can have."""

import pytest

from dualspan_historian.model import Stream
from dualspan_historian.servicer.requests import read_source, write_source
from dualspan_runtime.errors import InvalidArgument


@pytest.mark.parametrize(
    ("name", "source", "is_app"),
    [
        ("tenants/acme/gateways/oee", "oee", False),
        ("tenants/acme/subscriptions/oee", "subscriptions/oee", True),
        ("tenants/acme/gateways/subscriptions", "subscriptions", False),
    ],
)
def test_names_there_and_back(name: str, source: str, is_app: bool) -> None:
    assert read_source("acme", name) == source
    assert write_source("acme", source) == name
    assert Stream("acme", source, 1).is_app is is_app


@pytest.mark.parametrize(
    "name",
    [
        "tenants/rival/gateways/oee",
        "tenants/rival/subscriptions/oee",
        "tenants/acme/users/ada",
        "tenants/acme/subscriptions/a/b",
        "",
    ],
)
def test_nobody_else_sends(name: str) -> None:
    with pytest.raises(InvalidArgument):
        read_source("acme", name)
