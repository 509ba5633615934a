"""What servers answer when they refuse, as a finding and what to do about it (Part 4, 6.1.3 and 7.38)."""

from dataclasses import dataclass

from asyncua.ua.status_codes import get_name_and_doc

_TRUST_AT_SERVER = (
    "at the server, move the gateway's certificate from the rejected to the trusted ones; it shows its SHA-1 there"
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What it means, and what to do."""

    finding: str
    remedy: str


_OF_CERTIFICATE = {
    "BadSecurityChecksFailed": Refusal(
        "the server does not trust the gateway's certificate (it says no more, so that attackers learn nothing)",
        _TRUST_AT_SERVER,
    ),
    "BadCertificateUntrusted": Refusal("the server does not trust the gateway's certificate", _TRUST_AT_SERVER),
    "BadCertificateInvalid": Refusal("the server holds the gateway's certificate for invalid", _TRUST_AT_SERVER),
    "BadCertificateTimeInvalid": Refusal(
        "for the server, the gateway's certificate is not valid at this time",
        "set the clock of the server; if it is right, the gateway's certificate has ended and must be renewed",
    ),
    "BadCertificateUriInvalid": Refusal(
        "the server expects another application URI in the gateway's certificate",
        "at the server, remove what it has stored of an earlier gateway of this name, then trust this one",
    ),
    "BadCertificateHostNameInvalid": Refusal(
        "the server wants the name of the gateway's host in its certificate",
        "at the server, switch the check of client host names off; gateways get their addresses from DHCP",
    ),
    "BadCertificateUseNotAllowed": Refusal(
        "the server does not accept what the gateway's certificate may be used for", _TRUST_AT_SERVER
    ),
    "BadCertificateChainIncomplete": Refusal(
        "the server does not know who issued the gateway's certificate",
        "at the server, trust the gateway's certificate itself, or add its issuer",
    ),
    "BadCertificateRevoked": Refusal(
        "at the server, the gateway's certificate is on a revocation list",
        "give the gateway a new certificate, or correct the revocation list",
    ),
    "BadCertificateRevocationUnknown": Refusal(
        "the server cannot find out whether the gateway's certificate was revoked",
        "at the server, add the revocation list of the issuer, or switch this check off",
    ),
    "BadCertificateIssuerRevocationUnknown": Refusal(
        "the server cannot find out whether the issuer of the gateway's certificate was revoked",
        "at the server, add the revocation list of the issuer, or switch this check off",
    ),
    "BadCertificatePolicyCheckFailed": Refusal(
        "the gateway's certificate has a key or a signature that the server does not take",
        "at the server, allow keys of 2048 bits with SHA-256, or choose another security policy",
    ),
    "BadNoValidCertificates": Refusal("the server does not trust the gateway's certificate", _TRUST_AT_SERVER),
}
_OF_USER = {
    "BadIdentityTokenRejected": Refusal(
        "the server rejects the user name or the password", "correct them; look also whether the user is locked there"
    ),
    "BadIdentityTokenInvalid": Refusal(
        "the server does not take this kind of user", "state a user name and a password, or none, as the server wants"
    ),
    "BadUserAccessDenied": Refusal(
        "the server does not let this user in: the password is wrong, or the user may not sign in",
        "correct the password; if it is right, give the user the right to sign in at the server",
    ),
    "BadUserSignatureInvalid": Refusal("the server rejects the proof of the user", "state the user again"),
    "BadLicenseExpired": Refusal("the server's licence has ended", "renew it at the server"),
    "BadLicenseLimitsExceeded": Refusal("the server's licence allows no more", "close other clients, or extend it"),
}
_OF_SESSION = {
    "BadTooManySessions": Refusal(
        "the server holds as many sessions as it can", "close other clients, or raise its limit; small PLCs allow few"
    ),
    "BadServerUriInvalid": Refusal("the server is another one than it says", "check the address"),
    "BadTcpEndpointUrlInvalid": Refusal(
        "the server does not know this address as its own", "use the endpoint URL that the server itself shows"
    ),
    "BadTcpServerTooBusy": Refusal("the server is too busy", "try again later, or close other clients"),
    "BadTcpNotEnoughResources": Refusal("the server has no room for a connection", "close other clients"),
    "BadTcpInternalError": Refusal("the server failed inside", "look into its log, and start it again"),
    "BadSecurityPolicyRejected": Refusal(
        "the server rejects the security policy", "choose one that it offers, or switch it on at the server"
    ),
    "BadSecurityModeRejected": Refusal(
        "the server rejects the security mode", "choose one that it offers, or switch it on at the server"
    ),
    "BadSecurityModeInsufficient": Refusal(
        "the server wants more security for this", "choose sign and encrypt for this server"
    ),
    "BadNonceInvalid": Refusal("the server rejects the gateway's random number", "update the server's software"),
    "BadOutOfMemory": Refusal("the server is out of memory", "close other clients, or start the server again"),
    "BadShutdown": Refusal("the server shuts down", "wait until it runs again"),
    "BadServerHalted": Refusal("the server has stopped", "start it"),
}
_ALL = _OF_SESSION | _OF_USER | _OF_CERTIFICATE


def is_about_certificate(status_code: int) -> bool:
    """Whether it is the gateway's certificate that a server refuses."""
    return _name(status_code) in _OF_CERTIFICATE


def refusal(status_code: int) -> Refusal:
    """What a status code means here; the standard's own words where there are none of ours."""
    name, documentation = get_name_and_doc(status_code)
    known = _ALL.get(name)
    if known is not None:
        return Refusal(f"{known.finding} ({name})", known.remedy)
    words = documentation.rstrip(". ") or "the server refuses"
    return Refusal(f"{words} ({name})", "look into the server's log; it says why")


def _name(status_code: int) -> str:
    return get_name_and_doc(status_code)[0]
