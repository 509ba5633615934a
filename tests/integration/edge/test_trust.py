"""Whom the gateway trusts, on the wire: authorities, approvals, revocations, and certificates that are absurd."""

from collections.abc import Callable
from pathlib import Path

from asyncua import ua
from integration.edge.plant import Plant, tag
from integration.edge.platform import Platform
from integration.edge.running import RunningGateway, until

from dualspan.frame.v1 import frame_pb2
from dualspan.onboarding.v1 import gateway_service_pb2 as gateway
from dualspan.onboarding.v1 import resources_pb2 as onboarding
from dualspan.onboarding.v1 import trust_pb2
from dualspan_frame import ValueKind
from harness.certificates import Authority, Wanted, certificate, der, key, key_pem

COUNT = tag(2, "count", frame_pb2.VALUE_KIND_INT64)
UNTRUSTED, CONNECTED = onboarding.CONNECTION_STATE_UNTRUSTED, onboarding.CONNECTION_STATE_CONNECTED
URI = "urn:plant"
ROOT = Authority.root()


def issued(authority: Authority, number: int) -> tuple[bytes, bytes]:
    """Key (PEM) and certificate (DER) of the plant."""
    wanted = Wanted("plant", key(number), host="127.0.0.1", uri=URI)
    return key_pem(wanted.key), der(authority.issue(wanted))


async def restart(plant: Plant, identity: tuple[bytes, bytes]) -> None:
    """Comes back with another certificate, like a PLC that was replaced or renewed."""
    await plant.stop()
    plant.identity = identity
    await plant.start()
    await plant.server.set_application_uri(URI)
    for endpoint in plant.server.iserver.endpoints:
        endpoint.Server.ApplicationUri = URI
    await plant.add("count", 0, ua.VariantType.UInt32)


def authority_entry(authority: Authority, crl: bytes) -> trust_pb2.TrustList:
    entry = trust_pb2.TrustList.Authority(
        certificate=der(authority.certificate),
        revocation_list=crl,
        trusted=True,
        revocation_check=trust_pb2.REVOCATION_CHECK_REQUIRED,
    )
    return trust_pb2.TrustList(authorities=[entry])


def seen(platform: Platform) -> trust_pb2.GatewayCertificates.Server:
    servers = platform.onboarding.certificates.servers
    return servers[0] if servers else trust_pb2.GatewayCertificates.Server()


async def test_an_authority_vouches_until_it_revokes(plant: Plant, platform: Platform, box: RunningGateway) -> None:
    authority = Authority.root()
    first, second = issued(authority, 30), issued(authority, 31)
    await restart(plant, first)
    unapproved = plant.configuration(COUNT)
    unapproved.trusted_certificate_sha256 = ""
    platform.onboarding.configure(unapproved, trust_list=authority_entry(authority, authority.revocation_list()))
    box.start()
    await until(lambda: seen(platform).verdict == trust_pb2.TRUST_VERDICT_ISSUED, "the first is trusted")
    # Renewed by the same authority: nobody has to do anything.
    await restart(plant, second)
    second_leaf = second[1]
    await until(lambda: seen(platform).chain == second_leaf, "the second is seen", 30)
    await until(lambda: platform.onboarding.server_state() == CONNECTED, "and trusted")
    assert seen(platform).verdict == trust_pb2.TRUST_VERDICT_ISSUED
    # Revoked while the stream runs: it stops, and approval does not help.
    revoked = authority.revocation_list(plant.certificate, number=2)
    approved = plant.configuration(COUNT)
    platform.onboarding.configure(approved, trust_list=authority_entry(authority, revoked))
    await until(lambda: platform.onboarding.server_state() == UNTRUSTED, "the stream stops")
    assert "was revoked by" in platform.onboarding.status.servers[0].detail
    assert platform.onboarding.status.servers[0].untrusted_certificate == b""


async def test_a_changed_certificate_stops_the_stream_until_it_is_approved(
    plant: Plant, platform: Platform, box: RunningGateway
) -> None:
    await plant.add("count", 0, ua.VariantType.UInt32)
    platform.onboarding.configure(plant.configuration(COUNT))
    box.start()
    await until(lambda: platform.historian.values(ValueKind.INT64, 2) == [0], "the first value")
    assert seen(platform).verdict == trust_pb2.TRUST_VERDICT_APPROVED
    other = issued(Authority.root(), 30)
    await restart(plant, other)
    await until(lambda: platform.onboarding.server_state() == UNTRUSTED, "the stream stops", 30)
    await until(lambda: seen(platform).verdict == trust_pb2.TRUST_VERDICT_UNTRUSTED, "the platform hears of it")
    assert (seen(platform).chain, plant.certificate_der) == (other[1], other[1])
    await plant.write("count", 7, ua.VariantType.UInt32)
    platform.onboarding.configure(plant.configuration(COUNT))
    await until(lambda: platform.historian.values(ValueKind.INT64, 2)[-1:] == [7], "it goes on", 30)
    assert seen(platform).verdict == trust_pb2.TRUST_VERDICT_APPROVED
    (gap,) = platform.historian.gaps
    assert gap.tag_id in (0, 2)


async def test_absurd_certificates_are_refused_and_other_servers_are_unaffected(
    plant: Plant, platform: Platform, box: RunningGateway, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    hostile = Plant(tmp_path / "hostile", free_port())
    await hostile.start()
    circle = [Authority(f"Ring {n}", key(10 + n), ROOT.certificate) for n in range(2)]
    ring = b"".join(
        der(certificate(Wanted(one.subject, one.key, is_authority=True), other.subject, other.key))
        for one, other in zip(circle, reversed(circle), strict=True)
    )
    shown = {
        "1000000 bytes": bytes(1_000_000),
        "larger than the server or the gateway takes": bytes(10_000_000),
        "in a circle": der(circle[0].issue(Wanted("plant"))) + ring,
        "cannot be read": b"\x30\x82\x01\x00" + bytes(256),
    }
    await plant.add("count", 0, ua.VariantType.UInt32)
    bad = gateway.ServerConfiguration(server="hostile", endpoint_url=hostile.url)
    platform.onboarding.configure(plant.configuration(COUNT), bad, trust_list=authority_entry(ROOT, b""))
    box.start()
    try:
        for words, presented in shown.items():
            for endpoint in hostile.server.iserver.endpoints:
                endpoint.ServerCertificate = ua.ByteString(presented)
            await until(lambda words=words: words in detail_of(platform, "hostile"), words, 30)
        await plant.write("count", 1, ua.VariantType.UInt32)
        await until(lambda: platform.historian.values(ValueKind.INT64, 2) == [0, 1], "the other goes on")
        assert not platform.historian.gaps
    finally:
        await box.stop()
        await hostile.stop()


def detail_of(platform: Platform, server: str) -> str:
    return next((one.detail for one in platform.onboarding.status.servers if one.server == server), "")
