"""What servers refuse and what fails with them, in plain words: what is wrong, and what to do."""

from asyncua import ua
from asyncua.ua.status_codes import get_name_and_doc
from asyncua.ua.uaerrors import UaStatusCodeError

from dualspan_edge.decoder import DecodeError
from dualspan_edge.errors import GatewayError

_WORDS = {
    "BadNodeIdUnknown": "the server has no such node; browse it again and choose anew",
    "BadNodeIdInvalid": "the server does not accept this NodeId; browse it again and choose anew",
    "BadAttributeIdInvalid": "the node has no value; only variables can be monitored",
    "BadNotReadable": "the server does not let this user read the node; allow it there or use another user",
    "BadUserAccessDenied": "the server does not let this user do this; check the user's rights at the server",
    "BadIdentityTokenRejected": "the server rejects the user name or the password; correct them",
    "BadIdentityTokenInvalid": "the server rejects the user name or the password; correct them",
    "BadTooManyMonitoredItems": "the server cannot monitor more items; choose fewer, or raise its limit",
    "BadTooManySubscriptions": "the server cannot hold more subscriptions; close other clients, or raise its limit",
    "BadTooManySessions": "the server cannot hold more sessions; close other clients, or raise its limit",
    "BadMonitoredItemFilterUnsupported": "the server cannot monitor this node as asked",
    "BadRequestTooLarge": "a message is larger than the server or the gateway takes; look at what the server sends",
    "BadOutOfMemory": "the server is out of memory; choose fewer items",
    "BadSecurityChecksFailed": "the server rejects the gateway; trust the gateway's certificate at the server",
    "BadCertificateUntrusted": "the server does not trust the gateway's certificate; trust it at the server",
    "BadCertificateInvalid": "the server rejects the gateway's certificate; trust it at the server",
    "BadSecurityPolicyRejected": "the server rejects the security policy; choose one that it offers",
    "BadSecurityModeRejected": "the server rejects the security mode; choose one that it offers",
    "BadSubscriptionIdInvalid": "the server has lost the subscription",
    "BadNoSubscription": "the server has lost the subscription",
    "BadTimeout": "the server gave the subscription up because it heard nothing from the gateway for too long",
    "BadSessionIdInvalid": "the server has lost the session",
    "BadSessionClosed": "the server closed the session",
    "BadSecureChannelClosed": "the server closed the secure channel",
    "BadShutdown": "the server shuts down",
    "BadServerHalted": "the server has stopped",
    "BadTcpEndpointUrlInvalid": "the server does not know this address; correct the endpoint URL",
}


def status_words(code: int) -> str:
    """What a status code means, for the person who has to act."""
    name, documentation = get_name_and_doc(code)
    words = _WORDS.get(name) or documentation.rstrip(". ")
    return f"{words} ({name})" if words else name


def failure_words(error: Exception) -> str:
    """What went wrong with a server, and what to do."""
    if isinstance(error, UaStatusCodeError):
        return status_words(int(error.code))
    if isinstance(error, DecodeError):
        return f"the server sends messages that break the protocol: {error}"
    if isinstance(error, TimeoutError):
        return str(error) or "the server does not answer in time; check that it runs and can be reached"
    if isinstance(error, GatewayError | ua.UaError):
        return str(error)
    if isinstance(error, OSError):
        return (
            f"the server cannot be reached ({error.strerror or error}); check that it runs, the address, the firewall"
        )
    return f"{type(error).__name__}: {error}"
