"""Trust and certificates: the contract's messages, made of what the model holds; and the other way round."""

from collections.abc import Mapping, Sequence

from cryptography.hazmat.primitives.serialization import Encoding

from dualspan.onboarding.v1 import discovery_pb2, trust_pb2
from dualspan_onboarding.calendar import Entry
from dualspan_onboarding.certificates import (
    Anchor,
    Facts,
    NewTrust,
    RevocationCheck,
    TrustEntry,
    TrustUse,
    check_use,
    facts_of,
    facts_of_der,
    first_of_chain,
    read_certificate,
    read_revocation_list,
)
from dualspan_onboarding.errors import malformed
from dualspan_onboarding.known import GatewayCertificates, OwnCertificate, OwnRole, SeenCertificate, Verdict
from dualspan_onboarding.names import GatewayName
from dualspan_onboarding.notices import storable
from dualspan_onboarding.rules import check_text
from dualspan_onboarding.servicer.spans import timestamp
from dualspan_onboarding.trust_steps import TrustSteps

_MOST_SERVERS = 1000
_MOST_BYTES = 65_536


def facts(model: Facts) -> discovery_pb2.CertificateFacts:
    """What a certificate says."""
    return discovery_pb2.CertificateFacts(
        sha256=model.sha256,
        subject=model.subject,
        issuer=model.issuer,
        self_signed=model.self_signed,
        not_before_time=timestamp(model.not_before),
        not_after_time=timestamp(model.not_after),
        application_uri=model.application_uri,
        hosts=model.hosts,
        key_bits=model.key_bits,
        signature_hash=model.signature_hash,
    )


def new_trust(tenant: str, message: trust_pb2.TrustedCertificate) -> NewTrust:
    """What a person wants to trust.

    Raises:
        InvalidArgument: the certificate or the revocation list is refused, or they do not go together.
    """
    gateway = GatewayName.parse(message.gateway) if message.gateway else None
    if gateway is not None and gateway.tenant != tenant:
        raise malformed("FOREIGN_NAME", "trusted_certificate.gateway", "The gateway must be one of the parent's.")
    if message.use not in set(TrustUse):
        raise malformed("USE_MISSING", "trusted_certificate.use", "State what it is trusted for.")
    use = TrustUse(message.use)
    certificate = read_certificate(message.certificate)
    check_use(certificate, use)
    if message.revocation_list and use is TrustUse.SERVER:
        words = "Only an authority has a revocation list; leave it out."
        raise malformed("REVOCATION_LIST_MISPLACED", "trusted_certificate.revocation_list", words)
    stated = facts_of(certificate)
    crl = read_revocation_list(message.revocation_list, certificate) if message.revocation_list else None
    known = message.revocation_check in set(RevocationCheck)
    return NewTrust(
        gateway=gateway.gateway if gateway else None,
        use=use,
        certificate=certificate.public_bytes(Encoding.DER),
        facts=stated,
        revocation_check=RevocationCheck(message.revocation_check) if known else RevocationCheck.REQUIRED,
        revocation_list=crl,
        note=check_text(message.note, "note", 500),
    )


def entry(model: TrustEntry) -> trust_pb2.TrustedCertificate:
    """An entry of a trust list."""
    message = trust_pb2.TrustedCertificate(
        name=str(model.name),
        gateway=str(GatewayName(model.name.tenant, model.gateway)) if model.gateway else "",
        use=trust_pb2.TrustedCertificateUse.ValueType(model.use),
        certificate=model.certificate,
        revocation_check=trust_pb2.RevocationCheck.ValueType(model.revocation_check),
        note=model.note,
        facts=facts(facts_of_der(model.certificate)),
        create_time=timestamp(model.created_at),
        added_by=model.added_by,
    )
    if model.crl_updated_at is not None:
        message.revocation_list_facts.CopyFrom(
            trust_pb2.RevocationListFacts(
                update_time=timestamp(model.crl_updated_at),
                next_update_time=timestamp(model.crl_next_at),
                revoked_count=model.crl_revoked,
            )
        )
    return message


def trust_list(anchors: Sequence[Anchor]) -> trust_pb2.TrustList:
    """What a gateway is told to trust."""
    return trust_pb2.TrustList(
        server_sha256=[anchor.sha256 for anchor in anchors if anchor.use is TrustUse.SERVER],
        authorities=[
            trust_pb2.TrustList.Authority(
                certificate=anchor.certificate,
                revocation_list=anchor.revocation_list,
                trusted=anchor.use is TrustUse.AUTHORITY,
                revocation_check=trust_pb2.RevocationCheck.ValueType(anchor.revocation_check),
            )
            for anchor in anchors
            if anchor.use is not TrustUse.SERVER
        ],
    )


def gateway_certificates(message: trust_pb2.GatewayCertificates) -> GatewayCertificates:
    """What a gateway has and sees, within bounds; of a server named twice, the last counts."""
    roles = {int(role) for role in OwnRole}
    own = [one for one in message.applications[:4] if one.role in roles and 0 < len(one.certificate) <= _MOST_BYTES]
    seen = {one.server: _seen(one) for one in message.servers[:_MOST_SERVERS] if one.chain and one.server}
    return GatewayCertificates(
        applications=tuple(
            OwnCertificate(one.certificate, facts_of_der(one.certificate), OwnRole(one.role)) for one in own
        ),
        tls=message.tls[:_MOST_BYTES],
        servers=tuple(seen.values()),
    )


def _seen(message: trust_pb2.GatewayCertificates.Server) -> SeenCertificate:
    leaf = first_of_chain(message.chain[:_MOST_BYTES])
    known = message.verdict in {int(verdict) for verdict in Verdict}
    return SeenCertificate(
        server=message.server,
        certificate=leaf,
        facts=facts_of_der(leaf),
        verdict=Verdict(message.verdict) if known else Verdict.UNTRUSTED,
        detail=storable(message.detail, 2000),
        refuses=tuple(one[:64] for one in message.refuses_sha256[:4] if one.isalnum()),
    )


def line(model: Entry) -> trust_pb2.Certificate:
    """A line of the calendar."""
    dated = model.dated
    return trust_pb2.Certificate(
        resource=dated.resource,
        use=trust_pb2.CertificateUse.ValueType(dated.use),
        state=trust_pb2.CertificateState.ValueType(model.state),
        facts=facts(dated.facts),
        renew_time=timestamp(model.renew_at),
        action=model.action,
    )


def calendar_key(model: Entry) -> str:
    """The sort key of a line, as text: what ends first comes first, what has no end last."""
    end = model.dated.facts.not_after
    moment = f"{end:%Y%m%d%H%M%S%f}" if end is not None and end.year >= 1000 else ("0" if end else "9999")
    return f"{moment}|{model.dated.resource}|{int(model.dated.use)}|{model.dated.facts.sha256}"


def application_certificates(
    own: Sequence[OwnCertificate], refusals: Mapping[str, Sequence[str]], steps: Sequence[TrustSteps]
) -> trust_pb2.GetApplicationCertificatesResponse:
    """A gateway's own certificates, and what to do with them."""
    return trust_pb2.GetApplicationCertificatesResponse(
        certificates=[
            trust_pb2.ApplicationCertificate(
                certificate=one.certificate,
                facts=facts(one.facts),
                role=trust_pb2.ApplicationCertificateRole.ValueType(one.role),
                refusing_servers=refusals.get(one.facts.sha256, ()),
            )
            for one in own
        ],
        trust_steps=[trust_pb2.TrustSteps(vendor=one.vendor, steps=one.steps) for one in steps],
    )
