"""Which endpoint of a server is used, and whether its certificate is the one that a person approved."""

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from asyncua import Client, ua
from asyncua.crypto import security_policies
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from dualspan.onboarding.v1 import gateway_service_pb2 as gateway
from dualspan.onboarding.v1 import resources_pb2 as onboarding
from dualspan_edge.errors import ServerRefusedError, UntrustedServerError
from dualspan_edge.opcua.certificates import ApplicationInstance

_LEAST_KEY_BITS = 2048
_MODES = {
    onboarding.SECURITY_MODE_UNSPECIFIED: ua.MessageSecurityMode.SignAndEncrypt,
    onboarding.SECURITY_MODE_NONE: ua.MessageSecurityMode.None_,
    onboarding.SECURITY_MODE_SIGN: ua.MessageSecurityMode.Sign,
    onboarding.SECURITY_MODE_SIGN_AND_ENCRYPT: ua.MessageSecurityMode.SignAndEncrypt,
}
# Strongest first. The deprecated ones (Basic128Rsa15, Basic256) are not here, so they are never used.
_POLICIES: dict[onboarding.SecurityPolicy.ValueType, type[security_policies.SecurityPolicy]] = {
    onboarding.SECURITY_POLICY_AES256_SHA256_RSAPSS: security_policies.SecurityPolicyAes256Sha256RsaPss,
    onboarding.SECURITY_POLICY_BASIC256SHA256: security_policies.SecurityPolicyBasic256Sha256,
    onboarding.SECURITY_POLICY_AES128_SHA256_RSAOAEP: security_policies.SecurityPolicyAes128Sha256RsaOaep,
}


@dataclass(frozen=True, slots=True)
class ChosenEndpoint:
    """How a server is connected to; `certificate` is None without security."""

    mode: ua.MessageSecurityMode
    policy: type[security_policies.SecurityPolicy]
    certificate: x509.Certificate | None
    warning: str


def choose_endpoint(
    endpoints: Sequence[ua.EndpointDescription], configuration: gateway.ServerConfiguration
) -> ChosenEndpoint:
    """The endpoint that the configuration asks for, with the strongest policy that both sides have.

    Raises:
        ServerRefusedError: The server offers none.
        UntrustedServerError: Its certificate is not the approved one.
    """
    mode = _MODES[configuration.security_mode]
    if mode is ua.MessageSecurityMode.None_:
        return ChosenEndpoint(mode, security_policies.SecurityPolicyNone, None, "")
    wanted = configuration.security_policy
    candidates = [_POLICIES[wanted]] if wanted in _POLICIES else list(_POLICIES.values())
    for policy in candidates:
        for endpoint in endpoints:
            if endpoint.SecurityMode == mode and endpoint.SecurityPolicyUri == policy.URI:
                certificate, warning = _approved(endpoint.ServerCertificate, configuration)
                return ChosenEndpoint(mode, policy, certificate, warning)
    offered = sorted({f"{_short(e.SecurityPolicyUri)}/{e.SecurityMode.name}" for e in endpoints})
    raise ServerRefusedError(
        f"the server has no endpoint with {mode.name} and the wanted security policy; it offers "
        f"{', '.join(offered) or 'none'}. Switch a secure one on at the server, or choose one that it offers"
    )


def _approved(presented: bytes | None, configuration: gateway.ServerConfiguration) -> tuple[x509.Certificate, str]:
    if not presented:
        raise ServerRefusedError("the server shows no certificate; it has to have one for a secured connection")
    leaf = first_certificate(presented)
    shown = hashlib.sha256(leaf).hexdigest()
    approved = configuration.trusted_certificate_sha256.lower()
    if shown != approved:
        why = "has another certificate than the approved one" if approved else "shows a certificate nobody approved yet"
        raise UntrustedServerError(
            f"the server {why}. Compare its SHA-256 {shown} with the server's own display and approve it", leaf
        )
    try:
        certificate = x509.load_der_x509_certificate(leaf)
    except ValueError as error:
        raise ServerRefusedError("the server's certificate cannot be read; make a new one at the server") from error
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < _LEAST_KEY_BITS:
        raise ServerRefusedError("the server's certificate has no RSA key of 2048 bits or more; make a new one there")
    return certificate, _validity_warning(certificate)


def _validity_warning(certificate: x509.Certificate) -> str:
    """An approved certificate is pinned, so its dates do not end the connection; they are said."""
    now = dt.datetime.now(dt.UTC)
    if now > certificate.not_valid_after_utc:
        return f"the server's certificate ended on {certificate.not_valid_after_utc:%Y-%m-%d}; renew it at the server"
    return ""


def first_certificate(presented: bytes) -> bytes:
    """The first certificate of a chain in DER, one after the other; what is no DER comes back as it is."""
    if len(presented) < 4 or presented[0] != 0x30:
        return presented
    length, start = presented[1], 2
    if length & 0x80:
        octets = length & 0x7F
        length, start = int.from_bytes(presented[2 : 2 + octets], "big"), 2 + octets
    return presented[: start + length]


def secure(client: Client, chosen: ChosenEndpoint, instance: ApplicationInstance) -> None:
    """Sets a client up for the chosen endpoint, before it connects."""
    client.application_uri = instance.application_uri
    client.name = client.description = "DualSpan gateway"
    client.product_uri = "urn:dualspan.io:gateway"
    if chosen.certificate is None:
        policy = chosen.policy(None, None, None, chosen.mode)
    else:
        policy = chosen.policy(chosen.certificate, instance.certificate, instance.key, chosen.mode)
    client.security_policy = policy  # pyright: ignore[reportAttributeAccessIssue]  # asyncua infers None's class
    client.uaclient.set_security(policy)


def check_password_is_safe(client: Client, configuration: gateway.ServerConfiguration) -> None:
    """Refuses to send a password that somebody else than the approved server could read.

    Raises:
        ServerRefusedError: The channel is not encrypted, and the server takes the password as it is.
        UntrustedServerError: It would be encrypted for a certificate that nobody approved.
    """
    policy = client.security_policy
    if not configuration.username or policy.Mode == ua.MessageSecurityMode.SignAndEncrypt:
        return
    uri = client.server_policy(ua.UserTokenType.UserName).SecurityPolicyUri
    if not uri or uri == security_policies.SecurityPolicyNone.URI or not policy.peer_certificate:
        raise ServerRefusedError("the password would go over the network in clear; use SignAndEncrypt, or no user name")
    _approved(policy.peer_certificate, configuration)


def _short(uri: str | None) -> str:
    return (uri or "").rpartition("#")[2] or "None"
