"""What gateways say of commands, as the use cases take it."""

from google.protobuf.message import Message

from dualspan.onboarding.v1.gateway_service_pb2 import ConnectRequest
from dualspan_onboarding.commands import CommandNews

_LONGEST_TEXT = 2000


def _text(text: str) -> str:
    return text[:_LONGEST_TEXT].replace("\x00", "\ufffd")


def command_news(message: ConnectRequest.CommandReport) -> CommandNews:
    """How a command fares."""
    kind = message.WhichOneof("outcome") or ""
    outcome: Message | None = getattr(message, kind) if kind else None
    return CommandNews(
        wire_id=message.command_id,
        step=_text(message.step),
        percent=message.percent,
        done=message.done,
        error=_text(message.error),
        cancelled=message.cancelled,
        kind=kind,
        outcome=outcome,
    )
