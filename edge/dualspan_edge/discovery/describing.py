"""What servers say of themselves, as the platform is told it: bounded, and with what is wrong in plain words."""

import datetime as dt
import hashlib
from collections.abc import Iterator, Sequence

from asyncua import ua
from asyncua.crypto import security_policies
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from dualspan.onboarding.v1 import discovery_pb2, resources_pb2
from dualspan_edge.opcua.security import policy_number
from dualspan_edge.trust import MOST_BYTES, Judgement, Question, TrustAnchors, first_certificate, judge

MOST_ENDPOINTS = 100
_LONGEST_TEXT = 1000
_MOST_CAPABILITIES = 50
_MOST_HOSTS = 50
_SCHEME = "opc.tcp://"
_NOBODY = TrustAnchors()
# Deprecated in Part 7: their algorithms are broken or too short.
_DEPRECATED = ("Basic128Rsa15", "Basic256")


def text(value: object, longest: int = _LONGEST_TEXT) -> str:
    """A server's text, cut; empty where it gave none."""
    return value[:longest].replace("\x00", "\ufffd") if isinstance(value, str) else ""


def describe_application(server: discovery_pb2.DiscoveredServer, application: ua.ApplicationDescription) -> None:
    """Puts what a server is into what was found."""
    server.application_uri = text(application.ApplicationUri)
    server.product_uri = text(application.ProductUri)
    server.application_name = text(application.ApplicationName.Text if application.ApplicationName else "")
    server.application_type = application_type(application.ApplicationType)


def application_type(value: object) -> discovery_pb2.ApplicationType.ValueType:
    """The contract's application type, which begins at 1."""
    known = isinstance(value, int) and 0 <= value <= ua.ApplicationType.DiscoveryServer
    return discovery_pb2.ApplicationType.ValueType(int(value) + 1 if isinstance(value, int) and known else 0)


def capabilities_of(record: ua.ServerOnNetwork) -> list[str]:
    """What a server announces that it can do."""
    return [text(one, 50) for one in (record.ServerCapabilities or [])[:_MOST_CAPABILITIES]]


def describe_endpoints(
    descriptions: Sequence[ua.EndpointDescription], host: str
) -> list[discovery_pb2.DiscoveredEndpoint]:
    """The endpoints, the most secure first.

    Args:
        descriptions: What the server gave.
        host: What it was asked by, which its certificate should name.
    """
    described = [describe_endpoint(one, host) for one in descriptions[:MOST_ENDPOINTS]]
    return sorted(described, key=lambda one: (one.usable, one.security_mode, one.security_level), reverse=True)


def describe_endpoint(description: ua.EndpointDescription, host: str) -> discovery_pb2.DiscoveredEndpoint:
    """One endpoint."""
    mode = int(description.SecurityMode)
    known = mode if mode in resources_pb2.SecurityMode.values() else resources_pb2.SECURITY_MODE_UNSPECIFIED
    endpoint = discovery_pb2.DiscoveredEndpoint(
        endpoint_url=text(description.EndpointUrl),
        security_mode=resources_pb2.SecurityMode.ValueType(known),
        security_policy_uri=text(description.SecurityPolicyUri),
        security_policy=policy_number(description.SecurityPolicyUri),
        security_level=min(max(int(description.SecurityLevel or 0), 0), 255),
        user_token_types=_token_types(description.UserIdentityTokens or ()),
    )
    endpoint.detail = "; ".join(_drawbacks(endpoint))
    endpoint.usable = _usable(endpoint)
    if description.ServerCertificate:
        application_uri = text(description.Server.ApplicationUri) if description.Server else ""
        _add_certificate(endpoint, description.ServerCertificate, host, application_uri)
    return endpoint


def _token_types(policies: Sequence[ua.UserTokenPolicy]) -> list[discovery_pb2.UserTokenType.ValueType]:
    kinds = {int(policy.TokenType) + 1 for policy in policies[:20]}
    return [discovery_pb2.UserTokenType.ValueType(kind) for kind in sorted(kinds & set(_TOKEN_TYPES))]


_TOKEN_TYPES = discovery_pb2.UserTokenType.values()


def _usable(endpoint: discovery_pb2.DiscoveredEndpoint) -> bool:
    secured = endpoint.security_mode in (
        resources_pb2.SECURITY_MODE_SIGN,
        resources_pb2.SECURITY_MODE_SIGN_AND_ENCRYPT,
    )
    fits = endpoint.security_policy not in (
        resources_pb2.SECURITY_POLICY_UNSPECIFIED,
        resources_pb2.SECURITY_POLICY_NONE,
    )
    plain = endpoint.security_policy == resources_pb2.SECURITY_POLICY_NONE
    reachable = endpoint.endpoint_url.startswith(_SCHEME)
    return reachable and ((secured and fits) or (plain and endpoint.security_mode == resources_pb2.SECURITY_MODE_NONE))


def _drawbacks(endpoint: discovery_pb2.DiscoveredEndpoint) -> Iterator[str]:
    policy = endpoint.security_policy_uri.rpartition("#")[2]
    if not endpoint.endpoint_url.startswith(_SCHEME):
        yield "not opc.tcp, the only transport that a gateway uses"
    elif endpoint.security_policy == resources_pb2.SECURITY_POLICY_NONE:
        yield "no security: whoever is in this network can read along and change what is sent"
    elif policy in _DEPRECATED:
        yield f"{policy} is deprecated and not used; switch Basic256Sha256 or better on at the server"
    elif endpoint.security_policy == resources_pb2.SECURITY_POLICY_UNSPECIFIED:
        yield f"the security policy {policy[:80] or 'without a name'} is not known to the gateway"


def _add_certificate(
    endpoint: discovery_pb2.DiscoveredEndpoint, presented: bytes, host: str, application_uri: str
) -> None:
    presented = presented[: MOST_BYTES + 1]
    # As if it were approved: then what is wrong with the certificate itself is told, and not that nobody approved it.
    approved = hashlib.sha256(first_certificate(presented)).hexdigest()
    judgement = judge(presented, Question(host, application_uri, approved), _NOBODY, dt.datetime.now(dt.UTC))
    endpoint.certificate = judgement.leaf[:MOST_BYTES]
    endpoint.certificate_facts.CopyFrom(certificate_facts(judgement))


def certificate_facts(judgement: Judgement) -> discovery_pb2.CertificateFacts:
    """What a certificate says of itself, and what the judgement found wrong with it."""
    facts = discovery_pb2.CertificateFacts(
        sha256=hashlib.sha256(judgement.leaf).hexdigest(),
        problems=[text(one.words) for one in judgement.problems],
    )
    certificate = judgement.certificate
    if certificate is None:
        return facts
    facts.subject = text(certificate.subject.rfc4514_string())
    facts.issuer = text(certificate.issuer.rfc4514_string())
    facts.self_signed = certificate.subject == certificate.issuer
    facts.not_before_time.FromDatetime(certificate.not_valid_before_utc)
    facts.not_after_time.FromDatetime(certificate.not_valid_after_utc)
    key = certificate.public_key()
    facts.key_bits = key.key_size if isinstance(key, rsa.RSAPublicKey) else 0
    algorithm = certificate.signature_hash_algorithm
    facts.signature_hash = algorithm.name if algorithm is not None else ""
    _add_names(facts, certificate)
    return facts


def _add_names(facts: discovery_pb2.CertificateFacts, certificate: x509.Certificate) -> None:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    facts.application_uri = text(uris[0]) if uris else ""
    hosts = [*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))]
    facts.hosts.extend(text(host, 255) for host in hosts[:_MOST_HOSTS])


def has_anonymous_without_security(descriptions: Sequence[ua.EndpointDescription]) -> bool:
    """Whether anybody may open a session."""
    return any(
        one.SecurityPolicyUri == security_policies.SecurityPolicyNone.URI
        and any(token.TokenType == ua.UserTokenType.Anonymous for token in one.UserIdentityTokens or ())
        for one in descriptions
    )
