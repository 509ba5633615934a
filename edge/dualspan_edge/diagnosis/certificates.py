"""The steps about certificates that need no connection: host, validity, trust, and the gateway's own."""

import datetime as dt
import hashlib
from collections.abc import Sequence

from dualspan.onboarding.v1 import discovery_pb2
from dualspan.onboarding.v1 import gateway_service_pb2 as gateway
from dualspan_edge.diagnosis.checklist import Checklist, finding_and_remedy
from dualspan_edge.opcua.certificates import ApplicationInstance
from dualspan_edge.opcua.security import question_about
from dualspan_edge.trust import Judgement, TrustAnchors, first_certificate, judge
from dualspan_edge.trust.problems import Check, Problem

_SOON = dt.timedelta(days=30)


def check_server_certificate(
    checklist: Checklist,
    presented: bytes,
    application_uri: str,
    configuration: gateway.ServerConfiguration,
    anchors: TrustAnchors,
) -> Judgement:
    """Says what is wrong with a server's certificate, and whether it is trusted here.

    Args:
        checklist: Where.
        presented: What the server showed, DER; not empty.
        application_uri: What the server says that it is.
        configuration: How it is to be connected to, and what was approved.
        anchors: Whom the gateway trusts.

    Returns:
        What the gateway thinks of it.
    """
    now = dt.datetime.now(dt.UTC)
    question = question_about(configuration, application_uri)
    judgement = judge(presented, question, anchors, now)
    # As if it were approved: then what is wrong with the certificate itself is told, whoever trusts it.
    configured = gateway.ServerConfiguration()
    configured.CopyFrom(configuration)
    configured.trusted_certificate_sha256 = hashlib.sha256(first_certificate(presented)).hexdigest()
    problems = judge(presented, question_about(configured, application_uri), anchors, now).problems
    _check_host(checklist, problems, question.host)
    _check_itself(checklist, problems, judgement)
    _check_trust(checklist, judgement)
    return judgement


def _check_host(checklist: Checklist, problems: Sequence[Problem], host: str) -> None:
    found = next((problem for problem in problems if problem.check is Check.HOST), None)
    if found is None:
        checklist.passed(discovery_pb2.CONNECTION_STEP_HOSTNAME, f"the server's certificate is made for {host}")
    else:
        checklist.warn(discovery_pb2.CONNECTION_STEP_HOSTNAME, *finding_and_remedy(found.words))


def _check_itself(checklist: Checklist, problems: Sequence[Problem], judgement: Judgement) -> None:
    step = discovery_pb2.CONNECTION_STEP_SERVER_CERTIFICATE
    others = [problem for problem in problems if problem.check not in (Check.HOST, Check.TRUST)]
    fatal = next((problem for problem in others if not problem.check.outweighed), None)
    if fatal is not None:
        checklist.fail(step, *finding_and_remedy(fatal.words))
    elif others:
        findings, remedies = zip(*(finding_and_remedy(one.words) for one in others), strict=True)
        checklist.warn(step, "; ".join(findings), "; ".join(dict.fromkeys(remedies)))
    elif judgement.certificate is not None:
        until = judgement.certificate.not_valid_after_utc
        checklist.passed(step, f"the server's certificate is in order, until {until:%Y-%m-%d}")


def _check_trust(checklist: Checklist, judgement: Judgement) -> None:
    step = discovery_pb2.CONNECTION_STEP_SERVER_TRUST
    if judgement.trusted:
        checklist.passed(step, "the gateway trusts the server's certificate")
        return
    sha256 = hashlib.sha256(judgement.leaf).hexdigest()
    if any(problem.check is Check.TRUST for problem in judgement.problems):
        finding = f"nobody has approved the server's certificate here (SHA-256 {sha256})"
        remedy = "compare this SHA-256 with the server's own display; if they are the same, approve it"
    else:
        finding = f"the gateway does not trust the server's certificate: {judgement.words}"
        remedy = "correct that at the server, or compare its SHA-256 with the server's display and approve it"
    checklist.fail(step, finding, remedy)


def check_own_certificate(checklist: Checklist, instance: ApplicationInstance) -> None:
    """Says how long the gateway's own certificate is valid."""
    step, now = discovery_pb2.CONNECTION_STEP_GATEWAY_CERTIFICATE, dt.datetime.now(dt.UTC)
    begin, end = instance.certificate.not_valid_before_utc, instance.certificate.not_valid_after_utc
    if now < begin:
        finding = f"by the gateway's clock, its own certificate begins only on {begin:%Y-%m-%d %H:%M} UTC"
        checklist.fail(step, finding, "set the gateway's clock, best by NTP")
    elif now > end:
        checklist.fail(
            step,
            f"the gateway's own certificate ended on {end:%Y-%m-%d}",
            "start the gateway again: it makes a new one",
        )
    elif end - now < _SOON:
        checklist.warn(
            step, f"the gateway's own certificate ends on {end:%Y-%m-%d}", "trust its next one at the server in time"
        )
    else:
        checklist.passed(step, f"the gateway's own certificate is valid until {end:%Y-%m-%d}")
