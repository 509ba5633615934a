"""Which endpoint of a server is used, and whether its certificate is trusted."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from asyncua import Client, ua
from asyncua.crypto import security_policies
from cryptography import x509

from dualspan.onboarding.v1 import gateway_service_pb2 as gateway
from dualspan.onboarding.v1 import resources_pb2 as onboarding
from dualspan_edge.errors import ServerRefusedError, UntrustedServerError
from dualspan_edge.opcua.certificates import ApplicationInstance
from dualspan_edge.trust import MOST_BYTES, Judgement, Question, TrustAnchors, judge

NOBODY = TrustAnchors()
"""A trust list with nobody in it: only approved certificates count."""
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
    """How a server is connected to; certificate and judgement are None without security.

    Attributes:
        mode: Message security mode.
        policy: Security policy.
        certificate: The server's.
        warning: What is wrong with it although it is trusted.
        judgement: What is thought of it.
        presented: The chain that the server showed, DER.
        application_uri: What the server says that it is.
    """

    mode: ua.MessageSecurityMode
    policy: type[security_policies.SecurityPolicy]
    certificate: x509.Certificate | None
    warning: str
    judgement: Judgement | None = None
    presented: bytes = b""
    application_uri: str = ""


def choose_endpoint(
    endpoints: Sequence[ua.EndpointDescription],
    configuration: gateway.ServerConfiguration,
    trust: TrustAnchors = NOBODY,
) -> ChosenEndpoint:
    """The endpoint that the configuration asks for, with the strongest policy that both sides have.

    Raises:
        ServerRefusedError: The server offers none.
        UntrustedServerError: Its certificate is neither the approved one nor trusted by the trust list.
    """
    mode = _MODES[configuration.security_mode]
    if mode is ua.MessageSecurityMode.None_:
        return ChosenEndpoint(mode, security_policies.SecurityPolicyNone, None, "")
    match = match_endpoint(endpoints, configuration)
    judgement = _judged(match.endpoint.ServerCertificate, configuration, match.application_uri, trust)
    return ChosenEndpoint(
        mode,
        match.policy,
        judgement.certificate,
        judgement.words,
        judgement,
        presented=match.endpoint.ServerCertificate or b"",
        application_uri=match.application_uri,
    )


@dataclass(frozen=True, slots=True)
class MatchingEndpoint:
    """The endpoint that a configuration asks for, whoever trusts it."""

    endpoint: ua.EndpointDescription
    policy: type[security_policies.SecurityPolicy]

    @property
    def application_uri(self) -> str:
        """What the server says that it is."""
        return (self.endpoint.Server.ApplicationUri or "") if self.endpoint.Server else ""


def match_endpoint(
    endpoints: Sequence[ua.EndpointDescription], configuration: gateway.ServerConfiguration
) -> MatchingEndpoint:
    """The endpoint that the configuration asks for, with the strongest policy that both sides have.

    Raises:
        ServerRefusedError: The server offers none.
    """
    mode, wanted = _MODES[configuration.security_mode], configuration.security_policy
    candidates = [_POLICIES[wanted]] if wanted in _POLICIES else list(_POLICIES.values())
    if mode is ua.MessageSecurityMode.None_:
        candidates = [security_policies.SecurityPolicyNone]
    for policy in candidates:
        for endpoint in endpoints:
            if endpoint.SecurityMode == mode and endpoint.SecurityPolicyUri == policy.URI:
                return MatchingEndpoint(endpoint, policy)
    offered = sorted({f"{_short(e.SecurityPolicyUri)}/{e.SecurityMode.name}" for e in endpoints})
    raise ServerRefusedError(
        f"the server has no endpoint with {mode.name} and the wanted security policy; it offers "
        f"{', '.join(offered) or 'none'}. Switch a secure one on at the server, or choose one that it offers"
    )


def question_about(configuration: gateway.ServerConfiguration, application_uri: str) -> Question:
    """Who a configured server is to be; `application_uri` is what it says itself, where nothing is configured."""
    return Question(
        host=urlsplit(configuration.endpoint_url).hostname or "",
        application_uri=configuration.server_uri or application_uri,
        approved_sha256=configuration.trusted_certificate_sha256,
    )


def _judged(
    presented: bytes | None, configuration: gateway.ServerConfiguration, application_uri: str, trust: TrustAnchors
) -> Judgement:
    if not presented:
        raise ServerRefusedError("the server shows no certificate; it has to have one for a secured connection")
    judgement = judge(presented, question_about(configuration, application_uri), trust, dt.datetime.now(dt.UTC))
    if not judgement.trusted:
        raise UntrustedServerError(judgement, presented[:MOST_BYTES])
    return judgement


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


def check_password_is_safe(client: Client, configuration: gateway.ServerConfiguration, trust: TrustAnchors) -> None:
    """Refuses to send a password that somebody else than the approved server could read.

    Raises:
        ServerRefusedError: The channel is not encrypted, and the server takes the password as it is.
        UntrustedServerError: It would be encrypted for a certificate that is not trusted.
    """
    policy = client.security_policy
    if not configuration.username or policy.Mode == ua.MessageSecurityMode.SignAndEncrypt:
        return
    uri = client.server_policy(ua.UserTokenType.UserName).SecurityPolicyUri
    if not uri or uri == security_policies.SecurityPolicyNone.URI or not policy.peer_certificate:
        raise ServerRefusedError("the password would go over the network in clear; use SignAndEncrypt, or no user name")
    _judged(policy.peer_certificate, configuration, "", trust)


def policy_number(uri: str | None) -> onboarding.SecurityPolicy.ValueType:
    """The contract's number of a policy that is used; UNSPECIFIED for any other."""
    if uri == security_policies.SecurityPolicyNone.URI:
        return onboarding.SECURITY_POLICY_NONE
    return next((n for n, policy in _POLICIES.items() if uri == policy.URI), onboarding.SECURITY_POLICY_UNSPECIFIED)


def _short(uri: str | None) -> str:
    return (uri or "").rpartition("#")[2] or "None"
