"""The members of OPC Publisher's published-nodes JSON: which have a counterpart here, and why the others have none.

Names are in lower case: OPC Publisher reads them in any case.
"""

from collections.abc import Mapping

_GROUPING = "it groups or names messages; here each tag is stored by itself, and apps choose tags, not messages"
_TRANSPORT = "it is about sending messages; here samples go through the gateway's own buffer"
_METADATA = "it is about metadata messages; here the tag itself says what it is"
_WATCHDOG = "it restarts what hangs; here the gateway watches every subscription and writes gaps down"
_FIRST = "it drops the first value; here every value that the server sends is stored"
_VERSION = "it is information of OPC Publisher about its own file"

# What an entry says of its server and of all its nodes.
ENTRY_TAKEN = frozenset(
    {
        "endpointurl",
        "usesecurity",
        "endpointsecuritymode",
        "endpointsecuritypolicy",
        "opcauthenticationmode",
        "opcauthenticationusername",
        "opcauthenticationpassword",
        "encryptedauthusername",
        "encryptedauthpassword",
        "datasetpublishinginterval",
        "datasetpublishingintervaltimespan",
        "datasetsamplinginterval",
        "datasetsamplingintervaltimespan",
        "defaultheartbeatinterval",
        "defaultheartbeatintervaltimespan",
        "defaultheartbeatbehavior",
        "nodeid",
        "opcnodes",
    }
)
ENTRY_WITHOUT: Mapping[str, str] = {
    "version": _VERSION,
    "lastchangetimespan": _VERSION,
    "lastchangedatetime": _VERSION,
    "datasetwritergroup": _GROUPING,
    "datasetwriterid": _GROUPING,
    "datasetname": _GROUPING,
    "datasetdescription": _GROUPING,
    "datasetclassid": _GROUPING,
    "datasetextensionfields": _GROUPING,
    "datasetkeyframecount": _GROUPING,
    "datasetrouting": _GROUPING,
    "datasetfetchdisplaynames": "display names come from browsing the server",
    "datasettype": "what a server is, is found by browsing it",
    "datasetrootnodeid": "paths begin at the Objects folder",
    "tag": _GROUPING,
    "writergrouptransport": _TRANSPORT,
    "writergroupqualityofservice": _TRANSPORT,
    "writergroupqueuename": _TRANSPORT,
    "writergrouppartitions": _TRANSPORT,
    "writergroupmessageretention": _TRANSPORT,
    "writergroupmessagettltimespan": _TRANSPORT,
    "writergroupmessagettltimepan": _TRANSPORT,
    "messageencoding": _TRANSPORT,
    "messagingmode": _TRANSPORT,
    "batchsize": _TRANSPORT,
    "batchtriggerinterval": _TRANSPORT,
    "batchtriggerintervaltimespan": _TRANSPORT,
    "queuename": _TRANSPORT,
    "qualityofservice": _TRANSPORT,
    "messageretention": _TRANSPORT,
    "messagettltimespan": _TRANSPORT,
    "metadataqueuename": _METADATA,
    "metadataretention": _METADATA,
    "metadatattltimespan": _METADATA,
    "metadataupdatetime": _METADATA,
    "metadataupdatetimetimespan": _METADATA,
    "sendkeepalivedatasetmessages": _METADATA,
    "sendkeepaliveaskeyframemessages": _METADATA,
    "maxkeepalivecount": "the gateway chooses the keep-alive of its subscriptions",
    "priority": "the gateway chooses the priority of its subscriptions",
    "disablesubscriptiontransfer": "the gateway transfers subscriptions where the server can, and makes new ones else",
    "republishaftertransfer": "the gateway always asks for what it missed",
    "opcnodewatchdogtimespan": _WATCHDOG,
    "opcnodewatchdogcondition": _WATCHDOG,
    "datasetwriterwatchdogbehavior": _WATCHDOG,
    "usereverseconnect": "reverse connect is set on the server: `dualspan onboarding reverse-connect`",
    "dumpconnectiondiagnostics": "the gateway's own status says how a connection stands",
}

# What a node says of itself.
NODE_TAKEN = frozenset(
    {
        "id",
        "expandednodeid",
        "browsepath",
        "attributeid",
        "indexrange",
        "opcsamplinginterval",
        "opcsamplingintervaltimespan",
        "opcpublishinginterval",
        "opcpublishingintervaltimespan",
        "datasetfieldid",
        "displayname",
        "heartbeatinterval",
        "heartbeatintervaltimespan",
        "heartbeatbehavior",
        "queuesize",
        "discardnew",
        "datachangetrigger",
        "deadbandtype",
        "deadbandvalue",
        "usecyclicread",
        "registernode",
        "eventfilter",
        "modelchangehandling",
    }
)
NODE_WITHOUT: Mapping[str, str] = {
    "skipfirst": _FIRST,
    "datasetclassfieldid": _GROUPING,
    "topic": _TRANSPORT,
    "qualityofservice": _TRANSPORT,
    "fetchdisplayname": "display names come from browsing the server",
    "cyclicreadmaxage": "cyclic reads here always ask for a fresh value",
    "cyclicreadmaxagetimespan": "cyclic reads here always ask for a fresh value",
    "conditionhandling": "conditions are stored as the events that the server sends",
    "triggerednodes": "every node here is monitored by itself: put the triggered nodes into OpcNodes",
    "typedefinitionid": "types come from browsing the server",
    "methodmetadata": "methods are called through a write guard: `dualspan onboarding call`",
}
