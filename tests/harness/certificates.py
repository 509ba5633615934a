"""Authorities, certificates and revocation lists for tests: proper ones, and ones with something wrong."""

import datetime as dt
import ipaddress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
DAY = dt.timedelta(days=1)
URI = "urn:plant:press-1"
HOST = "press-1.plant"


@lru_cache(maxsize=16)
def key(number: int = 0, bits: int = 2048) -> rsa.RSAPrivateKey:
    """Keys are slow to make, so tests share them by number."""
    del number
    return rsa.generate_private_key(65537, bits)


def name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


@dataclass(frozen=True)
class Wanted:
    """What a certificate is to say."""

    subject: str = "press-1"
    key: rsa.RSAPrivateKey = field(default_factory=key)
    begin: dt.datetime = NOW - DAY
    end: dt.datetime = NOW + 365 * DAY
    is_authority: bool = False
    path_length: int | None = None
    host: str = HOST
    uri: str = URI
    usage: bool = True
    key_cert_sign: bool = True
    serial: int = 0


def certificate(wanted: Wanted, issuer: str = "", issuer_key: rsa.RSAPrivateKey | None = None) -> x509.Certificate:
    """A certificate, signed by itself if no issuer is given."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(wanted.subject))
        .issuer_name(name(issuer or wanted.subject))
        .public_key(wanted.key.public_key())
        .serial_number(wanted.serial or x509.random_serial_number())
        .not_valid_before(wanted.begin)
        .not_valid_after(wanted.end)
        .add_extension(x509.BasicConstraints(wanted.is_authority, wanted.path_length), critical=True)
    )
    usage = {
        "digital_signature": wanted.usage,
        "content_commitment": wanted.usage,
        "key_encipherment": wanted.usage,
        "data_encipherment": wanted.usage,
        "key_agreement": False,
        "key_cert_sign": wanted.key_cert_sign,
        "crl_sign": wanted.is_authority,
        "encipher_only": False,
        "decipher_only": False,
    }
    builder = builder.add_extension(x509.KeyUsage(**usage), critical=True)
    if not wanted.is_authority:
        host: x509.GeneralName = x509.DNSName(wanted.host)
        if wanted.host.replace(".", "").isdigit():
            host = x509.IPAddress(ipaddress.ip_address(wanted.host))
        names = [x509.UniformResourceIdentifier(wanted.uri), host]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        both = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        builder = builder.add_extension(x509.ExtendedKeyUsage(both), critical=False)
    return builder.sign(issuer_key or wanted.key, hashes.SHA256())


def der(one: x509.Certificate | x509.CertificateRevocationList) -> bytes:
    return one.public_bytes(Encoding.DER)


def key_pem(one: rsa.RSAPrivateKey) -> bytes:
    return one.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@dataclass(frozen=True)
class Authority:
    """An authority with its key."""

    subject: str
    key: rsa.RSAPrivateKey
    certificate: x509.Certificate

    @classmethod
    def root(cls, subject: str = "Plant CA", number: int = 1, **changes: object) -> Self:
        wanted = Wanted(subject, key(number), is_authority=True, **changes)  # pyright: ignore[reportArgumentType]
        return cls(subject, wanted.key, certificate(wanted))

    def below(self, subject: str, number: int, **changes: object) -> "Authority":
        wanted = Wanted(subject, key(number), is_authority=True, **changes)  # pyright: ignore[reportArgumentType]
        return Authority(subject, wanted.key, self.issue(wanted))

    def issue(self, wanted: Wanted) -> x509.Certificate:
        return certificate(wanted, self.subject, self.key)

    def revocation_list(
        self,
        *revoked: x509.Certificate,
        number: int = 1,
        updated: dt.datetime = NOW - DAY,
        until: dt.datetime = NOW + 30 * DAY,
        signer: rsa.RSAPrivateKey | None = None,
    ) -> bytes:
        builder = x509.CertificateRevocationListBuilder().issuer_name(name(self.subject))
        builder = builder.last_update(updated).next_update(until).add_extension(x509.CRLNumber(number), critical=False)
        for one in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(one.serial_number).revocation_date(updated).build()
            builder = builder.add_revoked_certificate(entry)
        return der(builder.sign(signer or self.key, hashes.SHA256()))
