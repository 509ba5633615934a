"""The configuration that the platform wants, kept on the disk, and how far it is in force."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import structlog
from google.protobuf.message import DecodeError as ProtobufDecodeError

from dualspan.onboarding.v1 import gateway_service_pb2 as gateway
from dualspan_edge.files import write_private

_log = structlog.get_logger(__name__)
_TAGS_PER_REPORT = 2000


class ConfigurationFile:
    """The last configuration, so that the gateway starts without the platform. It holds passwords."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "configuration.pb"

    def load(self) -> gateway.GatewayConfiguration | None:
        """What is stored; None if there is nothing, or nothing that can be read."""
        try:
            return gateway.GatewayConfiguration.FromString(self._path.read_bytes())
        except FileNotFoundError:
            return None
        except ProtobufDecodeError:
            _log.exception("configuration_damaged", path=str(self._path), effect="waiting for the platform's")
            return None

    def save(self, configuration: gateway.GatewayConfiguration) -> None:
        """Stores it."""
        write_private(self._path, configuration.SerializeToString())


class ReportLedger:
    """How each item of the configuration in force fares, and what of that the platform has been told."""

    def __init__(self) -> None:
        self.revision = 0
        self.changed = asyncio.Event()
        self._wanted: set[int] = set()
        self._reports: dict[int, gateway.TagReport] = {}
        self._told: dict[int, gateway.TagReport] = {}
        self._told_complete = True

    @property
    def is_complete(self) -> bool:
        """Whether every item of the revision has a report."""
        return self._wanted <= self._reports.keys()

    def begin(self, configuration: gateway.GatewayConfiguration) -> None:
        """A configuration comes into force: its items have no reports yet."""
        self.revision = configuration.revision
        self._wanted = {tag.tag_id for server in configuration.servers for tag in server.tags}
        self._reports = {}
        self.tell_again()

    def tell_again(self) -> None:
        """The platform may have forgotten, or never heard: everything is told again."""
        self._told = {}
        self._told_complete = False
        self.changed.set()

    def record(self, reports: Sequence[gateway.TagReport]) -> None:
        """Notes how items fare; those of an earlier revision are of no interest."""
        self._reports.update((report.tag_id, report) for report in reports if report.tag_id in self._wanted)
        self.changed.set()

    def take(self) -> list[gateway.ConnectRequest.ConfigurationReport]:
        """What has to be told; it counts as told."""
        self.changed.clear()
        news = [report for tag_id, report in self._reports.items() if self._told.get(tag_id) != report]
        complete = self.is_complete
        if not self.revision or (not news and complete == self._told_complete):
            return []
        self._told.update((report.tag_id, report) for report in news)
        self._told_complete = complete
        portions = [news[start : start + _TAGS_PER_REPORT] for start in range(0, len(news), _TAGS_PER_REPORT)] or [[]]
        messages = [
            gateway.ConnectRequest.ConfigurationReport(revision=self.revision, tags=portion) for portion in portions
        ]
        messages[-1].complete = complete
        return messages
