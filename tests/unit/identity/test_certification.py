import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError
from hypothesis import given
from hypothesis import strategies as st

from dualspan_identity.certification import CertificateAuthority, make_authority, read_csr
from dualspan_identity.sealing import Sealer, SealError
from dualspan_runtime.certificates import make_csr, make_key, renewal_delay
from dualspan_runtime.errors import InvalidArgument

URI = "dualspan:tenants/acme/gateways/press-1"
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def authority() -> CertificateAuthority:
    return make_authority()


def csr(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tenants/other/gateways/boss")])
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    lie = x509.SubjectAlternativeName([x509.UniformResourceIdentifier("dualspan:tenants/other/gateways/boss")])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name).add_extension(lie, critical=False)
    return builder.sign(key, algorithm).public_bytes(serialization.Encoding.PEM).decode()


def leaf_of(chain_pem: str) -> x509.Certificate:
    return x509.load_pem_x509_certificates(chain_pem.encode())[0]


def test_a_gateways_certificate_says_what_we_say_and_not_what_it_asks(authority: CertificateAuthority) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    issued = authority.sign_gateway(csr(key), URI, "gateway press-1", 30 * DAY)
    leaf = leaf_of(issued.chain_pem)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(names) == [x509.UniformResourceIdentifier(URI)]
    usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert leaf.public_key() == key.public_key()
    assert f"{leaf.serial_number:x}" == issued.serial
    leaf.verify_directly_issued_by(authority.certificate)


def test_a_servers_certificate_passes_a_strict_verifier(authority: CertificateAuthority) -> None:
    key, _pem = make_key()
    issued = authority.sign_server(make_csr(key, "x"), ["historian.example", "*.plant.example", "127.0.0.1", "::1"])
    verifiers = PolicyBuilder().store(Store([authority.certificate]))
    for host in ("historian.example", "a.plant.example"):
        verifiers.build_server_verifier(x509.DNSName(host)).verify(leaf_of(issued.chain_pem), [])
    with pytest.raises(VerificationError):
        verifiers.build_server_verifier(x509.DNSName("other.example")).verify(leaf_of(issued.chain_pem), [])


@pytest.mark.parametrize(("asked", "given_"), [(400 * DAY, 30 * DAY), (DAY, DAY), (timedelta(0), timedelta(seconds=1))])
def test_no_certificate_lives_longer_than_thirty_days(
    authority: CertificateAuthority, asked: timedelta, given_: timedelta
) -> None:
    key, _pem = make_key()
    issued = authority.sign_gateway(make_csr(key, "x"), URI, "g", asked)
    assert abs(issued.expires_at - datetime.now(UTC) - given_) < timedelta(seconds=10)


@pytest.mark.parametrize(
    ("key", "accepted"),
    [
        (ec.generate_private_key(ec.SECP256R1()), True),
        (rsa.generate_private_key(65537, 2048), True),
        (rsa.generate_private_key(65537, 1024), False),
        (ec.generate_private_key(ec.SECP384R1()), False),
        (ed25519.Ed25519PrivateKey.generate(), False),
    ],
)
def test_which_keys_are_accepted(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey, *, accepted: bool
) -> None:
    if accepted:
        assert read_csr(csr(key)) == key.public_key()
    else:
        with pytest.raises(InvalidArgument) as raised:
            read_csr(csr(key))
        assert raised.value.reason == "BAD_CSR"


@given(st.one_of(st.text(max_size=200), st.binary(max_size=200).map(lambda raw: raw.decode("latin-1"))))
def test_garbage_is_no_request(text: str) -> None:
    with pytest.raises(InvalidArgument):
        read_csr(text)
    with pytest.raises(InvalidArgument):
        read_csr(f"-----BEGIN CERTIFICATE REQUEST-----\n{text}\n-----END CERTIFICATE REQUEST-----\n")


def test_a_request_signed_with_another_key_is_refused() -> None:
    request = x509.load_pem_x509_csr(csr(ec.generate_private_key(ec.SECP256R1())).encode())
    raw = bytearray(request.public_bytes(serialization.Encoding.DER))
    raw[-1] ^= 1
    forged = x509.load_der_x509_csr(bytes(raw)).public_bytes(serialization.Encoding.PEM).decode()
    with pytest.raises(InvalidArgument, match="own key"):
        read_csr(forged)


def test_a_huge_request_is_not_even_read() -> None:
    with pytest.raises(InvalidArgument, match="larger"):
        read_csr("x" * 20_000)


@pytest.mark.parametrize("host", ["", "a b", "-x-/etc", "ä.example", "x" * 300, "http://x", "a..b"])
def test_what_is_no_host_gets_no_certificate(authority: CertificateAuthority, host: str) -> None:
    key, _pem = make_key()
    with pytest.raises(InvalidArgument):
        authority.sign_server(make_csr(key, "x"), [host])


def test_renewal_comes_at_two_thirds_of_the_life(authority: CertificateAuthority) -> None:
    key, _pem = make_key()
    issued = authority.sign_gateway(make_csr(key, "x"), URI, "g", 30 * DAY)
    delay = timedelta(seconds=renewal_delay(issued.chain_pem.encode(), datetime.now(UTC)))
    assert abs(delay - 20 * DAY) < timedelta(minutes=5)
    assert renewal_delay(issued.chain_pem.encode(), datetime.now(UTC) + 29 * DAY) < 0


@given(st.binary(max_size=200), st.text(max_size=20))
def test_what_is_sealed_opens_for_its_purpose_and_secret_only(plain: bytes, purpose: str) -> None:
    sealer = Sealer("one secret")
    sealed = sealer.seal(plain, purpose)
    assert sealer.open(sealed, purpose) == plain
    assert sealer.seal(plain, purpose) != sealed
    with pytest.raises(SealError):
        sealer.open(sealed, purpose + "x")
    with pytest.raises(SealError, match="DUALSPAN_SERVICE_SECRET must be the one"):
        Sealer("another secret").open(sealed, purpose)
    with pytest.raises(SealError):
        sealer.open(bytes([sealed[0] ^ 1]) + sealed[1:], purpose)


def test_a_request_of_no_known_version_is_refused() -> None:
    der = x509.load_pem_x509_csr(make_csr(make_key()[0], "x").encode()).public_bytes(serialization.Encoding.DER)
    body = base64.encodebytes(der.replace(b"\x02\x01\x00", b"\x02\x01\x07", 1)).decode()
    with pytest.raises(InvalidArgument) as raised:
        read_csr(f"-----BEGIN CERTIFICATE REQUEST-----\n{body}-----END CERTIFICATE REQUEST-----\n")
    assert raised.value.reason == "BAD_CSR"
