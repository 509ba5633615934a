"""A token becomes a certificate, and the certificate stays valid."""

import datetime as dt
import stat

import pytest
from integration.edge.platform import GATEWAY, Platform
from integration.edge.running import RunningGateway, until

from dualspan_edge.enrolment import EnrolmentToken, enrol
from dualspan_edge.errors import EnrolmentError
from dualspan_edge.identity import Identity


async def test_enrolment(platform: Platform, box: RunningGateway) -> None:
    identity = Identity.load(box.settings.data_dir)
    assert identity.gateway == GATEWAY
    assert identity.name == "box"
    path = box.settings.data_dir / "identity.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_token_works_once(platform: Platform, box: RunningGateway) -> None:
    with pytest.raises(EnrolmentError, match="new one") as refused:
        await enrol(EnrolmentToken.parse(platform.token()))
    assert ".." not in str(refused.value)


async def test_another_platform_is_not_enrolled_with(platform: Platform) -> None:
    with pytest.raises(EnrolmentError, match="not the platform"):
        await enrol(EnrolmentToken.parse(platform.token(ca_sha256=b"x" * 32)))
    assert platform.onboarding.tokens_used == 0


async def test_the_certificate_is_renewed(platform: Platform, box: RunningGateway) -> None:
    identity = Identity.load(box.settings.data_dir)
    key_before = identity.key_pem
    short = platform.authority.chain_for(_request_for(identity), dt.timedelta(seconds=3))
    identity.renewed(short, identity.key_pem).save(box.settings.data_dir)
    box.start()
    await until(lambda: platform.onboarding.renewals == 1, "it is renewed at two thirds of its life")
    await until(lambda: Identity.load(box.settings.data_dir).key_pem != key_before, "and stored")
    hellos = len(platform.onboarding.hellos)
    await until(lambda: len(platform.onboarding.hellos) > hellos or hellos > 1, "the streams use the new one")
    left = Identity.load(box.settings.data_dir).certificate().not_valid_after_utc - dt.datetime.now(dt.UTC)
    assert left > dt.timedelta(days=20)


def _request_for(identity: Identity) -> str:
    """A request for the key that the identity has."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

    key = load_pem_private_key(identity.key_pem.encode(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()
