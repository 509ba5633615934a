"""Resources of the contract, made of what the model holds; and the other way round."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import TypeVar

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from dualspan.frame.v1.frame_pb2 import ValueKind
from dualspan.onboarding.v1 import gateway_service_pb2, resources_pb2, sampling_pb2, service_pb2
from dualspan_onboarding.errors import malformed
from dualspan_onboarding.model import (
    Configuration,
    ConfiguredServer,
    ConfiguredTag,
    ConnectionState,
    Gateway,
    GatewayReport,
    OpcUaServer,
    SecurityMode,
    SecurityPolicy,
    ServerChange,
    ServerReport,
    ServerSettings,
    Tag,
    TagReport,
    TagState,
    VariableChoice,
)
from dualspan_onboarding.sampling import TagSource
from dualspan_onboarding.sampling_rules import queue_at_server
from dualspan_onboarding.service.tagging import Choice
from dualspan_onboarding.servicer import sampling_mapping as sampling
from dualspan_onboarding.servicer.spans import duration, microseconds, timestamp
from dualspan_onboarding.servicer.trust_mapping import trust_list

EnumT = TypeVar("EnumT", bound=IntEnum)
_OF_EVENTS = sampling_pb2.TAG_SOURCE_EVENTS
_CHANGEABLE = (
    "display_name",
    "endpoint_url",
    "security_mode",
    "security_policy",
    "username",
    "password",
    "trusted_certificate_sha256",
    "reverse_connect",
    "server_uri",
)


def now() -> Timestamp:
    """The platform's clock."""
    message = Timestamp()
    message.FromDatetime(datetime.now(UTC))
    return message


def span(message: Duration) -> timedelta:
    """A span that the caller states; what no clock can count is refused later as out of range."""
    return timedelta(microseconds=max(-(10**15), min(10**15, microseconds(message))))


def _server_status(report: ServerReport) -> resources_pb2.ServerStatus:
    return resources_pb2.ServerStatus(
        server=report.server,
        state=resources_pb2.ConnectionState.ValueType(report.state),
        detail=report.detail,
        monitored_items=report.monitored_items,
        clock_offset=duration(report.clock_offset_us),
        untrusted_certificate=report.untrusted_certificate,
    )


def gateway(model: Gateway) -> resources_pb2.Gateway:
    """A gateway with what it last said of itself and its servers."""
    report = model.report
    return resources_pb2.Gateway(
        name=str(model.name),
        display_name=model.display_name,
        site=model.site,
        state=resources_pb2.GatewayState.ValueType(model.state),
        create_time=timestamp(model.created_at),
        last_seen_time=timestamp(model.last_seen_at),
        desired_revision=model.desired_revision,
        observed_revision=model.observed_revision,
        certificate_expire_time=timestamp(model.certificate_expire_at),
        status=resources_pb2.GatewayStatus(
            software_version=report.software_version,
            buffered_frames=report.buffered_frames,
            buffered_bytes=report.buffered_bytes,
            oldest_buffered_age=duration(report.oldest_buffered_age_us),
            buffer_full=report.buffer_full,
            clock_offset=duration(report.clock_offset_us),
            received_samples=report.received_samples,
            overflowed_samples=report.overflowed_samples,
            memory_bytes=report.memory_bytes,
            servers=[_server_status(of_server) for of_server in model.servers],
        ),
    )


def gateway_report(message: resources_pb2.GatewayStatus) -> GatewayReport:
    """What a gateway says of itself."""
    return GatewayReport(
        software_version=_text(message.software_version, 200),
        buffered_frames=message.buffered_frames,
        buffered_bytes=message.buffered_bytes,
        oldest_buffered_age_us=microseconds(message.oldest_buffered_age),
        buffer_full=message.buffer_full,
        clock_offset_us=microseconds(message.clock_offset),
        received_samples=message.received_samples,
        overflowed_samples=message.overflowed_samples,
        memory_bytes=message.memory_bytes,
    )


def server_reports(message: resources_pb2.GatewayStatus) -> list[ServerReport]:
    """What a gateway says of its servers; of a server named twice, the last counts."""
    reports = [
        ServerReport(
            server=_text(status.server, 40),
            state=_known(ConnectionState, status.state) or ConnectionState.UNKNOWN,
            detail=_text(status.detail, 2000),
            monitored_items=status.monitored_items,
            clock_offset_us=microseconds(status.clock_offset),
            untrusted_certificate=status.untrusted_certificate[:65_536],
        )
        for status in message.servers
    ]
    return list({report.server: report for report in reports}.values())


def _text(text: str, maximum: int) -> str:
    """A gateway's text as the database can keep it."""
    return text[:maximum].replace("\x00", "�")


def opc_ua_server(model: OpcUaServer) -> resources_pb2.OpcUaServer:
    """A server; the password stays here."""
    settings = model.settings
    return resources_pb2.OpcUaServer(
        name=str(model.name),
        display_name=settings.display_name,
        endpoint_url=settings.endpoint_url,
        security_mode=resources_pb2.SecurityMode.ValueType(settings.security_mode),
        security_policy=resources_pb2.SecurityPolicy.ValueType(settings.security_policy),
        username=settings.username,
        trusted_certificate_sha256=settings.trusted_certificate_sha256,
        reverse_connect=settings.reverse_connect,
        server_uri=settings.server_uri,
        create_time=timestamp(model.created_at),
        status=_server_status(model.report),
    )


def _known(kind: type[EnumT], value: int) -> EnumT | None:
    """A member of an enumeration; None for a number that a later contract may have."""
    try:
        return kind(value)
    except ValueError:
        return None


def _mode(value: int) -> SecurityMode:
    mode = SecurityMode.SIGN_AND_ENCRYPT if value == 0 else _known(SecurityMode, value)
    if mode is None:
        raise malformed("UNKNOWN_SECURITY_MODE", "security_mode", "security_mode is not one that is known.")
    return mode


def _policy(value: int) -> SecurityPolicy:
    policy = _known(SecurityPolicy, value)
    if policy is None:
        raise malformed("UNKNOWN_SECURITY_POLICY", "security_policy", "security_policy is not one that is known.")
    return policy


def server_settings(message: resources_pb2.OpcUaServer) -> ServerSettings:
    """What a person states of a server."""
    return ServerSettings(
        display_name=message.display_name,
        endpoint_url=message.endpoint_url,
        security_mode=_mode(message.security_mode),
        security_policy=_policy(message.security_policy),
        username=message.username,
        trusted_certificate_sha256=message.trusted_certificate_sha256,
        reverse_connect=message.reverse_connect,
        server_uri=message.server_uri,
    )


def server_change(request: service_pb2.UpdateOpcUaServerRequest) -> ServerChange:
    """What a person wants changed (AIP-134): the fields of the mask, or those that are set without one."""
    message, paths = request.opc_ua_server, set(request.update_mask.paths)
    unknown = paths - set(_CHANGEABLE)
    if unknown:
        raise malformed("UNKNOWN_FIELD", "update_mask", f"Cannot be changed: {', '.join(sorted(unknown))[:200]}.")
    wanted = paths or {field for field in _CHANGEABLE if getattr(message, field)}

    def text(field: str) -> str | None:
        return getattr(message, field) if field in wanted else None

    return ServerChange(
        display_name=text("display_name"),
        endpoint_url=text("endpoint_url"),
        security_mode=_mode(message.security_mode) if "security_mode" in wanted else None,
        security_policy=_policy(message.security_policy) if "security_policy" in wanted else None,
        username=text("username"),
        password=text("password"),
        trusted_certificate_sha256=text("trusted_certificate_sha256"),
        reverse_connect=message.reverse_connect if "reverse_connect" in wanted else None,
        server_uri=text("server_uri"),
    )


def tag(model: Tag) -> resources_pb2.Tag:
    """A tag."""
    return resources_pb2.Tag(
        name=str(model.name),
        tag_id=model.name.tag_id,
        server=str(model.server),
        node_id=model.node_id,
        browse_path=model.browse_path,
        display_name=model.display_name or model.browse_path,
        kind=ValueKind.ValueType(model.kind),
        data_type=model.data_type,
        unit=model.unit,
        sampling_interval=duration(model.sampling_interval_us),
        publishing_interval=duration(model.publishing_interval_us),
        queue_size=model.queue_size,
        state=resources_pb2.TagState.ValueType(model.state),
        state_detail=model.state_detail,
        create_time=timestamp(model.created_at),
        source=sampling_pb2.TagSource.ValueType(model.address.source),
        acquisition=sampling.acquisition_message(model.acquisition),
        field_path=model.address.field_path,
        index_range=model.address.index_range,
    )


def choice(request: service_pb2.AcceptVariablesRequest) -> Choice:
    """What a person wants stored."""

    def stated(message: service_pb2.AcceptVariablesRequest | service_pb2.AcceptVariablesRequest.Variable, field: str):
        return microseconds(getattr(message, field)) if message.HasField(field) else None  # pyright: ignore[reportArgumentType]

    def stated_acquisition(message: service_pb2.AcceptVariablesRequest | service_pb2.AcceptVariablesRequest.Variable):
        return sampling.acquisition(message.acquisition) if message.HasField("acquisition") else None

    return Choice(
        variables=[
            VariableChoice(
                node_id=variable.node_id,
                sampling_interval_us=stated(variable, "sampling_interval"),
                publishing_interval_us=stated(variable, "publishing_interval"),
                queue_size=variable.queue_size,
                display_name=variable.display_name,
                address=sampling.address(variable.source, variable.field_path, variable.index_range),
                acquisition=stated_acquisition(variable),
                expand=variable.expand,
            )
            for variable in request.variables
        ],
        browse_path_prefix=request.browse_path_prefix,
        sampling_interval_us=stated(request, "sampling_interval"),
        publishing_interval_us=stated(request, "publishing_interval"),
        acquisition=stated_acquisition(request),
        accept_over_budget=request.accept_over_budget,
    )


def tag_reports(messages: Sequence[gateway_service_pb2.TagReport]) -> list[TagReport]:
    """How items fared; of an item named twice, the last counts."""
    reports = {
        message.tag_id: TagReport(
            tag_id=message.tag_id,
            state=_known(TagState, message.state) or TagState.PENDING,
            status_code=message.status_code,
            detail=_text(message.detail, 2000),
            revised_sampling_interval_us=microseconds(message.revised_sampling_interval),
            revised_queue_size=message.revised_queue_size,
        )
        for message in messages
    }
    return list(reports.values())


def _configured_tag(model: ConfiguredTag) -> gateway_service_pb2.TagConfiguration:
    return gateway_service_pb2.TagConfiguration(
        tag_id=model.tag_id,
        node_id=model.node_id,
        kind=ValueKind.ValueType(model.kind),
        sampling_interval=duration(model.sampling_interval_us),
        publishing_interval=duration(model.publishing_interval_us),
        queue_size=queue_at_server(
            model.address.source, model.queue_size, model.sampling_interval_us, model.publishing_interval_us
        ),
        # A configuration of 100 000 tags stays short: what is as everywhere is left out.
        source=_OF_EVENTS if model.address.source is TagSource.EVENTS else sampling_pb2.TAG_SOURCE_UNSPECIFIED,
        acquisition=sampling.configured_acquisition(model.acquisition),
        field_path=model.address.field_path,
        index_range=model.address.index_range,
    )


def _configured_server(model: ConfiguredServer) -> gateway_service_pb2.ServerConfiguration:
    settings = model.settings
    return gateway_service_pb2.ServerConfiguration(
        server=model.server,
        endpoint_url=settings.endpoint_url,
        security_mode=resources_pb2.SecurityMode.ValueType(settings.security_mode),
        security_policy=resources_pb2.SecurityPolicy.ValueType(settings.security_policy),
        username=settings.username,
        password=model.password,
        trusted_certificate_sha256=settings.trusted_certificate_sha256,
        reverse_connect=settings.reverse_connect,
        server_uri=settings.server_uri,
        tags=[_configured_tag(configured) for configured in model.tags],
        complete_time=timestamp(model.complete_at),
    )


def configuration(model: Configuration) -> gateway_service_pb2.GatewayConfiguration:
    """All that a gateway should do."""
    return gateway_service_pb2.GatewayConfiguration(
        revision=model.revision,
        servers=[_configured_server(server) for server in model.servers],
        trust_list=trust_list(model.anchors),
    )
