import pytest

from dualspan_onboarding.names import GatewayName, GatewayScope, ServerName, TagName, parse_tenant
from dualspan_runtime.errors import InvalidArgument


def test_names_survive_a_round_trip() -> None:
    for text, kind in (
        ("tenants/acme/gateways/g-1", GatewayName),
        ("tenants/acme/gateways/g-1/servers/press-1", ServerName),
        ("tenants/acme/tags/17", TagName),
    ):
        assert str(kind.parse(text)) == text


def test_a_dash_means_every_gateway_in_a_list_only() -> None:
    assert GatewayScope.parse("tenants/acme/gateways/-") == GatewayScope("acme", None)
    assert GatewayScope.parse("tenants/acme/gateways/g1") == GatewayScope("acme", "g1")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "tenants/acme",
        "tenants/acme/gateways/",
        "tenants/acme/gateways/G1",
        "tenants/acme/gateways/g1/",
        "tenants/acme/gateways/../g1",
        "tenants//gateways/g1",
        "tenants/acme/gateways/" + "g" * 41,
        "tenants/acme/gateways/g1\n",
        "tenants/acme/gateways/g1' OR '1'='1",
    ],
)
def test_malformed_gateway_names_are_refused(name: str) -> None:
    with pytest.raises(InvalidArgument, match="MALFORMED_NAME"):
        GatewayName.parse(name)
    with pytest.raises(InvalidArgument, match="MALFORMED_NAME"):
        GatewayScope.parse(name)


@pytest.mark.parametrize("tag", ["", "0", "-1", "1.5", "a", "9223372036854775808", "١", "99999999999999999999"])
def test_a_tags_id_is_a_positive_bigint(tag: str) -> None:
    with pytest.raises(InvalidArgument, match="MALFORMED_NAME"):
        TagName.parse(f"tenants/acme/tags/{tag}")


def test_a_tenant_is_one_segment() -> None:
    assert parse_tenant("tenants/acme") == "acme"
    with pytest.raises(InvalidArgument, match="MALFORMED_NAME"):
        parse_tenant("tenants/acme/users/u1")
