import pytest

from dualspan_onboarding.assets import ProposalName
from dualspan_onboarding.names import (
    GatewayName,
    GatewayScope,
    NoticeName,
    ServerName,
    TagName,
    TrustedCertificateName,
    parse_tenant,
)
from dualspan_onboarding.writes.model import WriteCommandName
from dualspan_runtime.errors import InvalidArgument

UID = "01890a5d-ac96-774b-bcce-b302099a8057"


def test_names_survive_a_round_trip() -> None:
    for text, kind in (
        ("tenants/acme/gateways/g-1", GatewayName),
        ("tenants/acme/gateways/g-1/servers/press-1", ServerName),
        ("tenants/acme/tags/17", TagName),
        (f"tenants/acme/notices/{UID}", NoticeName),
        (f"tenants/acme/trustedCertificates/{UID}", TrustedCertificateName),
        (f"tenants/acme/writeCommands/{UID}", WriteCommandName),
        (f"tenants/acme/mappingProposals/{UID}", ProposalName),
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


@pytest.mark.parametrize("notice", ["", "7", "notice-1", UID[:-1], UID + "0", UID.upper()])
def test_what_is_no_uuid_names_nothing_that_has_one(notice: str) -> None:
    with pytest.raises(InvalidArgument, match="MALFORMED_NAME"):
        NoticeName.parse(f"tenants/acme/notices/{notice}")


def test_names_of_two_kinds_are_never_the_same() -> None:
    uid = NoticeName.parse(f"tenants/acme/notices/{UID}").uid
    assert NoticeName("acme", uid) != WriteCommandName("acme", uid)
