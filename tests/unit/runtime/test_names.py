import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualspan_runtime.errors import InvalidArgument
from dualspan_runtime.names import GATEWAY, SERVER, TAG, TENANT, check_slug, tenant_of

slugs = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=40)


@given(slugs, slugs, slugs)
def test_what_is_formatted_parses_back(tenant: str, gateway: str, server: str) -> None:
    name = SERVER.format(tenant=tenant, gateway=gateway, server=server)
    assert SERVER.parse(name) == {"tenant": tenant, "gateway": gateway, "server": server}
    assert tenant_of(name) == tenant
    assert not GATEWAY.matches(name)


@given(st.text())
def test_any_other_text_is_refused_with_the_form(name: str) -> None:
    if not TENANT.matches(name):
        with pytest.raises(InvalidArgument) as raised:
            TENANT.parse(name)
        assert raised.value.reason == "MALFORMED_NAME"
        assert raised.value.metadata == {"pattern": "tenants/{tenant}"}


@pytest.mark.parametrize(
    "name",
    ["tenants/", "tenants/A", "tenants/a\n", "tenants/a/", "/tenants/a", f"tenants/{'a' * 41}", "tenants/a/gateways/b"],
)
def test_near_misses_are_no_tenants(name: str) -> None:
    assert not TENANT.matches(name)


@pytest.mark.parametrize("name", ["tenants", "tenants/", "tenants/a b", f"tenants/{'a' * 41}", "x/tenants/a", ""])
def test_only_a_whole_tenant_segment_counts(name: str) -> None:
    assert tenant_of(name) is None


def test_a_tag_is_a_number() -> None:
    assert TAG.parse("tenants/a/tags/17") == {"tenant": "a", "tag": "17"}
    assert not TAG.matches("tenants/a/tags/x")


@pytest.mark.parametrize("slug", ["", "A", "a_b", "a" * 41, "ä", "a\n"])
def test_a_malformed_id_names_its_field(slug: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        check_slug(slug, "gateway_id")
    assert raised.value.metadata == {"field": "gateway_id"}
