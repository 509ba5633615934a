import base64

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from dualspan_onboarding.service.enrolment import check_csr, token_text
from dualspan_runtime.errors import InvalidArgument


def csr(key: CertificateIssuerPrivateKeyTypes) -> str:
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else SHA256()
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, algorithm)
    return request.public_bytes(Encoding.PEM).decode()


def test_a_tokens_text_can_be_taken_apart() -> None:
    fingerprint = bytes(range(32))
    version, address, ca, secret = token_text("platform.example:7422", fingerprint, "s-_3cret").split(".")
    assert version == "dse1"
    assert base64.urlsafe_b64decode(address + "=" * (-len(address) % 4)) == b"platform.example:7422"
    assert base64.urlsafe_b64decode(ca + "=" * (-len(ca) % 4)) == fingerprint
    assert secret == "s-_3cret"


def test_strong_keys_are_accepted() -> None:
    check_csr(csr(ec.generate_private_key(ec.SECP256R1())))
    check_csr(csr(rsa.generate_private_key(65537, 2048)))


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP192R1()),
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 1024),
    ],
)
def test_other_keys_are_refused(key: CertificateIssuerPrivateKeyTypes) -> None:
    with pytest.raises(InvalidArgument, match="CSR_REFUSED"):
        check_csr(csr(key))


@pytest.mark.parametrize(
    "text", ["", "not PEM", "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END X-----", "A" * 20000]
)
def test_what_is_no_request_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match="CSR_REFUSED"):
        check_csr(text)


def test_a_request_that_was_tampered_with_is_refused() -> None:
    request = x509.load_pem_x509_csr(csr(ec.generate_private_key(ec.SECP256R1())).encode())
    der = bytearray(request.public_bytes(Encoding.DER))
    der[-1] ^= 1
    body = base64.encodebytes(bytes(der)).decode()
    with pytest.raises(InvalidArgument, match="CSR_REFUSED"):
        check_csr(f"-----BEGIN CERTIFICATE REQUEST-----\n{body}-----END CERTIFICATE REQUEST-----\n")
