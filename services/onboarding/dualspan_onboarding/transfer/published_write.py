"""Tags as published-nodes JSON that OPC Publisher reads. Passwords are in no file."""

import json
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from dualspan_onboarding.model import OpcUaServer, SecurityMode, SecurityPolicy, Tag
from dualspan_onboarding.names import ServerName
from dualspan_onboarding.sampling import AcquisitionMode, DataChangeTrigger, DeadbandType, TagSource
from dualspan_onboarding.transfer.entries import Place, Remark

_MODES = {SecurityMode.NONE: "None", SecurityMode.SIGN: "Sign", SecurityMode.SIGN_AND_ENCRYPT: "SignAndEncrypt"}
_POLICIES = {
    SecurityPolicy.BASIC256SHA256: "Basic256Sha256",
    SecurityPolicy.AES128_SHA256_RSAOAEP: "Aes128_Sha256_RsaOaep",
    SecurityPolicy.AES256_SHA256_RSAPSS: "Aes256_Sha256_RsaPss",
}
_TRIGGERS = {DataChangeTrigger.STATUS: "Status", DataChangeTrigger.STATUS_VALUE_TIMESTAMP: "StatusValueTimestamp"}
_DEADBANDS = {DeadbandType.ABSOLUTE: "Absolute", DeadbandType.PERCENT: "Percent"}
# BaseEventType: every event.
_ALL_EVENTS = {"TypeDefinitionId": "i=2041"}


def write_published_nodes(tags: Sequence[Tag], servers: Mapping[ServerName, OpcUaServer]) -> tuple[bytes, list[Remark]]:
    """One entry for each server, in the order of the tags, and what has no counterpart there."""
    entries: list[dict[str, Any]] = []
    remarks: list[Remark] = []
    for name, group in groupby(tags, key=lambda tag: tag.server):
        nodes: list[dict[str, Any]] = []
        for tag in group:
            if tag.address.field_path:
                words = "It is a part of a value: OPC Publisher publishes whole values. The tag is not in the file."
                remarks.append(Remark(Place(0, tag.node_id, "field_path"), tag.address.field_path, words))
                continue
            if tag.acquisition.minimum_severity:
                words = "The lowest severity is not in the file: OPC Publisher has a filter for it."
                place = Place(0, tag.node_id, "minimum_severity")
                remarks.append(Remark(place, str(tag.acquisition.minimum_severity), words))
            nodes.append(_node(tag))
        entries.append(_entry(servers[name]) | {"OpcNodes": nodes})
    text = json.dumps(entries, ensure_ascii=False, indent=2)
    return text.encode("utf-8", "replace") + b"\n", remarks


def _entry(server: OpcUaServer) -> dict[str, Any]:
    settings = server.settings
    entry: dict[str, Any] = {
        "EndpointUrl": settings.endpoint_url,
        "UseSecurity": settings.security_mode is not SecurityMode.NONE,
        "EndpointSecurityMode": _MODES[settings.security_mode],
    }
    if settings.security_policy in _POLICIES:
        entry["EndpointSecurityPolicy"] = _POLICIES[settings.security_policy]
    entry["OpcAuthenticationMode"] = "UsernamePassword" if settings.username else "Anonymous"
    if settings.username:
        entry["OpcAuthenticationUsername"] = settings.username
    return entry


def _node(tag: Tag) -> dict[str, Any]:
    node: dict[str, Any] = {"Id": tag.node_id}
    if tag.display_name:
        node["DisplayName"] = tag.display_name
    if tag.address.index_range:
        node["IndexRange"] = tag.address.index_range
    how = tag.acquisition
    if tag.address.source is TagSource.EVENTS:
        node["EventFilter"] = _ALL_EVENTS
    else:
        _interval(node, "OpcSamplingInterval", tag.sampling_interval_us, 1000)
        if how.heartbeat_us:
            _interval(node, "HeartbeatInterval", how.heartbeat_us, 1_000_000)
        if how.trigger in _TRIGGERS:
            node["DataChangeTrigger"] = _TRIGGERS[how.trigger]
        if how.deadband_type in _DEADBANDS:
            node |= {"DeadbandType": _DEADBANDS[how.deadband_type], "DeadbandValue": how.deadband_value}
    _interval(node, "OpcPublishingInterval", tag.publishing_interval_us, 1000)
    if tag.queue_size:
        node["QueueSize"] = tag.queue_size
    if how.discard_newest:
        node["DiscardNew"] = True
    if how.mode is AcquisitionMode.CYCLIC_READ:
        node["UseCyclicRead"] = True
    if how.register_node:
        node["RegisterNode"] = True
    return node


def _interval(node: dict[str, Any], name: str, microseconds: int, unit: int) -> None:
    """A number in the member's unit where it is whole; else the twin, which is exact."""
    if microseconds % unit == 0:
        node[name] = microseconds // unit
        return
    seconds, part = divmod(microseconds, 1_000_000)
    hours, minutes = seconds // 3600, seconds // 60 % 60
    days = f"{hours // 24}." if hours >= 24 else ""
    node[f"{name}Timespan"] = f"{days}{hours % 24:02}:{minutes:02}:{seconds % 60:02}.{part:06}0"
